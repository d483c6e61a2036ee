"""The evaluator's figures are those of independent implementations, on generated lesions."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from tfmed.evaluation.average_precision import Pool, average_precision, hits, pooled
from tfmed.evaluation.lesions import MIN_LESION_MM3, PENALTY_MM, components, lesion_wise, match
from tfmed.evaluation.overlap import hd95, overlap

pytestmark = pytest.mark.peers
SHAPE = (48, 44, 40)
SEEDS = range(6)


def lesions(seed: int, share: float = 0.06) -> tuple[np.ndarray, np.ndarray]:
    """Found and true masks that agree in part: bool [X, Y, Z] each, several lesions of several sizes."""
    rng = np.random.default_rng(seed)
    common, own, other = ndimage.gaussian_filter(rng.normal(size=(3, *SHAPE)), (0, 2.5, 2.5, 2.5))
    fields = (common + 0.5 * own, common + 0.5 * other)
    # Away from the border, where SimpleITK's contours stay open.
    return tuple(np.pad(field > np.quantile(field, 1 - share), 1) for field in fields)


def simpleitk(mask: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)):
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(mask.astype(np.uint8).transpose())
    image.SetSpacing(spacing)
    return image


@pytest.mark.parametrize("seed", SEEDS)
def test_overlap_is_simpleitks(seed: int) -> None:
    import SimpleITK as sitk

    found, truth = lesions(seed)
    filter_ = sitk.LabelOverlapMeasuresImageFilter()
    filter_.Execute(simpleitk(found), simpleitk(truth))
    scores = overlap(found, truth, truth.size)
    assert scores["dice"] == pytest.approx(filter_.GetDiceCoefficient())
    assert 1 - scores["sensitivity"] == pytest.approx(filter_.GetFalseNegativeError())
    assert 1 - scores["precision"] == pytest.approx(filter_.GetFalseDiscoveryRate())
    assert 1 - scores["specificity"] == pytest.approx(filter_.GetFalsePositiveError())


@pytest.mark.parametrize("seed", SEEDS)
def test_hd95_is_that_of_simpleitks_contours_and_distance_maps(seed: int) -> None:
    import SimpleITK as sitk

    spacing = (1.0, 1.5, 2.0)
    masks = lesions(seed)
    surfaces = [sitk.LabelContour(simpleitk(mask, spacing), False) for mask in masks]
    arrays = [sitk.GetArrayFromImage(surface).astype(bool) for surface in surfaces]
    options = {"squaredDistance": False, "useImageSpacing": True}
    maps = [sitk.SignedMaurerDistanceMap(surface, **options) for surface in surfaces]
    distances = [np.clip(sitk.GetArrayFromImage(each), 0, None) for each in maps]
    expected = max(np.percentile(distances[1][arrays[0]], 95), np.percentile(distances[0][arrays[1]], 95))
    assert hd95(*masks, np.array(spacing), 0) == pytest.approx(expected, rel=1e-4)
    whole = sitk.HausdorffDistanceImageFilter()
    whole.Execute(*(simpleitk(mask, spacing) for mask in masks))
    assert hd95(*masks, np.array(spacing), 0) <= whole.GetHausdorffDistance() + 1e-6


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("least", [0.1, 0.5])
def test_panoptic_quality_is_panopticas(seed: int, least: float) -> None:
    panoptica = pytest.importorskip("panoptica")

    found, truth = (components(mask).astype(np.uint16) for mask in lesions(seed))
    result = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.UNMATCHED_INSTANCE,
        instance_matcher=panoptica.MaxBipartiteMatching(matching_threshold=least),
    ).evaluate(found, truth)["ungrouped"]
    # Every component counts here: no lesion is too small.
    ours = match(found, truth, 1e6)
    assert ours.f1(least) == pytest.approx(result.rq)
    assert ours.false(least) == result.fp
    if least == 0.5:
        assert ours.scores()["pq"] == pytest.approx(result.pq, abs=1e-6)
        assert ours.scores()["sq"] == pytest.approx(result.sq, abs=1e-6)


def brats_2023(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Lesion-wise Dice and HD95 written from the challenge's description, with its own tools (cc3d and
    surface-distance)."""
    import cc3d
    import surface_distance

    structure = ndimage.generate_binary_structure(3, 2)
    pieces = cc3d.connected_components(found, connectivity=26)
    together = cc3d.connected_components(
        ndimage.binary_dilation(truth, structure, iterations=3), connectivity=26
    )
    dices, distances, seen = [], [], set()
    for number in range(1, together.max() + 1):
        lesion = truth & (together == number)
        near = ndimage.binary_dilation(lesion, structure, iterations=3)
        touching = set(np.unique(pieces[near]).tolist()) - {0}
        seen |= touching
        if lesion.sum() <= MIN_LESION_MM3:
            continue
        hit = np.isin(pieces, list(touching))
        dices.append(2 * (hit & lesion).sum() / (hit.sum() + lesion.sum()))
        distances.append(PENALTY_MM)
        if hit.any():
            surfaces = surface_distance.compute_surface_distances(lesion, hit, (1, 1, 1))
            distances[-1] = surface_distance.compute_robust_hausdorff(surfaces, 95)
    false = int(pieces.max()) - len(seen)
    count = len(dices) + false
    return sum(dices) / count, (sum(distances) + false * PENALTY_MM) / count


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.01, 0.03])
def test_lesion_wise_scores_are_those_of_brats_2023(seed: int, share: float) -> None:
    pytest.importorskip("surface_distance")
    pytest.importorskip("cc3d")

    found, truth = lesions(seed, share)
    ours = lesion_wise(found, truth, np.ones(3))
    dice, distance = brats_2023(found, truth)
    assert ours["lesion_dice"] == pytest.approx(dice)
    # Its surfaces lie between voxels and are weighted by area; ours are voxels.
    assert ours["lesion_hd95_mm"] == pytest.approx(distance, abs=1.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_dice_is_that_of_the_brats_evaluation_package(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("brats_evaluation")
    import nibabel as nib
    from brats_evaluation import config_path, evaluate_single_exam
    from panoptica import Panoptica_Evaluator

    grid = np.indices(SHAPE)
    truth = sum((np.abs(grid - np.reshape(c, (3, 1, 1, 1))) < 5).all(0) for c in ((9, 9, 9), (36, 32, 28)))
    step = np.random.default_rng(seed).integers(-2, 3, 3)
    found = np.roll(truth, step, (0, 1, 2))
    files = [str(tmp_path / f"{name}.nii.gz") for name in ("found", "truth")]
    for file, mask in zip(files, (found, truth), strict=True):
        nib.save(nib.Nifti1Image(mask.astype(np.uint8) * 3, np.eye(4)), file)
    evaluator = Panoptica_Evaluator.load_from_config(str(config_path("gli")))
    theirs = evaluate_single_exam(*files, "case", evaluator)["wt"]
    ours = lesion_wise(found, truth, np.ones(3))
    assert overlap(found, truth, truth.size)["dice"] == pytest.approx(theirs["global_bin_dsc"])
    # Two lesions, each found: its mean over pairs is the mean over lesions.
    assert ours["lesion_dice"] == pytest.approx(theirs["sq_dsc"])
    assert match(components(found), components(truth), 1.0).f1(0.1) == pytest.approx(theirs["rq"])


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_of_boxes_is_cocos(seed: int) -> None:
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from tfmed.evaluation.stages import box_iou

    rng = np.random.default_rng(seed)
    images, truths, found, pools = [], [], [], []
    for image in range(1, 13):
        corner, size = rng.uniform(0, 60, (3, 2)), rng.uniform(24, 60, (3, 2))
        there = np.concatenate([corner, corner + size], 1)[: rng.integers(0, 4)]
        seen = np.concatenate([there + rng.normal(0, 3, there.shape), rng.uniform(0, 30, (2, 4))])
        seen[-2:, 2:] += seen[-2:, :2] + 5
        scores = rng.random(len(seen))
        images.append({"id": image, "width": 128, "height": 128})
        for box in there:
            width, height = box[3] - box[1], box[2] - box[0]
            entry = {"id": len(truths) + 1, "image_id": image, "category_id": 1, "iscrowd": 0}
            truths.append(entry | {"area": width * height, "bbox": [box[1], box[0], width, height]})
        for box, score in zip(seen, scores, strict=True):
            shape = [box[1], box[0], box[3] - box[1], box[2] - box[0]]
            found.append({"image_id": image, "category_id": 1, "bbox": shape, "score": score})
        pools.append(Pool(scores, hits(scores, box_iou(seen, there)), len(there)))
    coco = COCO()
    coco.dataset = {"info": {}, "images": images, "annotations": truths, "categories": [{"id": 1}]}
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    theirs = evaluation.eval["precision"][:, :, 0, 0, -1].mean(1)
    everything = pooled(pools)
    ours = average_precision(everything.scores, everything.hits, everything.truths)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
