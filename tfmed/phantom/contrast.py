"""Intensities of tissues and lesions: signal equations with jitter, or free randomisation.

Relaxation times are rounded means of the literature at 1.5 to 3 T; what matters is the order of tissues, and
that everything is drawn far beyond the plausible (domain randomisation).
"""

from dataclasses import dataclass

import numpy as np

from tfmed.errors import TfmedError
from tfmed.phantom.fields import extent
from tfmed.phantom.signals import PERFUSION, Signals
from tfmed.phantom.tissues import FLUID, GREY, N_TISSUES, Tissue

MODALITIES = ("flair", "t1", "t1c", "t2", "pd", "dwi", "adc", *PERFUSION)
LESIONS = ("necrosis", "oedema", "non_enhancing", "enhancing")
SPOT = N_TISSUES + len(LESIONS)
N_VALUES = SPOT + 1

# T1 ms, T2 ms, proton density, diffusion 1e-3 mm2/s
RELAXATION = {
    Tissue.CSF: (4000, 1500, 1.0, 3.0),
    Tissue.VENTRICLE: (4000, 1500, 1.0, 3.0),
    Tissue.CORTEX: (1350, 92, 0.82, 0.85),
    Tissue.WHITE: (850, 72, 0.70, 0.75),
    Tissue.CEREBELLAR_CORTEX: (1320, 90, 0.81, 0.8),
    Tissue.CEREBELLAR_WHITE: (880, 74, 0.71, 0.72),
    Tissue.THALAMUS: (1120, 82, 0.77, 0.8),
    Tissue.CAUDATE: (1270, 86, 0.80, 0.78),
    Tissue.PUTAMEN: (1190, 80, 0.80, 0.76),
    Tissue.PALLIDUM: (950, 64, 0.74, 0.75),
    Tissue.BRAIN_STEM: (960, 80, 0.74, 0.78),
    Tissue.VENTRAL_DC: (930, 74, 0.73, 0.75),
    Tissue.HIPPOCAMPUS: (1350, 100, 0.83, 0.9),
    Tissue.AMYGDALA: (1350, 98, 0.83, 0.85),
    Tissue.CHOROID: (1500, 150, 0.85, 1.6),
    Tissue.VESSEL: (1600, 40, 0.60, 1.2),
    Tissue.DURA: (1000, 45, 0.60, 0.8),
    Tissue.SKULL: (1500, 8, 0.20, 0.3),
    Tissue.SOFT: (1000, 45, 0.75, 1.2),
    Tissue.FAT: (330, 75, 0.95, 0.2),
    Tissue.EYE: (3800, 900, 1.0, 2.8),
}
# By perfusion map: grey matter, fluid and vessels relative to white matter.
PERFUSION_OF_TISSUE = {
    "cbf": (2.6, 0.05, 4.0),
    "cbv": (2.0, 0.1, 5.0),
    "tmax": (0.85, 0.2, 0.4),
    "ttp": (0.95, 0.6, 0.85),
}
PARENCHYMA = (
    Tissue.WHITE,
    Tissue.CORTEX,
    Tissue.CEREBELLAR_CORTEX,
    Tissue.CEREBELLAR_WHITE,
    Tissue.BRAIN_STEM,
)


@dataclass(frozen=True, eq=False)
class Contrast:
    """``values`` float32 [modality, N_VALUES]: tissues by code, then the lesion's parts, then bright spots.

    The parts are ``LESIONS`` in a glioma, ``Kind.parts`` in other kinds.

    ``texture`` float32 [modality, 5]: relative amplitude of the texture in healthy tissue and in the four
    parts.
    """

    modalities: tuple[str, ...]
    values: np.ndarray
    texture: np.ndarray


def draw(
    modalities: tuple[str, ...], rng: np.random.Generator, random_share: float = 0.3,
    lesion: Signals | None = None,
) -> Contrast:  # fmt: skip
    """Contrasts of one scan: each modality realistic, or, with probability ``random_share``, free.

    The powers of the display curve (log sd 0.12) are part of it.
    Free contrasts give tissues any order but keep the sign that makes a lesion a lesion. ``lesion``: the
    physics of the lesion's parts, those of a glioma drawn where None.
    """
    unknown = [m for m in modalities if m not in MODALITIES]
    if unknown:
        raise TfmedError(
            f"No contrast for {unknown[0]!r}. Received: {modalities}. Known: {', '.join(MODALITIES)}."
        )
    relaxation = _relaxation(rng)
    if rng.random() < 0.08:
        _bleed(relaxation, rng)
    if lesion is not None:
        relaxation[N_TISSUES:SPOT] = lesion.relaxation
    rows = []
    for modality in modalities:
        if rng.random() < random_share:
            rows.append(_free(modality, rng, lesion))
        else:
            rows.append(_realistic(modality, relaxation, rng, lesion))
    values = np.stack(rows).astype(np.float32)
    values = values ** np.exp(rng.normal(0, 0.12, (len(modalities), 1))).astype(np.float32)
    texture = np.exp(rng.uniform(np.log(0.02), np.log(0.16), (len(modalities), 1 + len(LESIONS))))
    texture[:, 0] = rng.uniform(0.01, 0.05, len(modalities))
    return Contrast(modalities, values, texture.astype(np.float32))


def plain(modalities: tuple[str, ...], lesion: Signals | None = None) -> Contrast:
    """The mean realistic contrast, without texture: the same in every call with the same ``lesion``."""

    class Middle:
        def uniform(self, low, high, size=None):  # noqa: ANN001, ANN202
            return np.full(size, (low + high) / 2) if size is not None else (low + high) / 2

        def normal(self, mean=0.0, sd=1.0, size=None):  # noqa: ANN001, ANN202
            return np.full(size, float(mean)) if size is not None else float(mean)

    middle = Middle()
    relaxation = _relaxation(middle)  # type: ignore[arg-type]
    if lesion is not None:
        relaxation[N_TISSUES:SPOT] = lesion.relaxation
    values = np.stack([_realistic(m, relaxation, middle, lesion) for m in modalities]).astype(np.float32)  # type: ignore[arg-type]
    return Contrast(modalities, values, np.zeros((len(modalities), 1 + len(LESIONS)), np.float32))


def _relaxation(rng: np.random.Generator) -> np.ndarray:
    """T1, T2, density, diffusion of everything in this head: float64 [N_VALUES, 4]."""
    table = np.zeros((N_VALUES, 4))
    for tissue, row in RELAXATION.items():
        table[tissue] = row
    table[N_TISSUES:SPOT] = [
        (rng.uniform(1500, 3600), np.exp(rng.uniform(np.log(140), np.log(900))), rng.uniform(0.9, 1), 2.0),
        (rng.uniform(1250, 1900), rng.uniform(105, 190), rng.uniform(0.8, 0.92), 1.4),
        (rng.uniform(1450, 2300), rng.uniform(115, 260), rng.uniform(0.84, 0.95), 1.3),
        (rng.uniform(1200, 1800), rng.uniform(90, 170), rng.uniform(0.8, 0.92), 1.0),
    ]
    table[SPOT] = (rng.uniform(1150, 1500), rng.uniform(100, 150), 0.82, 1.0)
    return table * np.exp(rng.normal(0, 1, table.shape) * [0.04, 0.06, 0.02, 0.05])


def _bleed(relaxation: np.ndarray, rng: np.random.Generator) -> None:
    """Blood in the necrosis: methaemoglobin shortens T1, so that it is bright without contrast agent too."""
    relaxation[N_TISSUES, 0] = rng.uniform(450, 900)
    relaxation[N_TISSUES, 1] = rng.uniform(40, 200)


def _realistic(
    modality: str, relaxation: np.ndarray, rng: np.random.Generator, lesion: Signals | None
) -> np.ndarray:
    t1, t2, density, diffusion = np.maximum(relaxation, 1e-6).T
    if modality in PERFUSION:
        values = _perfusion(modality, rng, lesion)
        return values * np.exp(rng.normal(0, 0.03, values.shape))
    if modality == "t1c":
        t1 = _after_gadolinium(t1, rng)
        if lesion is not None:
            t1[N_TISSUES:SPOT] = np.minimum(lesion.relaxation[:, 0], lesion.gadolinium_ms)
    values = _signal(modality, t1, t2, density, diffusion, rng)
    values[Tissue.OUTSIDE] = 0
    values /= values[Tissue.WHITE]
    if modality in ("t1", "t1c", "t2"):
        values[Tissue.VESSEL] *= rng.uniform(0.7, 1.3) if modality == "t1c" else rng.uniform(0.4, 1.1)
    if lesion is not None:
        _keep_bright(modality, values, lesion, rng)
    elif modality in ("flair", "t2"):
        _fade(values, rng)
    if lesion is None and modality == "t1c":
        floor = values[list(PARENCHYMA)].max()
        enhancing = N_TISSUES + 3
        values[enhancing] = max(values[enhancing], floor * rng.uniform(1.08, 1.2))
    return values * np.exp(rng.normal(0, 0.03, values.shape))


def _keep_bright(modality: str, values: np.ndarray, lesion: Signals, rng: np.random.Generator) -> None:
    """Parts that are known by their brightness are no darker than the brightest tissue."""
    floor = values[list(PARENCHYMA)].max() * rng.uniform(1.04, 1.2)
    bright = np.array(lesion.signs.get(modality, (0, 0, 0, 0))) > 0
    parts = values[N_TISSUES:SPOT]
    parts[bright] = np.maximum(parts[bright], floor)


def _perfusion(modality: str, rng: np.random.Generator, lesion: Signals | None) -> np.ndarray:
    """Perfusion maps relative to white matter (Tmax and TTP: later is more); fluid has next to none."""
    grey, fluid, vessel = PERFUSION_OF_TISSUE[modality]
    values = np.full(N_VALUES, rng.uniform(0.9, 1.1))
    values[list(GREY)] = grey * rng.uniform(0.9, 1.1)
    values[[*FLUID, Tissue.EYE]] = fluid
    values[[Tissue.VESSEL, Tissue.CHOROID]] = vessel
    values[Tissue.DURA : Tissue.EYE] = 0.4
    if lesion is not None:
        values[N_TISSUES:SPOT] = lesion.perfusion[:, PERFUSION.index(modality)]
    values[Tissue.OUTSIDE] = 0
    return values


def _fade(values: np.ndarray, rng: np.random.Generator) -> None:
    """Oedema and non-enhancing core from a little brighter than tissue to their full signal."""
    floor = values[list(PARENCHYMA)].max() * rng.uniform(1.0, 1.12)
    for code, faintest in ((N_TISSUES + 1, 0.4), (N_TISSUES + 2, 0.6)):
        values[code] = floor + max(values[code] - floor, 0.08) * rng.uniform(faintest, 1.1)


def _after_gadolinium(t1: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """T1 shortened by contrast agent where it leaks or flows; the rest of a lesion takes up a trace."""
    t1 = t1.copy()
    for code, low, high in (
        (N_TISSUES + 3, 280, 1150),
        (Tissue.VESSEL, 180, 600),
        (Tissue.CHOROID, 300, 900),
        (Tissue.DURA, 300, 1000),
    ):
        t1[code] = np.exp(rng.uniform(np.log(low), np.log(high)))
    t1[N_TISSUES] *= rng.uniform(0.8, 1.0)
    t1[N_TISSUES + 2] *= rng.uniform(0.85, 1.0)
    return t1


def _signal(
    modality: str, t1: np.ndarray, t2: np.ndarray, density: np.ndarray, diffusion: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Spin-echo and inversion-recovery signal equations (times in ms, b in ms/um2)."""
    if modality in ("t1", "t1c"):
        repetition, echo = rng.uniform(420, 900), rng.uniform(5, 16)
        return density * (1 - np.exp(-repetition / t1)) * np.exp(-echo / t2)
    if modality == "t2":
        repetition, echo = rng.uniform(3500, 7000), rng.uniform(75, 120)
        return density * (1 - np.exp(-repetition / t1)) * np.exp(-echo / t2)
    if modality == "pd":
        repetition, echo = rng.uniform(2500, 5000), rng.uniform(8, 25)
        return density * (1 - np.exp(-repetition / t1)) * np.exp(-echo / t2)
    if modality == "flair":
        repetition, echo = rng.uniform(8000, 11000), rng.uniform(85, 140)
        inversion = 4000 * (np.log(2) - np.log1p(np.exp(-repetition / 4000))) * rng.uniform(0.88, 1.06)
        recovered = 1 - 2 * np.exp(-inversion / t1) + np.exp(-repetition / t1)
        return density * np.abs(recovered) * np.exp(-echo / t2)
    if modality == "adc":
        return diffusion.copy()
    weighting, echo = rng.uniform(0.8, 1.2), rng.uniform(70, 105)
    return density * np.exp(-echo / t2) * np.exp(-weighting * diffusion)


def _free(modality: str, rng: np.random.Generator, other: Signals | None) -> np.ndarray:
    """Any order of tissues; lesions keep their sign against white and grey matter."""
    values = np.zeros(N_VALUES)
    white, grey, deep, fluid = rng.uniform(0.2, 0.8, 4)
    fluid = rng.uniform(0.0, 0.3) if modality in ("flair", "t1", "t1c") else rng.uniform(0.7, 1.6)
    for members, value in (
        ((Tissue.WHITE, Tissue.CEREBELLAR_WHITE, Tissue.BRAIN_STEM, Tissue.VENTRAL_DC), white),
        ((Tissue.CORTEX, Tissue.CEREBELLAR_CORTEX, Tissue.HIPPOCAMPUS, Tissue.AMYGDALA), grey),
        ((Tissue.THALAMUS, Tissue.CAUDATE, Tissue.PUTAMEN, Tissue.PALLIDUM), deep),
        ((Tissue.CSF, Tissue.VENTRICLE, Tissue.EYE), fluid),
    ):
        values[list(members)] = value
    values[Tissue.CHOROID : Tissue.EYE] = rng.uniform(0.05, 1.2, 6)
    low, high = min(white, grey), max(white, grey, values[Tissue.THALAMUS])
    dark, bright = low * rng.uniform(0.35, 0.95, 4), high + rng.uniform(0.08, 0.7, 4)
    lesion = {"t1": dark, "pd": bright, "t2": bright, "flair": bright, "dwi": bright, "adc": bright}.get(
        modality
    )
    if lesion is None:
        lesion = np.array([dark[0], dark[1] + 0.5 * (white - dark[1]), dark[2], max(bright[3], high * 1.1)])
    values[N_TISSUES:SPOT] = lesion
    if modality == "flair":
        values[N_TISSUES] = rng.uniform(0.1, 1.4)
    if other is not None:
        sign = np.array(other.signs.get(modality, (0, 0, 0, 0)))
        anything = rng.uniform(low, high, 4)
        values[N_TISSUES:SPOT] = np.where(sign > 0, bright, np.where(sign < 0, dark, anything))
    if modality == "t1c":
        values[[Tissue.VESSEL, Tissue.CHOROID, Tissue.DURA]] = high + rng.uniform(0, 0.8, 3)
    values[SPOT] = values[N_TISSUES + 1] * rng.uniform(0.8, 1.1)
    values *= np.exp(rng.normal(0, 0.04, N_VALUES))
    values[Tissue.OUTSIDE] = 0
    return values


def clean(channels: np.ndarray, contrast: Contrast) -> tuple[np.ndarray, np.ndarray]:
    """Noiseless intensities and texture amplitudes of latent voxels.

    channels: uint8 [9, ...] as in ``latent.CHANNELS``. Returns float32 [modality, ...] twice.
    """
    first, second = channels[0].astype(np.intp), channels[1].astype(np.intp)
    share = channels[2] * np.float32(1 / 255)
    values = np.empty((len(contrast.values), *first.shape), np.float32)
    for image, table in zip(values, contrast.values, strict=True):
        other = table.take(second)
        np.subtract(table.take(first), other, out=image)
        image *= share
        image += other
    amplitude = np.empty_like(values)
    amplitude[:] = contrast.texture[:, :1].reshape(-1, *[1] * first.ndim)
    _paint(values, channels[4:5], contrast.values[:, SPOT:])
    _paint(values, channels[5:], contrast.values[:, N_TISSUES:SPOT])
    _paint(amplitude, channels[5:], contrast.texture[:, 1:])
    return values, amplitude


def _paint(mixed: np.ndarray, fractions: np.ndarray, values: np.ndarray) -> None:
    """mixed (1 - sum f) + sum f v, in place; fractions uint8 [k, ...], values [n, k]."""
    active = extent(np.asarray(fractions.any(0)))
    if active is None:
        return
    weights = fractions[:, *active].astype(np.float32) / 255
    part = mixed[:, *active]
    part *= 1 - weights.sum(0)
    for weight, value in zip(weights, values.T, strict=True):
        if weight.any():
            part += value.reshape(-1, *[1] * weight.ndim) * weight
