"""Augmented slices per second of MONAI and TorchIO; run by ``pipeline.py`` in an interpreter that has them.

Both get what they are good at: normalised volumes cached in memory and their own two-dimensional transforms;
all candidates work on one thread. For each number of slices that it reads from stdin it prints the seconds
taken, by the clock and of CPU.

    python pipeline_peers.py monai|torchio VOLUMES warm|cold

VOLUMES holds NAME.npy, [4, 240, 240, 155] float32 and labels last, and the files NAME_MODALITY.nii.gz.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

MODALITIES = ("flair", "t1", "t1c", "t2")
BATCH, SIZE = 8, 240
ROTATION_DEG, GAMMA, NOISE = 25.0, 1.5, 0.25


class Slices(torch.utils.data.Dataset):
    """Random axial slices of cached volumes, as ``make`` packs them, through ``transform``."""

    def __init__(self, volumes: list[np.ndarray], make: object, transform: object) -> None:
        self.volumes, self.make, self.transform = volumes, make, transform

    def __len__(self) -> int:
        return 1 << 20

    def __getitem__(self, index: int) -> object:
        rng = np.random.default_rng(index)
        volume = self.volumes[rng.integers(len(self.volumes))]
        return self.transform(self.make(volume[..., rng.integers(40, 120)]))


def monai_slices(volumes: list[np.ndarray]) -> Slices:
    from monai import transforms as t

    both = ["image", "label"]
    angle = np.deg2rad(ROTATION_DEG)
    transform = t.Compose(
        [
            t.RandFlipd(both, prob=0.5, spatial_axis=0),
            t.RandRotated(both, range_x=angle, prob=1, mode=("bilinear", "nearest"), padding_mode="zeros"),
            t.RandAdjustContrastd("image", prob=1, gamma=(1 / GAMMA, GAMMA)),
            t.RandGaussianNoised("image", prob=1, std=NOISE),
        ]
    )
    return Slices(volumes, lambda plane: {"image": plane[:4].copy(), "label": plane[4:].copy()}, transform)


def torchio_slices(volumes: list[np.ndarray]) -> Slices:
    import torchio as tio

    def make(plane: np.ndarray) -> tio.Subject:
        tensor = torch.from_numpy(plane[..., None].copy())
        return tio.Subject(image=tio.ScalarImage(tensor=tensor[:4]), label=tio.LabelMap(tensor=tensor[4:]))

    transform = tio.Compose(
        [
            tio.RandomFlip(axes=0, flip_probability=0.5),
            tio.RandomAffine(scales=0, degrees=(0, 0, 0, 0, -ROTATION_DEG, ROTATION_DEG)),
            tio.RandomGamma(log_gamma=float(np.log(GAMMA))),
            tio.RandomNoise(std=(0, NOISE)),
        ]
    )
    return Slices(volumes, make, transform)


def batches(library: str, volumes: list[np.ndarray]) -> object:
    if library == "monai":
        from monai.data import DataLoader

        return DataLoader(monai_slices(volumes), batch_size=BATCH)
    import torchio as tio

    return tio.SubjectsLoader(torchio_slices(volumes), batch_size=BATCH)


def read_cold(library: str, names: list[Path]) -> None:
    """Read one slice of four modalities straight from the files."""
    for name in names:
        file = os.open(name, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
        if library == "monai":
            from monai.transforms import LoadImage

            np.asarray(LoadImage(image_only=True)(name))[..., 70]
        else:
            import torchio as tio

            tio.ScalarImage(name).data[..., 70].numpy()


def main(library: str, folder: Path, mode: str) -> None:
    torch.set_num_threads(1)
    if mode == "warm":
        stream = iter(batches(library, [np.load(path) for path in sorted(folder.glob("*.npy"))]))

        def work(count: int) -> None:
            for _ in range(count // BATCH):
                next(stream)
    else:
        files = [
            folder / f"{path.stem}_{name}.nii.gz" for path in folder.glob("*.npy") for name in MODALITIES
        ]

        def work(count: int) -> None:
            for number in range(count):
                read_cold(library, files[number * 4 % len(files) :][:4])

    work(BATCH)
    print("ready", flush=True)
    for line in sys.stdin:
        start, cpu_start = time.perf_counter(), time.process_time()
        work(int(line))
        print(time.perf_counter() - start, time.process_time() - cpu_start, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
