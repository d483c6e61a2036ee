"""What varies inside a tissue of one scan: training sees it, beyond what whole phantoms show.

A contrast gives every tissue one value, and texture is fine. In patients the same tissue also drifts over
centimetres: oedema thins out, a rim takes up contrast agent on one side, part of a low-grade core is as dark
in FLAIR as tissue (the T2-FLAIR mismatch), fluid that flows into the slice is bright in FLAIR, cortex and
myelin differ from lobe to lobe.
"""

from dataclasses import dataclass

import numpy as np

from tfmed.phantom.channels import LESION
from tfmed.phantom.contrast import Contrast
from tfmed.phantom.fields import extent, grain
from tfmed.phantom.tissues import FLUID, GREY, N_TISSUES, Tissue, table

# Fixed, because fields of slices are windows of planes that are kept by their step.
STEPS_MM = (8.0, 14.0, 25.0)
NON_ENHANCING = 2
FLAIR = "flair"
# Of a drift's variance that much is common to all modalities.
COMMON = 0.5
# In sd of the field; low enough below that a part never loses the sign that makes it a lesion.
LIMITS = (-1.2, 2.0)


@dataclass(frozen=True, eq=False)
class Variation:
    """Amplitudes of one scan, 0 where there is none of it; ``step_mm`` one of ``STEPS_MM``.

    tissue [M]: sd of the relative drift of healthy tissue; grey [M]: of grey matter besides. lesion [M,4]: sd
    of the logarithm by which each part's difference from white matter is scaled. Only in FLAIR: ``mismatch``,
    how far patches of the non-enhancing core come down to ``mismatch_level`` times white matter (0..1);
    ``flow``, the brightness of fluid, in units of cortex, where a field of unit sd passes ``flow_from``.
    """

    step_mm: float
    tissue: np.ndarray
    grey: np.ndarray
    lesion: np.ndarray
    mismatch: float
    mismatch_level: float
    flow: float
    flow_from: float


def draw(n: int, rng: np.random.Generator, glioma: bool = True) -> Variation:
    """Variation of ``n`` modalities: each kind of it in some scans; a mismatch in gliomas alone."""
    return Variation(
        step_mm=float(rng.choice(STEPS_MM)),
        tissue=rng.uniform(0, 0.1, n) * (rng.random() < 0.5),
        grey=rng.uniform(0, 0.15, n) * (rng.random() < 0.3),
        lesion=rng.uniform(0, 0.5, (n, 4)) * (rng.random() < 0.7),
        mismatch=float(rng.uniform(0.3, 1) * (rng.random() < 0.25) * glioma),
        mismatch_level=float(rng.uniform(0.6, 1.1)),
        flow=float(rng.uniform(0.6, 1.6) * (rng.random() < 0.35)),
        flow_from=float(rng.uniform(0.6, 1.8)),
    )


def apply(
    values: np.ndarray, channels: np.ndarray, contrast: Contrast, variation: Variation,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Changes noiseless ``values`` float32 [M, ...] of latent voxels uint8 [9, ...] in place.

    Shapes as in ``contrast.clean``, the volume's or one with an axis of length 1.
    """
    _drift(values, channels, variation, rng)
    if FLAIR in contrast.modalities and variation.flow:
        _flow(values, channels, contrast, variation, rng)
    box = extent(np.asarray(channels[LESION:].any(0)))
    if box is None:
        return
    within = (slice(None), *_thick(box, values.shape[1:]))
    parts = channels[LESION:][within].astype(np.float32) / 255
    _uneven(values[within], parts, contrast, variation, rng)
    if FLAIR in contrast.modalities and variation.mismatch:
        _mismatch(values[within], parts[NON_ENHANCING], contrast, variation, rng)


def _thick(box: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """``box``, at least two voxels long wherever ``shape`` is: a length of 1 marks the axis of a slice."""
    longer = []
    for part, n in zip(box, shape, strict=True):
        start = min(part.start, max(n - 2, 0))
        longer.append(slice(start, max(part.stop, min(start + 2, n))))
    return tuple(longer)


def _healthy(channels: np.ndarray) -> np.ndarray:
    """The share of each voxel that is no lesion, float32."""
    return 1 - channels[LESION:].sum(0, dtype=np.float32) / 255


def _drift(values: np.ndarray, channels: np.ndarray, variation: Variation, rng: np.random.Generator) -> None:
    """Healthy tissue and grey matter drift; a lesion's parts have a drift of their own."""
    shape = values.shape[1:]
    if not (variation.tissue.any() or variation.grey.any()):
        return
    healthy = _healthy(channels)
    grey_matter = healthy * table({GREY: 1.0})[channels[0]]
    for image, tissue, grey in zip(values, variation.tissue, variation.grey, strict=True):
        if tissue:
            image *= 1 + np.float32(tissue) * healthy * grain(shape, STEPS_MM[-1], rng, 1)[0]
        if grey:
            image *= 1 + np.float32(grey) * grey_matter * grain(shape, STEPS_MM[-1], rng, 1)[0]
    np.maximum(values, 0, out=values)


def _flow(
    values: np.ndarray,
    channels: np.ndarray,
    contrast: Contrast,
    variation: Variation,
    rng: np.random.Generator,
) -> None:
    flair = contrast.modalities.index(FLAIR)
    fluid = table({FLUID: 1.0})
    share = channels[2].astype(np.float32) / 255
    amount = fluid[channels[0]] * share + fluid[channels[1]] * (1 - share)
    amount *= _healthy(channels)
    amount *= np.clip(grain(amount.shape, STEPS_MM[1], rng, 1)[0] - variation.flow_from, 0, 1)
    row = contrast.values[flair]
    values[flair] += amount * (variation.flow * row[Tissue.CORTEX] - row[Tissue.CSF])


def _uneven(
    values: np.ndarray, parts: np.ndarray, contrast: Contrast, variation: Variation, rng: np.random.Generator
) -> None:
    """Each part's difference from white matter, larger here and smaller there."""
    m, shape = len(values), values.shape[1:]
    white = contrast.values[:, Tissue.WHITE]
    for part, fraction in enumerate(parts):
        if not fraction.any() or not variation.lesion[:, part].any():
            continue
        fields = grain(shape, variation.step_mm, rng, m + 1)
        fields = np.sqrt(COMMON) * fields[m] + np.sqrt(1 - COMMON) * fields[:m]
        sd = variation.lesion[:, part].astype(np.float32).reshape(-1, *[1] * len(shape))
        difference = (contrast.values[:, N_TISSUES + part] - white).reshape(sd.shape)
        values += fraction * difference * (np.exp(sd * np.clip(fields, *LIMITS)) - 1)
    np.maximum(values, 0, out=values)


def _mismatch(
    values: np.ndarray, core: np.ndarray, contrast: Contrast, variation: Variation, rng: np.random.Generator
) -> None:
    flair = contrast.modalities.index(FLAIR)
    row = contrast.values[flair]
    patches = np.clip(0.5 + grain(core.shape, STEPS_MM[1], rng, 1)[0], 0, 1)
    lost = row[N_TISSUES + NON_ENHANCING] - variation.mismatch_level * row[Tissue.WHITE]
    values[flair] -= variation.mismatch * core * patches * np.maximum(lost, 0)
