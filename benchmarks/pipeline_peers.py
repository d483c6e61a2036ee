"""Augmented slices per second of MONAI and TorchIO; run by ``pipeline.py`` in an interpreter that has them.

Both get what they are good at: their own datasets of slices that are cached in memory after normalisation
(``monai.data.CacheDataset``, preloaded ``torchio.Subject``), their own two-dimensional transforms and their
own loaders, with as many worker processes as asked for (0: in this thread). For each number of slices that it
reads from stdin it prints the seconds taken, by the clock and of CPU of this process.

    python pipeline_peers.py monai|torchio VOLUMES warm|cold [WORKERS]

VOLUMES holds NAME.npy, [5, 240, 240, 155] float32 with labels last, and the files NAME_MODALITY.nii.gz.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

MODALITIES = ("flair", "t1", "t1c", "t2")
BATCH, SIZE = 8, 240
SLICES = range(40, 120)
ROTATION_DEG, GAMMA, NOISE = 25.0, 1.5, 0.25
# Slices that a worker of a loader has ready when it rests; taken before the clock starts.
FULL_QUEUES = 2 * BATCH


def planes(folder: Path) -> list[np.ndarray]:
    """Normalised axial slices [5, 240, 240] of all volumes, labels last."""
    volumes = [np.load(path) for path in sorted(folder.glob("*.npy"))]
    return [np.ascontiguousarray(volume[..., number]) for volume in volumes for number in SLICES]


def monai_batches(folder: Path, workers: int) -> object:
    from monai import transforms as t
    from monai.data import CacheDataset, DataLoader

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
    items = [{"image": torch.from_numpy(p[:4]), "label": torch.from_numpy(p[4:])} for p in planes(folder)]
    data = CacheDataset(items, transform, copy_cache=False, progress=False)
    return DataLoader(data, batch_size=BATCH, sampler=endless(data), num_workers=workers)


def torchio_batches(folder: Path, workers: int) -> object:
    import torchio as tio

    def subject(plane: np.ndarray) -> tio.Subject:
        tensor = torch.from_numpy(plane[..., None])
        return tio.Subject(image=tio.ScalarImage(tensor=tensor[:4]), label=tio.LabelMap(tensor=tensor[4:]))

    transform = tio.Compose(
        [
            tio.RandomFlip(axes=0, flip_probability=0.5),
            tio.RandomAffine(scales=0, degrees=(0, 0, 0, 0, -ROTATION_DEG, ROTATION_DEG)),
            tio.RandomGamma(log_gamma=float(np.log(GAMMA))),
            tio.RandomNoise(std=(0, NOISE)),
        ]
    )
    data = tio.SubjectsDataset([subject(plane) for plane in planes(folder)], transform)
    return tio.SubjectsLoader(data, batch_size=BATCH, sampler=endless(data), num_workers=workers)


def endless(data: torch.utils.data.Dataset) -> torch.utils.data.Sampler:
    return torch.utils.data.RandomSampler(data, replacement=True, num_samples=1 << 20)


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


def main(library: str, folder: Path, mode: str, workers: int) -> None:
    torch.set_num_threads(1)
    if mode == "warm":
        batches = {"monai": monai_batches, "torchio": torchio_batches}[library]
        stream = iter(batches(folder, workers))

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
        work(FULL_QUEUES * workers)
        start, cpu_start = time.perf_counter(), time.process_time()
        work(int(line))
        print(time.perf_counter() - start, time.process_time() - cpu_start, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0)
