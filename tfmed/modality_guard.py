"""Notice images that stand under another modality's name.

Three signs, each of which turns round when the two names that it compares are exchanged:

- Fluid fills little of the head and is by far the brightest tissue in T2, the darkest in T1 and FLAIR, so the
  intensities of T2 are skewed to the bright side of those of the others.
- Grey matter is brighter than white in T2 and FLAIR, darker in T1, and lesions are bright in the first two;
  so FLAIR goes with T2 more than T1 does.
- Contrast medium brightens vessels and some lesions, so the difference of T1 with and without is skewed to
  the bright side of T1 with contrast.
"""

from itertools import combinations

import numpy as np

from tfmed.geometry import voxel_volume_mm3
from tfmed.intensity import foreground, moments
from tfmed.study import Study

# Of larger grids every so many voxels along each axis are looked at: the signs are those of millions.
MOST_VOXELS = 200_000
# A sign must be this clear before it counts against the names (in units of skewness or correlation).
CLEAR = 0.1
# Brains in their hull hold up to 2000 ml, templates a fifth more; a larger foreground has its skull still.
BRAIN_ML = 2800.0
CLIP = 6.0


def contradictions(study: Study) -> list[str]:
    """One sentence for every two names of a study that their contrasts contradict; none where all is well.

    Known are "flair", "t1", "t1c" and "t2"; other modalities are passed over. A sign that needs a modality
    which isn't there is passed over too. Heads with their skull and no mask are not judged: fat and muscle
    outweigh the signs.
    """
    known: list[str] = [name for name in ("flair", "t1", "t1c", "t2") if name in study.images]
    values = _values(study, known)
    if not values:
        return []
    found: list[str] = []
    for first, second in combinations(known, 2):
        sign, reason = _sign(values, first, second)
        if sign < -CLEAR:
            found.append(f"study {study.case_id}: {first} and {second} may be exchanged, {reason}")
    return found


def _values(study: Study, names: list[str]) -> dict[str, np.ndarray]:
    """Of each modality the normalised, clipped intensities [n] of the same voxels; none with a skull."""
    step = max(1, round((np.prod(study.shape) / MOST_VOXELS) ** (1 / 3)))
    some = (slice(None, None, step),) * 3
    arrays = {name: study.images[name].array[some] for name in names}
    if study.mask is not None:
        head = study.mask.array[some] != 0
    else:
        head = np.ones(study.reference.array[some].shape, bool)
        for array in arrays.values():
            head &= foreground(array)
    if study.mask is None and _millilitres(study, head) > BRAIN_ML:
        return {}
    result = {}
    for name, array in arrays.items():
        center, scale = moments(array, head)
        result[name] = np.clip((array[head].astype(np.float64) - center) / scale, -CLIP, CLIP)
    return result


def _millilitres(study: Study, head: np.ndarray) -> float:
    """The volume of a head of which ``head`` is a sample."""
    voxels = np.count_nonzero(head) / head.size * float(np.prod(study.shape))
    return voxels * voxel_volume_mm3(study.affine) / 1000


def _sign(values: dict[str, np.ndarray], first: str, second: str) -> tuple[float, str]:
    """How clearly the contrasts speak for two names (below 0: against), and what a contradiction shows."""
    if second == "t2":
        return _skew(values["t2"]) - _skew(values[first]), f"fluid is brighter in {first} than in t2"
    if first == "flair" and "t2" in values:
        sign = _correlation(values["flair"], values["t2"]) - _correlation(values[second], values["t2"])
        return sign, f"{second} goes with t2 more than flair does"
    if (first, second) == ("t1", "t1c"):
        return _skew(values["t1c"] - values["t1"]), "t1 shows what contrast medium brightens"
    return 0.0, ""


def _skew(values: np.ndarray) -> float:
    """Third standardised moment; 0 for fewer than two distinct values."""
    spread = values.std() if values.size else 0.0
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of ranks, so that the few voxels of fluid don't outweigh grey and white matter."""
    if first.size < 2 or first.std() == 0 or second.std() == 0:
        return 0.0
    one, other = (values.argsort(kind="stable").argsort().astype(np.float64) for values in (first, second))
    one, other = one - one.mean(), other - other.mean()
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))
