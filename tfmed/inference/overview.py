"""overview.png: every modality in three views through the largest lesion, and what was found drawn over."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmed import intensity
from tfmed.inference.boxes import Box, mask_box
from tfmed.inference.rules import Region, Rules
from tfmed.study import Volume

if TYPE_CHECKING:
    from tfmed.inference.result import Result

VIEWS = {"axial": 2, "coronal": 1, "sagittal": 0}
# Letters at the left and right edge of each view: what the radiological convention puts there.
EDGES = {"axial": ("R", "L"), "coronal": ("R", "L"), "sagittal": ("A", "P")}
OPACITY = 0.6
MARGIN = 4
PANEL_INCH, HEADER_INCH = 2.4, 0.75
LISTED = 3
PAPER, INK = "#101418", "#e8edf2"


def draw(result: "Result", path: Path) -> None:
    """Writes the picture as PNG; the same result gives the same bytes.

    Rows are views, columns the modalities that were read and an overlay on the first of them. Each view is
    cut where the largest lesion is widest (the middle of the head if there is none). Pictures follow the
    radiological convention: the person's right is on the left.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    images = {name: result.study.images[name].canonical() for name in result.modalities}
    labels, instances = result.labels.canonical().array, result.instances.canonical().array
    first = next(iter(images.values()))
    box = mask_box(intensity.foreground(first.array), MARGIN)
    cuts = _cuts(instances, box)
    columns = len(images) + 1
    sizes = [_size_mm(first, box, view) for view in VIEWS]
    heights = [PANEL_INCH * height / width for width, height in sizes]
    footer = 0.4 + 0.19 * min(len(result.lesions), LISTED + 1)
    figure = Figure((PANEL_INCH * columns + 0.4, sum(heights) + HEADER_INCH + footer), dpi=110)
    FigureCanvasAgg(figure)
    width, height = figure.get_size_inches()
    grid = figure.add_gridspec(
        3, columns, height_ratios=heights, left=0.35 / width, right=1 - 0.05 / width,
        top=1 - HEADER_INCH / height, bottom=footer / height, wspace=0.02, hspace=0.02,
    )  # fmt: skip
    windows = {name: _window(image.array[box]) for name, image in images.items()}
    for row, view in enumerate(VIEWS):
        for column, name in enumerate([*images, "overlay"]):
            axes = figure.add_subplot(grid[row, column])
            shown = name if name in images else next(iter(images))
            _show(axes, _cut(images[shown].array, box, view, cuts[view]), windows[shown], first, view)
            if name == "overlay":
                _overlay(axes, _cut(labels, box, view, cuts[view]), result.rules, first, view)
                _numbers(axes, _cut(instances, box, view, cuts[view]))
            if row == 0:
                axes.set_title(name if name in images else "found", color=INK, fontsize=11, pad=5)
            if column == 0:
                axes.set_ylabel(view, color=INK, fontsize=11)
    _words(figure, result)
    figure.savefig(path, format="png", facecolor=PAPER, metadata={"Software": None})


def value_regions(rules: Rules) -> dict[int, Region]:
    """The smallest region that each label value lies in, by value: it gives the value its colour."""
    return {
        value: min(
            (region for region in rules.regions if value in region.values[rules.edition]),
            key=lambda region: len(region.values[rules.edition]),
        )
        for value in rules.label_values()
    }


def _cuts(instances: np.ndarray, box: Box) -> dict[str, int]:
    """Slice of each view where the largest lesion is widest; of equals the middle one."""
    cuts = {}
    for view, axis in VIEWS.items():
        area = (instances == 1).sum(axis=tuple(a for a in range(3) if a != axis))
        widest = np.flatnonzero(area == area.max())
        middle = (box[axis].start + box[axis].stop) // 2
        cuts[view] = int(widest[len(widest) // 2]) if area.any() else middle
    return cuts


def _cut(array: np.ndarray, box: Box, view: str, index: int) -> np.ndarray:
    """A slice as a picture [rows from top, columns from left]: up is up or front, the left column R or A."""
    axis = VIEWS[view]
    plane = np.take(array, index, axis)[tuple(part for a, part in enumerate(box) if a != axis)]
    return plane[::-1, ::-1].T


def _size_mm(image: Volume, box: Box, view: str) -> tuple[float, float]:
    """Width and height of a view's picture."""
    width, height = (a for a in range(3) if a != VIEWS[view])
    edges = [(part.stop - part.start) * step for part, step in zip(box, image.spacing_mm, strict=True)]
    return edges[width], edges[height]


def _window(values: np.ndarray) -> tuple[float, float]:
    """Black and white level: from the background to the brightest half per cent of the head."""
    head = values[intensity.foreground(values)]
    if not head.size:
        return 0.0, 1.0
    low, high = np.percentile(head, [1, 99.5])
    return float(low - 0.15 * (high - low)), float(high)


def _aspect(image: Volume, view: str) -> float:
    column, row = (step for axis, step in enumerate(image.spacing_mm) if axis != VIEWS[view])
    return row / column


def _show(axes: Any, picture: np.ndarray, window: tuple[float, float], grid: Volume, view: str) -> None:
    low, high = window
    axes.imshow(
        picture, cmap="gray", vmin=low, vmax=high, aspect=_aspect(grid, view), interpolation="nearest"
    )
    axes.set(xticks=[], yticks=[], facecolor=PAPER)
    axes.spines[:].set_visible(False)
    for x, letter in zip((0.02, 0.98), EDGES[view], strict=True):
        side = "left" if x < 0.5 else "right"
        axes.text(x, 0.5, letter, transform=axes.transAxes, color=INK, fontsize=8, ha=side, va="center")


def _overlay(axes: Any, picture: np.ndarray, rules: Rules, grid: Volume, view: str) -> None:
    """Label values filled in their region's colour."""
    colours = np.zeros((256, 4))
    for value, region in value_regions(rules).items():
        colours[value] = [*(np.array(region.colour) / 255), OPACITY]
    axes.imshow(colours[picture], aspect=_aspect(grid, view), interpolation="nearest")


def _numbers(axes: Any, picture: np.ndarray) -> None:
    """The outline of each lesion, its id at the right."""
    for number in np.unique(picture[picture > 0]).tolist():
        inside = picture == number
        axes.contour(inside, levels=[0.5], colors=INK, linewidths=0.8)
        rows, columns = np.nonzero(inside)
        rightmost = int(np.argmax(columns))
        place = {"xy": (columns[rightmost], rows[rightmost]), "xytext": (3, 0), "textcoords": "offset points"}
        axes.annotate(str(number), **place, color=INK, fontsize=9, fontweight="bold", annotation_clip=True)


def _words(figure: Any, result: "Result") -> None:
    """Title above; legend and the largest lesions below."""
    from matplotlib.patches import Patch

    count = len(result.lesions)
    width, height = figure.get_size_inches()
    found = f"{count} lesion{'s' if count != 1 else ''}" if count else "no lesion found"
    title = f"{result.study.case_id}: {found}"
    figure.text(0.35 / width, 1 - 0.3 / height, title, color=INK, fontsize=13, va="center")
    note = f"{result.model} · the person's right is on the left of the picture"
    figure.text(1 - 0.05 / width, 1 - 0.3 / height, note, color=INK, fontsize=9, va="center", ha="right")
    regions = value_regions(result.rules)
    handles = [
        Patch(facecolor=_hex(region.colour), label=_value_title(value, region, result.rules))
        for value, region in regions.items()
    ]
    figure.legend(
        handles=handles, loc="lower right", ncols=len(handles), frameon=False, labelcolor=INK, fontsize=9,
        bbox_to_anchor=(0.995, 0.0), handlelength=1.2, columnspacing=1.4,
    )  # fmt: skip
    lines = [_sentence(lesion, result.rules) for lesion in result.lesions[:LISTED]]
    if count > LISTED:
        lines.append(f"and {count - LISTED} more in instances.json")
    figure.text(0.35 / width, 0.14 / height, "\n".join(lines), color=INK, fontsize=9, va="bottom")


def _value_title(value: int, region: Region, rules: Rules) -> str:
    alone = region.values[rules.edition] == {value}
    return region.title if alone else f"{region.title} (rest)"


def _sentence(lesion: Any, rules: Rules) -> str:
    titles = {region.name: region.title for region in rules.regions}
    extent = " x ".join(f"{edge:.0f}" for edge in lesion.extent_mm)
    return (
        f"{lesion.id}: {titles[lesion.category]}, {lesion.volume_ml:.1f} ml, {extent} mm, "
        f"{lesion.hemisphere}, confidence {lesion.confidence:.2f}"
    )


def _hex(colour: tuple[int, int, int]) -> str:
    red, green, blue = colour
    return f"#{red:02x}{green:02x}{blue:02x}"
