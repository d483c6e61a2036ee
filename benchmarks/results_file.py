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
    """The processor's name, ``avx512`` if it has that, and the number of cores, as part of a file's name."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*:\s*(.+)", cpuinfo)
    # Hosts hide which model it is; what a core can do makes more difference than its name.
    wide = " avx512" if " avx512f " in cpuinfo else ""
    words = (model[1] if model else platform.machine()).lower() + wide
    return f"{re.sub(r'[^a-z0-9]+', '_', words).strip('_')}_{os.cpu_count()}_cores"
