"""Who takes part in the pipeline's benchmark: ways of tfmed to get slices, and processes of peers.

Run by itself (``NUMBER FOLDER``) it is one of the two workers of `own_workers`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

# Does this many units, and tells the seconds taken: by the clock, and of CPU (of this process alone).
Work = Callable[[int], tuple[float, float]]
SIZE, BATCH = (240, 240), 8
# Batches that stand ready when a pipeline has rested; taken before the clock starts.
FULL_QUEUE = 5


def same_work() -> Any:
    """Flip, rotation, gamma and noise always, all else never: what the peers are asked for."""
    from tfmed.pipeline import Augmentation

    return Augmentation(
        probability=1, scale=1, shift_px=0, elastic_px=0, gain=1, offset=0, bias=0, blur_px=0, motion=0,
        grain_px=0, ceiling=(99, 99), complete=1,
    )  # fmt: skip


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
    workers = [served([sys.executable, __file__, str(k), str(folder)]) for k in range(2)]

    def work(count: int) -> tuple[float, float]:
        with ThreadPoolExecutor(2) as pool:
            wall, cpu = zip(*pool.map(lambda worker: worker(count // 2), workers), strict=True)
        return max(wall), sum(cpu)

    return work


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
    return served(
        [
            python,
            Path(__file__).with_name("pipeline_peers.py"),
            library,
            folder / "volumes",
            mode,
            str(workers),
        ]
    )


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


def serve_worker(number: int, folder: Path) -> None:
    """Answer numbers of slices with the seconds that this worker's shard of them took."""
    work = own_batches(folder, (number, 2))
    print("ready", flush=True)
    for line in sys.stdin:
        print(*work(int(line)), flush=True)


if __name__ == "__main__":
    serve_worker(int(sys.argv[1]), Path(sys.argv[2]))
