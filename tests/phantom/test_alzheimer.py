"""Alzheimer's disease: graded atrophy."""

import numpy as np
import pytest

from tfmed.phantom.channels import dominant
from tfmed.phantom.kinds import Options
from tfmed.phantom.latent import Latent, build
from tfmed.phantom.tissues import Tissue
from tfmed.phantom.warp import BRATS


@pytest.fixture(scope="module")
def grades() -> list[Latent]:
    return [build("alzheimer", 4, "analytic", BRATS.coarse(2.5), Options(cdr=cdr)) for cdr in (0.5, 1.0, 2.0)]


def volumes(latents: list[Latent], tissue: Tissue) -> list[int]:
    return [int((dominant(latent.channels) == tissue).sum()) for latent in latents]


def test_hippocampus_and_cortex_waste_and_ventricles_grow_with_the_rating(grades: list[Latent]) -> None:
    for tissue, order in ((Tissue.HIPPOCAMPUS, -1), (Tissue.CORTEX, -1), (Tissue.VENTRICLE, 1)):
        sizes = volumes(grades, tissue)
        assert sizes == sorted(sizes, reverse=order < 0) and len(set(sizes)) == 3, tissue
    ventricles = volumes(grades, Tissue.VENTRICLE)
    assert 1.2 < ventricles[2] / ventricles[0] < 6
    hippocampus = volumes(grades, Tissue.HIPPOCAMPUS)
    assert 0.4 < hippocampus[2] / hippocampus[0] < 0.85


def test_the_lost_share_is_what_the_provenance_says(grades: list[Latent]) -> None:
    lost = [latent.provenance["lost"]["hippocampus"] for latent in grades]
    assert lost == sorted(lost) and lost[0] >= 0.08 and lost[2] <= 0.5
    assert [latent.provenance["cdr"] for latent in grades] == [0.5, 1.0, 2.0]


def test_the_labels_are_the_tissues_and_there_is_no_lesion(grades: list[Latent]) -> None:
    for latent in grades:
        labels, tissue = latent.labels(), dominant(latent.channels)
        np.testing.assert_array_equal(labels == 3, np.isin(tissue, [4, 6, 10, 11, 12]))
        np.testing.assert_array_equal(labels == 2, np.isin(tissue, [3, 5, 7, 8, 9, 13, 14]))
        np.testing.assert_array_equal(labels == 1, np.isin(tissue, [1, 2, 15]))
        assert not latent.channels[5:].any()
