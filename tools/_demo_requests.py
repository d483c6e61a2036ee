"""The demo's two requests to a served model, each held against the answer of this process."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError

SLICES = 4
TOLERANCE = 1e-5


def compare(name: str, case: Path, ready: Mapping[str, Any]) -> Iterator[str]:
    """Sends slices of a study over both protocols; yields one sentence for each answer.

    Args:
        name: the served model.
        case: folder of the study.
        ready: host, port and rest_port of the server.

    Raises:
        TfmedError: a served tensor is off by more than 1e-5, relative where its values exceed 1.
    """
    import tensorflow as tf

    from tfmed import ops, zoo
    from tfmed.export import signatures
    from tfmed.serving import Client

    model = zoo.get(name)
    raw = _slices(case, model.modalities)
    # The same function in stock operations, in this process: run eagerly, sums come in another order, and
    # steep mask edges turn the last bit of a box into some 1e-5 of a probability.
    with ops.implementation("composed"):
        here = signatures.build(model)["serving_default"](**{k: tf.constant(v) for k, v in raw.items()})
    expected = {key: value.numpy() for key, value in here.items()}
    for protocol, port in (("grpc", "port"), ("rest", "rest_port")):
        with Client(f"{ready['host']}:{ready[port]}", protocol) as client:
            yield _sentence(protocol, client.predict(name, raw), expected)


def _slices(case: Path, modalities: tuple[str, ...]) -> dict[str, Any]:
    """Axial slices from the middle of a study, raw, with center, scale and present as a server takes them."""
    import numpy as np

    from tfmed import intensity
    from tfmed.inference import open_study

    study = open_study(case)
    center, scale, raw = [], [], []
    for modality in modalities:
        array = study.images[modality].canonical().array.astype(np.float32)
        inside = intensity.foreground(array)
        moments = intensity.moments(array, inside)
        middle = slice(array.shape[2] // 2, array.shape[2] // 2 + SLICES)
        center.append(moments[0])
        scale.append(moments[1])
        raw.append(np.where(inside, array, 0)[:, :, middle].transpose(2, 0, 1))
    given = np.ones((SLICES, len(modalities)), np.float32)
    return {
        "image": np.stack(raw, -1).astype(np.float32),
        "center": np.array(center, np.float32) * given,
        "scale": np.array(scale, np.float32) * given,
        "present": given,
    }


def _sentence(protocol: str, answer: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    if set(answer) != set(expected):
        raise TfmedError(f"The server answered {sorted(answer)} over {protocol}, not {sorted(expected)}.")
    # Boxes are in pixels; 1e-5 of a pixel at 200 is less than float32 can hold.
    furthest = max(
        float(abs(answer[key] - value).max()) / max(1.0, float(abs(value).max()))
        for key, value in expected.items()
    )
    if furthest > TOLERANCE:
        raise TfmedError(f"The answer over {protocol} is off by {furthest:.2g} from this process's.")
    found = int((expected["scores"] > 0).sum())
    return (
        f"{protocol}: {found} instances in {SLICES} slices; all {len(expected)} tensors as in this process, "
        f"largest difference {furthest:.1g}"
    )
