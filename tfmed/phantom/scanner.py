"""What a scanner and its processing add: bias field, point spread, thick slices, shifts, ghosts, noise, stripping.

Parameters are drawn first (``draw``); ``scan`` applies them to a slice or a whole volume alike.
"""

from dataclasses import dataclass

import numpy as np

from tfmed.phantom import contrast as contrasts
from tfmed.phantom.contrast import Contrast
from tfmed.phantom.fields import apply_axes, linear_matrix, noise
from tfmed.phantom.latent import DEPTH


@dataclass(frozen=True, eq=False)
class Scanner:
    """One scan's imperfections, for each of M modalities. Lengths in mm.

    bias [M,4,4,4]: coefficients of powers 0..3 of the box's coordinates in -1..1, of the log field.
    sigma_mm, shift_mm, thickness_mm [M,3]. noise_sd [M]: relative to white matter. ghost [M]: amplitude.
    strip_mm: depth at which the brain is cut; ragged_mm: sd of its irregularity. gamma [M].
    """

    bias: np.ndarray
    sigma_mm: np.ndarray
    shift_mm: np.ndarray
    thickness_mm: np.ndarray
    noise_sd: np.ndarray
    ghost: np.ndarray
    ghost_axis: int
    rician: bool
    strip_mm: float
    ragged_mm: float
    gamma: np.ndarray


def draw(n: int, rng: np.random.Generator) -> Scanner:
    """Imperfections of ``n`` modalities, from none to beyond the plausible."""
    powers = np.indices((4, 4, 4)).sum(0)
    bias = rng.normal(0, 1, (n, 4, 4, 4)) * np.where((powers > 0) & (powers < 4), 0.5**powers, 0)
    bias *= rng.uniform(0, 0.25, (n, 1, 1, 1)) * (rng.random() < 0.8)
    thickness = np.ones((n, 3))
    if rng.random() < 0.6:
        axes = np.where(rng.random(n) < 0.7, 2, rng.integers(0, 3, n))
        thickness[np.arange(n), axes] = np.where(rng.random(n) < 0.6, rng.integers(2, 7, n), 1)
    shift = rng.normal(0, 0.5, (n, 3)) * (rng.random(n) < 0.4)[:, None]
    return Scanner(
        bias=bias.astype(np.float32),
        sigma_mm=rng.uniform(0.35, 0.75, (n, 1)) + rng.uniform(0, 0.7, (n, 3)) * (rng.random(n) < 0.5)[:, None],
        shift_mm=shift - shift[:1],
        thickness_mm=thickness,
        noise_sd=np.exp(rng.uniform(np.log(0.004), np.log(0.06), n)),
        ghost=np.where(rng.random(n) < 0.08, rng.uniform(0.02, 0.1, n), 0),
        ghost_axis=int(rng.integers(0, 2)),
        rician=bool(rng.random() < 0.3),
        strip_mm=float(rng.uniform(-1.8, 0.8) if rng.random() < 0.85 else rng.uniform(-4, 2)),
        ragged_mm=float(rng.choice([0.0, rng.uniform(0.2, 1.0), rng.uniform(1, 2.5)], p=[0.3, 0.5, 0.2])),
        gamma=np.exp(rng.normal(0, 0.12, n)),
    )


def perfect(n: int) -> Scanner:
    """No imperfection at all."""
    zeros = np.zeros((n, 3))
    return Scanner(
        np.zeros((n, 4, 4, 4), np.float32), zeros, zeros, zeros + 1, np.zeros(n), np.zeros(n), 0, False,
        0.0, 0.0, np.ones(n),
    )  # fmt: skip


def brain(depth: np.ndarray, scanner: Scanner, rng: np.random.Generator) -> np.ndarray:
    """What skull stripping leaves: boolean, from the depth channel (uint8, any dimensions)."""
    level = 128 + 8 * scanner.strip_mm
    if not scanner.ragged_mm:
        return depth >= level
    ragged = noise(depth.shape, 9, rng) + 0.5 * noise(depth.shape, 4, rng)
    return (depth >= level + 8 * scanner.ragged_mm * ragged) & (depth > 0)


def bias_field(scanner: Scanner, coordinates: list[np.ndarray]) -> np.ndarray:
    """The field on the grid of three 1-D coordinate arrays in -1..1: float32 [M, n0, n1, n2]."""
    powers = [np.stack([c**k for k in range(4)], 1).astype(np.float32) for c in coordinates]
    return np.exp(apply_axes(scanner.bias, powers))


def textured(values: np.ndarray, amplitude: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Intensities times 1 + amplitude * noise of three scales, half of it common to all modalities."""
    m, shape = len(values), values.shape[1:]
    fine, middle, coarse = (noise(shape, step, rng, channels=m + 1) for step in (1.6, 4.5, 13.0))
    grain = 0.5 * fine + 0.6 * middle + 0.65 * coarse
    return values * np.maximum(1 + amplitude * (0.75 * grain[:m] + 0.65 * grain[m]), 0.05)


def optics(images: np.ndarray, scanner: Scanner, axes: tuple[int, ...]) -> np.ndarray:
    """Point spread, shift and thick slices along ``axes`` (0, 1, 2 of the volume) of [M, ...] images."""
    result = np.empty_like(images)
    for m, image in enumerate(images):
        for position, axis in enumerate(axes):
            thick = int(scanner.thickness_mm[m, axis])
            image = _convolve(image, position, scanner.sigma_mm[m, axis], scanner.shift_mm[m, axis])
            if thick > 1 and image.shape[position] > 2 * thick:
                matrix = _thick(image.shape[position], thick)
                image = apply_axes(image, [matrix if p == position else None for p in range(image.ndim)])
        result[m] = image
    return result


def _convolve(image: np.ndarray, axis: int, sigma: float, shift: float) -> np.ndarray:
    if sigma < 0.2 and abs(shift) < 0.05:
        return image
    radius = int(np.ceil(2.6 * sigma + abs(shift)))
    taps = np.exp(-0.5 * ((np.arange(-radius, radius + 1) - shift) / max(sigma, 0.2)) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    pad = [(radius, radius) if a == axis else (0, 0) for a in range(image.ndim)]
    padded = np.pad(image, pad, mode="edge")
    length = image.shape[axis]
    total = np.zeros_like(image)
    for k, tap in enumerate(taps):
        total += tap * padded[tuple(slice(k, k + length) if a == axis else slice(None) for a in range(image.ndim))]
    return total


def _thick(length: int, thick: int) -> np.ndarray:
    """Averages over slabs of ``thick`` voxels, interpolated linearly back to every voxel."""
    slabs = -(-length // thick)
    average = np.zeros((slabs, length), np.float32)
    for s in range(slabs):
        average[s, s * thick : (s + 1) * thick] = 1
    average /= average.sum(1, keepdims=True)
    return linear_matrix(length, slabs, -(thick - 1) / 2 / thick, 1 / thick) @ average


def noisy(images: np.ndarray, scanner: Scanner, scale: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise, or Rician (the modulus of a complex signal), of ``noise_sd`` times ``scale`` [M]."""
    sd = (scanner.noise_sd * scale).astype(np.float32).reshape(-1, *[1] * (images.ndim - 1))
    real = images + sd * rng.standard_normal(images.shape, dtype=np.float32)
    if not scanner.rician:
        return real
    return np.sqrt(real**2 + (sd * rng.standard_normal(images.shape, dtype=np.float32)) ** 2)


def ghosted(images: np.ndarray, scanner: Scanner) -> np.ndarray:
    """Adds a copy displaced by half the field of view to the modalities that have a ghost."""
    for m in np.flatnonzero(scanner.ghost):
        axis = min(scanner.ghost_axis, images.ndim - 2)
        images[m] += scanner.ghost[m] * np.roll(images[m], images[m].shape[axis] // 2, axis)
    return images


def compressed(images: np.ndarray, scanner: Scanner) -> np.ndarray:
    """The display curve: powers of the intensities."""
    exponent = scanner.gamma.astype(np.float32).reshape(-1, *[1] * (images.ndim - 1))
    return np.maximum(images, 0) ** exponent


def scan(
    channels: np.ndarray, contrast: Contrast, scanner: Scanner, coordinates: list[np.ndarray],
    rng: np.random.Generator, outside: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Images of latent voxels: float32 [M,x,y,z], and the boolean mask [x,y,z] of what is kept.

    channels uint8 [9,x,y,z], a whole box or a slab of it; an axis of length 1 gets no optics. coordinates:
    three arrays in -1..1, the place of each voxel in the whole box. ``outside`` keeps what lies outside the
    brain.
    """
    kept = channels[DEPTH] > 0 if outside else brain(channels[DEPTH], scanner, rng)
    values, amplitude = contrasts.clean(channels, contrast)
    thin = [axis for axis, n in enumerate(channels.shape[1:]) if n == 1]
    images = textured(values, amplitude, rng) if contrast.texture.any() else values
    axes = tuple(axis for axis in range(3) if axis not in thin)
    squeeze = tuple(1 + axis for axis in thin)
    images = optics(images.squeeze(squeeze), scanner, axes).reshape(images.shape)
    images = images * bias_field(scanner, coordinates)
    images = noisy(ghosted(images, scanner), scanner, contrast.values[:, 4], rng)
    return compressed(images, scanner), kept
