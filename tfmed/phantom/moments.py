"""Moments of a whole volume under any contrast, from a random sample of its voxels.

A sampled voxel is kept as its composition, the share of every tissue and lesion part in it, under several
widths of point spread: its intensity under a contrast is one product, and the sharpness of edges, on which
the standard deviation hangs, is that of the scan.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmed.phantom.contrast import N_VALUES, SPOT, Contrast
from tfmed.phantom.latent import DEPTH, LESION, SPOTS
from tfmed.phantom.scanner import Scanner, noise_unit
from tfmed.phantom.tissues import N_TISSUES

WIDTHS_MM = (0.4, 0.8, 1.4, 2.4)
RADIUS = 5
SLICES = 24
VOXELS = 1600


@dataclass(frozen=True, eq=False)
class Sample:
    """``shares`` float16 [width, voxel, N_VALUES]; depth channel uint8 [voxel]; place [3, voxel] in -1..1."""

    shares: np.ndarray
    depth: np.ndarray
    place: np.ndarray


def draw(axial: Any, slices: np.ndarray, seed: int) -> Sample:
    """A sample of axial planes uint8 [z,9,x,y] (an array or an HDF5 dataset), from up to 24 of ``slices``."""
    rng = np.random.default_rng([seed, 0x5A])
    chosen = np.unique(slices[np.linspace(0, len(slices) - 1, SLICES).astype(int)])
    margin = ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS))
    planes = [np.pad(axial[int(z)], margin) for z in chosen]
    inside = [np.argwhere(plane[DEPTH] > 0) for plane in planes]
    density = VOXELS / sum(len(candidates) for candidates in inside)
    reach = np.arange(-RADIUS, RADIUS + 1)
    shares, depths, places = [], [], []
    for z, plane, candidates in zip(chosen, planes, inside, strict=True):
        n = max(1, round(len(candidates) * density))
        x, y = candidates[rng.integers(len(candidates), size=n)].T
        windows = plane[:, x[:, None, None] + reach[:, None], y[:, None, None] + reach]
        shares.append(_shares(windows.reshape(len(plane), n, -1)))
        depths.append(plane[DEPTH, x, y])
        places.append(np.stack([x - RADIUS, y - RADIUS, np.full(n, z)]))
    extent = np.array([axial.shape[2], axial.shape[3], axial.shape[0]], np.float32)[:, None]
    place = 2 * np.concatenate(places, 1) / (extent - 1) - 1
    return Sample(np.concatenate(shares, 1), np.concatenate(depths), place.astype(np.float32))


def _shares(windows: np.ndarray) -> np.ndarray:
    """Mean compositions [width, voxel, N_VALUES] of neighbourhoods, channels uint8 [9, voxel, neighbour]."""
    n = windows.shape[1]
    offset = np.arange(n)[:, None] * N_VALUES
    fractions = windows[LESION:].astype(np.float32) / 255
    healthy = np.maximum(1 - fractions.sum(0), 0)
    spots = healthy * windows[SPOTS] / np.float32(255)
    first = (healthy - spots) * windows[2] / np.float32(255)
    parts = [
        (windows[0], first),
        (windows[1], healthy - spots - first),
        (SPOT, spots),
        *((N_TISSUES + part, fraction) for part, fraction in enumerate(fractions)),
    ]
    index = np.stack([np.broadcast_to(offset + code, first.shape) for code, _ in parts]).ravel()
    reach = np.arange(-RADIUS, RADIUS + 1)
    squared = (reach[:, None] ** 2 + reach**2).ravel()
    result = []
    for width in WIDTHS_MM:
        kernel = np.exp(-0.5 * squared / width**2)
        weights = np.stack([fraction for _, fraction in parts]) * (kernel / kernel.sum())
        result.append(np.bincount(index, weights.ravel(), n * N_VALUES).reshape(n, N_VALUES))
    return np.stack(result).astype(np.float16)


def of(
    sample: Sample, contrast: Contrast, scanner: Scanner, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd [M] of the volume's brain under a contrast and a scanner.

    As in ``tfmed.intensity``: over all of it, then once more over what lies within 3 sd of the first mean.
    """
    within = sample.depth >= max(128 + 8 * scanner.strip_mm, 1)
    low, high = scanner.view_limits.T
    within &= ((sample.place >= low[:, None]) & (sample.place <= high[:, None])).all(0)
    place = sample.place[:, within]
    x, y, z = (np.stack([c**k for k in range(4)]) for c in place)
    fields = np.einsum("mijk,kn->mijn", scanner.bias, z)
    fields = np.exp(((fields * y).sum(2) * x).sum(1))
    spread = noise_unit(contrast) * scanner.noise_sd
    center, scale = np.zeros(len(fields), np.float32), np.ones(len(fields), np.float32)
    for m, width in enumerate(_width_mm(scanner)):
        values = _blurred(sample.shares[:, within], width) @ contrast.values[m].astype(np.float32)
        grain = rng.standard_normal((2, len(values)), dtype=np.float32)
        values = values * (1 + 0.8 * contrast.texture[m, 0] * grain[0]) * fields[m] + spread[m] * grain[1]
        near = np.abs(values - values.mean()) <= 3 * values.std()
        center[m], scale[m] = values[near].mean(), max(float(values[near].std()), 1e-6)
    return center, scale


def _width_mm(scanner: Scanner) -> np.ndarray:
    """Point spread in a plane [M] that blurs as much as that of the three axes and of thick slices."""
    thick = np.where(scanner.thickness_mm > 1, scanner.thickness_mm**2 / 9, 0)
    return np.sqrt((scanner.sigma_mm**2 + thick).sum(1) / 2)


def _blurred(shares: np.ndarray, width: float) -> np.ndarray:
    position = float(np.interp(width, WIDTHS_MM, range(len(WIDTHS_MM))))
    low = min(int(position), len(WIDTHS_MM) - 2)
    part = np.float32(position - low)
    return shares[low].astype(np.float32) * (1 - part) + shares[low + 1].astype(np.float32) * part
