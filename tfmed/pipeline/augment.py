"""Augmentation of slices: what may happen, what was drawn, and its effect, each apart from the others.

``Augmentation`` says from which distributions is drawn, ``draw`` turns it and a generator into
``Parameters``, and ``apply`` is a pure function of image, labels and parameters. All that moves pixels is
composed into one resampling; all that changes intensities works on the brain alone and leaves the background
at exactly 0.
"""

from dataclasses import dataclass

import numpy as np

from tfmed.pipeline.fields import resample, scatter, smooth_field, white_noise

# A z-score x stands for the positive intensity 1 + x / MEAN_OVER_DEVIATION: brain in MR has a mean of about
# four deviations, and products (bias) and powers (gamma) need an intensity with a true zero.
MEAN_OVER_DEVIATION = 4.0
BIAS_CONTROLS = 5


@dataclass(frozen=True)
class Augmentation:
    """Distributions of the parameters; U is uniform, N normal, and each effect occurs with ``probability``.

    Effects on intensity are drawn for each modality by itself. Lengths are in pixels, intensities in
    z-scores.
    """

    probability: float = 0.5
    flip: tuple[float, float] = (0.5, 0.0)
    """Probability of mirroring rows (left-right in axial and coronal slices) and columns."""
    rotation_deg: float = 25.0
    """Angle ~ U(-a, a)."""
    scale: float = 1.3
    """Magnification ~ exp(U(-log s, log s))."""
    shift_px: float = 12.0
    """Along each axis ~ U(-d, d)."""
    elastic_px: float = 4.0
    """Control points, ``elastic_spacing_px`` apart, move along each axis by N(0, U(0, e))."""
    elastic_spacing_px: float = 40.0
    gain: float = 1.4
    """Contrast: factor ~ exp(U(-log g, log g))."""
    offset: float = 0.3
    """Brightness: summand ~ U(-o, o)."""
    gamma: float = 1.5
    """Exponent ~ exp(U(-log g, log g))."""
    bias: float = 0.25
    """Logarithm of the bias field: control values ~ N(0, U(0, b))."""
    noise: float = 0.25
    """Deviation of Gaussian noise ~ U(0, n)."""
    blur_px: float = 1.2
    """Deviation of the Gaussian kernel ~ U(0, b)."""
    complete: float = 0.5
    """Probability that every modality stays."""
    subset: tuple[int, ...] = ()
    """Modalities, by number, of which exactly these stay with probability ``subset_share``."""
    subset_share: float = 0.0
    """Otherwise the number of those that stay is uniform among fewer than all, at least one."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Where output pixel p comes from: matrix @ (p - centre - shift - elastic(p)) + the input's centre.

    ``matrix`` [2, 2], ``shift`` [2]; ``elastic`` [2, n, m] holds spline control values in pixels.
    """

    matrix: np.ndarray
    shift: np.ndarray
    elastic: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Tone:
    """What happens to one modality: blur, bias, gamma, gain, offset and noise, in this order."""

    blur_px: float = 0.0
    bias: np.ndarray | None = None
    gamma: float = 1.0
    gain: float = 1.0
    offset: float = 0.0
    noise: float = 0.0
    noise_seed: int = 0


@dataclass(frozen=True, eq=False)
class Parameters:
    """Everything that was drawn for one sample; ``present`` [M] bool tells which modalities stay."""

    warp: Warp
    tones: tuple[Tone, ...]
    present: np.ndarray


def unchanged(available: np.ndarray) -> Parameters:
    """Parameters that only crop or pad around the centre."""
    return Parameters(Warp(np.eye(2), np.zeros(2)), (Tone(),) * len(available), available)


def draw(
    augmentation: Augmentation, available: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> Parameters:
    """Draw the parameters of one sample of ``size``; ``available`` [M] bool tells what the case has."""
    present = _draw_present(augmentation, available, rng)
    warp = _draw_warp(augmentation, size, rng)
    return Parameters(warp, tuple(_draw_tone(augmentation, rng) for _ in available), present)


def apply(
    image: np.ndarray, labels: np.ndarray, parameters: Parameters, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Augment image [h, w, M] float32 and labels [h, w] alike -> [H, W, M] float32 and [H, W] of ``size``.

    The centres of input and output coincide before the shift; what lies outside the input, or was 0 there, is
    0.
    """
    rows, columns = places(parameters.warp, labels.shape, size)
    pixels, values, labels = resample(image, labels, rows, columns)
    for modality, tone in enumerate(parameters.tones):
        if parameters.present[modality]:
            values[modality] = _tone(values[modality], pixels, size, tone)
        else:
            values[modality] = 0
    return scatter(pixels, values, size), labels


def places(warp: Warp, source: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns [H, W] float32 in an input of shape ``source`` where output pixels come from."""
    # Pixel length // 2 counts as the centre: whole, so that cropping and flips alone never interpolate.
    row, column = (
        np.arange(length, dtype=np.float32) - np.float32(length // 2 + shift)
        for length, shift in zip(size, warp.shift, strict=True)
    )
    row, column = row[:, None], column[None, :]
    if warp.elastic is not None:
        row = row - smooth_field(warp.elastic[0], size)
        column = column - smooth_field(warp.elastic[1], size)
    (a, b), (c, d) = warp.matrix.astype(np.float32)
    rows = a * row + b * column + np.float32(source[0] // 2)
    columns = c * row + d * column + np.float32(source[1] // 2)
    return rows, columns


def _tone(values: np.ndarray, pixels: np.ndarray, size: tuple[int, int], tone: Tone) -> np.ndarray:
    """Intensities [n] of one modality at flat indices ``pixels`` of the slice; exact zeros stay."""
    outside = values == 0
    if tone.blur_px:
        values = _blurred(values, pixels, size, tone.blur_px)
    if tone.bias is not None or tone.gamma != 1:
        values = _bias_and_gamma(values, pixels, size, tone)
    values = values * np.float32(tone.gain) + np.float32(tone.offset)
    if tone.noise:
        values += np.float32(tone.noise) * white_noise(values.size, tone.noise_seed)
    values[outside] = 0
    return values


def _blurred(values: np.ndarray, pixels: np.ndarray, size: tuple[int, int], blur_px: float) -> np.ndarray:
    from scipy import ndimage

    plane = np.zeros(size, np.float32)
    plane.ravel()[pixels] = values
    return ndimage.gaussian_filter(plane, blur_px, truncate=3, mode="constant").ravel().take(pixels)


def _bias_and_gamma(values: np.ndarray, pixels: np.ndarray, size: tuple[int, int], tone: Tone) -> np.ndarray:
    """Multiply by the bias field, then raise to gamma, scaled so that a z-score of 0 keeps its slope."""
    logarithm = np.log(np.maximum(1 + values / np.float32(MEAN_OVER_DEVIATION), np.float32(0.01)))
    if tone.bias is not None:
        logarithm += smooth_field(tone.bias, size).ravel().take(pixels)
    gamma = np.float32(tone.gamma)
    return (np.exp(gamma * logarithm) - 1) * np.float32(MEAN_OVER_DEVIATION / tone.gamma)


def _draw_present(augmentation: Augmentation, available: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which of the available modalities stay: all, the subset, or one of a random size; never none."""
    names = np.flatnonzero(available)
    subset = np.isin(names, augmentation.subset)
    chance = rng.random()
    kept = names
    if augmentation.complete <= chance < augmentation.complete + augmentation.subset_share and subset.any():
        kept = names[subset]
    elif chance >= augmentation.complete and len(names) > 1:
        kept = rng.permutation(names)[: int(rng.integers(1, len(names)))]
    present = np.zeros(len(available), bool)
    present[kept] = True
    return present


def _draw_warp(augmentation: Augmentation, size: tuple[int, int], rng: np.random.Generator) -> Warp:
    happens = rng.random(4) < augmentation.probability
    mirror = np.where(rng.random(2) < augmentation.flip, -1.0, 1.0)
    angle = np.deg2rad(rng.uniform(-augmentation.rotation_deg, augmentation.rotation_deg)) * happens[0]
    scale = _factor(augmentation.scale, rng) if happens[1] else 1.0
    shift = rng.uniform(-augmentation.shift_px, augmentation.shift_px, 2) * happens[2]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    elastic = None
    if happens[3] and augmentation.elastic_px:
        controls = [int(np.ceil(length / augmentation.elastic_spacing_px)) + 3 for length in size]
        elastic = rng.uniform(0, augmentation.elastic_px) * rng.standard_normal((2, *controls))
    return Warp(mirror[:, None] * turn / scale, shift, elastic)


def _draw_tone(augmentation: Augmentation, rng: np.random.Generator) -> Tone:
    happens = rng.random(6) < augmentation.probability
    field = rng.standard_normal((BIAS_CONTROLS, BIAS_CONTROLS)) * rng.uniform(0, augmentation.bias)
    return Tone(
        blur_px=rng.uniform(0, augmentation.blur_px) if happens[0] else 0.0,
        bias=field if happens[1] and augmentation.bias else None,
        gamma=_factor(augmentation.gamma, rng) if happens[2] else 1.0,
        gain=_factor(augmentation.gain, rng) if happens[3] else 1.0,
        offset=rng.uniform(-augmentation.offset, augmentation.offset) if happens[4] else 0.0,
        noise=rng.uniform(0, augmentation.noise) if happens[5] else 0.0,
        noise_seed=int(rng.integers(2**32)),
    )


def _factor(most: float, rng: np.random.Generator) -> float:
    """A factor between 1 / most and most, uniform in its logarithm."""
    return float(np.exp(rng.uniform(-np.log(most), np.log(most))))
