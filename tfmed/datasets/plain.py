"""Anybody's own data: a folder with a small ``tfmed.toml`` that maps file patterns to modalities and labels.

::

    name = "ours"                       # the dataset's name in reports
    edition = "brats2018"               # meaning of the label values (a known edition, or a name of your own)
    one_grid = false                    # true: all files of a case share one voxel grid, whatever headers say

    [files]
    t1 = "{case}/*_t1.nii.gz"
    flair = "{patient}/{timepoint}/flair.mha"
    t2 = "{diagnosis}/{case}/T2_DICOM"  # the folder of a DICOM series
    labels = "{case}/*_seg.nii.gz"
    mask = "{case}/brain.nii.gz"

Patterns are relative to the folder; ``*`` and ``?`` match within one name, letter case doesn't matter.
``{case}``, or ``{patient}`` with or without ``{timepoint}``, tells cases apart; ``{diagnosis}`` is optional.

Without such a file, a folder of folders is read where each case's files are named by their modality and
nothing else: ``flair.nii.gz``, ``t1.nii.gz``, ``t1c.nii.gz``, ``t2.nii.gz``, ``labels.nii.gz``,
``mask.nii.gz``.
"""

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from tfmed.datasets.layout import COMPANION, Layout, Part
from tfmed.errors import TfmedError

CONFIGURATION = "tfmed.toml"
KEYS = {"name": str, "edition": str, "one_grid": bool, "files": dict}
MODALITIES = ("flair", "t1", "t1c", "t2", "pd", "dwi", "adc")
ENDINGS = r"\.(nii|nii\.gz|mha|mhd|nrrd|nhdr|hdr)"
NAMED = re.compile(rf"(?P<role>{'|'.join(MODALITIES)}|labels|mask){ENDINGS}", re.I)
VOXELS = re.compile(rf"({'|'.join(MODALITIES)}|labels|mask)\.(raw|raw\.gz|zraw|img|img\.gz)", re.I)


def part(path: PurePosixPath) -> Part | str | None:
    """patient_017/flair.nii.gz"""
    found = NAMED.fullmatch(path.name)
    if not found:
        return COMPANION if VOXELS.fullmatch(path.name) else None
    case = path.parent.name
    return Part(str(path.parent), found["role"].lower(), case, case)


def configured(root: Path) -> Layout:
    """The layout that a root's ``tfmed.toml`` describes; TfmedError where it isn't as above."""
    file = root / CONFIGURATION
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TfmedError(f"{file} isn't TOML: {error}") from None
    for key, value in settings.items():
        if key not in KEYS or not isinstance(value, KEYS[key]):
            raise TfmedError(f"{file} has an unknown or mistyped setting {key!r}. Known: {', '.join(KEYS)}")
    patterns = {role: _pattern(file, role, glob) for role, glob in settings.get("files", {}).items()}
    if not set(patterns) - {"labels", "mask"}:
        raise TfmedError(
            f"{file} names no modality; a line such as t1 = '{{case}}/t1.nii.gz' under [files] is needed"
        )
    if "labels" in patterns and "edition" not in settings:
        raise TfmedError(
            f"{file} names labels but no edition; say what their values mean, as edition = 'brats2018'"
        )

    def own(path: PurePosixPath) -> Part | str | None:
        return _part(PurePosixPath(*path.parts[1:]), patterns)

    name = settings.get("name", "plain")
    images = tuple(role for role in patterns if role not in ("labels", "mask"))
    return Layout(
        name, name, own, images, edition=settings.get("edition"), one_grid=settings.get("one_grid", False)
    )


def _part(path: PurePosixPath, patterns: dict[str, re.Pattern[str]]) -> Part | str | None:
    if path.name == CONFIGURATION:
        return COMPANION
    for role, pattern in patterns.items():
        for place, folder in ((path, False), (path.parent, True)):
            found = pattern.fullmatch(str(place))
            if found:
                words = {key: value for key, value in found.groupdict().items() if value}
                return _placed(role, words, folder)
    return None


def _placed(role: str, words: dict[str, str], folder: bool) -> Part:
    patient = words.get("patient", words.get("case", ""))
    case = words.get("case") or "_".join(filter(None, (patient, words.get("timepoint"))))
    group = "/".join(words.get(key, "") for key in ("diagnosis", "patient", "timepoint", "case"))
    return Part(group, role, case, patient, words.get("timepoint"), words.get("diagnosis"), folder=folder)


def _pattern(file: Path, role: str, glob: Any) -> re.Pattern[str]:
    """A glob with placeholders as a regular expression; a repeated placeholder means the same text."""
    if not isinstance(glob, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", role):
        raise TfmedError(
            f"{file}: under [files] a lower-case name goes with a pattern. Received: {role} = {glob!r}"
        )
    seen: set[str] = set()
    text = ""
    for token in re.split(r"(\{[a-z]*\}|\*|\?)", glob):
        if not token.startswith("{"):
            text += {"*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token))
            continue
        name = token[1:-1]
        if name not in ("case", "patient", "timepoint", "diagnosis"):
            raise TfmedError(
                f"{file}: {role} has {token}. Known: {{case}}, {{patient}}, {{timepoint}}, {{diagnosis}}"
            )
        text += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)"
        seen.add(name)
    if not seen & {"case", "patient"}:
        raise TfmedError(
            f"{file}: {role} = {glob!r} doesn't tell cases apart; {{case}} or {{patient}} is needed"
        )
    return re.compile(text, re.I)


LAYOUTS = (Layout("plain", "a plain folder of folders", part, MODALITIES),)
