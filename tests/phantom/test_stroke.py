"""Strokes: exact labels, one side and territory, contrast by age."""

import numpy as np
import pytest

from tfmed import phantom
from tfmed.phantom import contrast
from tfmed.phantom.anatomy import analytic
from tfmed.phantom.kinds import Options, stroke
from tfmed.phantom.latent import LESION, Latent, build
from tfmed.phantom.territories import ARTERIES, normalised, territories
from tfmed.phantom.tissues import N_TISSUES, Tissue
from tfmed.phantom.warp import BRATS, Grid, nearest_codes

INFARCT = N_TISSUES
MODALITIES = ("flair", "t1", "t1c", "t2", "dwi", "adc", "cbf", "tmax")


@pytest.fixture(scope="module")
def acute() -> Latent:
    return build("stroke", 5, "analytic", BRATS.coarse(3.0), Options(age_h=8.0))


def ratio(age_h: float, modality: str) -> np.ndarray:
    """Infarct against white matter in 200 scans."""
    rng = np.random.default_rng(0)
    rows = [
        contrast.draw((modality,), rng, 0.0, stroke.signals({"age_h": age_h}, rng)).values[0]
        for _ in range(200)
    ]
    return np.array([row[INFARCT] / row[Tissue.WHITE] for row in rows])


# Relative to white matter. An infarct starts from the signal of grey matter, which it mostly is: healthy
# cortex alone lies at .73 to 1.0 in T1, .93 to 1.7 in FLAIR and 1.1 to 1.9 in DWI over the sequences drawn.
# Age adds to that:
# - T1 (near normal): water comes within a day and costs up to 15 %, less than sequences differ.
# - 3 h: diffusion fell by a third within minutes, DWI is clearly bright; T2 has hardly risen, so that FLAIR
#   may still be normal (the mismatch that dates strokes below 4.5 h), hence from .9.
# - 24 h: DWI very bright, ADC at half, T2 and FLAIR slightly bright.
# - 2500 h: gliosis. ADC above normal darkens DWI, long T2 shines through: from half to twice white matter.
# - Perfusion: core is CBF below 30 % of normal, up to 40 % with the jitter of white matter itself; Tmax is
#   beyond 6 s where it is 1 to 2 s normally, and maps end near 20 s: 3 to 14 times.
@pytest.mark.parametrize(
    ("age_h", "modality", "low", "high"),
    [
        (24, "t1", 0.75, 1.2),
        (24, "t2", 1.15, 3.0),
        (24, "flair", 1.1, 2.8),
        (24, "dwi", 1.5, 4.0),
        (24, "adc", 0.3, 0.8),
        (3, "flair", 0.9, 2.2),
        (3, "dwi", 1.2, 2.9),
        (2500, "dwi", 0.5, 2.0),
        (2500, "adc", 1.3, 3.2),
        (2500, "t1", 0.5, 0.95),
        (10, "cbf", 0.15, 0.4),
        (10, "tmax", 3, 14),
    ],
)
def test_an_infarct_shows_as_its_age_has_it(age_h: float, modality: str, low: float, high: float) -> None:
    values = ratio(age_h, modality)
    assert low <= np.percentile(values, 2) and np.percentile(values, 98) <= high


def test_what_is_first_to_show_is_diffusion_and_then_t2() -> None:
    early, late = (np.median(ratio(age, "dwi")) / np.median(ratio(age, "flair")) for age in (2, 2000))
    assert early > 1.2 and late < 0.8


@pytest.mark.parametrize("random_share", [0.0, 1.0])
def test_an_acute_infarct_stays_bright_on_diffusion_in_any_contrast(random_share: float) -> None:
    rng = np.random.default_rng(1)
    values = np.stack(
        [
            contrast.draw(MODALITIES, rng, random_share, stroke.signals({"age_h": 30.0}, rng)).values
            for _ in range(100)
        ]
    )
    tissue = values[:, :, [Tissue.WHITE, Tissue.CORTEX]]
    dwi, adc = MODALITIES.index("dwi"), MODALITIES.index("adc")
    assert (values[:, dwi, INFARCT] > tissue[:, dwi].max(1)).mean() > 0.97
    assert (values[:, adc, INFARCT] < tissue[:, adc].min(1)).mean() > 0.97


def test_labels_are_thresholds_on_the_generating_fields(acute: Latent) -> None:
    infarct, penumbra, blood, cavity = acute.channels[LESION:].astype(float)
    core = infarct + blood + cavity >= 128
    np.testing.assert_array_equal(acute.labels(), core)
    spes = acute.labels("isles2015_spes")
    np.testing.assert_array_equal(spes == 1, core)
    np.testing.assert_array_equal(spes == 2, ~core & (infarct + penumbra + blood + cavity >= 128))
    assert (spes == 2).sum() > 0.2 * core.sum()


def test_it_lies_on_one_side_in_tissue(acute: Latent) -> None:
    where = np.argwhere(acute.labels() > 0)
    middle = acute.channels.shape[1] / 2
    assert min((where[:, 0] < middle - 2).mean(), (where[:, 0] > middle + 2).mean()) < 0.02
    first = acute.channels[0][acute.labels() > 0]
    assert np.isin(first, [Tissue.VENTRICLE, Tissue.OUTSIDE]).mean() < 0.01


def test_after_a_day_there_is_no_penumbra_and_after_months_a_cavity() -> None:
    grid = BRATS.coarse(4.0)
    late = build("stroke", 5, "analytic", grid, Options(age_h=4000.0)).channels[LESION:]
    assert not late[1].any()
    assert late[3].sum() > 0.2 * late[0].sum()
    assert not build("stroke", 5, "analytic", grid, Options(age_h=48.0)).channels[LESION + 3].any()


def test_volumes_of_strokes_spread_over_two_orders_of_magnitude() -> None:
    grid = BRATS.coarse(6.0)
    volumes = [
        build("stroke", seed, "analytic", grid, Options(age_h=48.0)).volumes_ml().get("1", 0.0)
        for seed in range(12)
    ]
    assert min(volumes) < 5 and max(volumes) > 60


def test_territories_are_alike_on_both_sides_and_where_they_belong() -> None:
    head = analytic(0)
    place_mm = Grid((60, 72, 60), 3.0).millimetres()
    codes, place = nearest_codes(head, place_mm), normalised(head, place_mm)
    owners = territories(codes, place)
    assert set(np.unique(owners)) == set(range(len(ARTERIES)))
    assert not owners[codes == Tissue.CSF].any()
    both = (owners > 0) & (owners[::-1] > 0)
    assert (owners == owners[::-1])[both].mean() > 0.97

    def centre(name: str) -> np.ndarray:
        points = place[:, owners == ARTERIES.index(name)]
        return np.array([np.abs(points[0]).mean(), points[1].mean(), points[2].mean()])

    assert centre("ACA")[0] < centre("MCA superior")[0]
    assert centre("PCA")[1] < centre("MCA inferior")[1] < centre("ACA")[1]
    assert centre("cerebellar")[2] < centre("PCA")[2]


def test_perfusion_maps_of_spes_show_the_penumbra(acute: Latent) -> None:
    study = phantom.make(
        "stroke",
        5,
        "analytic",
        ("cbf", "tmax"),
        spacing_mm=3.0,
        age_h=8.0,
        plain=True,
        edition="isles2015_spes",
    )
    labels = study.labels.array
    cbf, tmax = (study.images[name].array for name in ("cbf", "tmax"))
    white = (acute.channels[0] == Tissue.WHITE) & (acute.channels[2] == 255) & (acute.channels[3] > 180)
    healthy = white & (acute.labels("isles2015_spes") == 0) & (acute.channels[4] == 0)
    inside = study.labels.array[acute.box]
    for value in (1, 2):
        assert np.median(cbf[labels == value]) < 0.7 * np.median(cbf[acute.box][healthy])
        assert np.median(tmax[labels == value]) > 2 * np.median(tmax[acute.box][healthy])
    assert np.median(cbf[acute.box][inside == 1]) < np.median(cbf[acute.box][inside == 2])
