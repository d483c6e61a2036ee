"""A client of served models: the embedded server and TensorFlow Serving alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tfmed
from tfmed.errors import TfmedError
from tfmed.inference.opening import Source, open_study
from tfmed.inference.prediction import finish
from tfmed.inference.result import Result
from tfmed.inference.working import working_volume
from tfmed.serving.transports import Grpc, Rest, Transport
from tfmed.study import Volume

STUDY_OUTPUTS = {"shape", "labels_bytes", "certainty_bytes", "owner_bytes", "scores"}
PROTOCOLS: dict[str, type[Grpc] | type[Rest]] = {"grpc": Grpc, "rest": Rest}


class Client:
    """Asks a server at one address; close it, or use it in a `with` block."""

    def __init__(self, target: str, protocol: str = "grpc", timeout_s: float = 600) -> None:
        """
        Args:
            target: host:port of gRPC or of REST (or http://host:port).
            protocol: "grpc" or "rest".
            timeout_s: the longest that one answer may take.
        """
        if protocol not in PROTOCOLS:
            raise TfmedError(f"Unknown protocol. Received: {protocol!r}. Known: {', '.join(PROTOCOLS)}.")
        self._transport: Transport = PROTOCOLS[protocol](target, timeout_s)

    def predict(
        self,
        name: str,
        inputs: Mapping[str, Any],
        signature: str = "serving_default",
        version: int | None = None,
    ) -> dict[str, np.ndarray]:
        """One answer of a model.

        Args:
            name: the model's served name.
            inputs: by input of the signature; see `tfmed.export.signatures.build`.
            signature: which of the model's signatures.
            version: the version asked for; the served one by default.

        Returns:
            arrays by output; strings as object arrays of bytes.

        Raises:
            TfmedError: no server answers, or it refuses the request; says what it said.
        """
        return self._transport.predict(name, inputs, signature, version)

    def predict_study(
        self,
        name: str,
        study: Source,
        *,
        card: dict[str, Any] | None = None,
        mask: str | Path | Volume | None = None,
    ) -> Result:
        """The lesions of a study: the server labels the volume, this process links them in 3D.

        Args:
            name: the model's served name.
            study: a folder in a known layout, files by modality, or a `tfmed.Study`, as for `tfmed.predict`.
            card: of the served model, as assets/card.json of its export holds it; by default the zoo's card
                of that name.
            mask: the brain, non-zero inside; needed where scans are not skull-stripped.

        Returns:
            What `tfmed.predict` gives for the same model in stock operations.

        Raises:
            TfmedError: the study cannot be read, the model is an export that lacks an output, or as `predict`
                does.
        """
        card = card or tfmed.zoo.card(name)
        opened = open_study(study, mask)
        working = working_volume(opened, tuple(each["name"] for each in card["inputs"]["modalities"]))
        volume = working.volume.astype("<f4")
        inputs = {
            "volume": volume.tobytes(),
            "shape": np.array(volume.shape, np.int32),
            "dtype": "float32",
            "present": working.present,
        }
        answer = self.predict(name, inputs, "study_b64")
        if lacking := STUDY_OUTPUTS - answer.keys():
            raise TfmedError(
                f"The served model {name} gives no {', '.join(sorted(lacking))}: another version of tfmed "
                "exported it. Export it again with this one."
            )
        grid = tuple(answer["shape"])
        outputs = {
            "labels": np.frombuffer(answer["labels_bytes"].item(), np.uint8).reshape(grid),
            "certainty": np.frombuffer(answer["certainty_bytes"].item(), np.uint8).reshape(grid),
            "owner": np.frombuffer(answer["owner_bytes"].item(), np.uint8).reshape(3, *grid),
            "scores": answer["scores"],
        }
        return finish(opened, working, outputs, card)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
