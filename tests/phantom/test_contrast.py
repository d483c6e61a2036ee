"""Tissue contrasts against what radiology leads one to expect, relative to white matter."""

import numpy as np
import pytest

from tfmed.phantom import contrast
from tfmed.phantom.tissues import N_TISSUES, Tissue

NECROSIS, OEDEMA, NON_ENHANCING, ENHANCING = range(N_TISSUES, N_TISSUES + 4)
MODALITIES = ("flair", "t1", "t1c", "t2")


def draws(random_share: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([contrast.draw(MODALITIES, rng, random_share).values for _ in range(400)])


def ratios(random_share: float, modality: str, code: int) -> np.ndarray:
    values = draws(random_share)[:, MODALITIES.index(modality)]
    return values[:, code] / values[:, Tissue.WHITE]


@pytest.mark.parametrize(
    ("modality", "code", "low", "high"),
    [
        ("t1", Tissue.CSF, 0.2, 0.65),
        ("t1", Tissue.CORTEX, 0.65, 1.05),
        ("t1", OEDEMA, 0.55, 1.25),
        ("t1", NON_ENHANCING, 0.5, 1.1),
        ("t1c", ENHANCING, 1.0, 3.5),
        ("t2", Tissue.CSF, 1.8, 9),
        ("t2", Tissue.CORTEX, 1.05, 2.3),
        ("t2", OEDEMA, 1.2, 4.5),
        ("t2", NON_ENHANCING, 1.3, 5.5),
        ("flair", Tissue.CSF, 0, 1.1),
        ("flair", Tissue.CORTEX, 0.8, 1.9),
        ("flair", OEDEMA, 1.0, 3.5),
        ("flair", NON_ENHANCING, 1.0, 3.8),
        ("flair", NECROSIS, 0, 5),
    ],
)  # fmt: skip
def test_realistic_contrasts_lie_in_the_radiological_range(
    modality: str, code: int, low: float, high: float
) -> None:
    values = ratios(0.0, modality, code)
    assert low <= np.percentile(values, 1) and np.percentile(values, 99) <= high


@pytest.mark.parametrize("modality", ["t1", "t1c"])
def test_necrosis_is_dark_on_t1_but_where_it_bled(modality: str) -> None:
    values = ratios(0.0, modality, NECROSIS)
    assert 0.85 < (values < 1.2).mean() < 0.99
    assert values.min() > 0.3 and np.median(values) < 0.85


def test_ranges_are_wide() -> None:
    enhancing = ratios(0.0, "t1c", ENHANCING)
    assert np.percentile(enhancing, 3) < 1.25 and np.percentile(enhancing, 97) > 2.0
    necrosis = ratios(0.0, "flair", NECROSIS)
    assert (necrosis < 0.6).mean() > 0.1 and (necrosis > 1.5).mean() > 0.2


@pytest.mark.parametrize("random_share", [0.0, 1.0])
def test_the_sign_that_makes_a_lesion_survives_any_contrast(random_share: float) -> None:
    values = draws(random_share)
    tissue = values[:, :, [Tissue.WHITE, Tissue.CORTEX]]
    assert (values[:, 0, OEDEMA] > tissue[:, 0].max(1)).mean() > 0.97
    assert (values[:, 2, ENHANCING] > tissue[:, 2].max(1)).mean() > 0.99
    assert (values[:, 3, NON_ENHANCING] > tissue[:, 3].max(1)).mean() > 0.97


def test_free_contrasts_reverse_the_order_of_tissues_half_of_the_time() -> None:
    values = draws(1.0)[:, 1]
    assert 0.35 < (values[:, Tissue.CORTEX] > values[:, Tissue.WHITE]).mean() < 0.65


def test_fractions_mix_their_values() -> None:
    channels = np.zeros((9, 1, 1, 1), np.uint8)
    channels[:3, 0, 0, 0] = Tissue.WHITE, Tissue.CSF, 128
    channels[5:, 0, 0, 0] = 0, 51, 0, 102
    chosen = contrast.plain(("t2",))
    value, _ = contrast.clean(channels, chosen)
    table = chosen.values[0]
    healthy = (128 * table[Tissue.WHITE] + 127 * table[Tissue.CSF]) / 255
    assert value.item() == pytest.approx(
        0.4 * healthy + 0.2 * table[OEDEMA] + 0.4 * table[ENHANCING], rel=1e-5
    )
