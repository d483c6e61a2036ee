"""Uses an installed tfmed once: the native op, the zoo, a model, the command. Run from any folder."""

import subprocess
import sys
from pathlib import Path

import numpy as np

import tfmed


def main() -> None:
    pooled = np.asarray(tfmed.ops.l2_norm_pool(np.full((1, 4, 4, 1), 3, np.float32), [2, 2]))
    assert np.allclose(pooled, 6), pooled
    assert tfmed.ops.native_available(), "the native op was not built or does not load"

    for name in tfmed.zoo.list():
        card = tfmed.zoo.card(name)
        assert name in str(card)
        weights = "default" if card["default_weights"] else None
        model = tfmed.zoo.get(name, weights=weights)
        modalities = len(card["inputs"]["modalities"])
        image = np.random.default_rng(0).normal(size=(1, 64, 64, modalities)).astype(np.float32)
        outputs = model.predict({"image": image, "present": np.ones((1, modalities), np.float32)}, verbose=0)
        assert all(np.isfinite(value).all() for value in outputs.values()), name

    command = Path(sys.executable).with_name("tfmed")
    listed = subprocess.run([command, "zoo", "list"], check=True, capture_output=True, text=True).stdout
    assert all(name in listed for name in tfmed.zoo.list())
    print(
        f"tfmed {tfmed.__version__} from {Path(tfmed.__file__).parent}: {len(tfmed.zoo.list())} models work"
    )


if __name__ == "__main__":
    main()
