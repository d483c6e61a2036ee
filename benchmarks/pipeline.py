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
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from results_file import results_file

HERE = Path(__file__).parent
Row = dict[str, Any]
# Does this many units, and tells the seconds taken: by the clock, and of CPU (of this process alone).
Work = Callable[[int], tuple[float, float]]
SIZE, BATCH = (240, 240), 8
TRAINED_SIZE = (160, 160)
# Batches that stand ready when a pipeline has rested; taken before the clock starts.
FULL_QUEUE = 5


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


def make_data(folder: Path) -> None:
    """Four glioma phantoms as BRATS 2015, their store, and the volumes that peers read, all made once."""
    from tfmed import datasets, io, phantom, pipeline
    from tfmed.study import Volume

    root, volumes = folder / "root", folder / "volumes"
    for seed in range(4):
        if not (folder / f"made-{seed}").exists():
            phantom.write(phantom.make("glioma", seed, anatomy="analytic"), root, layout="brats2015")
            (folder / f"made-{seed}").touch()
    cases = datasets.scan(root)
    store = pipeline.prepare(cases, folder / "store")
    if volumes.exists():
        return
    beside = folder / "volumes.part"
    beside.mkdir(exist_ok=True)
    for number, case in enumerate(cases):
        study = case.load()
        np.save(beside / f"{number}.npy", whole_volume(store, number, study))
        for name, volume in study.images.items():
            io.save(Volume(np.asarray(volume.array), volume.affine), beside / f"{number}_{name}.nii.gz")
    beside.rename(volumes)


def whole_volume(store: Any, number: int, study: Any) -> np.ndarray:
    """A case of the store in its full grid again, labels last: [5, 240, 240, 155] float32."""
    case = store.cases[number]
    slices = [store.slice(number, 0, index) for index in range(case.shape[2])]
    cropped = np.stack([np.concatenate([image, labels[..., None]], -1) for image, labels in slices], 2)
    offset = np.rint(case.affine[:3, 3] - study.reference.canonical().affine[:3, 3]).astype(int)
    whole = np.zeros((5, *study.reference.canonical().shape), np.float32)
    box = tuple(slice(start, start + length) for start, length in zip(offset, case.shape, strict=True))
    whole[(slice(None), *box)] = np.moveaxis(cropped, -1, 0)
    return whole


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
        command = [sys.executable, __file__, "--peak-memory", str(cases)]
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


def same_work() -> Any:
    """Flip, rotation, gamma and noise always, all else never: what the peers are asked for."""
    from tfmed.pipeline import Augmentation

    return Augmentation(
        probability=1, scale=1, shift_px=0, elastic_px=0, gain=1, offset=0, bias=0, blur_px=0, complete=1
    )


def own_slices(folder: Path) -> Work:
    """Batches stacked here, on one thread."""
    from tfmed.pipeline import Sampler, Store

    store = Store(folder / "store")
    sampler = Sampler(store, cases=range(len(store.cases)), size=SIZE, views=(0,), augment=same_work())

    def work(count: int) -> tuple[float, float]:
        start, cpu_start = time.perf_counter(), time.process_time()
        for first in range(0, count, BATCH):
            batch = [sampler(index) for index in range(first, first + BATCH)]
            [np.stack(arrays) for arrays in zip(*batch, strict=True)]
        return time.perf_counter() - start, time.process_time() - cpu_start

    work(BATCH)
    return work


def own_batches(folder: Path, shard: tuple[int, int] = (0, 1)) -> Work:
    """Batches as training gets them, by tf.data in a thread of its own."""
    from tfmed.pipeline import Store, slices

    store = Store(folder / "store")
    dataset = slices(
        store,
        cases=range(len(store.cases)),
        size=SIZE,
        batch=BATCH,
        views=(0,),
        augment=same_work(),
        targets=lambda labels: {"labels": labels},
        shard=shard,
    )
    stream = iter(dataset)

    def work(count: int) -> tuple[float, float]:
        for _ in range(FULL_QUEUE):
            next(stream)
        start, cpu_start = time.perf_counter(), time.process_time()
        for _ in range(count // BATCH):
            next(stream)
        return time.perf_counter() - start, time.process_time() - cpu_start

    work(BATCH)
    return work


def own_workers(folder: Path) -> Work:
    """Two processes that get half of the samples each, as workers of one training do."""
    workers = [served([sys.executable, __file__, "--worker", str(k), str(folder)]) for k in range(2)]

    def work(count: int) -> tuple[float, float]:
        with ThreadPoolExecutor(2) as pool:
            wall, cpu = zip(*pool.map(lambda worker: worker(count // 2), workers), strict=True)
        return max(wall), sum(cpu)

    return work


def serve_worker(number: int, folder: Path) -> None:
    """Answer numbers of slices with the seconds that this worker's shard of them took."""
    work = own_batches(folder, (number, 2))
    print("ready", flush=True)
    for line in sys.stdin:
        print(*work(int(line)), flush=True)


def own_cold(folder: Path) -> Work:
    from tfmed.pipeline import Store

    store = Store(folder / "store")

    def work(count: int) -> tuple[float, float]:
        start, cpu_start = time.perf_counter(), time.process_time()
        for number in range(count):
            case = number % len(store.cases)
            file = os.open(store.cases[case].image[0].path, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)
            store.slice(case, 0, 60)
        return time.perf_counter() - start, time.process_time() - cpu_start

    return work


def peer(python: str, library: str, folder: Path, mode: str, workers: int = 0) -> Work:
    """A process of ``pipeline_peers.py`` that answers a number of slices with the seconds they took."""
    return served([python, HERE / "pipeline_peers.py", library, folder / "volumes", mode, str(workers)])


def served(command: list[Any]) -> Work:
    """A process that is told numbers of slices and answers with the seconds that they took."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    if process.stdout.readline().strip() != "ready":
        raise SystemExit(f"this did not start: {' '.join(map(str, command))}")

    def work(count: int) -> tuple[float, float]:
        print(count, file=process.stdin, flush=True)
        wall, cpu = process.stdout.readline().split()  # type: ignore[union-attr]
        return float(wall), float(cpu)

    return work


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


def peak_memory(cases: int) -> None:
    """Print the peak resident MiB of drawing 400 augmented slices from a store of small cases."""
    from tfmed.pipeline import Augmentation, Sampler, Store
    from tfmed.pipeline.store import case_path, write_case

    rng = np.random.default_rng(0)
    image = rng.normal(size=(96, 96, 96, 4)).astype(np.float16)
    labels = (image[..., 0] > 3).astype(np.uint8)
    listed = [list(range(96))] * 3
    facts = {"timepoint": None, "diagnosis": None, "dataset": "bench", "edition": "brats2015"}
    facts |= {"modalities": ["flair", "t1", "t1c", "t2"], "present": [True] * 4, "affine": np.eye(4).tolist()}
    facts |= {
        "center": [0] * 4,
        "scale": [1] * 4,
        "lesion_slices": listed,
        "brain_slices": listed,
        "label_slices": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for number in range(cases):
            name = f"case{number}"
            write_case(case_path(Path(folder), name), image, labels, facts | {"id": name, "patient": name})
        del image, labels
        sampler = Sampler(Store(folder), cases=range(cases), augment=Augmentation())
        for index in range(400):
            sampler(index)
    print(peak_mib())


def peak_mib() -> float:
    """Peak resident memory of this program; what ``getrusage`` tells includes the parent's before exec."""
    try:
        return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak-memory"]:
        peak_memory(int(sys.argv[2]))
    elif sys.argv[1:2] == ["--worker"]:
        serve_worker(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
