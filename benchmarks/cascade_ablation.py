"""What the cascade's choices are worth: narrow networks that differ in one of them, trained alike.

    python benchmarks/cascade_ablation.py WORK [--steps 1600] [--seeds 2] [--choices "plain U-Net"]

Each row of CHOICES changes one thing about `brats_instance_seg` (compact, narrowed): anchors of fixed sizes
or votes without anchors instead of planned ones, one pass over the boxes instead of two, max pooling or both
side by side instead of L2-norm pooling, boxes warped to 7 x 7 instead of 14 x 14. The last row is the body
alone as a plain U-Net (`brats_semantic_seg`, narrowed alike). All see the same randomised slices of latent
gliomas in the MNI152 and the analytic head, from the same seeds. They are tested on whole phantoms of other
seeds, in both heads, with thresholds chosen for each on other studies and no rule about small or unsure
lesions.
Dice of whole tumour, core and enhancing core, the mean over studies and seeds with an interval over studies,
and the gain over the shipped choice, paired by study, go to results/cascade_ablation_STEPS_HARDWARE.csv, one
seed after the other, after every run. WORK keeps volumes and runs, so that a stopped call goes on.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import small_networks
from results_file import results_file

from tfmed.study import Study

ANATOMIES = ["mni152", "mni152", "mni152", "analytic"] * 5
TESTS, VALIDATION = range(41100, 41108), range(41200, 41204)
BODY = {"width": 8, "top": 32, "decoder": 16}
CASCADE = BODY | {"fine": 8, "anchor_channels": 32, "hidden": 64, "proposals": 8}
# Squares of powers of two (Ren et al., Faster R-CNN, 2015), over the range of the planned ones.
FIXED = [[8, 8], [16, 16], [32, 32], [64, 64], [128, 128]]
CHOICES: dict[str, dict[str, Any]] = {
    "as shipped": CASCADE,
    "fixed anchors": CASCADE | {"anchors": FIXED},
    "votes": CASCADE | {"proposer": "votes"},
    "one pass": CASCADE | {"passes": 1},
    "max pooling": CASCADE | {"pooling": "max"},
    "both poolings": CASCADE | {"pooling": "both"},
    "boxes of 7 x 7": CASCADE | {"roi_size": 7},
    "plain U-Net": BODY,
}
REGIONS = ("whole", "core", "enhancing")


def main() -> None:
    from tfmed.evaluation.thresholds import choose

    parser = small_networks.parser(__doc__, steps=1600)
    also = list(CHOICES)[1:]
    what = "held against the shipped network; all by default"
    parser.add_argument("--choices", nargs="+", choices=also, default=also, metavar="CHOICE", help=what)
    options = parser.parse_args()
    volumes = small_networks.latents(options.work / "latents", ANATOMIES)
    dice: dict[str, list] = {choice: [] for choice in ["as shipped", *options.choices]}
    for seed in range(options.seeds):
        for choice, runs in dice.items():
            run = options.work / f"{choice.replace(' ', '_')}_{options.steps}_{seed}"
            model = trained(choice, volumes, options.steps, seed, run)
            if not (run / "dice.json").is_file():
                fusion = model.card["fusion"] | {"thresholds": choose(model, studies(VALIDATION))}
                model.card = model.card | {"fusion": fusion}
            runs.append(small_networks.tested(model, studies(TESTS), REGIONS, run / "dice.json"))
            table = results_file(f"cascade_ablation_{options.steps}")
            small_networks.write(list(rows(dice, options.steps)), table)


def rows(dice: dict[str, list], steps: int) -> Iterator[dict[str, str]]:
    """Lines of the table of Dice [seed][study][region] by choice, of the seeds that each has so far."""
    shipped = np.array(dice["as shipped"])
    for choice, runs in dice.items():
        if not runs:
            continue
        found, names = np.array(runs), {"choice": choice, "steps": str(steps)}
        yield from small_networks.summarise(names | {"what": "dice"}, found, REGIONS)
        if choice != "as shipped":
            gain = names | {"what": "gain over as shipped"}
            yield from small_networks.summarise(gain, found - shipped[: len(found)], REGIONS)


def trained(choice: str, volumes: Path, steps: int, seed: int, run: Path) -> Any:
    """The network of one choice after so many steps of 8 slices."""
    from tfmed.phantom import LatentSource

    name = "brats_semantic_seg" if choice == "plain U-Net" else "brats_instance_seg"
    model = small_networks.untrained(name, seed, **CHOICES[choice])
    return small_networks.trained(
        model, LatentSource(volumes), run, steps=steps, seed=seed, learning_rate=1e-3, clip_norm=8.0
    )


@cache
def studies(seeds: range) -> list[Study]:
    """Gliomas, each a function of its seed, every third in the analytic head."""
    from tfmed import phantom

    return [phantom.make("glioma", seed, "analytic" if seed % 3 == 0 else "mni152") for seed in seeds]


if __name__ == "__main__":
    main()
