"""Outlines that are not grown: of the volume asked for, where they may lie, and in gliomas made of them."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tfmed.errors import TfmedError
from tfmed.phantom import kinds, outlines
from tfmed.phantom.latent import LESION, Latent, build
from tfmed.phantom.warp import BRATS

SHAPE = (24, 28, 20)
GRID = BRATS.coarse(3.0)


def ball(radius: float = 8) -> np.ndarray:
    place = np.indices(SHAPE) - (np.array(SHAPE) / 2).reshape(3, 1, 1, 1)
    return (place**2).sum(0) < radius**2


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 3000),
    st.lists(st.tuples(*(st.integers(0, n - 1) for n in SHAPE)), min_size=1, max_size=4),
)
def test_a_drawn_outline_has_the_volume_asked_for_and_keeps_to_its_room(
    seed: int, voxels: float, seeds: list[tuple[int, int, int]]
) -> None:
    room = ball()
    outline = outlines.drawn(room, np.array(seeds), voxels, np.random.default_rng(seed))
    assert not (outline & ~room).any()
    assert outline.sum() == min(max(int(voxels), 1), room.sum())


def test_a_drawn_outline_lies_around_its_seeds() -> None:
    seeds = np.array([[5, 6, 10], [19, 22, 10]])
    room = np.ones(SHAPE, bool)
    for seed in range(10):
        outline = outlines.drawn(room, seeds, 300, np.random.default_rng(seed))
        away = np.linalg.norm(np.argwhere(outline) - seeds[:, None], axis=2).min(0)
        assert np.percentile(away, 90) < 10


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4000))
def test_a_trimmed_lesion_is_its_inner_part(seed: int, voxels: int) -> None:
    lesion = ball()
    rest = outlines.trimmed(lesion, voxels, np.random.default_rng(seed))
    assert not (rest & ~lesion).any()
    assert rest.sum() == min(voxels, lesion.sum())
    depth = ndimage.distance_transform_edt(lesion)
    assert depth[rest].mean() >= depth[lesion].mean()


def test_inner_places_are_in_the_deeper_half() -> None:
    rng = np.random.default_rng(0)
    outline = ball()
    depth = ndimage.distance_transform_edt(outline)
    places = outlines.inner_places(outline, 50, rng)
    assert places.shape == (50, 3)
    assert depth[tuple(places.T)].min() >= np.median(depth[outline])


def glioma(seed: int, **options: object) -> Latent:
    return build("glioma", seed, "analytic", GRID, kinds.checked("glioma", **options))


def test_a_drawn_glioma_is_a_function_of_its_seed_and_not_the_grown_one() -> None:
    for seed in (1, 4):
        first, again, grown = glioma(seed, drawn=True), glioma(seed, drawn=True), glioma(seed)
        np.testing.assert_array_equal(first.channels, again.channels)
        assert first.provenance["outline"] in ("core", "whole")
        assert "outline" not in grown.provenance
        assert (first.labels() > 0).sum() > 20
        assert first.channels[LESION:].astype(int).sum(0).max() <= 255


def test_drawn_gliomas_lie_in_several_places_more_often_than_grown_ones() -> None:
    def places(**options: object) -> float:
        counts = []
        for seed in range(12):
            core = np.isin(glioma(seed, **options).labels(), (1, 3, 4))
            labels, _ = ndimage.label(ndimage.binary_dilation(core))
            counts.append((np.bincount(labels.ravel())[1:] >= 30).sum())
        return float(np.mean(counts))

    assert places(drawn=True) > places() + 0.1


def test_a_glioma_takes_the_outline_of_a_real_lesion(tmp_path: Path) -> None:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -90, -126, -72
    # A slab, 12 mm from left to right: a shape that nothing else would give.
    mask = np.zeros((91, 109, 91), np.uint8)
    mask[27:33, 35:75, 40:70] = 1
    path = tmp_path / "slab.nii.gz"
    nibabel.save(nibabel.Nifti1Image(mask, affine), path)
    for seed in range(4):
        latent = glioma(seed, lesions=str(path))
        assert latent.provenance["lesion"]["case"] == "slab"
        labels = latent.labels()
        shape = labels > 0 if latent.provenance["outline"] == "whole" else np.isin(labels, (1, 3, 4))
        wide, deep, high = np.ptp(np.argwhere(shape), axis=0) * 3.0
        assert wide < 40
        assert max(deep, high) > 1.2 * wide


def test_an_outline_is_drawn_or_real() -> None:
    with pytest.raises(TfmedError, match="drawn or that of a real lesion"):
        kinds.checked("glioma", drawn=True, lesions="masks/")
