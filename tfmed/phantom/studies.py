"""Whole studies: a latent volume under one contrast and one scanner."""

import numpy as np

from tfmed.errors import TfmedError
from tfmed.phantom import contrast as contrasts
from tfmed.phantom import scanner as scanners
from tfmed.phantom.latent import DEPTH, Latent, build
from tfmed.phantom.warp import BRATS, Grid
from tfmed.study import LabelMap, Study, Volume

KINDS = ("glioma", "healthy")
GLIOMA_MODALITIES = ("flair", "t1", "t1c", "t2")


def make(
    kind: str, seed: int = 0, anatomy: str = "mni152", modalities: tuple[str, ...] = GLIOMA_MODALITIES,
    grade: str | None = None, spacing_mm: float = 1.0, plain: bool = False,
) -> Study:  # fmt: skip
    """A phantom study with exact ground truth; a function of its arguments alone.

    kind: one of ``KINDS``. anatomy: "mni152", "analytic", or the path of a label map or of a folder of them.
    grade: "HGG" or "LGG", drawn where None. plain: the mean contrast, no noise and no imperfection. Images
    are skull-stripped int16, 0 outside, on a RAS+ grid of 240x240x155 voxels of 1 mm, or of ``spacing_mm``
    and as many fewer; labels are BRATS 2015.
    """
    if kind not in KINDS:
        raise TfmedError(f"No phantom of this kind. Received: kind={kind!r}. Known: {', '.join(KINDS)}.")
    if grade not in (None, "HGG", "LGG"):
        raise TfmedError(f"A glioma has a grade. Received: grade={grade!r}. Known: HGG, LGG.")
    latent = build(kind, seed, anatomy, BRATS.coarse(spacing_mm), grade)
    return study_of(latent, f"phantom_{kind}_{seed:05d}", seed, modalities, plain)


def study_of(
    latent: Latent, case_id: str, seed: int, modalities: tuple[str, ...], plain: bool = False
) -> Study:
    """The study of a latent volume; contrast and scanner are drawn from ``seed``."""
    rng = np.random.default_rng([seed, 0xC0])
    contrast = contrasts.plain(modalities) if plain else contrasts.draw(modalities, rng, random_share=0.0)
    scanner = scanners.perfect(len(modalities)) if plain else scanners.draw(len(modalities), rng)
    units = (
        np.ones(len(modalities)) if plain else np.exp(rng.uniform(np.log(0.3), np.log(3), len(modalities)))
    )
    coordinates = [np.linspace(-1, 1, n, dtype=np.float32) for n in latent.channels.shape[1:]]
    kept = scanners.brain(latent.channels[DEPTH], scanner, coordinates, rng)
    values, amplitude = contrasts.clean(latent.channels, contrast)
    images = scanners.scan(values, amplitude, contrast, scanner, coordinates, rng)
    affine = grid_affine(latent.grid)
    volumes = {
        name: Volume(_placed(_integers(image * (unit * 400), kept), latent), affine)
        for name, image, unit in zip(modalities, images, units, strict=True)
    }
    marked = np.where(kept, latent.labels(), 0).astype(np.uint8)
    return Study(
        case_id=case_id,
        images=volumes,
        labels=LabelMap(_placed(marked, latent), affine, "brats2015"),
        patient=case_id,
        diagnosis=latent.diagnosis,
        provenance=latent.provenance,
    )


def grid_affine(grid: Grid) -> np.ndarray:
    """The affine (4x4, RAS+ mm) of a phantom's grid, with world zero in its middle."""
    affine = np.diag([grid.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = [-(n - 1) / 2 * grid.spacing_mm for n in grid.shape]
    return affine


def _integers(image: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """int16, 0 outside the brain and nowhere inside: the brain is what differs from the background."""
    return np.where(kept, np.clip(np.rint(image), 1, 32767), 0).astype(np.int16)


def _placed(box: np.ndarray, latent: Latent) -> np.ndarray:
    whole = np.zeros(latent.grid.shape, box.dtype)
    whole[latent.box] = box
    return whole


def volumes_ml(study: Study) -> dict[str, float]:
    """Volume in ml of each label value of a study that has labels, as {"1": ml, ...}."""
    if study.labels is None:
        return {}
    counts = np.bincount(study.labels.array.ravel())
    voxel_ml = float(np.prod(study.labels.spacing_mm)) / 1000
    return {str(value): round(float(n) * voxel_ml, 3) for value, n in enumerate(counts) if value and n}
