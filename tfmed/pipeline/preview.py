"""Contact sheets: what cases look like to the network, and one sample before and after augmentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmed.pipeline.prepare import arrays
from tfmed.pipeline.slices import Sampler
from tfmed.pipeline.source import VIEWS, Source
from tfmed.study import Study

DARKEST, BRIGHTEST = -2.5, 4.0
COLOURS = np.array(
    [[0, 0, 0], [70, 110, 255], [40, 200, 80], [255, 220, 40], [255, 60, 60], [200, 80, 255]], np.float32
)
OPACITY = 0.5


@dataclass(frozen=True, eq=False)
class Picture:
    """A slice to show: image [H, W, M] normalised, labels [H, W]."""

    title: str
    image: np.ndarray
    labels: np.ndarray


def of_source(source: Source, number: int) -> Picture:
    """The axial slice of a source's case that shows most lesion, or the middle one where there is none."""
    case = source.cases[number]

    def read(index: int) -> tuple[np.ndarray, np.ndarray]:
        return source.slice(number, 0, index, np.random.default_rng(0))

    lesion = {int(index): np.count_nonzero(read(int(index))[1]) for index in case.lesion_slices[0]}
    index = max(lesion, key=lesion.__getitem__) if lesion else int(np.median(case.brain_slices[0]))
    return Picture(_title(case.id, case.diagnosis, index), *read(index))


def of_study(study: Study, modalities: Sequence[str]) -> Picture:
    """The same of a study that is in no store."""
    image, labels, facts = arrays(study, modalities)
    labels = np.zeros(image.shape[:3], np.uint8) if labels is None else labels
    areas = np.count_nonzero(labels, axis=(0, 1))
    index = int(areas.argmax() if areas.any() else np.median(facts["brain_slices"][0]))
    title = _title(study.case_id, study.diagnosis, index)
    return Picture(title, image[:, :, index].astype(np.float32), labels[:, :, index])


def of_sample(sampler: Sampler, index: int) -> list[Picture]:
    """Sample ``index`` as the network gets it, below the slice that it was made of."""
    case, view, number = sampler.slice_of(index)
    stored = sampler.source.slice(case, view, number, sampler.generator(index))
    image, present, labels = sampler(index)
    names = [name for name, here in zip(sampler.source.modalities, present, strict=True) if here]
    name = sampler.source.cases[case].id
    return [
        Picture(f"{name}, {VIEWS[view]} {number}", *stored),
        Picture(f"sample {index} of seed {sampler.seed}: present are {', '.join(names)}", image, labels),
    ]


def save(pictures: Sequence[Picture], modalities: Sequence[str], path: Path) -> None:
    """Write a sheet with a row of modalities for each picture; the format follows the ending of ``path``.

    Pictures are shown as radiologists do: the patient's right on the left, front or top at the top.
    """
    from matplotlib.figure import Figure

    strips = [_strip(picture) for picture in pictures]
    columns = 1 + (len(strips) > 6) + (len(strips) > 16)
    rows = -(-len(strips) // columns)
    width = 1.6 * columns * (len(modalities) + 1)
    figure = Figure(figsize=(width, 2.1 * rows + 0.3), layout="compressed", facecolor="black")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for place in places:
        place.set_axis_off()
    for place, picture, strip in zip(places, pictures, strips, strict=False):
        place.imshow(strip, interpolation="nearest")
        place.set_title(picture.title, color="white", fontsize=8)
    figure.suptitle(f"labels on {modalities[0]}, then {', '.join(modalities)}", color="white", fontsize=9)
    beside = path.with_name(f".part-{path.name}")
    try:
        figure.savefig(beside, dpi=150, bbox_inches="tight")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _title(name: str, diagnosis: str | None, index: int) -> str:
    return f"{name}, {diagnosis}, {VIEWS[0]} {index}" if diagnosis else f"{name}, {VIEWS[0]} {index}"


def _strip(picture: Picture) -> np.ndarray:
    """The picture's modalities side by side, uint8 [h, w, 3], turned for people."""
    grey = (picture.image - DARKEST) / (BRIGHTEST - DARKEST)
    grey = np.where(picture.image == 0, 0, 255 * np.clip(grey, 0, 1))
    panes = [np.repeat(grey[..., [channel]], 3, axis=-1) for channel in range(grey.shape[-1])]
    paint = COLOURS[(picture.labels.astype(int) - 1) % (len(COLOURS) - 1) + 1]
    painted = (1 - OPACITY) * panes[0] + OPACITY * paint
    panes.insert(0, np.where(picture.labels[..., None] > 0, painted, panes[0]))
    return np.concatenate([pane.transpose(1, 0, 2)[::-1, ::-1] for pane in panes], axis=1).astype(np.uint8)
