"""What the pipeline costs, beside TorchIO and MONAI; writes ``results/pipeline_HARDWARE.csv``.

    python benchmarks/pipeline.py --peers /path/to/python-with-monai-and-torchio [--only ROW] [--rounds 7]

Rows: ``prepare`` (a study in compressed .mha, with where its time goes), ``warm`` (augmented slices of
240x240x4 from the store, against peers that hold the same normalised slices in memory; one thread each),
``two cores`` (the same by tf.data, in one process as training has it and in two workers with a shard each,
against the peers' loaders with two workers), ``cold`` (one slice straight from disk), ``training`` (steps fed
by the pipeline against steps on one repeated batch), ``memory`` (10 cases against 100). Rounds of all
candidates alternate, and medians are taken over rounds. ``load`` and ``priority`` tell how far the machine
was ours: under ``chrt -r 10`` others don't get in the way.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline_candidates import BATCH, FULL_QUEUE, Work, own_batches, own_cold, own_slices, own_workers, peer
from pipeline_data import make_data
from results_file import results_file

Row = dict[str, Any]
TRAINED_SIZE = (160, 160)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", help="interpreter with torch, monai and torchio; without it, no peers")
    parser.add_argument("--only", choices=sorted(ROWS), action="append", help="rows to measure (repeatable)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slices", type=int, default=160, help="slices a round of the warm row")
    parser.add_argument("--data", type=Path, help="folder for phantoms and stores, kept for the next run")
    options = parser.parse_args()
    folder = options.data or Path(tempfile.mkdtemp(prefix="pipeline-"))
    make_data(folder)
    for name in options.only or ROWS:
        rows = list(ROWS[name](folder, options))
        for row in rows:
            print({key: value for key, value in row.items() if value != ""}, flush=True)
        write(rows)


def prepare_row(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    import cProfile
    import pstats

    from tfmed import datasets
    from tfmed.pipeline import prepare

    cases = datasets.scan(folder / "root")
    parts = {"reading": "load", "guard": "contradictions", "foreground": "_foreground"}
    parts |= {"moments": "_moments", "normalising": "normalise", "writing": "write_case"}
    found: dict[str, list[float]] = {name: [] for name in ("total", *parts)}
    for round_number in range(options.rounds):
        case = cases[round_number % len(cases)]
        with tempfile.TemporaryDirectory() as target:
            profile = cProfile.Profile(time.process_time)
            start = time.process_time()
            profile.runcall(prepare, [case], target, workers=1)
            found["total"].append(time.process_time() - start)
        stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
        for part, function in parts.items():
            # Of functions that share a name, such as a case's load and a file's, the outermost counts.
            found[part].append(max(entry[3] for key, entry in stats.items() if key[2] == function))
    for part, seconds in found.items():
        yield row("prepare", "tfmed", seconds, "cpu s per study", part)


def warm_row(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    candidates: dict[str, Work] = {"tfmed": own_slices(folder)}
    for library in ("monai", "torchio") if options.peers else ():
        candidates[library] = peer(options.peers, library, folder, "warm")
    yield from compare("warm", candidates, options.rounds, options.slices, "slices per s")


def two_cores_row(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    candidates: dict[str, Work] = {
        "tfmed, two workers": own_workers(folder),
        "tfmed, one process": own_batches(folder),
    }
    for library in ("monai", "torchio") if options.peers else ():
        candidates[library] = peer(options.peers, library, folder, "warm", workers=2)
    yield from compare("two cores", candidates, options.rounds, options.slices, "slices per s", cpu=False)


def cold_row(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    candidates: dict[str, Work] = {"tfmed": own_cold(folder)}
    for library in ("monai", "torchio") if options.peers else ():
        candidates[library] = peer(options.peers, library, folder, "cold")
    yield from compare("cold", candidates, options.rounds, 4, "slices per s")


def training_row(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    import tensorflow as tf

    from tfmed import tasks, zoo
    from tfmed.pipeline import Augmentation, Store, slices

    store = Store(folder / "store")
    model = zoo.get("brats_instance_seg", weights=None, variant="compact")
    task = tasks.get(model.card)
    model.compile("sgd")
    fed = slices(
        store,
        cases=range(len(store.cases)),
        size=TRAINED_SIZE,
        batch=BATCH,
        augment=Augmentation(),
        targets=lambda labels: task.targets(labels, store.edition),
    )
    repeated = tf.data.Dataset.from_tensors(next(iter(fed))).repeat()

    def steps(batches: Any) -> Work:
        stream = iter(batches)

        def work(count: int) -> tuple[float, float]:
            start, cpu_start = time.perf_counter(), time.process_time()
            for _ in range(count):
                model.train_on_batch(*next(stream))
            return time.perf_counter() - start, time.process_time() - cpu_start

        work(FULL_QUEUE)
        return work

    candidates = {"one repeated batch": steps(repeated), "fed by the pipeline": steps(fed)}
    yield from compare("training", candidates, options.rounds, 2 * FULL_QUEUE, "steps per s")


def memory_row(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    for cases in (10, 100):
        command = [sys.executable, Path(__file__).with_name("pipeline_memory.py"), str(cases)]
        peaks = [float(subprocess.check_output(command, text=True)) for _ in range(3)]
        yield row("memory", "tfmed", peaks, "peak MiB of 400 slices", f"{cases} cases")


ROWS: dict[str, Callable[[Path, argparse.Namespace], Iterator[Row]]] = {
    "prepare": prepare_row,
    "warm": warm_row,
    "two cores": two_cores_row,
    "cold": cold_row,
    "training": training_row,
    "memory": memory_row,
}


def compare(
    name: str, candidates: dict[str, Work], rounds: int, count: int, unit: str, cpu: bool = True
) -> Iterator[Row]:
    """Rates by candidate, rounds taken in turn, each with the ratio of the first candidate's to it.

    By the clock, and where all work is done in the processes that tell it by CPU seconds, which mean more on
    a machine that does other work besides.
    """
    taken: dict[str, list[tuple[float, float]]] = {candidate: [] for candidate in candidates}
    for _ in range(rounds):
        for candidate, work in candidates.items():
            taken[candidate].append(work(count))
    for which, clock in enumerate(("", "cpu ") if cpu else ("",)):
        rates = {name: [count / seconds[which] for seconds in found] for name, found in taken.items()}
        first = next(iter(rates.values()))
        for candidate, found in rates.items():
            ratio = statistics.median(mine / other for mine, other in zip(first, found, strict=True))
            yield row(name, candidate, found, unit.replace("per s", f"per {clock}s")) | {
                "first_over_this": f"{ratio:.3f}"
            }


def row(name: str, candidate: str, values: list[float], unit: str, detail: str = "") -> Row:
    return {
        "row": name,
        "candidate": candidate,
        "detail": detail,
        "median": f"{statistics.median(values):.4g}",
        "lowest": f"{min(values):.4g}",
        "highest": f"{max(values):.4g}",
        "unit": unit,
        "rounds": len(values),
        "load": f"{os.getloadavg()[0]:.1f}",
        "priority": "normal" if os.sched_getscheduler(0) == os.SCHED_OTHER else "real time",
        "first_over_this": "",
    }


def write(rows: list[Row]) -> None:
    """Replace the rows of this name in the CSV, keep the others."""
    path = results_file("pipeline")
    kept = list(csv.DictReader(path.open())) if path.exists() else []
    names = {entry["row"] for entry in rows}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([entry for entry in kept if entry["row"] not in names] + rows)


if __name__ == "__main__":
    main()
