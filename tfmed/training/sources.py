"""Data arguments become sources: a dataset's root, a prepared store, or latent phantom volumes."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import h5py

from tfmed import datasets, pipeline
from tfmed.errors import TfmedError
from tfmed.phantom import LatentSource
from tfmed.pipeline import Source, Store
from tfmed.pipeline.store import case_path

PARTS = ("train", "val", "test")
Opened = tuple[Source, str | None]


def open_sources(arguments: Sequence[str]) -> list[Opened]:
    """The sources that data arguments name, each with the part that all of its cases belong to, or None.

    An argument is a path, or PART=PATH with PART train, val or test. A folder that holds sources in folders
    of those names is opened as these. A dataset's root is prepared first, once, into the cache. Raises
    TfmedError if there is nothing at a path to train on.
    """
    places = [place for argument in arguments for place in _places(argument)]
    return [(open_source(path), part) for path, part in places]


def open_source(path: Path) -> Source:
    """The source at ``path``: a prepared store, latent volumes, or a dataset's root, which is prepared."""
    if not path.exists():
        raise TfmedError(f"{path}: no such file or folder; give a dataset's root or a prepared store")
    if _marked(path, "meta"):
        return LatentSource(path)
    if _marked(path, "tfmed"):
        return Store(path)
    return _prepared(path)


def cache_folder() -> Path:
    """Where stores of datasets are kept: in ``$TFMED_CACHE``, else ``tfmed`` in the user's cache folder."""
    if "TFMED_CACHE" in os.environ:
        return Path(os.environ["TFMED_CACHE"]) / "prepared"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfmed" / "prepared"


def _places(argument: str) -> list[tuple[Path, str | None]]:
    part, sign, rest = argument.partition("=")
    if sign and part in PARTS:
        return [(Path(rest), part)]
    path = Path(argument)
    inner = [part for part in PARTS if next((path / part).glob("*.h5"), None)]
    return [(path / part, part) for part in inner] if inner else [(path, None)]


def _marked(path: Path, attribute: str) -> bool:
    """Whether ``path`` is, or is a folder of, HDF5 files of the kind that carries this attribute."""
    file = path if path.is_file() else next(path.glob("*.h5"), None)
    try:
        with h5py.File(file) as opened:
            return attribute in opened.attrs
    except (OSError, TypeError):
        return False


def _prepared(root: Path) -> Store:
    cases = [case for case in datasets.scan(root) if case.labels]
    if not cases:
        raise TfmedError(f"{root}: no case has labels to learn from")
    digest = hashlib.sha256(str(root.resolve()).encode()).hexdigest()
    folder = cache_folder() / f"{root.resolve().name}-{digest[:12]}"
    pipeline.prepare(cases, folder)
    for stale in set(folder.glob("*.h5")) - {case_path(folder, case.id) for case in cases}:
        stale.unlink()
    return Store(folder)
