"""Healthy heads in tissue codes, from three providers: label maps, the MNI152 atlas, an analytic head."""

import importlib.util
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from tfmed.errors import TfmedError
from tfmed.phantom.tissues import Tissue, from_freesurfer, member


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One head: ``codes`` uint8 [x,y,z] at 1 mm in RAS order; ``centre`` of the brain as array index.

    box_mm [3,2]: the brain's box in the head's own frame, mm from ``centre``.
    """

    codes: np.ndarray
    centre: np.ndarray
    box_mm: np.ndarray
    provenance: dict = field(default_factory=dict)


def get(name: str, rng: np.random.Generator) -> Anatomy:
    """The anatomy called ``name``: "mni152", "analytic", or a label map.

    Of a folder or a glob of label maps one is drawn.
    """
    if name == "mni152":
        return mni152()
    if name == "analytic":
        return analytic(int(rng.integers(4)))
    path = Path(name)
    maps = label_maps(path) if path.is_dir() else sorted(path.parent.glob(path.name))
    if maps:
        path = maps[int(rng.integers(len(maps)))]
    if not path.is_file():
        raise TfmedError(
            f"No anatomy called {name!r}; known are mni152, analytic, and the path of a FreeSurfer-numbered"
            " label map, or a folder or glob of them."
        )
    return label_map(str(path))


def label_maps(folder: Path) -> list[Path]:
    """The label maps (.nii, .nii.gz, .mgz) of a folder, by name."""
    maps = sorted(p for p in folder.iterdir() if p.name.endswith((".nii", ".nii.gz", ".mgz")))
    if not maps:
        raise TfmedError(f"{folder} holds no label map; expected FreeSurfer-numbered .nii.gz files.")
    return maps


def _anatomy(codes: np.ndarray, provenance: dict) -> Anatomy:
    brain = np.argwhere((codes > Tissue.CSF) & (codes <= Tissue.CHOROID))
    if not len(brain):
        raise TfmedError(f"{provenance['source']} holds no brain labels in FreeSurfer numbering.")
    low, high = brain.min(0), brain.max(0)
    centre = (low + high) / 2
    centre[0] = brain[:, 0].mean()
    provenance = provenance | {"crc32": zlib.crc32(codes.tobytes())}
    return Anatomy(
        np.ascontiguousarray(codes), centre, np.stack([low - centre, high - centre], 1), provenance
    )


@lru_cache(maxsize=8)
def label_map(path: str) -> Anatomy:
    """A FreeSurfer-numbered label map of a whole head, taken to RAS order; voxels must be 1 mm."""
    import nibabel

    image = nibabel.as_closest_canonical(nibabel.load(path))
    if not np.allclose(image.header.get_zooms()[:3], 1, atol=0.05):
        raise TfmedError(f"{path} has voxels of {image.header.get_zooms()[:3]} mm; expected 1 mm.")
    person = Path(path).name.split(".")[0]
    codes = from_freesurfer(np.asarray(image.dataobj))
    return _anatomy(codes, {"provider": "label_map", "person": person, "source": Path(path).name})


@lru_cache(maxsize=1)
def mni152() -> Anatomy:
    """The MNI152 2009 atlas of the nilearn wheel: grey and white matter maps, structures by place."""
    import nibabel

    # The package's files are enough; importing nilearn costs seconds.
    spec = importlib.util.find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise TfmedError("The mni152 anatomy needs nilearn: pip install 'tfmed[phantom]'.")
    folder = Path(spec.origin).parent / "datasets" / "data"
    grey, white = (
        nibabel.as_closest_canonical(
            nibabel.load(folder / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz")
        )
        for kind in ("gm", "wm")
    )
    codes = _atlas_codes(
        np.asarray(grey.dataobj, np.float32), np.asarray(white.dataobj, np.float32), grey.affine
    )
    provenance = {"provider": "mni152", "person": "mni152", "source": "nilearn ICBM152 2009a"}
    return _anatomy(codes, provenance)


def _atlas_codes(grey: np.ndarray, white: np.ndarray, affine: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    grey, white = grey / grey.max(), white / white.max()
    tissue = grey + white > 0.5
    hull = ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(tissue, 8), iterations=6))[
        8:-8, 8:-8, 8:-8
    ]
    x, y, z = (
        np.arange(n).reshape([-1 if i == a else 1 for i in range(3)]) * affine[a, a] + affine[a, 3]
        for a, n in enumerate(grey.shape)
    )
    lateral = np.abs(x)
    is_white = tissue & (white >= grey)
    codes = np.where(hull, Tissue.CSF, Tissue.OUTSIDE).astype(np.uint8)
    codes[ndimage.binary_dilation(hull, iterations=3) & ~hull] = Tissue.CSF
    codes[tissue] = Tissue.CORTEX
    codes[is_white] = Tissue.WHITE
    depth = ndimage.distance_transform_edt(hull)
    deep_fluid = (codes == Tissue.CSF) & (depth > 18) & (lateral < 45) & (z > -35)
    codes[deep_fluid & ~((lateral < 12) & (z < -12) & (y > -25))] = Tissue.VENTRICLE
    stem = tissue & (lateral < 17) & (y < -8) & (y > -46) & (z < -12) & (y > -46 - 0.3 * (z + 12))
    cerebellum = tissue & (y < -30) & (z < -6 + 0.35 * (y + 34) - 0.12 * lateral) & ~stem
    codes[cerebellum] = np.where(is_white, Tissue.CEREBELLAR_WHITE, Tissue.CEREBELLAR_CORTEX)[cerebellum]
    codes[stem] = Tissue.BRAIN_STEM
    is_grey = tissue & ~is_white
    for tissue_code, region in {
        Tissue.THALAMUS: (lateral < 24) & (y > -36) & (y < -2) & (z > -3) & (z < 20),
        Tissue.CAUDATE: (lateral > 4) & (lateral < 22) & (y > -6) & (y < 26) & (z > -8) & (z < 24),
        Tissue.PUTAMEN: (lateral >= 18) & (lateral < 34) & (y > -18) & (y < 18) & (z > -10) & (z < 13),
        Tissue.HIPPOCAMPUS: (lateral > 14) & (lateral < 36) & (y > -40) & (y < -6) & (z > -28) & (z < -6),
    }.items():
        codes[is_grey & region & (depth > 14)] = tissue_code
    return codes


@lru_cache(maxsize=4)
def analytic(person: int = 0) -> Anatomy:
    """A head of formulas: folded ellipsoids with ventricles, deep grey nuclei, cerebellum, brain stem."""
    shape = (180, 216, 180)
    x, y, z = np.meshgrid(
        *[np.arange(n, dtype=np.float32) - n / 2 for n in shape], indexing="ij", sparse=True
    )
    z = z - 10
    lateral = np.abs(x)
    radius = np.sqrt((x / 66) ** 2 + (y / 84) ** 2 + (z / 62) ** 2)
    phase = 1.3 * person
    folds = np.sin(x / 4.2 + 2 * np.sin(y / 11 + phase)) * np.sin(y / 4.6 + phase) * np.sin(z / 4.4 + x / 19)
    cerebrum = radius < 0.97 + 0.05 * np.minimum(folds, 0.4) - 0.08 * np.exp(-((lateral / 2.2) ** 2))
    inner = radius < 0.86 + 0.06 * folds
    codes = np.full(shape, Tissue.OUTSIDE, np.uint8)
    head = np.sqrt((x / 80) ** 2 + (y / 100) ** 2 + ((z + 8) / 84) ** 2)
    codes[head < 1] = Tissue.FAT
    codes[head < 0.94] = Tissue.SKULL
    codes[(radius < 1.08) | (head < 0.86)] = Tissue.CSF
    upper = (z > -22 + 0.25 * y) | (y > -22)
    codes[cerebrum & upper] = Tissue.CORTEX
    codes[cerebrum & inner & upper] = Tissue.WHITE

    def ball(cx: float, cy: float, cz: float, rx: float, ry: float, rz: float) -> np.ndarray:
        return ((lateral - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2

    cerebellum = ball(22, -46, -38, 28, 24, 17)
    codes[(cerebellum < 1) & ~upper] = Tissue.CEREBELLAR_CORTEX
    codes[(cerebellum < 0.3) & ~upper] = Tissue.CEREBELLAR_WHITE
    codes[(ball(0, -16, -40, 13, 14, 30) < 1) & ~upper] = Tissue.BRAIN_STEM
    for tissue, shape_mm in {
        Tissue.THALAMUS: (11, -12, 2, 9, 14, 9),
        Tissue.CAUDATE: (14, 16, 8, 6, 14, 9),
        Tissue.PUTAMEN: (25, 4, 0, 6, 15, 9),
        Tissue.PALLIDUM: (18, 2, -2, 4, 8, 6),
        Tissue.HIPPOCAMPUS: (26, -18, -14, 6, 16, 5),
    }.items():
        codes[ball(*shape_mm) < 1] = tissue
    horns = np.minimum(ball(7, 2, 14, 5, 28, 6), ball(20, -34, 4, 6, 14, 8))
    codes[(horns < 1) | ((lateral < 2.5) & (ball(0, -8, 0, 3, 12, 10) < 1))] = Tissue.VENTRICLE
    codes[ball(19, -28, 5, 3, 8, 3) < 1] = Tissue.CHOROID
    codes[~member(codes, (Tissue.OUTSIDE,)) & (z < -78)] = Tissue.SOFT
    return _anatomy(codes, {"provider": "analytic", "person": f"analytic{person}", "source": "formulas"})
