"""How much of each region a mask grid of S x S cells can hold at best; writes ``results/mask_grid.csv``.

    python benchmarks/mask_grid.py DATA [--grids 14,28,56,112] [--margin 0.12] [--every 3]

The oracle: the true mask of every instance is sampled at the cells of a grid over its widened box, as the
mask targets of ``brats_instance_seg`` are, and pasted back, as its decoding does. Dice of what comes back
against the truth, over every third slice of three views of a study; mean and 95 % interval over patients.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmed import datasets, tasks, zoo
from tfmed.evaluation.bootstrap import mean_interval
from tfmed.layers import boxes as box
from tfmed.layers import roi
from tfmed.progress import bar
from tfmed.tasks import InstanceSegmentation

MODEL = "brats_instance_seg"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="labelled gliomas in a known layout")
    parser.add_argument("--grids", default="14,28,56,112", help="cells along each side")
    parser.add_argument("--margin", type=float, default=0.12, help="widening of the boxes, of their sides")
    parser.add_argument("--every", type=int, default=3, help="take each n-th slice of a view")
    options = parser.parse_args()
    grids = [int(size) for size in options.grids.split(",")]
    task = tasks.get(zoo.card(MODEL))
    counts: dict[int, list[np.ndarray]] = {size: [] for size in grids}
    cases = datasets.scan(options.data)
    for case in bar(cases, desc="cases", unit="case"):
        labels = case.load().labels
        slices = list(tumour_slices(labels.canonical().array, options.every))
        for size in grids:
            overlaps = [overlap(task, each, labels.edition, size, options.margin) for each in slices]
            counts[size].append(np.sum(overlaps, 0))
    write(task, counts, [case.patient for case in cases])


def tumour_slices(labels: np.ndarray, every: int) -> Iterator[np.ndarray]:
    """Every n-th slice [H, W] of three views that holds tumour."""
    for axis in (2, 1, 0):
        for each in np.moveaxis(labels, axis, 0)[::every]:
            if each.any():
                yield each


def overlap(
    task: InstanceSegmentation, labels: np.ndarray, edition: str, size: int, margin: float
) -> np.ndarray:
    """[2, K]: twice the pixels in common of regions and what the grid gives back, and the pixels of both."""
    truth = task.targets(labels, edition)
    regions = truth["regions"].astype(bool)
    lesions, classes = np.nonzero(truth["valid"])
    back = np.zeros_like(regions)
    if len(lesions):
        own = regions[..., classes] & (truth["owner"][..., None] == lesions + 1)
        masks = tf.constant(np.moveaxis(own, -1, 0)[..., None], tf.float32)
        wide = box.widen(tf.constant(truth["boxes"][lesions, classes]), margin)
        held = roi.warp(masks, wide, tf.range(len(lesions)), size, 1.0)[..., 0]
        pasted = roi.paste(held[:, None], wide[:, None], *labels.shape)[:, 0].numpy() >= 0.5
        for k, mask in zip(classes, pasted, strict=True):
            back[..., k] |= mask
    return np.array([2 * (regions & back).sum((0, 1)), regions.sum((0, 1)) + back.sum((0, 1))])


def write(task: InstanceSegmentation, counts: dict[int, list[np.ndarray]], patients: list[str]) -> None:
    rows = []
    for size, studies in counts.items():
        for k, each in enumerate(task.classes):
            dice = [both[k] / total[k] if total[k] else None for both, total in studies]
            found = mean_interval(dice, patients)
            low, high = found.interval or (found.mean, found.mean)
            values = {"dice": found.mean, "low": low, "high": high}
            rounded = {name: f"{value:.4f}" for name, value in values.items()}
            rows.append({"grid": size, "region": each["name"], **rounded, "n": found.n})
            print(*rows[-1].values(), flush=True)
    path = Path(__file__).parent / "results" / "mask_grid.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
