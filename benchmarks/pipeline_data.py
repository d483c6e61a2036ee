"""What the pipeline's benchmark reads: four analytic phantoms, their store, and volumes for the peers."""

from pathlib import Path
from typing import Any

import numpy as np


def make_data(folder: Path) -> None:
    """Four glioma phantoms as BRATS 2015, their store, and the volumes that peers read, all made once."""
    from tfmed import datasets, io, phantom, pipeline
    from tfmed.study import Volume

    root, volumes = folder / "root", folder / "volumes"
    for seed in range(4):
        if not (folder / f"made-{seed}").exists():
            phantom.write(phantom.make("glioma", seed, anatomy="analytic"), root, layout="brats2015")
            (folder / f"made-{seed}").touch()
    cases = datasets.scan(root)
    store = pipeline.prepare(cases, folder / "store")
    if volumes.exists():
        return
    beside = folder / "volumes.part"
    beside.mkdir(exist_ok=True)
    for number, case in enumerate(cases):
        study = case.load()
        np.save(beside / f"{number}.npy", whole_volume(store, number, study))
        for name, volume in study.images.items():
            io.save(Volume(np.asarray(volume.array), volume.affine), beside / f"{number}_{name}.nii.gz")
    beside.rename(volumes)


def whole_volume(store: Any, number: int, study: Any) -> np.ndarray:
    """A case of the store in its full grid again, labels last: [5, 240, 240, 155] float32."""
    case = store.cases[number]
    slices = [store.slice(number, 0, index) for index in range(case.shape[2])]
    cropped = np.stack([np.concatenate([image, labels[..., None]], -1) for image, labels in slices], 2)
    offset = np.rint(case.affine[:3, 3] - study.reference.canonical().affine[:3, 3]).astype(int)
    whole = np.zeros((5, *study.reference.canonical().shape), np.float32)
    box = tuple(slice(start, start + length) for start, length in zip(offset, case.shape, strict=True))
    whole[(slice(None), *box)] = np.moveaxis(cropped, -1, 0)
    return whole
