"""What worse scans cost a model: Dice of whole studies with one degradation at a time.

    tfmed phantom VAL --kind glioma --layout brats2015 -n 8 --seed 73000 --anatomy PERSON_15 --anatomy ...
    python benchmarks/degradation.py VAL [--model brats_instance_seg] [--weights default]
        [--modalities flair,t1c] [--cases 8]

Every labelled case under VAL (validation cases: what is learnt here may change the generator) is predicted as
it is and once with each effect on its images; what background was stays what it was. Dice of whole tumour,
core and enhancing core by ``tfmed.predict`` under the card's thresholds and rules, and the change against the
case as it is, paired, with intervals over cases, go to results/degradation_HARDWARE.csv.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import small_networks
from results_file import results_file
from scipy import ndimage

from tfmed.study import Study

REGIONS = ("whole", "core", "enhancing")
# Of one modality: its voxels float32 [X, Y, Z], its name, and a generator.
Effect = Callable[[np.ndarray, str, np.random.Generator], np.ndarray]


def thick(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Axial slices of 5 mm, interpolated back."""
    slabs = ndimage.uniform_filter1d(image, 5, axis=2)[:, :, 2::5]
    return ndimage.zoom(
        slabs, (1, 1, image.shape[2] / slabs.shape[2]), order=1, grid_mode=True, mode="nearest"
    )


def coarse(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Voxels of 2 mm, interpolated back."""
    small = ndimage.zoom(image, 0.5, order=1, grid_mode=True, mode="nearest")
    sizes = np.divide(image.shape, small.shape)
    return ndimage.zoom(small, sizes, order=1, grid_mode=True, mode="nearest")


def noisy(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Rician noise of a tenth of the mean of the head."""
    sd = 0.1 * image[image > 0].mean()
    return np.hypot(image + rng.normal(0, sd, image.shape), rng.normal(0, sd, image.shape))


def shaded(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """A bias field along a random direction, from a half in one corner to one and a half in the other."""
    direction = rng.normal(size=3)
    direction /= np.abs(direction).sum()
    ramps = np.meshgrid(*(np.linspace(-1, 1, n) for n in image.shape), indexing="ij", sparse=True)
    return image * (1 + 0.5 * sum(d * ramp for d, ramp in zip(direction, ramps, strict=True)))


def curved(power: float) -> Effect:
    """Intensities to a power, relative to the 99th percentile."""

    def effect(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
        return (np.maximum(image, 0) / np.percentile(image[image > 0], 99)) ** power

    return effect


def displaced(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """T1c a voxel off along the first two axes."""
    return np.roll(image, (1, 1), (0, 1)) if name == "t1c" else image


def sharpened(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Edges enhanced within slices, as consoles do it: once more what a blur of 1 mm takes away."""
    return 2 * image - ndimage.gaussian_filter(image, (1, 1, 0))


def ringing(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """A matrix of 55 % of the voxels along the first two axes, filled up with zeros in k-space."""
    spectrum = np.fft.fftshift(np.fft.rfft2(image, axes=(1, 0)), axes=1)
    rows, columns = (int(0.275 * n) for n in image.shape[:2])
    middle = image.shape[1] // 2
    spectrum[rows:] = 0
    spectrum[:, : middle - columns] = spectrum[:, middle + columns :] = 0
    return np.fft.irfft2(np.fft.ifftshift(spectrum, axes=1), image.shape[1::-1], axes=(1, 0))


def moved(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """The head nods by 3 mm and back while a third of k-space's lines, at random, are read."""
    lines = np.fft.fft(image, axis=1)
    other = np.fft.fft(np.roll(image, 3, 1), axis=1)
    frequencies = np.abs(np.fft.fftfreq(image.shape[1]))
    taken = (rng.random(image.shape[1]) < 0.33) & (frequencies > 0.02)
    return np.abs(np.fft.ifft(np.where(taken[None, :, None], other, lines), axis=1))


def denoised(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """A median over 3x3x3 voxels."""
    return ndimage.median_filter(image, 3)


def grainy(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Noise of 6 % of the mean of the head, as grains of 2 mm: what resampling leaves of noise."""
    grain = ndimage.gaussian_filter(rng.normal(size=image.shape), 1)
    return image + 0.06 * image[image > 0].mean() * grain / grain.std()


def clipped(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """The brightest fiftieth of the head cut to one value, in 64 steps."""
    top = np.percentile(image[image > 0], 98)
    return np.round(np.clip(image / top, 0, 1) * 64)


def filtered(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Half the image, half what random filters of 3x3x3 make of it: textures of no scanner."""
    kernel = rng.normal(size=(3, 3, 3))
    kernel /= np.abs(kernel).sum()
    other = ndimage.convolve(image, kernel)
    inside = image > 0
    other = (other - other[inside].mean()) / other[inside].std() * np.sign(kernel.sum())
    return image + 0.5 * image[inside].std() * other


EFFECTS: dict[str, Effect] = {
    "none": lambda image, name, rng: image,
    "slices of 5 mm": thick,
    "voxels of 2 mm": coarse,
    "noise of 10 %": noisy,
    "bias of 50 %": shaded,
    "display curve .6": curved(0.6),
    "display curve 1.6": curved(1.6),
    "T1c 1 mm off": displaced,
    "edges enhanced": sharpened,
    "ringing": ringing,
    "motion": moved,
    "median filter": denoised,
    "grains of 2 mm": grainy,
    "clipped": clipped,
    "random filters": filtered,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="brats_instance_seg")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--modalities", help="those that are given, by comma; all by default")
    parser.add_argument("--cases", type=int, default=8)
    options = parser.parse_args()
    from tfmed import zoo
    from tfmed.evaluation import labelled_cases
    from tfmed.progress import bar

    model = zoo.get(options.model, weights=options.weights)
    given = options.modalities.split(",") if options.modalities else list(model.modalities)
    cases = labelled_cases(options.root, "all")[: options.cases]
    studies = [case.load() for case in cases]
    about = {"model": options.model, "modalities": "+".join(given)}
    dice = {
        name: np.array(
            [[small_networks.scores(model, degraded(study, given, effect), REGIONS) for study in studies]]
        )
        for name, effect in bar(EFFECTS.items(), desc="degradations", unit="effect")
    }
    rows = []
    for name, values in dice.items():
        rows += small_networks.summarise(about | {"effect": name, "what": "dice"}, values, REGIONS)
        if name != "none":
            change = values - dice["none"]
            rows += small_networks.summarise(about | {"effect": name, "what": "change"}, change, REGIONS)
    small_networks.write(rows, results_file("degradation"))


def degraded(study: Study, given: list[str], effect: Effect) -> Study:
    """The study with the given modalities only, each after the effect; background voxels keep their value."""
    images = {}
    for number, name in enumerate(given):
        volume = study.images[name]
        array = volume.array.astype(np.float32)
        background = np.median(array[0])
        changed = effect(array - background, name, np.random.default_rng(number)) + background
        changed = np.where(array == background, background, changed)
        images[name] = volume.with_array(changed.astype(np.float32))
    return replace(study, images=images)


if __name__ == "__main__":
    main()
