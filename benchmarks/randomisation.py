"""Is it worth randomising phantoms? Small networks, trained on plain and on randomised ones, meet others.

    python benchmarks/randomisation.py WORK [--steps 1600] [--seeds 2]

Both see slices of the same latent volumes: gliomas grown in the MNI152 head. One sees them in the mean
contrast of a perfect scanner, the other with contrast and scanner drawn anew for every slice; geometric
augmentation, steps, network (`brats_semantic_seg`, narrowed) and seeds are the same. They are then tested
on whole studies, three views fused, all thresholds .5: `same`, what the first was trained for (MNI152, plain
contrast, other seeds); `other`, what neither saw: another head (the analytic one), voxels of 2 mm instead
of 1, and contrasts whose display curve has a power of 1.6 or its inverse, beyond what randomised slices are
drawn from. Dice of the whole tumour and its core, the mean over studies and seeds of training with an
interval over studies, and what randomising gains, paired by study, go to results/randomisation_HARDWARE.csv.
WORK keeps volumes and runs, so that a stopped call goes on.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import small_networks
from results_file import results_file

from tfmed.study import Study

VOLUMES, OTHER_POWER = 16, 1.6
TESTS = {"other": 12, "same": 6}
NETWORK = {"width": 8, "top": 32, "decoder": 16}
REGIONS = ("whole", "core")
# Intensities are the source's own business here.
GEOMETRY_ALONE = {
    "gain": 1.0,
    "offset": 0.0,
    "gamma": 1.0,
    "bias": 0.0,
    "noise": 0.0,
    "blur_px": 0.0,
    "complete": 1.0,
}


def main() -> None:
    options = small_networks.parser(__doc__, steps=1600).parse_args()
    volumes = small_networks.latents(options.work / "latents", ["mni152"] * VOLUMES)
    dice: dict[str, dict[str, list]] = {test: {"plain": [], "randomised": []} for test in TESTS}
    for seed in range(options.seeds):
        for training in ("plain", "randomised"):
            run = options.work / f"{training}_{seed}"
            model = trained(training, volumes, options.steps, seed, run)
            for test in TESTS:
                kept = run / f"{test}.json"
                dice[test][training].append(small_networks.tested(model, studies(test), REGIONS, kept))
        small_networks.write(list(rows(dice, options.steps)), results_file("randomisation"))


def rows(dice: dict[str, dict[str, list]], steps: int) -> Iterator[dict[str, str]]:
    """Lines of the table of Dice [seed][study][region] by test and training."""
    for test, by_training in dice.items():
        found = {training: np.array(runs) for training, runs in by_training.items()}
        found["gain"] = found["randomised"] - found["plain"]
        for training, runs in found.items():
            names = {"training": training, "test": test, "steps": str(steps)}
            yield from small_networks.summarise(names, runs, REGIONS)


def trained(training: str, volumes: Path, steps: int, seed: int, run: Path) -> Any:
    """A narrow network after so many steps of 8 slices."""
    from tfmed.phantom import LatentSource

    model = small_networks.untrained("brats_semantic_seg", seed, **NETWORK)
    source = LatentSource(volumes, plain=training == "plain")
    return small_networks.trained(model, source, run, steps=steps, seed=seed, augmentation=GEOMETRY_ALONE)


@cache
def studies(test: str) -> list:
    """Test studies, each a function of its seed."""
    return [_study(test, seed) for seed in range(41000, 41000 + TESTS[test])]


def _study(test: str, seed: int) -> Study:
    from tfmed import phantom

    if test == "same":
        return phantom.make("glioma", seed, "mni152", plain=True)
    study = phantom.make("glioma", seed, "analytic", spacing_mm=2.0)
    images = {name: replace(v, array=_bent(v.array, seed)) for name, v in study.images.items()}
    return replace(study, images=images)


def _bent(array: np.ndarray, seed: int) -> np.ndarray:
    """Intensities under another display curve; background stays 0."""
    power = OTHER_POWER if seed % 2 else 1 / OTHER_POWER
    high = np.percentile(array[array > 0], 99)
    return (1000 * (np.maximum(array, 0) / high) ** power).astype(np.float32)


if __name__ == "__main__":
    main()
