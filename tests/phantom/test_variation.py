"""What varies inside a tissue: where it may change a slice, and what it must leave alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.phantom import contrast, variation
from tfmed.phantom.channels import LESION
from tfmed.phantom.latent import Latent
from tfmed.phantom.source import LatentSource
from tfmed.phantom.tissues import FLUID, GREY, N_TISSUES, Tissue, member

MODALITIES = ("flair", "t1", "t1c", "t2")
NOTHING = variation.Variation(25.0, np.zeros(4), np.zeros(4), np.zeros((4, 4)), 0, 0.8, 0, 1.0)
PLAIN = contrast.plain(MODALITIES)


def changed(channels: np.ndarray, drawn: variation.Variation, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Values before and after, float32 [4, ...]."""
    before, _ = contrast.clean(channels, PLAIN)
    after = before.copy()
    variation.apply(after, channels, PLAIN, drawn, np.random.default_rng(seed))
    return before, after


@pytest.fixture(scope="module")
def plane(latents: list[Latent]) -> np.ndarray:
    """The axial slice [9, x, y, 1] of the high-grade glioma with the most lesion."""
    channels = latents[0].channels
    index = int((channels[LESION:].sum(0) > 0).sum((0, 1)).argmax())
    return channels[..., index : index + 1]


def test_nothing_drawn_changes_nothing(plane: np.ndarray) -> None:
    before, after = changed(plane, NOTHING)
    np.testing.assert_array_equal(before, after)


def test_flow_brightens_fluid_in_flair_alone(plane: np.ndarray) -> None:
    before, after = changed(plane, replace(NOTHING, flow=1.5, flow_from=-3.0))
    np.testing.assert_array_equal(before[1:], after[1:])
    fluid = member(plane[0], FLUID) | member(plane[1], FLUID)
    different = before[0] != after[0]
    assert different.any() and not (different & ~fluid).any()
    assert (after[0] >= before[0]).all()


def test_a_mismatch_darkens_the_non_enhancing_core_in_flair_alone(latents: list[Latent]) -> None:
    channels = latents[1].channels
    index = int(channels[LESION + 2].astype(int).sum((0, 1)).argmax())
    plane = channels[..., index : index + 1]
    before, after = changed(plane, replace(NOTHING, mismatch=1.0))
    np.testing.assert_array_equal(before[1:], after[1:])
    different = before[0] != after[0]
    assert different.any() and not (different & (plane[LESION + 2] == 0)).any()
    assert (after[0] <= before[0]).all() and (after >= 0).all()


def test_grey_matter_drifts_by_itself(plane: np.ndarray) -> None:
    before, after = changed(plane, replace(NOTHING, grey=np.full(4, 0.1)))
    different = before != after
    assert different.any() and not different[:, ~member(plane[0], GREY)].any()


@given(seed=st.integers(0, 2**32 - 1))
def test_parts_keep_the_sign_of_their_difference(plane: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = replace(
        NOTHING, lesion=rng.uniform(0, 0.5, (4, 4)), step_mm=float(rng.choice(variation.STEPS_MM))
    )
    before, after = changed(plane, drawn, seed)
    fractions = plane[LESION:]
    np.testing.assert_array_equal(before[:, ~fractions.any(0)], after[:, ~fractions.any(0)])
    white = PLAIN.values[:, Tissue.WHITE].reshape(-1, 1)
    for part, fraction in enumerate(fractions):
        whole = fraction == 255
        differences = PLAIN.values[:, N_TISSUES + part].reshape(-1, 1) - white
        ratio = (after[:, whole] - white) / differences
        # Nothing is darker than 0: there the difference ends.
        assert ((ratio > 0.5) & (ratio < np.exp(1.01)) | (after[:, whole] == 0)).all()


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(2, 9), height=st.integers(2, 9))
def test_slices_of_any_size_and_lesions_of_a_voxel(seed: int, width: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    channels = np.zeros((9, width, 1, height), np.uint8)
    channels[0], channels[2] = rng.integers(0, N_TISSUES, (width, 1, height)), 255
    channels[LESION + rng.integers(4), rng.integers(width), 0, rng.integers(height)] = 255
    _, after = changed(channels, variation.draw(4, rng), seed)
    assert np.isfinite(after).all() and (after >= 0).all()


def test_plain_slices_have_none_of_it(source: LatentSource, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(variation, "apply", lambda *_: calls.append(1))
    plain = LatentSource(*(case.path for case in source.cases), plain=True)
    index = int(source.cases[0].lesion_slices[0][0])
    plain.slice(0, 0, index, np.random.default_rng(0))
    assert not calls
    source.slice(0, 0, index, np.random.default_rng(0))
    assert calls
