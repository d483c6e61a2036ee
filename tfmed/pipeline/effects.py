"""The effects of augmentation: a pure function of image, labels and parameters.

All that moves pixels is composed into one resampling; all that changes intensities works on the brain alone
and leaves the background at exactly 0.
"""

import math
from dataclasses import dataclass

import numpy as np

from tfmed.pipeline.fields import EVERYTHING, Window, resample, smooth_field, white_noise

# A z-score x stands for the positive intensity 1 + x / MEAN_OVER_DEVIATION: brain in MR has a mean of about
# four deviations, and products (bias) and powers (gamma) need an intensity with a true zero.
MEAN_OVER_DEVIATION = 4.0


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
    """What happens to one modality: motion, blur, bias, gamma, gain, offset, noise, ceiling, in this order.

    ``motion``: the share of an exposure that is ``motion_px`` (rows, columns) off. Of what a blur of
    ``blur_px`` takes away ``sharpen`` times as much is added: -1 is the blur itself, more than 0 enhances
    edges. ``grain_px``: deviation of a Gaussian kernel that noise is smoothed by.
    """

    motion: float = 0.0
    motion_px: tuple[int, int] = (0, 0)
    blur_px: float = 0.0
    sharpen: float = -1.0
    bias: np.ndarray | None = None
    gamma: float = 1.0
    gain: float = 1.0
    offset: float = 0.0
    noise: float = 0.0
    grain_px: float = 0.0
    ceiling: float = math.inf


@dataclass(frozen=True, eq=False)
class Parameters:
    """Everything that was drawn for one sample; ``present`` [M] bool tells which modalities stay."""

    warp: Warp
    tones: tuple[Tone, ...]
    present: np.ndarray
    noise_seed: int = 0


def unchanged(available: np.ndarray) -> Parameters:
    """Parameters that only crop or pad around the centre."""
    return Parameters(Warp(np.eye(2), np.zeros(2)), (Tone(),) * len(available), available)


def apply(
    image: np.ndarray, labels: np.ndarray, parameters: Parameters, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Augment image [h, w, M] float32 and labels [h, w] alike -> [H, W, M] float32 and [H, W] of ``size``.

    The centres of input and output coincide before the shift; what lies outside the input, or was 0 there, is
    0.
    """
    window = reach(parameters.warp, labels.shape, size)
    rows, columns = places(parameters.warp, labels.shape, size, window)
    channels = np.flatnonzero(parameters.present).tolist()
    planes = [image[..., channel] for channel in channels]
    brain, values, absent, nearest = resample(planes, labels, rows, columns)
    moved, augmented = np.zeros(size, labels.dtype), np.zeros((*size, image.shape[2]), np.float32)
    moved[window] = nearest
    chance = np.random.SFC64(parameters.noise_seed)
    for channel, intensities, numbers in zip(channels, values, absent, strict=True):
        _tone(intensities, parameters.tones[channel], brain, size, window, chance)
        intensities[numbers] = 0
        augmented[window][..., channel][brain] = intensities
    return augmented, moved


def reach(warp: Warp, source: tuple[int, int], size: tuple[int, int]) -> Window:
    """The part of the output of ``size`` that an input of shape ``source`` can fill; the rest is 0."""
    (a, b), (c, d) = warp.matrix.tolist()
    determinant = a * d - b * c
    inverse = (d / determinant, -b / determinant), (-c / determinant, a / determinant)
    # The input from edge to edge, about the pixel that is its centre.
    middle = [0.5 * (length - 1) - length // 2 for length in source]
    window = []
    for axis, (down, across) in enumerate(inverse):
        centre = down * middle[0] + across * middle[1] + size[axis] // 2 + float(warp.shift[axis])
        half = 0.5 * (abs(down) * source[0] + abs(across) * source[1])
        if warp.elastic is not None:
            # A spline never leaves the range of its control values.
            half += float(np.abs(warp.elastic[axis]).max())
        # A pixel more, as rounding may put what touches the edge on either side of it.
        window.append(slice(max(0, int(centre - half - 1)), max(0, int(centre + half + 2))))
    return window[0], window[1]


def places(
    warp: Warp, source: tuple[int, int], size: tuple[int, int], window: Window = EVERYTHING
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns float32 in an input of shape ``source`` where pixels in ``window`` come from."""
    # Pixel length // 2 counts as the centre: whole, so that cropping and flips alone never interpolate.
    row, column = (
        np.arange(length, dtype=np.float32)[part] - np.float32(length // 2 + shift)
        for length, part, shift in zip(size, window, warp.shift, strict=True)
    )
    row, column = row[:, None], column[None, :]
    if warp.elastic is not None:
        row = row - smooth_field(warp.elastic[0], size, window)
        column = column - smooth_field(warp.elastic[1], size, window)
    (a, b), (c, d) = warp.matrix.astype(np.float32)
    rows = (a * row + np.float32(source[0] // 2)) + b * column
    columns = (c * row + np.float32(source[1] // 2)) + d * column
    return rows, columns


def _tone(
    values: np.ndarray,
    tone: Tone,
    brain: np.ndarray,
    size: tuple[int, int],
    window: Window,
    chance: np.random.BitGenerator,
) -> None:
    """Change the intensities [n] of one modality, those where ``brain`` of the window is true, in place."""
    gain, offset = tone.gain, tone.offset
    if tone.motion:
        _move(values, brain, tone.motion, tone.motion_px)
    if tone.blur_px:
        values += np.float32(tone.sharpen) * (values - _blurred(values, brain, tone.blur_px))
    if tone.bias is not None or tone.gamma != 1:
        bias = None if tone.bias is None else smooth_field(tone.bias, size, window)[brain]
        _raise(values, bias, tone.gamma)
        # The way back to z-scores, (power - 1) * slope, goes into the product and the sum that follow.
        gain *= MEAN_OVER_DEVIATION / tone.gamma
        offset -= gain
    values *= np.float32(gain)
    values += np.float32(offset)
    if tone.noise:
        noise = white_noise(values.size, chance)
        if tone.grain_px:
            noise = _blurred(noise, brain, tone.grain_px)
            noise /= max(float(noise.std()), 1e-6) if noise.size else 1
        noise *= np.float32(tone.noise)
        values += noise
    if tone.ceiling < math.inf:
        np.minimum(values, np.float32(tone.ceiling), out=values)


def _move(values: np.ndarray, brain: np.ndarray, share: float, shift: tuple[int, int]) -> None:
    """Mixes in place what lies ``shift`` pixels away, as far as that is brain."""
    other, there = (_displaced(plane, shift)[brain] for plane in (_plane(values, brain), brain))
    values += np.float32(share) * there * (other - values)


def _displaced(plane: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    """The plane ``shift`` pixels further along its axes, 0 where nothing comes from."""
    moved = np.zeros_like(plane)
    steps = [min(max(step, -length), length) for step, length in zip(shift, plane.shape, strict=True)]
    pairs = list(zip(steps, plane.shape, strict=True))
    into = tuple(slice(max(step, 0), length + min(step, 0)) for step, length in pairs)
    source = tuple(slice(max(-step, 0), length - max(step, 0)) for step, length in pairs)
    moved[into] = plane[source]
    return moved


def _blurred(values: np.ndarray, brain: np.ndarray, blur_px: float) -> np.ndarray:
    from scipy import ndimage

    return ndimage.gaussian_filter(_plane(values, brain), blur_px, truncate=3, mode="constant")[brain]


def _plane(values: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Values [n] at their places, 0 elsewhere: float32 of the shape of ``brain``."""
    plane = np.zeros(brain.shape, np.float32)
    plane[brain] = values
    return plane


def _raise(values: np.ndarray, bias: np.ndarray | None, gamma: float) -> None:
    """Make of z-scores the positive intensities that they stand for, times exp(bias), to the power of gamma.

    In place, and scaled so that a z-score of 0 without bias gives 1 and keeps its slope by
    MEAN_OVER_DEVIATION / gamma.
    """
    values *= np.float32(1 / MEAN_OVER_DEVIATION)
    values += np.float32(1)
    np.maximum(values, np.float32(0.01), out=values)
    np.log(values, out=values)
    if bias is not None:
        values += bias
    values *= np.float32(gamma)
    np.exp(values, out=values)
