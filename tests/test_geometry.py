from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.geometries import ORIENTATIONS, affines, axis_aligned, lengths
from tfmed import geometry


def numbered(shape: tuple[int, int, int]) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int32).reshape(shape)


def world_of(array: np.ndarray, affine: np.ndarray) -> dict[int, np.ndarray]:
    """Where each voxel value lies in the world."""
    return {int(array[index]): geometry.apply(affine, index) for index in np.ndindex(array.shape)}


@given(affines(shear=True))
def test_orientation_is_that_of_nibabel(affine: np.ndarray) -> None:
    from nibabel.orientations import aff2axcodes

    cosines = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    # Two axes that shear has brought close to one world axis are shared out differently: nibabel first makes
    # the affine orthogonal.
    if cosines.max(0).min() > 0.8 and len(set(cosines.argmax(0))) == 3:
        assert geometry.axis_codes(affine) == "".join(aff2axcodes(affine))


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS)
def test_codes_of_all_48_orientations(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    letters = ("LR", "PA", "IS")
    expected = "".join(letters[world][sign > 0] for world, sign in zip(axes, signs, strict=True))
    assert geometry.axis_codes(axis_aligned(axes, signs, (1, 2, 3))) == expected


@given(lengths, affines(shear=True))
def test_canonical_keeps_every_voxel_in_its_place(shape: tuple[int, int, int], affine: np.ndarray) -> None:
    array = numbered(shape)
    turned, turned_affine = geometry.canonical(array, affine)
    assert geometry.axis_codes(turned_affine) == "RAS"
    before, after = world_of(array, affine), world_of(turned, turned_affine)
    assert all(np.allclose(before[value], after[value], atol=1e-9) for value in before)
    assert np.shares_memory(turned, array)


@given(affines(shear=True), st.tuples(*[st.floats(-100, 100)] * 3))
def test_apply_is_undone_by_the_inverse(affine: np.ndarray, point: tuple[float, float, float]) -> None:
    there = geometry.apply(affine, np.array(point))
    assert np.allclose(geometry.apply(np.linalg.inv(affine), there), point, atol=1e-6)


@given(lengths, affines(), st.floats(0, 0.01))
def test_grids_are_one_within_a_thousandth_of_a_voxel(
    shape: tuple[int, int, int], affine: np.ndarray, shift: float
) -> None:
    moved = affine.copy()
    moved[:3, 3] += shift * min(geometry.spacing_mm(affine)) * np.array([0.6, 0.0, 0.8])
    if abs(shift - geometry.GRID_TOLERANCE_VOXELS) > 1e-6:
        assert geometry.same_grid(shape, affine, shape, moved) == (shift < geometry.GRID_TOLERANCE_VOXELS)
    assert not geometry.same_grid(shape, affine, (shape[0] + 1, *shape[1:]), affine)


@given(lengths, affines())
def test_resampling_onto_its_own_grid_changes_nothing(
    shape: tuple[int, int, int], affine: np.ndarray
) -> None:
    array = numbered(shape)
    assert np.array_equal(geometry.resample(array, affine, shape, affine, "nearest", -1), array)
    assert np.allclose(geometry.resample(array, affine, shape, affine, "linear", -1), array, atol=1e-3)


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS)
def test_resampling_onto_a_turned_grid_is_turning(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    affine = axis_aligned(axes, signs, (1.5, 0.7, 2.0))
    array = numbered((3, 4, 5))
    turned, turned_affine = geometry.canonical(array, affine)
    for kind in ("nearest", "linear"):
        found = geometry.resample(array, affine, turned.shape, turned_affine, kind)
        assert np.allclose(found, turned, atol=1e-4)


@given(affines(shear=True), affines())
def test_linear_resampling_of_a_linear_field_is_exact(affine: np.ndarray, other: np.ndarray) -> None:
    """Where a finer target lies inside the source, a field linear in the world comes out as it is."""
    shape, slope = (7, 8, 9), np.array([0.3, -0.2, 0.5])
    centre = geometry.apply(affine, (np.array(shape) - 1) / 2)
    target = other.copy()
    target[:3, :3] *= 0.05
    target[:3, 3] = centre
    target[:3, 3] -= target[:3, :3] @ np.array([1.5, 1.5, 1.5])
    grid = np.moveaxis(np.indices(shape), 0, -1)
    field = (geometry.apply(affine, grid) - centre) @ slope
    wanted = (geometry.apply(target, np.moveaxis(np.indices((4, 4, 4)), 0, -1)) - centre) @ slope
    found = geometry.resample(field, affine, (4, 4, 4), target, "linear")
    assert np.allclose(found, wanted, atol=1e-8)


def test_outside_comes_fill_and_half_a_voxel_of_border_is_continued() -> None:
    array = np.full((2, 2, 2), 7.0, np.float32)
    target = np.eye(4)
    target[0, 0] = 0.25
    target[0, 3] = -1.0
    line = geometry.resample(array, np.eye(4), (13, 1, 1), target, "linear", -3.0)[:, 0, 0]
    assert line.tolist() == [-3, -3] + [7] * 9 + [-3, -3]


def test_coarser_linear_resampling_averages_over_the_new_voxel() -> None:
    stripes = np.zeros((12, 2, 2), np.float32)
    stripes[::3] = 3.0
    target = np.diag([3.0, 1, 1, 1])
    target[0, 3] = 1.0
    assert np.allclose(geometry.resample(stripes, np.eye(4), (4, 2, 2), target), 1.0)


@given(lengths, affines(shear=True), st.sampled_from([0.5, 1.0, 2.5]))
def test_an_isotropic_grid_covers_the_same_box(
    shape: tuple[int, int, int], affine: np.ndarray, spacing: float
) -> None:
    new_shape, new = geometry.isotropic_grid(shape, affine, spacing)
    assert np.allclose(geometry.spacing_mm(new), spacing)
    centre = (np.array(shape) - 1) / 2
    assert np.allclose(
        geometry.apply(affine, centre), geometry.apply(new, (np.array(new_shape) - 1) / 2), atol=1e-6
    )
    outer = geometry.corners(shape) + np.where(geometry.corners(shape) > centre, 0.5, -0.5)
    if min(shape) > 1:
        places = geometry.apply(np.linalg.inv(new), geometry.apply(affine, outer))
        wanted = np.array(new_shape)
        assert (places.min(0) > -1.01).all() and (places.max(0) < wanted + 0.01).all()


def test_a_grid_of_the_right_spacing_is_left_as_it_is() -> None:
    affine = axis_aligned((1, 0, 2), (-1, 1, 1), (1, 1, 1))
    affine[0, 0] = 1e-7
    shape, same = geometry.isotropic_grid((240, 240, 155), affine)
    assert shape == (240, 240, 155) and same is affine


def test_labels_survive_the_way_to_one_millimetre_and_back() -> None:
    affine = axis_aligned((0, 1, 2), (-1, -1, 1), (1, 1, 3))
    array = np.zeros((20, 20, 10), np.uint8)
    array[5:15, 4:12, 3:7] = 4
    shape, fine = geometry.isotropic_grid(array.shape, affine)
    there = geometry.resample(array, affine, shape, fine, "nearest")
    back = geometry.resample(there, fine, array.shape, affine, "nearest")
    assert there.dtype == np.uint8 and np.array_equal(back, array)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[:3], "4x4"),
        (lambda a: a * np.nan, "NaN"),
        (lambda a: a + np.eye(4)[3][:, None], "last row"),
        (lambda a: a * [0, 1, 1, 1], "singular"),
        (lambda a: a[:, [0, 0, 2, 3]], "singular"),
    ],
)
def test_unusable_affines_are_refused(change: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        geometry.check_affine(change(np.diag([2.0, 2, 2, 1])))


def test_tiny_and_huge_voxels_are_not_singular() -> None:
    for spacing in (1e-4, 1e4):
        geometry.check_affine(np.diag([spacing, spacing, spacing * 3, 1]))


def test_voxel_volume_of_a_sheared_grid_is_its_determinant() -> None:
    affine = np.diag([2.0, 3, 4, 1])
    affine[0, 2] = 1.7
    assert geometry.voxel_volume_mm3(affine) == pytest.approx(24)
