"""Latent volumes, and the exactness of the ground truth that follows from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfmed.phantom import glioma
from tfmed.phantom.kinds.glioma import brats2015
from tfmed.phantom.latent import LESION, Latent, build
from tfmed.phantom.studies import make
from tfmed.phantom.tissues import Tissue
from tfmed.phantom.warp import BRATS


def test_fractions_never_exceed_a_whole_voxel(latents: list[Latent]) -> None:
    for latent in latents:
        assert latent.channels[LESION:].astype(int).sum(0).max() <= 255
        assert latent.channels[2][latent.channels[0] != latent.channels[1]].size
        assert latent.channels[:2].max() < len(Tissue)


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, (4, 5), elements=st.integers(0, 63)))
def test_labels_follow_the_fractions(fractions: np.ndarray) -> None:
    channels = np.concatenate([np.zeros((LESION, 5), np.uint8), fractions])
    for column, label in zip(fractions.T.astype(int), brats2015(channels), strict=True):
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
    assert total.min() >= 1 and total.max() <= 250
    assert np.percentile(total, 5) < 20 and np.percentile(total, 95) > 130
    assert np.mean([plan.grade == "HGG" for plan in plans]) == pytest.approx(0.75, abs=0.04)


def test_grown_volumes_stay_in_the_clinical_range(latents: list[Latent]) -> None:
    for latent in latents[:2]:
        volume_ml = (latent.labels() > 0).sum() * 3.0**3 / 1000
        assert 0.5 < volume_ml < 300
