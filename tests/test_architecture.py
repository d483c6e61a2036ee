"""Imports point one way: what lies lower never imports what lies higher, and nothing heavy comes early."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each unit may import those of the rows above it, and its neighbours as long as no circle comes of it.
ROWS = (
    {"errors", "progress", "garbage", "wording"},
    {"geometry", "study", "intensity", "gathering", "modality_guard", "ops"},
    {"io", "datasets", "phantom", "layers"},
    {"pipeline"},
    {"tasks"},
    {"training", "inference", "evaluation", "export"},
    {"serving", "platform"},
    {"zoo"},
    {"tools"},
)
ROW = {unit: number for number, units in enumerate(ROWS) for unit in units}
# The zoo stands apart: others are handed its models, and it knows only what models are built from.
ZOO_KNOWS = {"errors", "progress", "garbage", "ops", "layers", "tasks"}
MAY_USE_THE_ZOO = {"zoo", "tools", "serving", "platform"}
HEAVY = {"tensorflow", "keras", "nibabel", "SimpleITK", "scipy", "matplotlib", "h5py", "numpy", "jsonschema"}


def unit_of(path: Path) -> str | None:
    """``zoo`` for zoo/registry.py, ``io`` for tfmed/io/nifti.py; None for tfmed/__init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] in ("zoo", "tools"):
        return parts[0]
    return None if parts[1] == "__init__" else parts[1]


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all modules imported anywhere in a tree, but for type checkers only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources() -> list[Path]:
    return sorted(path for folder in ("tfmed", "zoo", "tools") for path in (ROOT / folder).rglob("*.py"))


def edges() -> set[tuple[str, str]]:
    """Pairs (importing unit, imported unit)."""
    found = set()
    for path in sources():
        importer = unit_of(path)
        for name in imports(ast.parse(path.read_text("utf-8"))):
            parts = name.split(".")
            if importer and parts[0] == "tfmed" and len(parts) > 1 and parts[1] in ROW:
                found.add((importer, parts[1]))
    return {(importer, imported) for importer, imported in found if importer != imported}


def test_every_unit_has_its_row() -> None:
    assert {unit for path in sources() if (unit := unit_of(path))} <= set(ROW)


def test_nothing_imports_from_above() -> None:
    assert [(a, b) for a, b in sorted(edges()) if ROW[a] < ROW[b]] == []


def test_neighbours_import_each_other_in_no_circle() -> None:
    left = {unit: {b for a, b in edges() if a == unit} for unit in ROW}
    while free := {unit for unit, needs in left.items() if not needs & set(left)}:
        left = {unit: needs for unit, needs in left.items() if unit not in free}
    assert left == {}


def test_the_zoo_builds_from_layers_ops_and_losses_only() -> None:
    assert {b for a, b in edges() if a == "zoo"} <= ZOO_KNOWS


def test_models_are_handed_over_not_looked_up() -> None:
    assert {a for a, b in edges() if b == "zoo"} <= MAY_USE_THE_ZOO


def test_no_unit_names_a_family() -> None:
    families = {path.parent.name for path in ROOT.glob("zoo/*/model.py")}
    for path in sources():
        if path.parent.name not in families:
            named = {part for name in imports(ast.parse(path.read_text("utf-8"))) for part in name.split(".")}
            assert not named & families, path


LIGHT = [*ROOT.glob("tools/*.py"), *ROOT.glob("zoo/*.py"), ROOT / "tfmed/__init__.py"]


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_heavy_is_imported_before_it_is_needed(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    early = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    named = {name.split(".")[0] for node in early for name in imports(node)}
    assert not named & HEAVY


def test_the_standard_library_is_not_shadowed_by_a_folder_of_ours() -> None:
    assert not {path.name for path in ROOT.iterdir() if path.is_dir()} & set(sys.stdlib_module_names)
