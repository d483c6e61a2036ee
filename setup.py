"""Builds and installs tfmed; the top-level folders zoo/ and tools/ become tfmed.zoo and tfmed.tools."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["tfmed", "tfmed.*"]),
        "tfmed.zoo",
        *[f"tfmed.zoo.{name}" for name in find_packages("zoo")],
        "tfmed.tools",
    ],
    package_dir={"tfmed.zoo": "zoo", "tfmed.tools": "tools"},
)
