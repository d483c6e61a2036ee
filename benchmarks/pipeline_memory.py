"""The peak memory of drawing slices, for the pipeline's benchmark: ``pipeline_memory.py CASES``."""

import re
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def main(cases: int) -> None:
    """Print the peak resident MiB of drawing 400 augmented slices from a store of small cases."""
    from tfmed.pipeline import Augmentation, Sampler, Store
    from tfmed.pipeline.store import case_path, write_case

    rng = np.random.default_rng(0)
    image = rng.normal(size=(96, 96, 96, 4)).astype(np.float16)
    labels = (image[..., 0] > 3).astype(np.uint8)
    listed = [list(range(96))] * 3
    facts: dict[str, Any] = {"timepoint": None, "diagnosis": None, "dataset": "bench", "edition": "brats2015"}
    facts |= {"modalities": ["flair", "t1", "t1c", "t2"], "present": [True] * 4, "affine": np.eye(4).tolist()}
    facts |= {
        "center": [0] * 4,
        "scale": [1] * 4,
        "lesion_slices": listed,
        "brain_slices": listed,
        "label_slices": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for number in range(cases):
            name = f"case{number}"
            write_case(case_path(Path(folder), name), image, labels, facts | {"id": name, "patient": name})
        del image, labels
        sampler = Sampler(Store(folder), cases=range(cases), augment=Augmentation())
        for index in range(400):
            sampler(index)
    print(peak_mib())


def peak_mib() -> float:
    """Peak resident memory of this program; what ``getrusage`` tells includes the parent's before exec."""
    try:
        return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
