"""Small synthetic heads whose lesions `ThresholdModel` finds exactly."""

import numpy as np

from tfmed.study import LabelMap, Study, Volume

SHAPE = (48, 56, 44)
AFFINE = np.array([[1.0, 0, 0, -24], [0, 1, 0, -28], [0, 0, 1, -10], [0, 0, 0, 1]])
MODALITIES = ("flair", "t1", "t1c", "t2")


def make_head(seed: int = 0, background: float = 0.0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Images by modality and true labels (brats2015): a tumour with all but non-enhancing core, a small one
    of oedema alone, and a speck of two voxels that is no lesion."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1.15, 1.15, n) for n in SHAPE), indexing="ij"))
    inside = (grid**2).sum(0) < 1
    labels = np.zeros(SHAPE, np.uint8)
    labels[30:40, 20:34, 14:28] = 2
    labels[32:38, 24:30, 16:24] = 4
    labels[34:36, 26:28, 18:22] = 1
    labels[10:15, 30:35, 20:25] = 2
    images = {}
    for name in MODALITIES:
        image = np.full(SHAPE, background, np.float32)
        image[inside] = 100 + 4 * rng.standard_normal(inside.sum())
        images[name] = image
    images["flair"][labels > 0] = 180
    images["flair"][24, 40:42, 30] = 180
    images["t1c"][labels == 4] = 180
    images["t1c"][labels == 1] = 20
    return images, labels


def make_study(case_id: str = "head", seed: int = 0, background: float = 0.0) -> Study:
    images, labels = make_head(seed, background)
    volumes = {name: Volume(image, AFFINE) for name, image in images.items()}
    return Study(case_id, volumes, labels=LabelMap(labels, AFFINE, "brats2015"))


def turned(study: Study, axes: tuple[int, int, int], signs: tuple[int, int, int]) -> Study:
    """The same study with its array axes permuted and flipped."""
    from dataclasses import replace

    from tfmed import geometry

    def turn(volume: Volume) -> Volume:
        array, affine = geometry.reorient(volume.array, volume.affine, axes, signs)
        return volume.with_array(np.ascontiguousarray(array), affine)

    images = {name: turn(volume) for name, volume in study.images.items()}
    return replace(study, images=images, labels=turn(study.labels), mask=study.mask and turn(study.mask))
