"""Masks of real lesions, brought into any head: by the boxes of the brains, mirrored and deformed."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.phantom.anatomy import Anatomy
from tfmed.phantom.fields import extent, noise, sample

ENDINGS = (".nii", ".nii.gz")
# The box of the MNI152 brain in world mm, for masks that bring no brain of their own.
MNI_BOX_MM = np.array([[-71.0, 71.0], [-106.0, 73.0], [-71.0, 82.0]])
WIDE_MM = 9.0


@dataclass(frozen=True, eq=False)
class Mask:
    """A lesion mask and what it becomes.

    near, wide: the mask blurred by 0.5 mm and by ``WIDE_MM``, float32 [x,y,z] of ``shape``; offset [3] and
    steps [3]: the world mm of its first voxel and of a step along each axis; box_mm [3,2]: the brain's box
    there. ``mirrored``: left and right are swapped. ``facts`` go into the provenance.
    """

    near: np.ndarray
    wide: np.ndarray
    offset: np.ndarray
    steps: np.ndarray
    box_mm: np.ndarray
    mirrored: bool
    facts: dict[str, Any]

    def painted(
        self, head: Anatomy, head_mm: np.ndarray, depth: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fractions 0..1 of the lesion and of its wide surroundings in a head, float32 [x,y,z] each.

        head_mm [3,x,y,z]: places in the head's frame; depth [x,y,z]: mm below the brain's surface, nothing
        is painted above. The mask is shifted by 2 mm (sd) and bent by up to 4 mm at 25 mm.
        """
        shift = rng.normal(0, 2, 3)
        bend = rng.uniform(1, 4) * noise(depth.shape, 25, rng, channels=3)
        results = [np.zeros(depth.shape, np.float32) for _ in range(2)]
        inside = depth > -1
        own = np.ptp(head.box_mm, axis=1)[:, None]
        place = (head_mm[:, inside] + bend[:, inside] + shift[:, None] - head.box_mm[:, :1]) / own
        if self.mirrored:
            place[0] = 1 - place[0]
        world = self.box_mm[:, :1] + place * np.ptp(self.box_mm, axis=1)[:, None]
        index = (world - self.offset[:, None]) / self.steps[:, None]
        held = ((index > 0) & (index < np.array(self.near.shape)[:, None] - 1)).all(0)
        for result, values in zip(results, (self.near, self.wide), strict=True):
            painted = np.zeros(held.shape, np.float32)
            painted[held] = sample(values, index[:, held])
            result[inside] = painted
        core = np.clip(0.5 + 1.6 * (results[0] - 0.5), 0, 1)
        return core, np.maximum(core, np.clip(0.5 + 4 * (results[1] - 0.22), 0, 1))


def files(source: str) -> list[Path]:
    """The masks that a path, a folder or a glob stands for, by name.

    A folder holds masks in MNI space (``*.nii.gz``), or a folder a patient with ``lesions.nii.gz`` and,
    beside it, ``brain.nii.gz``. TfmedError where there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    places = [path] if path.is_dir() else sorted(path.parent.glob(path.name))
    found: list[Path] = []
    for place in places:
        if place.is_file():
            found += [place]
        elif place.is_dir():
            found += sorted(place.glob("*/lesions.nii*")) or sorted(place.glob("lesions.nii*"))
            found += sorted(
                p for p in place.glob("*.nii*") if p.name.split(".")[0] not in ("lesions", "brain", "tissue")
            )
    found = [p for p in found if p.name.endswith(ENDINGS)]
    if not found:
        raise TfmedError(
            f"{source} holds no lesion masks; expected *.nii.gz in MNI space, or folders of patients with"
            " lesions.nii.gz and brain.nii.gz."
        )
    return found


def draw(source: str, rng: np.random.Generator) -> Mask:
    """One of the masks of ``source``, mirrored half of the time."""
    paths = files(source)
    near, wide, offset, steps, box, facts = _read(str(paths[int(rng.integers(len(paths)))]))
    mirrored = bool(rng.random() < 0.5)
    return Mask(near, wide, offset, steps, box, mirrored, {"lesion": facts | {"mirrored": mirrored}})


@lru_cache(maxsize=8)
def _read(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    import nibabel
    from scipy import ndimage

    image = nibabel.as_closest_canonical(nibabel.load(path))
    mask = np.asarray(image.dataobj) > 0.5
    steps = np.array(image.header.get_zooms()[:3], np.float64)
    spread = np.ceil(2.5 * WIDE_MM / steps).astype(int)
    where = extent(mask)
    if where is None:
        raise TfmedError(f"{path} marks no voxel; expected a lesion mask.")
    tight = np.pad(mask[where], [(n, n) for n in spread]).astype(np.float32)
    first = np.array([s.start for s in where]) - spread
    offset = image.affine[:3, 3] + first * steps
    brain = Path(path).with_name("brain" + "".join(Path(path).suffixes[-2:]))
    name = Path(path).parent.name if Path(path).name.startswith("lesions.") else Path(path).name.split(".")[0]
    near = ndimage.gaussian_filter(tight, 0.5 / steps)
    wide = ndimage.gaussian_filter(tight, WIDE_MM / steps, truncate=2.5)
    facts = {"case": name, "crc32": zlib.crc32(np.packbits(mask).tobytes())}
    return near, wide, offset, steps, _box_mm(brain) if brain.is_file() else MNI_BOX_MM, facts


def _box_mm(path: Path) -> np.ndarray:
    import nibabel

    image = nibabel.as_closest_canonical(nibabel.load(path))
    where = extent(np.asarray(image.dataobj) > 0.5)
    if where is None:
        raise TfmedError(f"{path} marks no voxel; expected a brain mask.")
    edges = np.array([[s.start, s.stop - 1] for s in where])
    return image.affine[:3, 3:] + edges * np.array(image.header.get_zooms()[:3])[:, None]
