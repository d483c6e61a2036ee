import numpy as np
import pytest

from tfmed.errors import TfmedError
from tfmed.gathering import gather
from tfmed.study import LabelMap, Study, Volume

GRID = np.array([[-1.0, 0, 0, 10], [0, -1, 0, 20], [0, 0, 2, -5], [0, 0, 0, 1]])


def volume(seed: int = 0, affine: np.ndarray = GRID, shape: tuple[int, int, int] = (4, 5, 6)) -> Volume:
    return Volume(np.random.default_rng(seed).normal(size=shape).astype(np.float32), affine)


def labels(affine: np.ndarray = GRID, shape: tuple[int, int, int] = (4, 5, 6)) -> LabelMap:
    return LabelMap(np.random.default_rng(9).integers(0, 5, shape).astype(np.uint8), affine, "brats2015")


def shifted(millimetres: float) -> np.ndarray:
    moved = GRID.copy()
    moved[0, 3] += millimetres
    return moved


def test_a_study_lists_its_modalities_in_order_on_the_first_ones_grid() -> None:
    study = Study("a", {"t2": volume(1), "flair": volume(2)}, labels=labels())
    assert study.modalities == ("t2", "flair") and study.shape == (4, 5, 6)
    assert np.array_equal(study.affine, GRID)


@pytest.mark.parametrize("what", ["image", "labels", "mask"])
def test_two_grids_are_an_error_that_states_both(what: str) -> None:
    odd = labels(shifted(0.5)) if what == "labels" else volume(1, shifted(0.5))
    images = {"t1": volume()} | ({"t2": odd} if what == "image" else {})
    with pytest.raises(TfmedError, match=r"study a: t1 and .* two grids: .*origin \(10, .*origin \(10\.5, "):
        Study("a", images, odd if what == "labels" else None, odd if what == "mask" else None)


def test_a_thousandth_of_a_voxel_is_no_difference() -> None:
    Study("a", {"t1": volume(), "t2": volume(1, shifted(0.0009))})
    with pytest.raises(TfmedError):
        Study("a", {"t1": volume(), "t2": volume(1, shifted(0.0011))})


def test_a_study_needs_an_image() -> None:
    with pytest.raises(TfmedError, match="no image"):
        Study("a", {})


def test_volumes_refuse_other_than_three_axes_and_unusable_affines() -> None:
    with pytest.raises(TfmedError, match="three axes"):
        Volume(np.zeros((2, 2)), GRID)
    with pytest.raises(TfmedError, match="singular"):
        Volume(np.zeros((2, 2, 2)), np.diag([1.0, 0, 1, 1]))
    with pytest.raises(TfmedError, match="integers"):
        LabelMap(np.zeros((2, 2, 2)), GRID)


def test_canonical_keeps_kind_and_edition() -> None:
    turned = labels().canonical()
    assert isinstance(turned, LabelMap) and turned.edition == "brats2015"
    assert np.array_equal(turned.array, labels().array[::-1, ::-1])


def test_resampled_labels_stay_labels_and_images_become_float32() -> None:
    fine = labels().isotropic()
    assert fine.shape == (4, 5, 12) and fine.dtype == np.uint8 and fine.edition == "brats2015"
    assert set(np.unique(fine.array)) <= set(np.unique(labels().array))
    assert volume().isotropic().dtype == np.float32
    assert labels().isotropic(1.0).isotropic(1.0).shape == (4, 5, 12)


def test_a_whole_study_in_the_frame_of_the_models() -> None:
    study = Study("a", {"t1": volume()}, labels(), volume(3), provenance={"x": 1}).canonical(1.0)
    assert study.shape == (4, 5, 12) and np.allclose(study.affine[:3, :3], np.eye(3))
    assert study.labels.shape == study.mask.shape == study.shape and study.provenance == {"x": 1}
    assert set(np.unique(study.mask.array)) <= set(np.unique(volume(3).array))


class TestGather:
    def test_one_grid_passes_untouched(self) -> None:
        study = gather("a", {"t1": volume(), "t2": volume(1)}, labels=labels())
        assert "grid" not in study.provenance

    def test_a_flipped_copy_is_turned_exactly(self) -> None:
        turned = volume(1).canonical()
        study = gather("a", {"t1": volume(), "t2": turned})
        assert np.array_equal(study.images["t2"].array, volume(1).array)
        assert study.provenance["grid"] == {"t2": "turned from RAS"}

    def test_a_rigid_difference_needs_leave_and_is_recorded(self) -> None:
        far = volume(1, shifted(1.5))
        with pytest.raises(TfmedError, match="must be allowed"):
            gather("a", {"t1": volume(), "t2": far})
        study = gather("a", {"t1": volume(), "t2": far}, labels=labels(shifted(2.0)), resample=True)
        assert "resampled (linear)" in study.provenance["grid"]["t2"]
        assert "resampled (nearest)" in study.provenance["grid"]["labels"]
        halfway = (far.array[1:-1] + far.array[2:]) / 2
        assert np.allclose(study.images["t2"].array[: halfway.shape[0]], halfway, atol=1e-5)
        assert study.labels.edition == "brats2015"

    def test_grids_that_share_no_place_are_refused_even_with_leave(self) -> None:
        with pytest.raises(TfmedError, match="only where they overlap"):
            gather("a", {"t1": volume(), "t2": volume(1, shifted(500))}, resample=True)

    def test_outside_of_a_resampled_image_comes_its_background(self) -> None:
        array = np.full((6, 6, 6), -4.0, np.float32)
        array[2:4, 2:4, 2:4] = 9
        far = Volume(array, np.eye(4))
        near = Volume(np.zeros((6, 6, 6), np.float32), np.diag([2.0, 2, 2, 1]))
        study = gather("a", {"t1": near, "t2": far}, resample=True)
        assert study.images["t2"].array[5, 5, 5] == -4

    def test_the_reference_may_be_named_and_the_order_stays(self) -> None:
        study = gather("a", {"t1": volume(), "t2": volume(1, shifted(0.5))}, reference="t2", resample=True)
        assert study.modalities == ("t1", "t2") and np.allclose(study.affine, shifted(0.5))
        assert list(study.provenance["grid"]) == ["t1"]

    def test_an_unknown_reference_is_told(self) -> None:
        with pytest.raises(TfmedError, match="no image 'pd'"):
            gather("a", {"t1": volume()}, reference="pd")
