"""Builds and installs tfmed; the top-level folders zoo/ and tools/ become tfmed.zoo and tfmed.tools."""

from pathlib import Path

from setuptools import find_packages, setup

families = sorted(model.parent.name for model in Path("zoo").glob("*/model.py"))

setup(
    packages=[
        *find_packages(include=["tfmed", "tfmed.*"]),
        "tfmed.zoo",
        *[f"tfmed.zoo.{family}" for family in families],
        "tfmed.tools",
    ],
    package_dir={"tfmed.zoo": "zoo", "tfmed.tools": "tools"},
    package_data={"": ["*.json"], "tfmed.zoo": ["*/cards/*.json", "*/weights/*.h5", "*/README.md"]},
)
