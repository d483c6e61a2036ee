"""Scores of one region of one study.

What a score is where nothing was found or nothing is there (None is left out of means):

| score           | nothing found, nothing there | nothing found          | nothing there              |
|-----------------|------------------------------|------------------------|----------------------------|
| dice            | 1                            | 0                      | 0                          |
| sensitivity     | None                         | 0                      | None                       |
| precision       | None                         | None                   | 0                          |
| specificity     | 1                            | 1                      | share of voxels left alone |
| accuracy        | 1                            | 1 - share that is there | share of voxels left alone |
| hd95_mm         | 0                            | diagonal of the volume | diagonal of the volume     |
| volume_error_ml | 0                            | - volume there         | volume found               |
| lesion_dice     | 1                            | 0                      | 0                          |
| lesion_hd95_mm  | 0                            | 374                    | 374                        |
| lesion_f1       | 1                            | 0                      | 0                          |
| false_lesions   | 0                            | 0                      | lesions found              |
| pq, rq          | 1                            | 0                      | 0                          |
| sq              | None                         | None                   | None                       |
"""

import numpy as np

from tfmed import geometry
from tfmed.evaluation.lesions import components, lesion_wise, match
from tfmed.evaluation.overlap import Scores, hd95, overlap
from tfmed.inference.boxes import mask_box

METRICS = (
    "dice", "sensitivity", "precision", "specificity", "accuracy", "hd95_mm", "volume_error_ml",
    "lesion_dice", "lesion_hd95_mm", "lesion_f1", "false_lesions", "pq", "sq", "rq",
)  # fmt: skip


def region_scores(
    found: np.ndarray,
    truth: np.ndarray,
    affine: np.ndarray,
    found_instances: np.ndarray | None = None,
) -> Scores:
    """All of `METRICS` for a region.

    Args:
        found, truth: bool [X, Y, Z].
        affine: index to world mm, of both.
        found_instances: int [X, Y, Z], which lesion each found voxel belongs to, for F1 and panoptic quality;
            the 26-connected components of `found` by default.
    """
    spacing = np.array(geometry.spacing_mm(affine))
    voxel_mm3 = geometry.voxel_volume_mm3(affine)
    box = mask_box(found | truth)
    small_found, small_truth = found[box], truth[box]
    instances = components(small_found) if found_instances is None else found_instances[box] * small_found
    diagonal = float(np.linalg.norm(spacing * found.shape))
    return (
        overlap(small_found, small_truth, truth.size)
        | {"hd95_mm": hd95(small_found, small_truth, spacing, diagonal)}
        | {"volume_error_ml": (int(small_found.sum()) - int(small_truth.sum())) * voxel_mm3 / 1000}
        | lesion_wise(small_found, small_truth, spacing)
        | match(instances, components(small_truth), voxel_mm3).scores()
    )
