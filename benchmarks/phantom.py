"""What phantoms cost; writes ``results/phantom_HARDWARE.csv``.

    python benchmarks/phantom.py [--studies 3] [--slices 60] [--anatomy mni152]

Rows: a study of each kind at BRATS size (240x240x155 at 1 mm, four modalities), made in memory, and slices
of 192x192 with four modalities drawn from a latent volume. Times are CPU seconds of all threads of this
process, so that other work on the machine counts little; the first study, which reads the atlas, is apart.
"""

import argparse
import csv
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from results_file import results_file

from tfmed import phantom
from tfmed.phantom import source
from tfmed.phantom.latent import build

MODALITIES = ("flair", "t1", "t1c", "t2")
SIZE = (192, 192)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=3, help="studies a kind")
    parser.add_argument("--slices", type=int, default=60)
    parser.add_argument("--anatomy", default="mni152")
    options = parser.parse_args()
    phantom.make("healthy", 0, options.anatomy, spacing_mm=4.0)
    rows = []
    for kind in phantom.KINDS:
        seconds = [_study(kind, seed, options.anatomy) for seed in range(1, options.studies + 1)]
        rows.append(_row(f"study, {kind}", "CPU s a study", seconds))
    rows.append(_row("slices of latent volumes, 192x192x4", "slices a CPU s", _slices(options)))
    path = results_file("phantom")
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(path.read_text(), end="")


def _study(kind: str, seed: int, anatomy: str) -> float:
    start = time.process_time()
    phantom.make(kind, seed, anatomy, modalities=MODALITIES)
    return time.process_time() - start


def _slices(options: argparse.Namespace) -> list[float]:
    """Slices a CPU second in five rounds, views taking turns, cut or padded to ``SIZE``."""
    with tempfile.TemporaryDirectory() as folder:
        source.save(build("glioma", 1, options.anatomy), Path(folder) / "a.h5", "a")
        latents = phantom.LatentSource(folder, modalities=MODALITIES)
        rates, case = [], latents.cases[0]
        for done in range(-1, 5):
            start = time.process_time()
            for number in range(options.slices // 5):
                rng = np.random.default_rng([done + 1, number])
                view = number % 3
                index = int(rng.choice(case.brain_slices[view]))
                image, _ = latents.slice(0, view, index, rng)
                _fitted(image)
            # The first round also reads the sample of voxels that moments are taken from.
            if done >= 0:
                rates.append(options.slices // 5 / (time.process_time() - start))
    return rates


def _fitted(image: np.ndarray) -> np.ndarray:
    cut = image[: SIZE[0], : SIZE[1]]
    return np.pad(cut, [*((0, n - m) for n, m in zip(SIZE, cut.shape, strict=False)), (0, 0)])


def _row(what: str, unit: str, values: list[float]) -> dict[str, str | int]:
    low, middle, high = min(values), statistics.median(values), max(values)
    return {
        "what": what,
        "unit": unit,
        "median": f"{middle:.2f}",
        "least": f"{low:.2f}",
        "most": f"{high:.2f}",
        "n": len(values),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


if __name__ == "__main__":
    main()
