"""Where the slices of a DICOM series lie: their order, their distances, and the affine that follows."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Of the distance between slices: scanners write positions in decimal, so gaps differ in the last digits.
GAP_TOLERANCE = 0.02
COSINE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Slice:
    """One frame: where it is (LPS mm), how it lies (row then column cosines), and how to get its pixels."""

    path: Path
    frame: int | None
    number: int
    position: np.ndarray
    cosines: np.ndarray
    pixel_mm: tuple[float, float]
    thickness_mm: float
    shape: tuple[int, int]
    rescale: tuple[float, float]
    dtype: np.dtype

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.cosines[:3], self.cosines[3:])

    @property
    def along(self) -> float:
        """Position along the normal, mm."""
        return float(self.position @ self.normal)


def slices_of(path: Path, data: Any) -> list[Slice]:
    """The frames of one file: a single one, or those of a multi-frame image by their functional groups."""
    if int(data.get("SamplesPerPixel", 1)) != 1:
        raise TfmedError(f"{path} holds colours or vectors, a scalar image is needed")
    if "NumberOfFrames" not in data:
        return [_slice(path, data, None, [data])]
    shared = list(data.get("SharedFunctionalGroupsSequence", []))
    groups = list(data.get("PerFrameFunctionalGroupsSequence", []))
    if len(groups) != int(data.NumberOfFrames):
        raise TfmedError(f"{path} has {data.NumberOfFrames} frames but says of {len(groups)} where they are")
    return [_slice(path, data, frame, [group, *shared, data]) for frame, group in enumerate(groups)]


def _slice(path: Path, data: Any, frame: int | None, places: list[Any]) -> Slice:
    def value(name: str, sequence: str, default: Any = None) -> Any:
        for place in places:
            inner = place[sequence].value[0] if sequence in place and place[sequence].value else place
            if name in inner and inner[name].value not in (None, ""):
                return inner[name].value
        if default is None:
            raise TfmedError(f"{path} lacks {name}, so where its slices are is unknown")
        return default

    slope = float(value("RescaleSlope", "PixelValueTransformationSequence", 1))
    intercept = float(value("RescaleIntercept", "PixelValueTransformationSequence", 0))
    row_mm, column_mm = (float(step) for step in value("PixelSpacing", "PixelMeasuresSequence"))
    if not (row_mm > 0 and column_mm > 0):
        raise TfmedError(f"{path} claims a spacing of {row_mm} and {column_mm} mm, it must be above 0")
    thickness = value("SpacingBetweenSlices", "PixelMeasuresSequence", 0) or value(
        "SliceThickness", "PixelMeasuresSequence", 1
    )
    bits, signed = int(data.get("BitsAllocated", 16)), int(data.get("PixelRepresentation", 0))
    stored = np.dtype(f"{'int' if signed else 'uint'}{max(8, bits)}")
    return Slice(
        path,
        frame,
        int(data.get("InstanceNumber") or 0),
        np.array(value("ImagePositionPatient", "PlanePositionSequence"), np.float64),
        np.array(value("ImageOrientationPatient", "PlaneOrientationSequence"), np.float64),
        (row_mm, column_mm),
        abs(float(thickness)),
        (int(data.Rows), int(data.Columns)),
        (slope, intercept),
        stored if (slope, intercept) == (1.0, 0.0) else np.dtype(np.float32),
    )


def stacked(slices: list[Slice]) -> list[list[Slice]]:
    """Slices along the normal, at each position the volumes in order of instance number."""
    _check_alike(slices)
    places: dict[float, list[Slice]] = defaultdict(list)
    for entry in sorted(slices, key=lambda entry: entry.along):
        near = next(reversed(places), None)
        same = near is not None and abs(entry.along - near) < GAP_TOLERANCE * max(entry.thickness_mm, 0.1)
        places[near if same and near is not None else entry.along].append(entry)
    stack = [
        sorted(volumes, key=lambda entry: (entry.number, entry.frame or 0)) for volumes in places.values()
    ]
    counts = {len(volumes) for volumes in stack}
    if len(counts) > 1:
        odd = min(stack, key=len)[0]
        raise TfmedError(
            f"{odd.path}: at {odd.along:.2f} mm there are {min(counts)} slices, at others {max(counts)}; "
            "slices are missing or two series are mixed"
        )
    _check_gaps([volumes[0] for volumes in stack])
    return stack


def _check_alike(slices: list[Slice]) -> None:
    """One orientation, size and spacing; TfmedError names the first file that differs."""
    first = slices[0]
    for entry in slices:
        if np.abs(entry.cosines - first.cosines).max() > COSINE_TOLERANCE:
            raise TfmedError(
                f"{entry.path} lies otherwise than {first.path.name} of the same series: orientations "
                f"{entry.cosines.tolist()} and {first.cosines.tolist()}"
            )
        if entry.shape != first.shape or not np.allclose(entry.pixel_mm, first.pixel_mm, rtol=1e-4):
            raise TfmedError(
                f"{entry.path} has {entry.shape} pixels of {entry.pixel_mm} mm, {first.path.name} of the "
                f"same series {first.shape} of {first.pixel_mm} mm"
            )


def _check_gaps(slices: list[Slice]) -> None:
    """Equal distances along the normal; TfmedError names the file behind the gap."""
    gaps = np.diff([entry.along for entry in slices])
    if not gaps.size:
        return
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    worst = int(np.argmax(np.abs(gaps - usual)))
    if abs(gaps[worst] - usual) > GAP_TOLERANCE * usual:
        raise TfmedError(
            f"{slices[worst + 1].path} lies {gaps[worst]:.3f} mm behind {slices[worst].path.name}, other "
            f"slices {usual:.3f} mm: a slice is missing or the distances are uneven"
        )


def affine_of(slices: list[Slice]) -> np.ndarray:
    """Index (column, row, slice) to RAS+ mm, by DICOM PS3.3, C.7.6.2.1.1; slices step from first to last."""
    first, last = slices[0], slices[-1]
    if len(slices) > 1:
        step = (last.position - first.position) / (len(slices) - 1)
    else:
        step = first.normal * first.thickness_mm
    lps = np.eye(4)
    lps[:3, 0] = first.cosines[:3] * first.pixel_mm[1]
    lps[:3, 1] = first.cosines[3:] * first.pixel_mm[0]
    lps[:3, 2] = step
    lps[:3, 3] = first.position
    return LPS_TO_RAS @ lps
