"""``import tfmed`` costs next to nothing, and what the README names is there."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import tfmed


def test_importing_tfmed_loads_nothing_heavy() -> None:
    code = "import sys, tfmed; print({'numpy', 'tensorflow', 'keras', 'click'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(
    "name",
    ["Study", "Volume", "LabelMap", "TfmedError", "predict", "io", "phantom", "ops", "zoo", "datasets"],
)
def test_public_names_are_found_at_the_top(name: str) -> None:
    assert getattr(tfmed, name) is not None


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'tfmed' has no attribute 'preddict'"):
        _ = tfmed.preddict


def test_the_version_is_that_of_the_installed_package() -> None:
    assert tfmed.__version__ == version("tfmed")
