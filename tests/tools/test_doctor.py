"""tfmed doctor tells what is installed, tries the op, and fails where the op does."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tfmed.ops import native
from tfmed.tools import doctor


def test_it_prints_json_alone_and_nothing_of_tensorflows() -> None:
    clean = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-m", "tfmed.tools", "doctor", "--json"]
    ran = subprocess.run(command, env=clean, capture_output=True, text=True)
    facts = json.loads(ran.stdout)
    assert ran.stderr == ""
    assert facts["packages"]["tensorflow"].startswith("2.21")
    assert facts["native op"]["works"] == (ran.returncode == 0)


def test_a_library_that_does_not_load_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "problem", lambda: "the library was built for another TensorFlow")
    shown = CliRunner().invoke(doctor.command, [])
    assert shown.exit_code == 1
    assert "problem: the library was built for another TensorFlow" in shown.output
    assert f"remedy: {native.REBUILD}" in shown.output
