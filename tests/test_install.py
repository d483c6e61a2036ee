"""tfmed works after a plain, an editable and a wheel install, from the checkout's root and from ``/``.

The environments see the packages of the one that runs the tests through a path file, so that only tfmed
itself is installed; ``make wheel-smoke`` does the same with nothing but the lock file.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMOKE = "import runpy; runpy.run_path({path!r}, run_name='__main__')"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed and new files of this tree, with no build of it."""
    copy = tmp_path_factory.mktemp("checkout") / "tfmed"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module", params=["plain", "editable", "wheel"])
def python(request: pytest.FixtureRequest, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with tfmed installed in one of three ways."""
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    outer = folder / "lib" / version / "site-packages" / "outer.pth"
    outer.write_text(sysconfig.get_path("purelib") + "\n")
    options = ["--no-build-isolation", "--no-deps", "--quiet", "--disable-pip-version-check"]
    source = {"plain": ["."], "editable": ["-e", "."], "wheel": []}[request.param]
    if request.param == "wheel":
        _pip(python, checkout, "wheel", *options, "--wheel-dir", str(folder), ".")
        source = [str(next(folder.glob("*.whl")))]
    _pip(python, checkout, "install", "--force-reinstall", *options, *source)
    return python


def _pip(python: Path, checkout: Path, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", *arguments], cwd=checkout, check=True)


@pytest.mark.parametrize("where", ["root", "/"])
def test_the_op_the_zoo_and_the_command_work(python: Path, checkout: Path, where: str) -> None:
    folder = checkout if where == "root" else Path("/")
    code = SMOKE.format(path=str(checkout / "tests" / "smoke.py"))
    # An empty first entry of sys.path, as in an interactive session: a local tfmed/ shadows the installed.
    code = f"import sys; sys.path.insert(0, ''); {code}"
    environment = {**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    ran = subprocess.run([python, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "models work" in ran.stdout
