"""Strategies for shapes and affines, shared by the property tests."""

from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st

lengths = st.tuples(*[st.integers(1, 6)] * 3)
spacings = st.tuples(*[st.floats(0.3, 6.0)] * 3)
origins = st.tuples(*[st.floats(-300, 300)] * 3)

# All 48 ways in which three array axes can lie along the world's: (axes, signs) by array axis.
ORIENTATIONS = [(axes, signs) for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def axis_aligned(axes: tuple[int, ...], signs: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """Array axis i runs along world axis ``axes[i]`` in the direction of ``signs[i]``."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis in range(3):
        affine[axes[axis], axis] = signs[axis] * spacing[axis]
    return affine


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    """3x3 rotation about z, y, x by Euler angles in radians."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(angles), np.sin(angles)
    about_z = np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_x = np.array([[1, 0, 0], [0, cc, -sc], [0, sc, cc]])
    return about_z @ about_y @ about_x


@st.composite
def affines(draw: st.DrawFn, shear: bool = False) -> np.ndarray:
    """Any rotation or mirror rotation, anisotropic, with shear where asked for."""
    axes, signs = draw(st.sampled_from(ORIENTATIONS))
    affine = axis_aligned(axes, signs, draw(spacings))
    affine[:3, :3] = rotation(draw(st.tuples(*[st.floats(-0.7, 0.7)] * 3))) @ affine[:3, :3]
    if shear:
        tilt = np.eye(3)
        tilt[0, 2] = draw(st.floats(-0.4, 0.4))
        affine[:3, :3] = affine[:3, :3] @ tilt
    affine[:3, 3] = draw(origins)
    return affine
