"""What three views are worth: Dice of each view alone, of their mean, and of their mean with flips.

    python benchmarks/views.py ROOT [--model brats_instance_seg]

Every labelled case under ROOT (validation cases, if anything is to be decided by it) is predicted five times
by the shipped weights under the card's own thresholds and rules; only the weights of the views differ. A view
alone loses nothing to the rule that lesions are seen in two views: boxes are found in all of them. Dice of
whole tumour, core and enhancing core with intervals over cases, and the gain over the mean of the views
without flips, paired by case, go to results/views_HARDWARE.csv.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import small_networks
from results_file import results_file

from tfmed.study import Study

VIEWS = {
    "axial": (1.0, 0.0, 0.0),
    "coronal": (0.0, 1.0, 0.0),
    "sagittal": (0.0, 0.0, 1.0),
    "all three": (1.0, 1.0, 1.0),
    "all three, flips": (1.0, 1.0, 1.0),
}
REGIONS = ("whole", "core", "enhancing")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="brats_instance_seg")
    options = parser.parse_args()
    from tfmed import zoo
    from tfmed.evaluation import labelled_cases
    from tfmed.progress import bar

    models = {name: zoo.get(options.model) for name in VIEWS}
    for name, model in models.items():
        model.card["fusion"]["view_weights"] = VIEWS[name]
    cases = labelled_cases(options.root, "all")
    dice = np.array([scores(models, case.load()) for case in bar(cases, desc="views", unit="case")])
    rows = []
    for number, name in enumerate(VIEWS):
        mine, fused = dice[None, :, number], dice[None, :, list(VIEWS).index("all three")]
        rows += small_networks.summarise({"views": name, "what": "dice"}, mine, REGIONS)
        rows += small_networks.summarise(
            {"views": name, "what": "gain over all three"}, mine - fused, REGIONS
        )
    small_networks.write(rows, results_file("views"))


def scores(models: dict[str, Any], study: Study) -> list[list[float]]:
    """Dice [views][region] of one study."""
    return [
        small_networks.scores(model, study, REGIONS, flips=name.endswith("flips"))
        for name, model in models.items()
    ]


if __name__ == "__main__":
    main()
