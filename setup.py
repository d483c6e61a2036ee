"""Builds and installs tfmed; the top-level folders zoo/ and tools/ become tfmed.zoo and tfmed.tools."""

import importlib.util
from pathlib import Path

from setuptools import find_packages, setup

# Loaded by its path: importing tfmed.ops would import TensorFlow and look for the library to be built here.
spec = importlib.util.spec_from_file_location("tfmed_ops_build", Path("tfmed/ops/build.py").absolute())
ops_build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ops_build)

inside_zoo = sorted(package.parent.name for package in Path("zoo").glob("*/__init__.py"))

setup(
    packages=[
        *find_packages(include=["tfmed", "tfmed.*"]),
        "tfmed.zoo",
        *[f"tfmed.zoo.{name}" for name in inside_zoo],
        "tfmed.tools",
    ],
    ext_modules=[ops_build.EXTENSION],
    cmdclass={"build_ext": ops_build.BuildOps},
    package_dir={"tfmed.zoo": "zoo", "tfmed.tools": "tools"},
    package_data={
        "": ["*.json"],
        "tfmed.ops": ["cc/*"],
        "tfmed.zoo": ["*/cards/*.json", "*/weights/*", "*/README.md"],
    },
)
