"""Where a benchmark's figures go: ``results/NAME_HARDWARE.csv`` beside the benchmarks."""

import os
import platform
import re
from pathlib import Path


def results_file(name: str) -> Path:
    """The CSV of a benchmark on this machine; its folder is made."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}_{hardware()}.csv"


def hardware() -> str:
    """The processor's name and the number of cores, as part of a file's name."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    words = (model[1] if model else platform.machine()).lower()
    return f"{re.sub(r'[^a-z0-9]+', '_', words).strip('_')}_{os.cpu_count()}_cores"
