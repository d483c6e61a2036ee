"""``tfmed doctor``: versions, compilers, GPUs, and whether the native op works here."""

import importlib.metadata
import json
import os
import platform
from typing import Any

import click

PACKAGES = (
    "tfmed", "tensorflow", "keras", "numpy", "scipy", "h5py", "nibabel", "SimpleITK",
    "nilearn", "pydicom", "grpcio", "tensorflow-serving-api", "ray",
)  # fmt: skip


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show versions, compilers and GPUs, and try the native op. Exit status 1 if the op does not work.

    \b
    Examples:
      tfmed doctor
      tfmed doctor --json > doctor.json
    """
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "packages": {name: _version(name) for name in PACKAGES},
        "tensorflow": _tensorflow(),
        "native op": _native_op(),
    }
    click.echo(json.dumps(facts, indent=2) if as_json else "\n".join(_lines(facts)))
    if not facts["native op"]["works"]:
        ctx.exit(1)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _tensorflow() -> dict[str, Any]:
    import tensorflow as tf

    flags = tf.sysconfig.get_compile_flags()
    return {
        "cxx11 abi": next((flag[-1] for flag in flags if "GLIBCXX_USE_CXX11_ABI" in flag), None),
        "c++ standard": next((flag for flag in flags if flag.startswith("--std")), None),
        "compiler": tf.version.COMPILER_VERSION,
        "cuda": tf.sysconfig.get_build_info().get("cuda_version"),
        "gpus": [gpu.name for gpu in tf.config.list_physical_devices("GPU")],
    }


def _native_op() -> dict[str, Any]:
    """Where the library lies, what it was built with, and how far it is from the stock ops on one input."""
    import numpy as np

    from tfmed import ops
    from tfmed.ops import native

    library = native.path()
    facts: dict[str, Any] = {
        "library": str(library) if library else None,
        "built with": native.build_facts(library) if library else {},
        "problem": native.problem(),
        "works": False,
    }
    if facts["problem"] is None:
        x = np.random.default_rng(0).normal(size=(2, 13, 11, 5)).astype(np.float32)
        forms = {}
        for form in ("native", "composed"):
            with ops.implementation(form):
                forms[form] = np.asarray(ops.l2_norm_pool(x, [3, 3], [2, 2], "SAME"))
        facts["largest difference from stock ops"] = float(abs(forms["native"] - forms["composed"]).max())
        facts["works"] = facts["largest difference from stock ops"] < 1e-5
    else:
        facts["remedy"] = native.REBUILD
    return facts


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _lines(facts: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for key, value in facts.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {_word(value)}")
    return lines
