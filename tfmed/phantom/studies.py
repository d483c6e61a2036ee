"""Whole studies: a latent volume under one contrast and one scanner."""

from dataclasses import replace
from typing import Any

import numpy as np

from tfmed.phantom import contrast as contrasts
from tfmed.phantom import kinds
from tfmed.phantom import scanner as scanners
from tfmed.phantom.channels import DEPTH
from tfmed.phantom.latent import Latent, build
from tfmed.phantom.warp import BRATS, Grid
from tfmed.study import LabelMap, Study, Volume

GLIOMA_MODALITIES = ("flair", "t1", "t1c", "t2")


def make(
    kind: str, seed: int = 0, anatomy: str = "mni152", modalities: tuple[str, ...] | None = None,
    spacing_mm: float = 1.0, plain: bool = False, edition: str | None = None,
    shape: tuple[int, int, int] = BRATS.shape, **options: Any,
) -> Study:  # fmt: skip
    """A phantom study with exact ground truth; a function of its arguments alone.

    kind: one of ``KINDS``. anatomy: "mni152", "analytic", or the path of a label map or of a folder of them.
    modalities: those usual for the kind by default. plain: the mean contrast, no noise and no imperfection.
    edition: what the label values mean, by default the kind's first ("brats2015", "isles2015_siss",
    "ms2008", "oasis1"). options: see ``tfmed.phantom.kinds.Options``.

    Images are int16, skull-stripped and 0 outside, or with the option ``skull`` whole heads; on a RAS+ grid
    of ``shape`` voxels of 1 mm, or of ``spacing_mm`` and as many fewer. TfmedError where an argument isn't
    known or not for this kind.
    """
    about = kinds.get(kind)
    checked = kinds.checked(kind, **options)
    grid = Grid(tuple(shape), 1.0).coarse(spacing_mm)  # type: ignore[arg-type]
    latent = build(kind, seed, anatomy, grid, checked)
    name = f"phantom_{kind}_{seed:05d}"
    return study_of(latent, name, seed, modalities or about.modalities, plain, edition)


def study_of(
    latent: Latent, case_id: str, seed: int, modalities: tuple[str, ...], plain: bool = False,
    edition: str | None = None,
) -> Study:  # fmt: skip
    """The study of a latent volume; contrast and scanner are drawn from ``seed``."""
    about = kinds.get(latent.kind)
    rng = np.random.default_rng([seed, 0xC0])
    lesion = about.signals(latent.provenance, np.random.default_rng([seed, 0xC1])) if about.signals else None
    contrast = contrasts.plain(modalities, lesion) if plain else contrasts.draw(modalities, rng, 0.0, lesion)
    scanner = scanners.perfect(len(modalities)) if plain else scanners.draw(len(modalities), rng)
    units = (
        np.ones(len(modalities)) if plain else np.exp(rng.uniform(np.log(0.3), np.log(3), len(modalities)))
    )
    coordinates = [np.linspace(-1, 1, n, dtype=np.float32) for n in latent.channels.shape[1:]]
    skull = bool(latent.provenance.get("skull"))
    if skull:
        scanner = replace(scanner, rician=True)
        kept = np.broadcast_to(scanners.seen(scanner, coordinates), latent.channels.shape[1:])
    else:
        kept = scanners.brain(latent.channels[DEPTH], scanner, coordinates, rng)
    values, amplitude = contrasts.clean(latent.channels, contrast)
    images = scanners.scan(values, amplitude, contrast, scanner, coordinates, rng)
    affine = grid_affine(latent.grid)
    air_sd = scanner.noise_sd * scanners.noise_unit(contrast) if skull else np.zeros(len(modalities))
    volumes = {
        name: Volume(
            _placed(_integers(image * (unit * 400), kept, skull), latent, unit * 400 * sd, rng), affine
        )
        for name, image, unit, sd in zip(modalities, images, units, air_sd, strict=True)
    }
    edition = edition or next(iter(about.editions))
    marked = np.where(kept, latent.labels(edition), 0).astype(np.uint8)
    return Study(
        case_id=case_id,
        images=volumes,
        labels=LabelMap(_placed(marked, latent, 0, rng), affine, edition),
        patient=case_id,
        diagnosis=latent.diagnosis,
        provenance=latent.provenance,
    )


def grid_affine(grid: Grid) -> np.ndarray:
    """The affine (4x4, RAS+ mm) of a phantom's grid, with world zero in its middle."""
    affine = np.diag([grid.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = [-(n - 1) / 2 * grid.spacing_mm for n in grid.shape]
    return affine


def _integers(image: np.ndarray, kept: np.ndarray, skull: bool) -> np.ndarray:
    """int16, 0 outside of what is kept and, where the skull is stripped, nowhere inside.

    So the brain is what differs from the background.
    """
    return np.where(kept, np.clip(np.rint(image), 0 if skull else 1, 32767), 0).astype(np.int16)


def _placed(box: np.ndarray, latent: Latent, air_sd: float, rng: np.random.Generator) -> np.ndarray:
    """The box in its whole grid, around it 0, or the noise of air: Rician of ``air_sd``."""
    shape = latent.grid.shape
    whole = np.zeros(shape, box.dtype)
    if air_sd:
        parts = air_sd * rng.standard_normal((2, *shape), dtype=np.float32)
        whole = np.rint(np.hypot(parts[0], parts[1])).astype(box.dtype)
    whole[latent.box] = box
    return whole


def volumes_ml(study: Study) -> dict[str, float]:
    """Volume in ml of each label value of a study that has labels, as {"1": ml, ...}."""
    if study.labels is None:
        return {}
    counts = np.bincount(study.labels.array.ravel())
    voxel_ml = float(np.prod(study.labels.spacing_mm)) / 1000
    return {str(value): round(float(n) * voxel_ml, 3) for value, n in enumerate(counts) if value and n}
