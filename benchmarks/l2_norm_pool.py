"""Times L2-norm pooling against TensorFlow's pools, its stock-op composition, XLA, and PyTorch's LPPool2d.

All contestants of a case run in one process, round by round, so that a ratio is the median over pairs that
met the same machine. Every round has an order of its own: large results come from the kernel and go back to
it, and whoever finds memory that the one before has left saves its page faults. Wall time is what counts on
an idle machine; the processor time of all threads, in the program and in the kernel, stands beside it, since
it still tells contestants apart where other processes take turns. PyTorch takes part if it can be imported.
Writes a CSV with the hardware in its name.

    python benchmarks/l2_norm_pool.py --repeats 31
    python benchmarks/l2_norm_pool.py --threads 1 --out one_thread.csv  # no waiting for threads
"""

import argparse
import csv
import gc
import itertools
import os
import random
import re
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from results_file import results_file

from tfmed.ops import implementation, l2_norm_pool, native_available

# OpenMP's threads would go on spinning on a core after PyTorch's turn, to the cost of whoever comes next.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
try:
    import torch
except ImportError:
    torch = None


@dataclass(frozen=True)
class Case:
    """Channels-last input, one window and stride for all spatial axes; window 0 is the whole image."""

    shape: tuple[int, ...]
    window: int
    stride: int
    padding: str
    dtype: str

    @property
    def axes(self) -> int:
        return len(self.shape) - 2

    @property
    def ksize(self) -> list[int]:
        return [self.window] * self.axes if self.window else list(self.shape[1:-1])

    @property
    def pads(self) -> list[list[int]]:
        """Zeros before and after each spatial axis."""
        if self.padding == "VALID":
            return [[0, 0]] * self.axes
        totals = [
            max((-(-n // self.stride) - 1) * self.stride + self.window - n, 0) for n in self.shape[1:-1]
        ]
        return [[total // 2, total - total // 2] for total in totals]


CASES = [
    Case(*what, dtype)
    for what, dtype in itertools.product(
        [
            ((8, 240, 240, 64), 2, 2, "VALID"),
            ((8, 120, 120, 128), 3, 2, "SAME"),
            ((2, 64, 64, 64, 32), 2, 2, "VALID"),
            ((128, 7, 7, 512), 0, 1, "VALID"),
        ],
        ["float32", "bfloat16"],
    )
]


def composition(case: Case, x: tf.Tensor) -> tf.Tensor:
    """sqrt(avg_pool(x x) N), SAME sums by zero-padding; of whole images sqrt(reduce_sum(x x))."""
    if not case.window:
        return tf.sqrt(tf.reduce_sum(x * x, list(range(1, case.axes + 1)), keepdims=True))
    squares = x * x
    if case.padding == "SAME":
        squares = tf.pad(squares, [[0, 0], *case.pads, [0, 0]])
    average = tf.nn.avg_pool2d if case.axes == 2 else tf.nn.avg_pool3d
    return tf.sqrt(average(squares, case.ksize, case.stride, "VALID") * float(case.window**case.axes))


def tensorflow_forms(case: Case) -> dict[str, tuple[Callable[[tf.Tensor], tf.Tensor], bool]]:
    """Functions of x by name, and whether XLA compiles them."""

    def native(x: tf.Tensor) -> tf.Tensor:
        with implementation("native"):
            return l2_norm_pool(x, case.ksize, case.stride, case.padding)

    def stock(pool: Callable) -> Callable[[tf.Tensor], tf.Tensor]:
        return lambda x: pool(x, case.ksize, case.stride, case.padding)

    two = case.axes == 2
    return {
        "l2_norm_pool": (native, False),
        "max_pool": (stock(tf.nn.max_pool2d if two else tf.nn.max_pool3d), False),
        "avg_pool": (stock(tf.nn.avg_pool2d if two else tf.nn.avg_pool3d), False),
        "composition": (lambda x: composition(case, x), False),
        "composition_xla": (lambda x: composition(case, x), True),
    }


def forward_and_backward(form: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tuple]:
    """A function of x that returns y and the gradient for an upstream gradient of ones."""

    def both(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = form(x)
        return y, tape.gradient(y, x)

    return both


def contestants(case: Case, backward: bool) -> dict[str, Callable[[], object]]:
    """Calls without arguments, each one forward pass, or forward and backward, by name."""
    x = tf.cast(tf.random.stateless_normal(case.shape, seed=(1, 2)), case.dtype)
    calls: dict[str, Callable[[], object]] = {}
    for name, (form, jit) in tensorflow_forms(case).items():
        traced = tf.function(
            forward_and_backward(form) if backward else form, jit_compile=jit, autograph=False
        )
        concrete = traced.get_concrete_function(x)
        calls[name] = lambda concrete=concrete: concrete(x)
    if torch is not None and case.axes == 2:
        calls["torch_lp_pool2d"] = torch_form(case, x, backward)
    return calls


def torch_form(case: Case, x: tf.Tensor, backward: bool) -> Callable[[], object]:
    """LPPool2d in PyTorch's own layout, channels first."""
    first = np.ascontiguousarray(tf.transpose(tf.cast(x, tf.float32), [0, 3, 1, 2]).numpy())
    data = torch.from_numpy(first).to(getattr(torch, case.dtype)).requires_grad_(backward)
    pool = torch.nn.LPPool2d(2, tuple(case.ksize), case.stride)
    (top, bottom), (left, right) = case.pads
    pads = (left, right, top, bottom)

    def forward() -> "torch.Tensor":
        return pool(torch.nn.functional.pad(data, pads) if any(pads) else data)

    ones = torch.ones_like(forward().detach())

    def both() -> object:
        return torch.autograd.grad(forward(), data, ones)

    def only_forward() -> object:
        with torch.no_grad():
            return forward()

    return both if backward else only_forward


@dataclass(frozen=True)
class Taken:
    """Seconds of one call."""

    wall: float
    user: float
    system: float

    @property
    def cpu(self) -> float:
        return self.user + self.system


def clock() -> Taken:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return Taken(time.perf_counter(), usage.ru_utime, usage.ru_stime)


def measure(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[Taken]]:
    """What every call took in every round; the order of a round is drawn anew each time."""
    for call in calls.values():
        call()
    taken: dict[str, list[Taken]] = {name: [] for name in calls}
    rng = random.Random(0)
    for _ in range(repeats):
        for name in rng.sample(list(calls), len(calls)):
            start = clock()
            result = calls[name]()
            stop = clock()
            del result
            taken[name].append(
                Taken(stop.wall - start.wall, stop.user - start.user, stop.system - start.system)
            )
    return taken


def compare(ours: list[Taken], theirs: list[Taken]) -> dict[str, object]:
    """Columns of a contestant. Processor time is counted in ticks: only its mean over rounds says much."""

    def mean(field: str, what: list[Taken]) -> float:
        return float(np.mean([getattr(taken, field) for taken in what]))

    ratios = [a.wall / b.wall for a, b in zip(ours, theirs, strict=True)]
    return {
        "median_ms": f"{np.median([taken.wall for taken in theirs]) * 1e3:.3f}",
        "user_ms": f"{mean('user', theirs) * 1e3:.3f}",
        "system_ms": f"{mean('system', theirs) * 1e3:.3f}",
        "native_to_this": f"{np.median(ratios):.3f}",
        "native_to_this_user": f"{mean('user', ours) / mean('user', theirs):.3f}",
        "native_to_this_cpu": f"{mean('cpu', ours) / mean('cpu', theirs):.3f}",
    }


def traffic_bytes(case: Case, backward: bool) -> tuple[int, int, int]:
    """Bytes of x, bytes of y, and bytes that one pass must move."""
    size = tf.as_dtype(case.dtype).size
    x = int(np.prod(case.shape)) * size
    spatial = [
        (n + sum(p) - k) // case.stride + 1
        for n, p, k in zip(case.shape[1:-1], case.pads, case.ksize, strict=True)
    ]
    y = case.shape[0] * int(np.prod(spatial)) * case.shape[-1] * size
    return x, y, x + y + (2 * x + 2 * y if backward else 0)


def extra_memory_bytes(call: Callable[[], object]) -> int:
    """How far the resident memory rises at its highest during one call."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    call()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    return int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024


def copy_seconds(nbytes: int, repeats: int) -> float:
    """The median time in which one thread copies so many bytes into memory that is there already."""
    source, target = np.ones(nbytes, np.uint8), np.ones(nbytes, np.uint8)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def rows(case: Case, repeats: int, against: list[str] | None) -> list[dict[str, object]]:
    """One row a contestant and direction; `against` names those to take part, all by default."""
    found = []
    for backward in (False, True):
        calls = contestants(case, backward)
        if against:
            calls = {name: calls[name] for name in calls if name in ("l2_norm_pool", *against)}
        taken = measure(calls, repeats)
        x, y, moved = traffic_bytes(case, backward)
        wall = np.median([turn.wall for turn in taken["l2_norm_pool"]])
        ours = {
            "gb_per_s": f"{moved / wall / 1e9:.2f}",
            "copy_gb_per_s": f"{2 * x / copy_seconds(x, repeats) / 1e9:.2f}",
            "extra_mb": f"{extra_memory_bytes(calls['l2_norm_pool']) / 1e6:.1f}",
            "output_and_gradient_mb": f"{(y + x * backward) / 1e6:.1f}",
        }
        for name, theirs in taken.items():
            found.append(
                {
                    "shape": "x".join(map(str, case.shape)),
                    "window": case.window or "whole",
                    "stride": case.stride,
                    "padding": case.padding,
                    "dtype": case.dtype,
                    "pass": "forward+backward" if backward else "forward",
                    "implementation": name,
                    **compare(taken["l2_norm_pool"], theirs),
                    **(ours if name == "l2_norm_pool" else dict.fromkeys(ours, "")),
                }
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=31, help="turns of every contestant")
    parser.add_argument("--out", type=Path, help="another CSV than the one in results")
    parser.add_argument("--case", type=int, action="append", help="only the case of this number, from 0")
    parser.add_argument("--against", action="append", help="only this contestant, such as max_pool")
    parser.add_argument("--threads", type=int, help="threads of an op; all cores if not given")
    arguments = parser.parse_args()
    if not native_available():
        raise SystemExit("The native op is not available; `tfmed doctor` says why.")
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads or 0)
    if torch is not None:
        torch.set_num_threads(arguments.threads or os.cpu_count() or 1)
    chosen = [CASES[i] for i in arguments.case] if arguments.case else CASES
    target = arguments.out or results_file("l2_norm_pool")
    table: list[dict[str, object]] = []
    for case in chosen:
        found = rows(case, arguments.repeats, arguments.against)
        for row in found:
            print(*row.values(), flush=True)
        table += found
        with target.open("w", newline="") as file:
            writer = csv.DictWriter(file, table[0])
            writer.writeheader()
            writer.writerows(table)
    print(target)


if __name__ == "__main__":
    main()
