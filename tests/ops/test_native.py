"""How the library is found, and what happens where it cannot be used."""

import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfmed.errors import TfmedError
from tfmed.ops import implementation, l2_norm_pool, native, native_available


@pytest.fixture
def fresh_loader() -> Iterator[None]:
    """A loader that has not looked yet, and looks again afterwards."""
    for cached in (native._load, native._warn):
        cached.cache_clear()
    yield
    for cached in (native._load, native._warn):
        cached.cache_clear()


def foreign_library(folder: Path, version: str) -> Path:
    """A library that says it was built for another TensorFlow."""
    facts = json.dumps({"tensorflow": version, "compiler": "g++", "cuda": None}).encode()
    target = folder / native.LIBRARY
    target.write_bytes(b"\x7fELF" + native.MARK + facts + b"\0")
    return target


def test_the_library_says_what_it_was_built_with() -> None:
    facts = native.build_facts(native.path())
    assert facts["tensorflow"] == tf.__version__
    assert facts["compiler"]


def test_a_library_for_another_tensorflow_is_left_alone_with_one_warning(
    fresh_loader: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMED_OPS_LIBRARY", str(foreign_library(tmp_path, "1.15.0")))
    assert not native_available()
    with pytest.warns(RuntimeWarning, match=r"built for TensorFlow 1\.15\.0.*python -m tfmed\.ops\.build"):
        y = l2_norm_pool(np.full((1, 2, 2, 1), 3, np.float32), 2)
    np.testing.assert_allclose(y, [[[[6]]]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        l2_norm_pool(np.ones((1, 2, 2, 1), np.float32), 2)
    with pytest.raises(TfmedError, match="not available"), implementation("native"):
        pass


def test_a_library_that_is_not_there_is_a_warning_too(
    fresh_loader: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMED_OPS_LIBRARY", str(tmp_path / "missing.so"))
    assert native.build_facts(native.path()) == {}
    with pytest.warns(RuntimeWarning, match="missing.so, which TFMED_OPS_LIBRARY names, is no file"):
        l2_norm_pool(np.ones((1, 2, 2, 1), np.float32), 2)


def test_a_library_that_does_not_load_is_a_warning_too(
    fresh_loader: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMED_OPS_LIBRARY", str(foreign_library(tmp_path, tf.__version__)))
    with pytest.warns(RuntimeWarning, match="does not load"):
        l2_norm_pool(np.ones((1, 2, 2, 1), np.float32), 2)


def test_an_installed_library_is_found_from_a_checkout_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    (site / "tfmed" / "ops").mkdir(parents=True)
    installed = foreign_library(site / "tfmed" / "ops", "1.15.0")
    record = site / "tfmed-9.9.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: tfmed\nVersion: 9.9\n")
    (record / "RECORD").write_text(f"tfmed/ops/{native.LIBRARY},,\n")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    monkeypatch.setattr(native, "__file__", str(checkout / "native.py"))
    monkeypatch.setattr(sys, "path", [str(site)])
    assert native.path() == installed
    shutil.rmtree(site)
    assert native.path() is None
