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

import argparse
import csv
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from results_file import results_file

from tfmed.study import Study

VOLUMES, OTHER_POWER = 16, 1.6
TESTS = {"other": 12, "same": 6}
NETWORK = {"width": 8, "top": 32, "decoder": 16}
REGIONS = ("whole", "core")
FUSION = {"min_views": 1}  # the card's own thresholds were chosen for the shipped weights


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    volumes = latents(options.work / "latents")
    dice: dict[str, dict[str, list]] = {test: {"plain": [], "randomised": []} for test in TESTS}
    for seed in range(options.seeds):
        for training in ("plain", "randomised"):
            run = options.work / f"{training}_{seed}"
            model = trained(training, volumes, options.steps, seed, run)
            for test in TESTS:
                dice[test][training].append(tested(model, test, run / f"{test}.json"))
        write(dice, options.steps)


def write(dice: dict[str, dict[str, list]], steps: int) -> None:
    """The table of Dice [seed][study][region] by test and training."""
    rows = []
    for test, by_training in dice.items():
        found = {training: np.array(runs) for training, runs in by_training.items()}
        found["gain"] = found["randomised"] - found["plain"]
        rows += [row for training, runs in found.items() for row in summarise(training, test, runs)]
    path = results_file("randomisation")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "steps"])
        writer.writeheader()
        writer.writerows(row | {"steps": str(steps)} for row in rows)
    print(path.read_text(), flush=True)


def latents(folder: Path) -> Path:
    """Latent gliomas in the MNI152 head, made where they are not there yet."""
    from tfmed.phantom import generate

    folder.mkdir(parents=True, exist_ok=True)
    job = generate.Job("glioma", 0, "mni152", str(folder), "latent")
    generate.run(
        [replace(job, seed=seed, name=f"glioma_{seed:05d}") for seed in range(40000, 40000 + VOLUMES)], 2
    )
    return folder


def trained(training: str, volumes: Path, steps: int, seed: int, run: Path) -> Any:
    """A narrow network after so many steps of 8 slices."""
    import keras

    from tfmed import tasks, zoo
    from tfmed.phantom import LatentSource
    from tfmed.training import Recipe, SliceData, train

    keras.utils.set_random_seed(seed)
    model = zoo.get("brats_semantic_seg", weights=None, variant="compact", **NETWORK)
    model.card = model.card | {"fusion": FUSION}
    if (run / "final.weights.h5").is_file():
        model.load_weights(run / "final.weights.h5")
        return model
    recipe = Recipe(
        steps=steps,
        size=(160, 160),
        learning_rate=2e-3,
        average=0.99,
        seed=seed,
        validate_samples=0,
        augmentation={
            "gain": 1.0,
            "offset": 0.0,
            "gamma": 1.0,
            "bias": 0.0,
            "noise": 0.0,
            "blur_px": 0.0,
            "complete": 1.0,
        },
    )
    source = LatentSource(volumes, plain=training == "plain")
    task = tasks.get(model.card)
    data = SliceData([(source, "train")], model.modalities, task.targets, recipe)
    summary = train(model, task, data, recipe, run, resume=(run / "checkpoints" / "checkpoint").is_file())
    if summary.get("stopped_by"):
        raise SystemExit(f"{run}: stopped before its end; the same call goes on")
    return model


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


def tested(model: Any, test: str, kept: Path) -> list[list[float]]:
    """Dice [study][region], kept in a file."""
    if not kept.is_file():
        kept.write_text(json.dumps([scores(model, study) for study in studies(test)]))
        print(kept, kept.read_text(), flush=True)
    return json.loads(kept.read_text())


def scores(model: Any, study: Study) -> list[float]:
    """Dice by region of `tfmed.predict`; nan where the study lacks the region."""
    import tfmed
    from tfmed.evaluation.scorers import true_regions
    from tfmed.inference.rules import Rules

    rules = Rules.from_card(model.card)
    values = {region.name: sorted(region.values[rules.edition]) for region in rules.regions}
    truth = true_regions(study, rules)
    found = tfmed.predict(model, study).labels.array
    return [_dice(np.isin(found, values[name]), truth[name]) for name in REGIONS]


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum())) if truth.any() else np.nan


def summarise(training: str, test: str, dice: np.ndarray) -> list[dict[str, str]]:
    """Lines of the table for Dice [seed, study, region]."""
    from tfmed.evaluation.bootstrap import mean_interval

    lines = []
    for number, region in enumerate(REGIONS):
        of_studies = dice[:, :, number].mean(0)
        kept = [None if np.isnan(value) else float(value) for value in of_studies]
        found = mean_interval(kept, range(len(kept)))
        low, high = found.interval or (np.nan, np.nan)
        lines.append(
            {
                "training": training,
                "test": test,
                "region": region,
                "studies": str(found.n),
                "seeds": str(len(dice)),
                "dice": f"{found.mean:.3f}",
                "interval": f"{low:.3f}-{high:.3f}",
                "by_seed": " ".join(f"{np.nanmean(run):.3f}" for run in dice[:, :, number]),
            }
        )
    return lines


if __name__ == "__main__":
    main()
