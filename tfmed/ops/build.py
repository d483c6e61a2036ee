"""Builds the native library, ``libtfmed_ops.so``, from ``cc/``: for pip, or as ``python -m tfmed.ops.build``.

``TFMED_CUDA=1`` in the environment adds the CUDA kernels, if nvcc is found. Nothing of tfmed is imported, so
that setup.py can use this file before the package exists.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension
from setuptools.command.build_ext import build_ext

LIBRARY = "libtfmed_ops.so"
MARK = "tfmed-ops-build:"
SOURCES = Path(__file__).resolve().parent / "cc"
# Vectors never cross a call, so that their calling convention (psabi) does not matter.
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-psabi"]
OPTIMISE = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-semantic-interposition"]
CUDA_ARCHITECTURES = ("75", "80", "90")


def instruction_sets() -> dict[str, list[str]]:
    """Compiler flags of each instruction set that the row kernels are compiled for."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return {"baseline": []}
    avx2 = ["-mavx2", "-mfma", "-mf16c"]
    wide = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
    # GCC 12 warns about its own AVX-512 intrinsics (GCC bug 105593).
    quiet = ["-Wno-uninitialized", "-Wno-maybe-uninitialized"]
    return {"baseline": [], "avx2": avx2, "avx512": [*avx2, *wide, *quiet]}


def nvcc() -> Path | None:
    """The CUDA compiler on the path or in its usual place."""
    found = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    return Path(found) if found else None


def cuda_command(compiler: Path, target: Path) -> list[str]:
    """Compiles the CUDA kernels for every architecture that we support, into the object `target`."""
    codes = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in CUDA_ARCHITECTURES]
    # The newest one also as PTX, for devices that come after it.
    codes.append(f"-gencode=arch=compute_{CUDA_ARCHITECTURES[-1]},code=compute_{CUDA_ARCHITECTURES[-1]}")
    host = "-Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wextra"
    source = str(SOURCES / "pool_cuda.cu.cc")
    flags = ["-std=c++17", "-O3", "-x", "cu", "-Werror=all-warnings", *codes, host]
    return [str(compiler), *flags, "-c", source, "-o", str(target)]


def tensorflow_flags() -> tuple[list[str], list[str], str]:
    """Compile flags, link flags and version of the TensorFlow to build for.

    A process of its own keeps TensorFlow out of pip's, and its log lines out of the output. Its headers count
    as system headers, so that only our own files have warnings.
    """
    code = (
        "import json, tensorflow as tf; flags = tf.sysconfig; "
        "print(json.dumps([flags.get_compile_flags(), flags.get_link_flags(), tf.__version__]))"
    )
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env=quiet,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    compile_flags, link_flags, version = json.loads(shown.stdout.splitlines()[-1])
    return [flag.replace("-I", "-isystem", 1) for flag in compile_flags], link_flags, version


def build(output: Path, extra: Sequence[str] = ()) -> None:
    """Compiles and links the library at `output`; `extra` flags go to every compilation and to a link by CXX.

    Raises subprocess.CalledProcessError if a compiler fails, after it has printed why.
    """
    compiler = os.environ.get("CXX", "g++")
    headers, libraries, version = tensorflow_flags()
    cuda = nvcc() if os.environ.get("TFMED_CUDA") == "1" else None
    facts = {
        "tensorflow": version,
        "compiler": _version_line([compiler, "--version"], 0),
        "cuda": _version_line([str(cuda), "--version"], -2) if cuda else None,
    }
    if cuda:
        headers = [*headers, "-DTFMED_CUDA"]
    common = [compiler, "-std=c++17", "-fPIC", "-fvisibility=hidden", *OPTIMISE, *WARNINGS, *extra]
    stamp = f"-DTFMED_OPS_BUILD={json.dumps(MARK + json.dumps(facts))}"
    # The longest first, so that two cores end together.
    jobs = [[*common, *headers, stamp, "-c", str(SOURCES / "l2_norm_pool_op.cc")]]
    for name, flags in instruction_sets().items():
        jobs.append([*common, *flags, f"-DTFMED_ISA={name}", "-c", str(SOURCES / "pool_rows.cc")])
    jobs.append([*common, *headers, "-c", str(SOURCES / "pool_shape.cc")])
    jobs.append([*common, "-c", str(SOURCES / "dispatch.cc")])
    with tempfile.TemporaryDirectory() as folder:
        objects = [Path(folder) / f"{number}.o" for number in range(len(jobs) + bool(cuda))]
        commands = [[*job, "-o", str(target)] for job, target in zip(jobs, objects, strict=False)]
        if cuda:
            commands.append(cuda_command(cuda, objects[-1]))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_run, commands))
        output.parent.mkdir(parents=True, exist_ok=True)
        linked = output.with_name(f"{output.name}.{os.getpid()}")
        # nvcc knows where its own runtime lies, and links it statically.
        linker = [str(cuda), "-ccbin", compiler] if cuda else [compiler, *extra]
        _run([*linker, "-shared", *map(str, objects), *libraries, "-o", str(linked)])
        os.replace(linked, output)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)


def _version_line(command: list[str], line: int) -> str:
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return shown.stdout.strip().splitlines()[line]


class BuildOps(build_ext):
    """setuptools' step: the library lies beside this file in wheels, installs and checkouts alike."""

    def get_ext_filename(self, fullname: str) -> str:
        return os.path.join(*fullname.split(".")[:-1], LIBRARY)

    def build_extension(self, ext: Extension) -> None:
        build(Path(self.get_ext_fullpath(ext.name)).resolve())


# Optional: where no compiler is, tfmed installs all the same and runs on TensorFlow's own ops.
EXTENSION = Extension("tfmed.ops.native_library", sources=[], optional=True)


if __name__ == "__main__":
    build(SOURCES.parent / LIBRARY, sys.argv[1:])
