"""Latent volumes, and the exactness of the ground truth that follows from them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfmed.errors import TfmedError
from tfmed.phantom import glioma, kinds, surroundings
from tfmed.phantom.anatomy import analytic
from tfmed.phantom.kinds.glioma import brats2015
from tfmed.phantom.latent import LESION, Latent, build
from tfmed.phantom.studies import make
from tfmed.phantom.tissues import Tissue
from tfmed.phantom.warp import BRATS, nearest_codes


def test_fractions_never_exceed_a_whole_voxel(latents: list[Latent]) -> None:
    for latent in latents:
        assert latent.channels[LESION:].astype(int).sum(0).max() <= 255
        assert latent.channels[2][latent.channels[0] != latent.channels[1]].size
        assert latent.channels[:2].max() < len(Tissue)


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, (4, 5), elements=st.integers(0, 63)))
def test_labels_follow_the_fractions(fractions: np.ndarray) -> None:
    channels = np.concatenate([np.zeros((LESION, 5), np.uint8), fractions])
    for column, label in zip(fractions.T.astype(int), brats2015(channels, {}), strict=True):
        necrosis, oedema, non_enhancing, enhancing = column
        core = necrosis + non_enhancing + enhancing
        if core >= 128:
            expected = 1 if 2 * necrosis >= core else 4 if enhancing >= non_enhancing else 3
        else:
            expected = 2 if oedema and 2 * oedema >= 255 - core else 0
        assert label == expected


def test_a_noiseless_study_is_labelled_voxel_for_voxel_by_its_generating_fields(
    latents: list[Latent],
) -> None:
    study = make("glioma", 1, anatomy="analytic", grade="HGG", spacing_mm=3.0, plain=True)
    latent = latents[0]
    necrosis, oedema, solid, enhancing = latent.channels[LESION:].astype(float) / 255
    core = necrosis + solid + enhancing > 0.5
    inside = latent.channels[3] >= 128
    marked = study.labels.array[latent.box]
    np.testing.assert_array_equal(marked == 1, core & (necrosis >= solid + enhancing) & inside)
    np.testing.assert_array_equal(np.isin(marked, (1, 3, 4)), core & inside)
    np.testing.assert_array_equal(
        marked == 4, core & (necrosis < solid + enhancing) & (enhancing >= solid) & inside
    )
    np.testing.assert_array_equal(
        marked == 2, ~core & (oedema > 0) & (oedema >= (1 - necrosis - solid - enhancing) / 2) & inside
    )


def test_a_noiseless_study_shows_pure_voxels_at_their_tissue_value(latents: list[Latent]) -> None:
    from tfmed.phantom.contrast import plain

    study = make("glioma", 1, anatomy="analytic", grade="HGG", spacing_mm=3.0, plain=True)
    first, second, _, depth, spots = latents[0].channels[:5]
    pure = (first == second) & (depth >= 128) & (spots == 0) & ~latents[0].channels[LESION:].any(0)
    for modality, values in zip(study.images, plain(tuple(study.images)).values, strict=True):
        shown = study.images[modality].array[latents[0].box][pure]
        np.testing.assert_array_equal(shown, np.maximum(np.rint(400 * values[first[pure]]), 1))


def test_a_seed_gives_the_same_latent_volume_and_another_seed_another() -> None:
    grid = BRATS.coarse(4.0)
    first, again, other = (build("glioma", seed, "analytic", grid) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.channels, again.channels)
    assert first.channels.shape != other.channels.shape or (first.channels != other.channels).any()


def test_high_grade_has_a_necrotic_or_enhancing_core_and_low_grade_mostly_neither(
    latents: list[Latent],
) -> None:
    high, low = (np.bincount(latent.labels().ravel(), minlength=5) for latent in latents[:2])
    assert high[4] + high[1] > high[3]
    assert low[3] > low[4] + low[1]
    assert not latents[2].labels().any()


def test_plans_span_the_clinic() -> None:
    rng = np.random.default_rng(0)
    plans = [glioma.draw(rng) for _ in range(2000)]
    total = np.array([plan.core_ml + plan.oedema_ml for plan in plans])
    assert total.min() < 2 and 200 < total.max() <= 250
    assert np.percentile(total, 5) < 10 and np.percentile(total, 95) > 150
    assert np.mean([plan.grade == "HGG" for plan in plans]) == pytest.approx(0.75, abs=0.04)
    high = [plan for plan in plans if plan.grade == "HGG"]
    assert 42 < np.median([plan.oedema_ml for plan in high]) < 90
    assert 14 < np.median([plan.core_ml for plan in high]) < 35


@settings(max_examples=6, deadline=None)
@given(st.floats(1, 110), st.sampled_from([0.0, 1.0]), st.integers(0, 99))
def test_what_grows_has_the_volume_planned(core_ml: float, ratio: float, seed: int) -> None:
    grid = BRATS.coarse(3.0)
    rng = np.random.default_rng(seed)
    place = grid.millimetres()
    codes = nearest_codes(analytic(0), place)
    depth = surroundings.surface_depth(codes, grid)
    plan = replace(glioma.draw(rng), core_ml=core_ml, oedema_ml=ratio * core_ml, infratentorial=False)
    growth = glioma.grow(plan, codes, depth, grid, rng)
    grown_ml = (growth.core > 0).sum() * 0.027
    assert 0.5 * core_ml - 0.7 < grown_ml < 1.9 * core_ml + 1.5
    assert ((growth.oedema > 0) >= (growth.core > 0.8)).all()
    assert np.abs(growth.push).max() <= plan.push_mm + 1e-3


def test_many_seeds_of_all_kinds_grow_without_a_warning() -> None:
    grid = BRATS.coarse(6.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(8):
            for kind in kinds.KINDS:
                latent = build(kind, seed, "analytic", grid)
                assert latent.channels[LESION:].astype(int).sum(0).max() <= 255


def test_after_a_resection_there_is_a_cavity_instead_of_necrosis() -> None:
    grid = BRATS.coarse(3.0)
    latent = build("glioma", 1, "analytic", grid, kinds.Options(grade="HGG", cavity=True))
    cavity = latent.labels("brats2024") == 4
    assert cavity.sum() > 0.3 * np.isin(latent.labels("brats2024"), (1, 3, 4)).sum()
    for edition in ("brats2015", "brats2018", "brats2023"):
        assert not latent.labels(edition)[cavity].any()
    assert not (latent.labels("brats2015") == 1).any()
    untouched = build("glioma", 1, "analytic", grid, kinds.Options(grade="HGG"))
    assert not (untouched.labels("brats2024") == 4).any()
    np.testing.assert_array_equal(untouched.labels("brats2024") > 0, untouched.labels() > 0)
    fluid = latent.channels[LESION][cavity]
    assert fluid.mean() > 160


def test_a_solid_glioma_enhances_and_has_little_oedema() -> None:
    grid = BRATS.coarse(3.0)
    for seed in range(6):
        labels = build("glioma", seed, "analytic", grid, kinds.Options(solid=True)).labels()
        parts = np.bincount(labels.ravel(), minlength=5)
        assert parts[4] > 0.6 * (parts[1] + parts[3] + parts[4])
        assert not parts[1]
        assert parts[2] < 2 * (parts[3] + parts[4])


def test_a_glioma_is_not_both_solid_and_resected() -> None:
    with pytest.raises(TfmedError, match="solid or has a cavity"):
        kinds.checked("glioma", solid=True, cavity=True)


def test_grown_volumes_stay_in_the_clinical_range(latents: list[Latent]) -> None:
    for latent in latents[:2]:
        volume_ml = (latent.labels() > 0).sum() * 3.0**3 / 1000
        assert 0.5 < volume_ml < 300


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0])
def test_choroid_plexus_is_a_few_ml_however_wide_the_ventricles(spacing_mm: float) -> None:
    shape = (int(80 / spacing_mm),) * 3
    lateral_mm = np.zeros((3, *shape), np.float32)
    lateral_mm[0], lateral_mm[1] = 20, -20
    depth, far = np.full(shape, 30, np.float32), np.full(shape, -60, np.float32)
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        codes = np.full(shape, Tissue.VENTRICLE, np.uint8)
        mixture = surroundings.Mixture(codes, codes.copy(), np.full(shape, 255, np.uint8))
        surroundings.add(mixture, surroundings.draw(rng), [depth, far, far, far], lateral_mm, spacing_mm, rng)
        found.append((mixture.first == Tissue.CHOROID).sum() * spacing_mm**3 / 1000)
    assert 0.3 < min(found) < 2 < max(found) <= 6.01
