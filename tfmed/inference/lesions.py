"""Links the 2D instances of three views into 3D lesions.

What is one lesion is decided by the network's instances, not by what happens to touch: within a view,
instances of neighbouring slices that cover each other are one object; a voxel thus belongs to up to three
objects, one a view; and lesions are the groups of objects on which most views agree. Two lesions that touch
stay two where two views keep them apart, although the third, cut along their contact, runs through both.
Only for a network that tells no instances apart, a lesion is what hangs together.
"""

from collections.abc import Iterable

import numpy as np

from tfmed.inference.boxes import mask_box
from tfmed.inference.rules import Rules

Triple = tuple[int, int, int]


def find_lesions(labels: np.ndarray, owner: np.ndarray, rules: Rules, voxel_mm3: float = 1.0) -> np.ndarray:
    """Which lesion every voxel of the fused tumour belongs to.

    Args:
        labels: [X, Y, Z], fused label values, 0 outside lesions.
        owner: [3, X, Y, Z], for each view (axial, coronal, sagittal) the 1-based detection of the voxel's
            slice, 0 for none.
        rules: `min_volume_mm3`, `min_views` and `link_overlap` of the card.
        voxel_mm3: volume of a voxel.

    Returns:
        int32 [X, Y, Z]: 0 outside, else 1.. by falling volume. Voxels of `labels` that are 0 here belong to
        specks: parts smaller than the minimum, or seen by the last stage in too few views.
    """
    lesions = np.zeros(labels.shape, np.int32)
    box = mask_box((labels > 0) | (owner > 0).any(0))
    lesions[box] = _find(labels[box], owner[:, *box], rules, voxel_mm3)
    return lesions


def _find(labels: np.ndarray, owner: np.ndarray, rules: Rules, voxel_mm3: float) -> np.ndarray:
    """What `find_lesions` gives, of the part of a volume that holds all tumour and all detections."""
    from scipy import ndimage

    tumour = labels > 0
    pieces, _ = ndimage.label(tumour, np.ones((3, 3, 3)))
    large_enough = np.bincount(pieces.ravel()) * voxel_mm3 >= rules.min_volume_mm3
    tumour &= large_enough[pieces]
    if not tumour.any() or not rules.linked:
        return _by_volume(np.where(tumour, pieces, 0))
    objects = np.stack(
        [link_slices(owner[v], axis, rules.link_overlap)[tumour] for v, axis in enumerate((2, 1, 0))]
    )
    # One number for each triple: rows of an array sort far more slowly.
    sizes = tuple(int(each.max(initial=0)) + 1 for each in objects)
    codes, inverse, counts = np.unique(
        np.ravel_multi_index(tuple(objects), sizes), return_inverse=True, return_counts=True
    )
    triples = zip(*(each.tolist() for each in np.unravel_index(codes, sizes)), strict=True)
    groups = agree(list(triples), counts.tolist())[inverse]
    groups[~_plausible(groups, objects, rules, voxel_mm3)[groups]] = 0
    lesions = np.zeros(labels.shape, np.int32)
    lesions[tumour] = groups
    return _by_volume(_spread(lesions, tumour, pieces))


def link_slices(owner: np.ndarray, axis: int, overlap: float) -> np.ndarray:
    """3D objects of one view: detections of neighbouring slices that share `overlap` of the smaller one.

    Args:
        owner: [X, Y, Z], 1-based detection of each voxel's slice, 0 for none.
        axis: the axis along which the slices of the view lie.
        overlap: part of the smaller detection's pixels, 0..1.

    Returns:
        int32 [X, Y, Z], 0 for none, else a number from 1 that objects share across slices.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    owner = np.moveaxis(owner, axis, 0)
    stride = int(owner.max(initial=0)) + 1
    size = stride * len(owner)
    first = np.arange(0, size, stride, dtype=np.int32)[:, None, None]
    nodes = np.where(owner > 0, owner + first, 0)
    area = np.bincount(nodes[owner > 0], minlength=size)
    both = (owner[:-1] > 0) & (owner[1:] > 0)
    pairs = nodes[:-1][both], nodes[1:][both]
    shared = coo_array((np.ones(len(pairs[0])), pairs), shape=(size, size))
    shared.sum_duplicates()
    shared.data *= shared.data >= overlap * np.minimum(area[shared.row], area[shared.col])
    shared.eliminate_zeros()
    _, component = connected_components(shared, directed=False)
    # No detection is node 0: the first of a slice has its number from 1.
    numbers = component.astype(np.int32) + 1
    numbers[0] = 0
    return np.moveaxis(numbers[nodes], 0, axis)


def agree(triples: list[Triple], counts: list[int]) -> np.ndarray:
    """Groups of object triples on which most views agree.

    A triple joins the group with which it has most objects in common less objects at odds; where no group
    has more of the former it founds one, and where two are equally close, or for and against are even, it
    stays open. Triples that more views see come first, then larger ones.

    Args:
        triples: one object of each view, 0 for none.
        counts: voxels of each.

    Returns:
        int32 [len(triples)]: the group of each from 1, 0 for open ones.
    """
    groups: list[tuple[set[int], set[int], set[int]]] = []
    result = np.zeros(len(triples), np.int32)
    for i in sorted(range(len(triples)), key=lambda i: (-_views(triples[i]), -counts[i], triples[i])):
        triple = triples[i]
        if not _views(triple):
            continue
        votes = [_vote(triple, group) for group in groups]
        best = max(votes, default=-1)
        if best > 0 and votes.count(best) == 1:
            result[i] = votes.index(best) + 1
        elif best < 0 or not any(_shares(triple, group) for group in groups):
            groups.append((set(), set(), set()))
            result[i] = len(groups)
        if result[i]:
            for known, number in zip(groups[result[i] - 1], triple, strict=True):
                known.update({number} - {0})
    return result


def _views(triple: Triple) -> int:
    return sum(number > 0 for number in triple)


def _vote(triple: Triple, group: Iterable[set[int]]) -> int:
    pairs = [(number, known) for number, known in zip(triple, group, strict=True) if number and known]
    return sum(1 if number in known else -1 for number, known in pairs)


def _shares(triple: Triple, group: Iterable[set[int]]) -> bool:
    return any(number in known for number, known in zip(triple, group, strict=True))


def _plausible(lesions: np.ndarray, objects: np.ndarray, rules: Rules, voxel_mm3: float) -> np.ndarray:
    """bool [n + 1] by lesion number: large enough, and seen in enough views; of voxels [v] and their
    objects [3, v].
    """
    n = int(lesions.max(initial=0))
    volume = np.bincount(lesions, minlength=n + 1) * voxel_mm3
    seen = np.stack([np.bincount(lesions[each > 0], minlength=n + 1) > 0 for each in objects])
    return (volume >= rules.min_volume_mm3) & (seen.sum(0) >= rules.min_views)


def _spread(lesions: np.ndarray, tumour: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Gives open voxels of the tumour to the nearest lesion of the same connected piece."""
    from scipy import ndimage

    result = lesions.copy()
    open_pieces = np.unique(pieces[tumour & (lesions == 0)])
    boxes = ndimage.find_objects(pieces)
    for piece in open_pieces.tolist():
        box = boxes[piece - 1]
        within = pieces[box] == piece
        seeds = np.where(within, lesions[box], 0)
        if seeds.any():
            nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
            result[box][within] = seeds[tuple(nearest)][within]
    return result


def _by_volume(lesions: np.ndarray) -> np.ndarray:
    """Renumbers from 1 by falling number of voxels; of equals the one that comes first in the array."""
    numbers, first, counts = np.unique(lesions[lesions > 0], return_index=True, return_counts=True)
    table = np.zeros(int(numbers.max(initial=0)) + 1, np.int32)
    table[numbers[np.lexsort((first, -counts))]] = np.arange(1, len(numbers) + 1)
    return table[lesions]
