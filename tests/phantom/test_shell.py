"""Whole heads: skull and scalp around the brain, air that is noise."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tfmed import phantom
from tfmed.phantom import shell
from tfmed.phantom.anatomy import Anatomy, analytic, label_map
from tfmed.phantom.tissues import Tissue, member

CASE = {"seed": 6, "anatomy": "analytic", "spacing_mm": 3.0, "shape": (224, 256, 224)}


@pytest.fixture(scope="module")
def bare() -> Anatomy:
    """A small ball of brain with nothing around it."""
    axes = np.meshgrid(*[np.arange(70) - 34.5] * 3, indexing="ij")
    radius = np.sqrt(sum(a**2 for a in axes))
    codes = np.where(radius < 24, Tissue.WHITE, np.where(radius < 26, Tissue.CORTEX, Tissue.OUTSIDE))
    box = np.array([[-25.5, 25.5]] * 3)
    return Anatomy(codes.astype(np.uint8), np.full(3, 34.5), box, {"provider": "test"})


def test_a_bare_brain_gets_layers_in_their_order(bare: Anatomy) -> None:
    head = shell.whole_head(bare)
    moved = int(head.centre[0] - bare.centre[0])
    inner = head.codes[moved : moved + 70, moved : moved + 70, moved : moved + 70]
    brain = bare.codes != Tissue.OUTSIDE
    np.testing.assert_array_equal(inner[brain], bare.codes[brain])
    middle, height = head.codes.shape[0] // 2, int(head.centre[2])
    ray = head.codes[middle, head.codes.shape[1] // 2, height + 26 :]
    order = [int(ray[0]), *(int(b) for a, b in pairwise(ray) if a != b)]
    assert order[-4:] == [Tissue.SKULL, Tissue.FAT, Tissue.SOFT, Tissue.OUTSIDE]
    assert Tissue.CSF in order and order.index(Tissue.CSF) < order.index(Tissue.SKULL)
    assert (head.codes == Tissue.EYE).sum() > 500


def test_a_head_that_has_its_own_skull_is_left_as_it_is(people: Path) -> None:
    for head in (analytic(0), label_map(str(people / "train" / "head_a.nii.gz"))):
        assert shell.whole_head(head) is head


def test_whole_heads_show_scalp_and_noise_and_the_same_lesion() -> None:
    whole, brain = (phantom.make("glioma", grade="HGG", skull=skull, **CASE) for skull in (True, False))
    t1 = whole.images["t1"].array
    stripped = brain.images["t1"].array
    around = (stripped == 0) & (t1 > 0.5 * np.median(stripped[stripped > 0]))
    assert around.sum() > 0.2 * (stripped > 0).sum()
    corner = t1[:4, :4, :4]
    assert corner.any() and corner.mean() < 0.3 * t1[t1.shape[0] // 2].max()
    assert t1.min() >= 0
    lesions = [study.labels.array > 0 for study in (whole, brain)]
    assert 2 * (lesions[0] & lesions[1]).sum() > 0.85 * (lesions[0].sum() + lesions[1].sum())
    assert whole.provenance["skull"] and "skull" not in brain.provenance


def test_the_scalp_is_in_no_stripped_head() -> None:
    brain = phantom.make("healthy", plain=True, **CASE)
    assert (brain.images["t1"].array > 0).sum() * 0.027 < 1900


def test_skulls_of_latent_heads_hold_bone() -> None:
    from tfmed.phantom.kinds import Options
    from tfmed.phantom.latent import build
    from tfmed.phantom.warp import BRATS

    latent = build("healthy", 1, "analytic", BRATS.coarse(4.0), Options(skull=True))
    assert member(latent.channels[0], shell.HEAD).sum() * 0.064 > 400
