"""What drift inside tissues costs a model: Dice of slices with one effect of ``phantom.variation`` at a time.

    tfmed phantom VAL/a --latent --kind glioma -n 18 --seed 810000 --anatomy PERSON_15 --anatomy PERSON_16 ...
    tfmed phantom VAL/b --latent --kind healthy -n 6 --seed 811000 --anatomy PERSON_15 --anatomy PERSON_16 ...
    python benchmarks/variation.py VAL [--model brats_instance_seg] [--weights default] [--slices 20]

Of every latent glioma under VAL the same slices are shown to the network with each effect at a fixed, strong
amplitude and with none; of every healthy head, too. Dice of whole tumour, core and enhancing core (a volume's
slices as one), the change against no effect, paired by volume, with intervals over volumes, and the pixels
called tumour in a healthy slice; for four modalities and for FLAIR and T1c. The network alone at the
thresholds of the card: no fusion of views, no rules. Results go to results/variation_HARDWARE.csv.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import small_networks
from results_file import results_file

from tfmed.phantom import LatentSource, variation
from tfmed.pipeline import Sampler

SIZE = (160, 160)
REGIONS = ("whole", "core", "enhancing")
GIVEN = {"four": (0, 1, 2, 3), "flair and t1c": (0, 2)}
NONE = variation.Variation(25.0, np.zeros(4), np.zeros(4), np.zeros((4, 4)), 0.0, 0.8, 0.0, 1.0)
EFFECTS = {
    "none": NONE,
    "tissue drifts": replace(NONE, tissue=np.full(4, 0.08), grey=np.full(4, 0.1)),
    "lesions uneven": replace(NONE, lesion=np.full((4, 4), 0.4), step_mm=8.0),
    "mismatch": replace(NONE, mismatch=1.0),
    "inflow": replace(NONE, flow=1.4, flow_from=1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("latents", type=Path)
    parser.add_argument("--model", default="brats_instance_seg")
    parser.add_argument(
        "--weights", action="append", help="a name of the card's or a file; several beside each other"
    )
    parser.add_argument("--slices", type=int, default=20, help="of every volume")
    options = parser.parse_args()
    from tfmed import zoo

    source = LatentSource(*sorted(options.latents.rglob("*.h5")))
    rows: list[dict[str, str]] = []
    for weights in options.weights or ["default"]:
        model = zoo.get(options.model, weights=weights)
        about = {"model": options.model, "weights": Path(weights).name}
        for given, channels in GIVEN.items():
            counts = {
                name: counted(model, source, effect, channels, options.slices)
                for name, effect in EFFECTS.items()
            }
            rows += lines(about | {"modalities": given}, source, counts, options.slices)
    small_networks.write(rows, results_file("variation"))


def counted(
    model: Any, source: LatentSource, effect: variation.Variation, channels: tuple[int, ...], n: int
) -> np.ndarray:
    """Pixels found and true, found, and true: [volume, 3, region], over ``n`` slices of each volume."""
    totals = np.zeros((len(source.cases), 3, len(REGIONS)))
    with drawing(effect):
        for number, case in enumerate(source.cases):
            fraction = 0.75 if case.edition and len(case.lesion_slices[0]) else 0.0
            sampler = Sampler(source, cases=[number], size=SIZE, seed=5, lesion_fraction=fraction)
            image, present, labels = (np.stack(each) for each in zip(*map(sampler, range(n)), strict=True))
            kept = np.isin(np.arange(image.shape[-1]), channels)
            found = regions_of(model, image * kept, present * kept)
            truth = np.stack([np.isin(labels, values) for values in label_values(model)], -1)
            totals[number] = [part.sum((0, 1, 2)) for part in (found & truth, found, truth)]
    return totals


@contextmanager
def drawing(effect: variation.Variation) -> Iterator[None]:
    """Every slice of a latent source is made with this effect."""
    draw, variation.draw = variation.draw, lambda n, rng, glioma: effect
    try:
        yield
    finally:
        variation.draw = draw


def regions_of(model: Any, image: np.ndarray, present: np.ndarray) -> np.ndarray:
    """bool [n, H, W, region] of slices, at the thresholds of the card."""
    names = [region["name"] for region in model.card["outputs"]["classes"]]
    thresholds = [model.card["fusion"]["thresholds"][name] for name in REGIONS]
    outputs = [
        model.decode(model({"image": image[i : i + 8], "present": present[i : i + 8]}, training=False), *SIZE)
        for i in range(0, len(image), 8)
    ]
    probability = np.concatenate([each["regions"].numpy() for each in outputs])
    return probability[..., [names.index(name) for name in REGIONS]] >= thresholds


def label_values(model: Any) -> list[list[int]]:
    classes = {each["name"]: each["values"]["brats2015"] for each in model.card["outputs"]["classes"]}
    return [classes[name] for name in REGIONS]


def lines(
    about: dict[str, str], source: LatentSource, counts: dict[str, np.ndarray], slices: int
) -> list[dict[str, str]]:
    sick = np.array([len(case.lesion_slices[0]) > 0 for case in source.cases])
    rows = []
    dice = {effect: dices(of[sick]) for effect, of in counts.items()}
    for effect, values in dice.items():
        of_effect = about | {"effect": effect}
        false_pixels = counts[effect][~sick, 1, 0].sum() / max(slices * (~sick).sum(), 1)
        for row in small_networks.summarise(of_effect | {"what": "dice"}, values[None], REGIONS):
            whole = row["region"] == "whole"
            rows.append(row | {"false_pixels_healthy": f"{false_pixels:.1f}" if whole else ""})
        if effect != "none":
            change = (values - dice["none"])[None]
            loss = small_networks.summarise(of_effect | {"what": "change"}, change, REGIONS)
            rows += [row | {"false_pixels_healthy": ""} for row in loss]
    return rows


def dices(counts: np.ndarray) -> np.ndarray:
    """Dice [volume, region], nan where the truth lacks the region."""
    both, found, true = np.moveaxis(counts, 1, 0)
    return np.where(true > 0, 2 * both / np.maximum(found + true, 1), np.nan)


if __name__ == "__main__":
    main()
