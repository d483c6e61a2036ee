"""Of whom a phantom is made: people and real lesions, so that those of a test never enter training."""

import json
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError


def origins(provenance: dict[str, Any]) -> dict[int, str]:
    """The people and real lesions in a phantom, names by checksum of their voxels.

    The shared atlas (mni152) and heads of formulas (analytic) are nobody.
    """
    found = {}
    if provenance["provider"] == "label_map":
        found[provenance["crc32"]] = f"person {provenance['person']}"
    if "lesion" in provenance:
        found[provenance["lesion"]["crc32"]] = f"lesion {provenance['lesion']['case']}"
    return found


def of_folder(folder: str | Path) -> dict[int, str]:
    """Everybody in the phantoms that the ``manifest.json`` of a folder lists."""
    path = Path(folder) / "manifest.json"
    if not path.is_file():
        raise TfmedError(f"{folder} has no manifest.json; expected a folder made by tfmed phantom.")
    found: dict[int, str] = {}
    for case in json.loads(path.read_text())["cases"]:
        found |= origins(case["provenance"])
    return found


def check_apart(provenance: dict[str, Any], others: dict[int, str]) -> None:
    """TfmedError where a phantom is made of somebody among ``others`` (see ``of_folder``)."""
    shared = [name for key, name in origins(provenance).items() if key in others]
    if shared:
        raise TfmedError(f"{shared[0]} is in the phantoms that these must be kept apart from")
