"""What the ablations share: narrow networks, trained briefly on latent phantoms, tested on whole studies."""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.study import Study

# Seeds of the gliomas that are trained on; tests use 41000 and more.
FIRST_SEED = 40000
RECIPE = {"size": (160, 160), "learning_rate": 2e-3, "average": 0.99, "validate_samples": 0}


def parser(about: str | None, steps: int) -> argparse.ArgumentParser:
    """What every ablation is told on the command line: ``work``, ``steps`` and ``seeds``."""
    words = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("work", type=Path, help="volumes and runs are kept here")
    words.add_argument("--steps", type=int, default=steps, help="default %(default)s")
    words.add_argument("--seeds", type=int, default=2, help="default %(default)s")
    return words


def untrained(name: str, seed: int, **network: Any) -> Any:
    """The compact variant of a model with other widths; all thresholds .5 and no rule on small finds.

    The card's own rules were chosen for the shipped weights.
    """
    import keras

    from tfmed import zoo

    keras.utils.set_random_seed(seed)
    model = zoo.get(name, weights=None, variant="compact", **network)
    model.card = model.card | {"fusion": {"min_views": 1}}
    return model


def latents(folder: Path, anatomies: Sequence[str]) -> Path:
    """Latent gliomas, one a place in `anatomies`, made where they are not there yet."""
    from tfmed.phantom import generate

    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for seed, anatomy in enumerate(anatomies, FIRST_SEED):
        job = generate.Job("glioma", seed, anatomy, str(folder), "latent")
        jobs.append(replace(job, name=f"glioma_{seed:05d}"))
    generate.run(jobs, 2)
    return folder


def trained(model: Any, source: Any, run: Path, **recipe: Any) -> Any:
    """The model after the recipe's steps; a run that was stopped goes on, one that ended is read."""
    from tfmed import tasks
    from tfmed.training import Recipe, SliceData, train

    if (run / "final.weights.h5").is_file():
        model.load_weights(run / "final.weights.h5")
        return model
    settings = Recipe(**RECIPE | recipe)
    task = tasks.get(model.card)
    data = SliceData([(source, "train")], model.modalities, task.targets, settings)
    resume = (run / "checkpoints" / "checkpoint").is_file()
    if train(model, task, data, settings, run, resume=resume).get("stopped_by"):
        raise SystemExit(f"{run}: stopped before its end; the same call goes on")
    return model


def tested(model: Any, studies: Sequence[Study], regions: Sequence[str], kept: Path) -> list[list[float]]:
    """Dice [study][region], kept in a file."""
    if not kept.is_file():
        kept.write_text(json.dumps([scores(model, study, regions) for study in studies]))
        print(kept, kept.read_text(), flush=True)
    return json.loads(kept.read_text())


def scores(model: Any, study: Study, regions: Sequence[str], flips: bool = False) -> list[float]:
    """Dice by region of `tfmed.predict`; nan where the study lacks the region."""
    import tfmed
    from tfmed.evaluation.scorers import true_regions
    from tfmed.inference.rules import Rules

    rules = Rules.from_card(model.card)
    values = {region.name: sorted(region.values[rules.edition]) for region in rules.regions}
    truth = true_regions(study, rules)
    found = tfmed.predict(model, study, flips=flips).labels.array
    return [_dice(np.isin(found, values[name]), truth[name]) for name in regions]


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum())) if truth.any() else np.nan


def summarise(names: Mapping[str, str], dice: np.ndarray, regions: Sequence[str]) -> list[dict[str, str]]:
    """Lines of a table, one a region, that begin with `names`, for Dice [seed, study, region]."""
    from tfmed.evaluation.bootstrap import mean_interval

    lines = []
    for number, region in enumerate(regions):
        of_studies = dice[:, :, number].mean(0)
        kept = [None if np.isnan(value) else float(value) for value in of_studies]
        found = mean_interval(kept, range(len(kept)))
        low, high = found.interval or (np.nan, np.nan)
        lines.append(
            {
                **names,
                "region": region,
                "studies": str(found.n),
                "seeds": str(len(dice)),
                "dice": f"{found.mean:.3f}",
                "interval": f"{low:.3f} to {high:.3f}",
                "by_seed": " ".join(f"{np.nanmean(run):.3f}" for run in dice[:, :, number]),
            }
        )
    return lines


def write(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """The table as a CSV file, and on the terminal."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(path.read_text(), flush=True)
