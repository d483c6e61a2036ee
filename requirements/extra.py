"""Prints what extras of pyproject.toml ask for, as in ``extra.py peers dev``; without a name, the base."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
wanted = sys.argv[1:]
lines = [line for extra in wanted for line in project["optional-dependencies"][extra]]
print("\n".join(lines if wanted else project["dependencies"]))
