"""Augmentation of slices: what may happen to them, and what was drawn; see ``effects`` for what it does.

``Augmentation`` says from which distributions is drawn, and ``draw`` turns it and a generator into
``Parameters``.
"""

import math
from dataclasses import dataclass

import numpy as np

from tfmed.pipeline.effects import Parameters, Tone, Warp

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
    grain_px: float = 1.2
    """Half of the noise is smooth, as resampling leaves it: deviation of the Gaussian kernel ~ U(0, g)."""
    blur_px: float = 1.2
    """Deviation of the Gaussian kernel ~ U(0, b)."""
    sharpen: float = 1.5
    """A third of the blurs are edges enhanced instead: U(0, s) times what the blur takes away is added."""
    motion: float = 0.3
    """Share ~ U(0, m), in half as many slices, of an exposure up to ``motion_px`` off along an axis."""
    motion_px: int = 5
    ceiling: tuple[float, float] = (2.0, 6.0)
    """What is brighter is cut to ~ U(a, b), as some preprocess their scans."""
    complete: float = 0.5
    """Probability that every modality stays."""
    subset: tuple[int, ...] = ()
    """Modalities, by number, of which exactly these stay with probability ``subset_share``."""
    subset_share: float = 0.0
    """Otherwise the number of those that stay is uniform among fewer than all, at least one."""


def draw(
    augmentation: Augmentation, available: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> Parameters:
    """Draw the parameters of one sample of ``size``; ``available`` [M] bool tells what the case has."""
    present = _draw_present(augmentation, available, rng)
    warp = _draw_warp(augmentation, size, rng)
    tones = tuple(_draw_tone(augmentation, rng) for _ in available)
    return Parameters(warp, tones, present, int(rng.integers(2**32)))


def _draw_present(augmentation: Augmentation, available: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which of the available modalities stay: all, the subset, or one of a random size; never none."""
    names = np.flatnonzero(available)
    subset = np.array([name for name in names if name in augmentation.subset], int)
    chance = rng.random()
    kept = names
    if augmentation.complete <= chance < augmentation.complete + augmentation.subset_share and len(subset):
        kept = subset
    elif chance >= augmentation.complete and len(names) > 1:
        kept = rng.permutation(names)[: int(rng.integers(1, len(names)))]
    present = np.zeros(len(available), bool)
    present[kept] = True
    return present


def _draw_warp(augmentation: Augmentation, size: tuple[int, int], rng: np.random.Generator) -> Warp:
    turns, scales, shifts, bends, *mirrors = rng.random(6).tolist()
    probability = augmentation.probability
    angle, scale, *shift = rng.uniform(-1, 1, 4).tolist()
    angle = np.deg2rad(augmentation.rotation_deg) * angle * (turns < probability)
    scale = augmentation.scale ** (scale * (scales < probability))
    shift = augmentation.shift_px * np.array(shift) * (shifts < probability)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    elastic = None
    if bends < probability and augmentation.elastic_px:
        controls = [int(np.ceil(length / augmentation.elastic_spacing_px)) + 3 for length in size]
        elastic = rng.uniform(0, augmentation.elastic_px) * rng.standard_normal((2, *controls))
    mirror = [
        [-1.0 if chance < flip else 1.0] for chance, flip in zip(mirrors, augmentation.flip, strict=True)
    ]
    return Warp(mirror * turn / scale, shift, elastic)


def _draw_tone(augmentation: Augmentation, rng: np.random.Generator) -> Tone:
    happens = [chance < augmentation.probability for chance in rng.random(8).tolist()]
    blur, bias, noise, grain, edges, motion, ceiling = rng.random(7).tolist()
    turned, smooth, moves = (rng.random(3) < (1 / 3, 1 / 2, 1 / 2)).tolist()
    gamma, gain, offset = rng.uniform(-1, 1, 3).tolist()
    away = int(rng.integers(1, augmentation.motion_px + 1)) * int(rng.choice((-1, 1)))
    field = None
    if happens[1] and augmentation.bias:
        field = augmentation.bias * bias * rng.standard_normal((BIAS_CONTROLS, BIAS_CONTROLS))
    low, high = augmentation.ceiling
    return Tone(
        motion=happens[6] * moves * augmentation.motion * motion,
        motion_px=(away, 0) if rng.random() < 0.5 else (0, away),
        blur_px=happens[0] * augmentation.blur_px * blur,
        sharpen=augmentation.sharpen * edges if turned else -1.0,
        bias=field,
        gamma=augmentation.gamma ** (happens[2] * gamma),
        gain=augmentation.gain ** (happens[3] * gain),
        offset=happens[4] * augmentation.offset * offset,
        noise=happens[5] * augmentation.noise * noise,
        grain_px=smooth * augmentation.grain_px * grain,
        ceiling=low + (high - low) * ceiling if happens[7] else math.inf,
    )
