"""BraTS 2023 and 2024 (adult glioma): one layout of files, but labels 3 and 4 differ in meaning.

In both 1 is necrosis and non-enhancing core, 2 oedema, 3 enhancing; 2024 adds 4, the resection cavity. Which
it is shows in the grid (2024 comes in 182x218x182 voxels) or in the names of the folders. Where neither
tells, or the two contradict one another, the dataset must be named.
"""

import re
from contextlib import suppress
from pathlib import Path, PurePosixPath

from tfmed import io
from tfmed.datasets.layout import Layout, Part, home
from tfmed.errors import TfmedError

FILE = re.compile(
    r"(?P<case>(?P<patient>BraTS-GLI-\d+)-(?P<timepoint>\d+))-(?P<role>t1n|t1c|t2w|t2f|seg)\.nii(\.gz)?", re.I
)
ROLES = {"t1n": "t1", "t1c": "t1c", "t2w": "t2", "t2f": "flair", "seg": "labels"}
GRIDS: dict[tuple[int, ...], str] = {(240, 240, 155): "2023", (182, 218, 182): "2024"}


def part(path: PurePosixPath) -> Part | None:
    """BraTS-GLI-00000-000/BraTS-GLI-00000-000-t2f.nii.gz"""
    found = FILE.fullmatch(path.name)
    if not found:
        return None
    group = str(home(path, found["case"]))
    return Part(group, ROLES[found["role"].lower()], found["case"], found["patient"], found["timepoint"])


def years(root: Path, files: list[Path]) -> set[str]:
    """The years that grids and folder names speak for: one where they agree, none where they are silent."""
    folders = {name for path in files for name in path.relative_to(root).parts[:-1]}
    folders |= set(root.resolve().parts[-2:])
    by_name = {year for year in GRIDS.values() if any(year in name for name in folders)}
    return by_name | {year for path in files if (year := _year_of_grid(path))}


def _year_of_grid(path: Path) -> str | None:
    with suppress(TfmedError):
        return GRIDS.get(io.header(path).shape[:3])
    return None


def _layout(year: str) -> Layout:
    return Layout(
        f"brats{year}",
        f"BraTS {year}",
        part,
        ("flair", "t1", "t1c", "t2"),
        edition=f"brats{year}",
        one_grid=True,
        recognise=lambda root, files: years(root, files) == {year},
    )


LAYOUTS = (_layout("2023"), _layout("2024"))
