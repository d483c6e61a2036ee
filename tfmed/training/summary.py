"""The page that a finished run leaves: what was trained on what, for how long, and how good it is."""

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfmed import __version__


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, and GPUs."""
    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return {"processor": _processor(), "cores": len(os.sched_getaffinity(0)), "gpus": gpus}


def versions() -> dict[str, str]:
    return {
        "tfmed": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "python": platform.python_version(),
    }


def write_summary(summary: dict[str, Any], run: Path) -> None:
    """Write summary.json for machines and summary.md for people into ``run``, each in one piece."""
    write_text(run / "summary.json", json.dumps(summary, indent=1) + "\n")
    write_text(run / "summary.md", as_markdown(summary))


def as_markdown(summary: dict[str, Any]) -> str:
    """A heading and one table row for each entry; nested entries by their path."""
    rows = [f"| {name} | {value} |" for name, value in _rows(summary)]
    return "\n".join([f"# Training of {summary['model']}", "", "| | |", "|---|---|", *rows]) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write beside, then rename: a reader sees the old text or the new, never a part."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{prefix}{name}: ")
        elif isinstance(value, list | tuple):
            rows.append((prefix + name, ", ".join(map(str, value))))
        else:
            rows.append((prefix + name, f"{value:.4g}" if isinstance(value, float) else str(value)))
    return rows


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
