"""What a scanner and its processing add: bias, point spread, thick slices, shifts, ghosts, noise, stripping.

Parameters are drawn first (``draw``); ``scan`` applies them to a slice or a whole volume alike.
"""

from dataclasses import dataclass

import numpy as np

from tfmed.phantom.contrast import Contrast
from tfmed.phantom.fields import apply_axes, dense_taps, grain, linear_taps
from tfmed.phantom.tissues import Tissue


@dataclass(frozen=True, eq=False)
class Scanner:
    """One scan's imperfections, for each of M modalities. Lengths in mm.

    bias [M,4,4,4]: coefficients of powers 0..3 of the box's coordinates in -1..1, of the log field.
    sigma_mm, shift_mm, thickness_mm [M,3]. noise_sd [M]: relative to white matter. ghost [M]: amplitude.
    strip_mm: depth at which the brain is cut; ragged_mm: sd of its irregularity. view_limits [3,2]:
    the field of view in the box's coordinates.
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
    view_limits: np.ndarray


# How strong a bias field may be: see ``draw``.
BIAS = 0.25


def draw(n: int, rng: np.random.Generator, bias_limit: float = BIAS) -> Scanner:
    """Imperfections of ``n`` modalities, from none to beyond the plausible.

    A bias field's coefficient of degree d has the sd ``u * .5**d``, u drawn from 0 to ``bias_limit``.
    """
    powers = np.indices((4, 4, 4)).sum(0)
    bias = rng.normal(0, 1, (n, 4, 4, 4)) * np.where((powers > 0) & (powers < 4), 0.5**powers, 0)
    bias *= rng.uniform(0, bias_limit, (n, 1, 1, 1)) * (rng.random() < 0.8)
    thickness = np.ones((n, 3))
    if rng.random() < 0.6:
        axes = np.where(rng.random(n) < 0.7, 2, rng.integers(0, 3, n))
        thickness[np.arange(n), axes] = np.where(rng.random(n) < 0.6, rng.integers(2, 7, n), 1)
    limits = np.tile([-2.0, 2.0], (3, 1))
    if rng.random() < 0.08:
        side = int(rng.integers(2))
        limits[rng.integers(3), side] = (1 if side else -1) * rng.uniform(0.4, 0.95)
    shift = rng.normal(0, 0.5, (n, 3)) * (rng.random(n) < 0.4)[:, None]
    return Scanner(
        bias=bias.astype(np.float32),
        sigma_mm=rng.uniform(0.35, 0.75, (n, 1))
        + rng.uniform(0, 0.7, (n, 3)) * (rng.random(n) < 0.5)[:, None],
        shift_mm=shift - shift[:1],
        thickness_mm=thickness,
        noise_sd=np.exp(rng.uniform(np.log(0.004), np.log(0.06), n)),
        ghost=np.where(rng.random(n) < 0.08, rng.uniform(0.02, 0.1, n), 0),
        ghost_axis=int(rng.integers(0, 2)),
        rician=bool(rng.random() < 0.3),
        strip_mm=float(rng.uniform(-1.8, 0.8) if rng.random() < 0.85 else rng.uniform(-4, 2)),
        ragged_mm=float(rng.choice([0.0, rng.uniform(0.2, 1.0), rng.uniform(1, 2.5)], p=[0.3, 0.5, 0.2])),
        view_limits=limits,
    )


def perfect(n: int) -> Scanner:
    """No imperfection at all."""
    zeros = np.zeros((n, 3))
    return Scanner(
        np.zeros((n, 4, 4, 4), np.float32), zeros, zeros, zeros + 1, np.zeros(n), np.zeros(n), 0, False,
        0.0, 0.0, np.tile([-2.0, 2.0], (3, 1)),
    )  # fmt: skip


def brain(
    depth: np.ndarray, scanner: Scanner, coordinates: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """What stripping and the field of view leave: boolean [x,y,z], from the depth channel (uint8 [x,y,z])."""
    level = 128 + 8 * scanner.strip_mm
    kept = depth >= max(level, 1)
    if scanner.ragged_mm:
        ragged = (grain(depth.shape, 9.0, rng, 1) + 0.5 * grain(depth.shape, 4.0, rng, 1))[0]
        kept = (depth >= level + 8 * scanner.ragged_mm * ragged) & (depth > 0)
    return kept & seen(scanner, coordinates)


def seen(scanner: Scanner, coordinates: list[np.ndarray]) -> np.ndarray:
    """What lies in the field of view: boolean, of a shape that broadcasts to [x,y,z]."""
    inside = np.ones((1, 1, 1), bool)
    for axis, (low, high) in enumerate(scanner.view_limits):
        near = (coordinates[axis] >= low) & (coordinates[axis] <= high)
        if not near.all():
            inside = inside & near.reshape([-1 if a == axis else 1 for a in range(3)])
    return inside


def bias_field(scanner: Scanner, coordinates: list[np.ndarray]) -> np.ndarray:
    """The field on the grid of three 1-D coordinate arrays in -1..1: float32 [M, n0, n1, n2]."""
    powers = [dense_taps(np.stack([c**k for k in range(4)], 1)) for c in coordinates]
    return np.exp(apply_axes(scanner.bias, powers))


def textured(values: np.ndarray, amplitude: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Intensities times 1 + amplitude * noise of three scales, half of it common to all modalities."""
    m, shape = len(values), values.shape[1:]
    result = 0.7 * (grain(shape, 4.5, rng, m + 1) + grain(shape, 13.0, rng, m + 1))
    common = 0.65 * result[m] + 0.5 * grain(shape, 1.7, rng, 1)[0]
    result = result[:m]
    result *= 0.75
    result += common
    result *= amplitude
    result += 1
    np.maximum(result, 0.05, out=result)
    result *= values
    return result


def optics(images: np.ndarray, scanner: Scanner, axes: tuple[int, ...]) -> np.ndarray:
    """Point spread, shift and thick slices along ``axes`` (0, 1, 2 of the volume) of [M, ...] images."""
    result = np.empty_like(images)
    for m, image in enumerate(images):
        for position, axis in enumerate(axes):
            thick = int(scanner.thickness_mm[m, axis])
            image = _convolve(image, position, scanner.sigma_mm[m, axis], scanner.shift_mm[m, axis])
            if thick > 1 and image.shape[position] > 2 * thick:
                image = _thick(image, position, thick)
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
        total += (
            tap * padded[tuple(slice(k, k + length) if a == axis else slice(None) for a in range(image.ndim))]
        )
    return total


def _thick(image: np.ndarray, axis: int, thick: int) -> np.ndarray:
    """Averages over slabs of ``thick`` voxels, interpolated linearly back to every voxel."""
    length = image.shape[axis]
    starts = np.arange(0, length, thick)
    counts = np.diff(np.append(starts, length)).astype(np.float32)
    slabs = np.add.reduceat(image, starts, axis) / counts.reshape(
        [-1 if a == axis else 1 for a in range(image.ndim)]
    )
    back = linear_taps(length, len(starts), -(thick - 1) / 2 / thick, 1 / thick)
    return apply_axes(slabs, [back if a == axis else None for a in range(image.ndim)])


def noisy(images: np.ndarray, scanner: Scanner, scale: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds Gaussian or Rician noise (the modulus of a complex signal) of ``noise_sd`` times ``scale`` [M].

    In place, modality by modality: a volume's worth of fresh memory costs more than the noise in it.
    """
    deviations = (scanner.noise_sd * scale).astype(np.float32)
    for image, sd in zip(images, deviations, strict=True):
        image += sd * grain(image.shape, 0, rng, 1)[0]
    if scanner.rician:
        for image, sd in zip(images, deviations, strict=True):
            np.sqrt(image**2 + (sd * grain(image.shape, 0, rng, 1)[0]) ** 2, out=image)
    return images


def ghosted(images: np.ndarray, scanner: Scanner) -> np.ndarray:
    """Adds a copy displaced by half the field of view to the modalities that have a ghost."""
    for m in np.flatnonzero(scanner.ghost):
        axis = min(scanner.ghost_axis, images.ndim - 2)
        images[m] += scanner.ghost[m] * np.roll(images[m], images[m].shape[axis] // 2, axis)
    return images


def scan(
    values: np.ndarray, amplitude: np.ndarray, contrast: Contrast, scanner: Scanner,
    coordinates: list[np.ndarray], rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Images [M,x,y,z] float32 of noiseless ``values`` with texture ``amplitude`` (see ``contrast.clean``).

    An axis of length 1 gets no optics. coordinates: three arrays in -1..1, each voxel's place in the box.
    """
    thin = [axis for axis, n in enumerate(values.shape[1:]) if n == 1]
    images = textured(values, amplitude, rng) if contrast.texture.any() else values
    axes = tuple(axis for axis in range(3) if axis not in thin)
    images = optics(images.squeeze(tuple(1 + axis for axis in thin)), scanner, axes).reshape(images.shape)
    images *= bias_field(scanner, coordinates)
    return noisy(ghosted(images, scanner), scanner, noise_unit(contrast), rng)


def noise_unit(contrast: Contrast) -> np.ndarray:
    """The signal that ``noise_sd`` is relative to: the brighter of white and grey matter, [M]."""
    return np.maximum(contrast.values[:, Tissue.WHITE], contrast.values[:, Tissue.CORTEX])
