"""Multiple sclerosis: many small lesions in the right places, dark on T1, bright on T2."""

import numpy as np
import pytest
from scipy import ndimage

from tfmed.phantom import contrast
from tfmed.phantom.kinds import Options, ms
from tfmed.phantom.latent import LESION, Latent, build
from tfmed.phantom.tissues import N_TISSUES, Tissue
from tfmed.phantom.warp import BRATS

PART = {name: N_TISSUES + number for number, name in enumerate(ms.PARTS)}


@pytest.fixture(scope="module")
def patients() -> list[Latent]:
    return [build("ms", seed, "analytic", BRATS.coarse(2.0)) for seed in (1, 2)]


# Relative to white matter, over echo and repetition times from clinic to clinic and a display curve of any
# power near 1. Lesions are dark on T1: oedema and demyelination leave some at the signal of white matter,
# none above it; black holes, which lost their axons, lie at or below grey matter (.73 to 1.0). Active ones
# take up contrast agent and are above all tissue, but stay below vessels and rims of gliomas (up to 3.5).
@pytest.mark.parametrize(
    ("modality", "part", "low", "high"),
    [
        ("t1", "lesion", 0.6, 1.0),
        ("t1", "black_hole", 0.35, 0.8),
        ("t1c", "lesion", 0.6, 1.0),
        ("t1c", "enhancing", 1.1, 2.4),
        ("t2", "lesion", 1.4, 3.6),
        ("t2", "black_hole", 1.5, 5.0),
        ("flair", "lesion", 1.1, 3.0),
        ("pd", "lesion", 1.05, 1.6),
    ],
)
def test_lesions_lie_in_the_radiological_range(modality: str, part: str, low: float, high: float) -> None:
    rng = np.random.default_rng(0)
    rows = [contrast.draw((modality,), rng, 0.0, ms.signals({}, rng)).values[0] for _ in range(300)]
    values = np.array([row[PART[part]] / row[Tissue.WHITE] for row in rows])
    assert low <= np.percentile(values, 3) and np.percentile(values, 97) <= high


def test_lesions_are_brighter_than_tissue_in_any_contrast() -> None:
    rng = np.random.default_rng(0)
    for share in (0.0, 1.0):
        values = np.stack(
            [contrast.draw(("flair", "t2"), rng, share, ms.signals({}, rng)).values for _ in range(100)]
        )
        tissue = values[:, :, [Tissue.WHITE, Tissue.CORTEX]].max(2)
        assert (values[:, :, PART["lesion"]] > tissue).mean() > 0.95


def test_there_are_many_small_ones(patients: list[Latent]) -> None:
    for patient in patients:
        found, count = ndimage.label(patient.labels())
        sizes_ml = np.bincount(found.ravel())[1:] * 0.008
        assert count >= 15
        assert np.median(sizes_ml) < 0.6
        assert 0.5 < patient.volumes_ml()["1"] < 80
        places = [patient.provenance[place] for place in ms.PLACES]
        assert sum(places) == patient.provenance["lesions"] and min(places[0], places[1], places[3]) > 0


def test_they_lie_in_tissue_mostly_white(patients: list[Latent]) -> None:
    for patient in patients:
        first = patient.channels[0][patient.labels() > 0]
        assert np.isin(first, [Tissue.CSF, Tissue.VENTRICLE, Tissue.OUTSIDE]).mean() < 0.03
        assert (first == Tissue.WHITE).mean() > 0.6


def test_labels_are_thresholds_on_the_generating_fields(patients: list[Latent]) -> None:
    for patient in patients:
        lesion, hole, active, haze = patient.channels[LESION:].astype(int)
        np.testing.assert_array_equal(patient.labels(), lesion + hole + active >= 128)
        assert (lesion + hole + active + haze).max() <= 255


def test_the_load_spans_the_clinic() -> None:
    grid = BRATS.coarse(4.0)
    counts = [build("ms", seed, "analytic", grid, Options()).provenance["lesions"] for seed in range(10)]
    assert min(counts) < 60 and max(counts) > 150 and max(counts) <= ms.MOST_LESIONS
