"""One study from images in memory to labels: ``tfmed.predict`` beside MONAI's SegResNet, time and memory.

    python benchmarks/predict.py --peers /path/to/python-with-monai [--study FOLDER] [--rounds 5] [--cores 2]

The study is a glioma phantom of 240x240x155 voxels with four modalities, written as BRATS 2015 (or FOLDER, in
a known layout). Each round starts a new process for each candidate, bound to the same cores, that loads its
model and the study and then predicts twice: ``first`` holds what is traced or planned once, ``next`` does
not; ``cpu`` are the CPU seconds of ``next``, which say more on a machine that does other work besides. tfmed
runs its shipped weights over every slice of three views, fuses and reports; SegResNet (init_filters 16, four
channels to three, 4.7 M parameters; random weights, as time does not depend on them) runs over windows of
128^3 with overlap .5. ``peak`` is the largest resident set of the process, its libraries and the study in it.
After every round ``results/predict_HARDWARE.csv`` is written anew.
"""

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from results_file import results_file

MODEL = "brats_instance_seg"
MODALITIES = ("flair", "t1", "t1c", "t2")
WINDOW, OVERLAP = 128, 0.5
UNITS = {"loading": "s", "first": "s", "next": "s", "cpu": "cpu s", "peak": "MiB"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", help="interpreter with torch and monai; without it, tfmed alone")
    parser.add_argument("--study", type=Path, help="folder of one study; a phantom is made without it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--candidate", choices=sorted(CANDIDATES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.candidate:
        print(json.dumps(measure(CANDIDATES[options.candidate], options.study, options.cores)))
        return
    with tempfile.TemporaryDirectory() as folder:
        study = options.study or make_study(Path(folder))
        arrays = Path(folder) / "study.npy"
        write_arrays(study, arrays)
        interpreters = {"tfmed": (sys.executable, study)}
        if options.peers:
            interpreters["monai_segresnet"] = (options.peers, arrays)
        for rows in compare(interpreters, options.rounds, options.cores):
            write(rows)


def make_study(folder: Path) -> Path:
    from tfmed import phantom

    return phantom.write(phantom.make("glioma", seed=4), folder, layout="brats2015")


def write_arrays(study: Path, path: Path) -> None:
    """The same images for the peer, float32 [4, X, Y, Z]."""
    import numpy as np

    from tfmed.inference import open_study

    images = open_study(study).images
    np.save(path, np.stack([images[name].array for name in MODALITIES]).astype(np.float32))


def tfmed_candidate(study: Path, cores: int) -> Callable[[], Any]:
    # As the command does; TensorFlow reads it when it is imported.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import tensorflow as tf

    import tfmed
    from tfmed.inference import open_study

    tf.config.threading.set_intra_op_parallelism_threads(cores)
    tf.config.threading.set_inter_op_parallelism_threads(cores)
    model, opened = tfmed.zoo.get(MODEL), open_study(study)
    return lambda: tfmed.predict(model, opened)


def monai_candidate(arrays: Path, cores: int) -> Callable[[], Any]:
    import numpy as np
    import torch
    from monai.inferers import sliding_window_inference
    from monai.networks.nets import SegResNet
    from monai.transforms import NormalizeIntensity

    torch.set_num_threads(cores)
    network = SegResNet(spatial_dims=3, init_filters=16, in_channels=4, out_channels=3).eval()
    images = torch.from_numpy(np.load(arrays))
    normalise = NormalizeIntensity(nonzero=True, channel_wise=True)

    def predict() -> Any:
        with torch.inference_mode():
            windows = sliding_window_inference(
                torch.as_tensor(normalise(images))[None], (WINDOW,) * 3, 1, network, overlap=OVERLAP
            )
            return (torch.sigmoid(windows[0]) > 0.5).numpy()

    return predict


CANDIDATES = {"tfmed": tfmed_candidate, "monai_segresnet": monai_candidate}


def measure(make: Callable[[Path, int], Callable[[], Any]], study: Path, cores: int) -> dict[str, float]:
    """Seconds of loading, of the first prediction and of the next, and the process's peak MiB."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    start = time.perf_counter()
    predict = make(study, cores)
    times = {"loading": time.perf_counter() - start}
    for name in ("first", "next"):
        start, cpu_start = time.perf_counter(), time.process_time()
        predict()
        times[name] = time.perf_counter() - start
        times["cpu"] = time.process_time() - cpu_start
    # Linux counts in KiB.
    return times | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def compare(
    candidates: dict[str, tuple[str, Path]], rounds: int, cores: int
) -> Iterator[list[dict[str, Any]]]:
    """After each round, in which the candidates take turns, medians with the first candidate's ratio to
    each.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, (python, study) in candidates.items():
            words = [python, __file__, "--candidate", name, "--study", str(study), "--cores", str(cores)]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(name, {key: round(value, 2) for key, value in found[name][-1].items()}, flush=True)
        yield [row(name, kind, found, cores) for kind in UNITS for name in found]


def row(name: str, kind: str, found: dict[str, list[dict[str, float]]], cores: int) -> dict[str, Any]:
    values = [each[kind] for each in found[name]]
    first = [each[kind] for each in next(iter(found.values()))]
    ratios = [mine / other for mine, other in zip(first, values, strict=True)]
    return {
        "row": kind,
        "candidate": name,
        "median": f"{statistics.median(values):.4g}",
        "lowest": f"{min(values):.4g}",
        "highest": f"{max(values):.4g}",
        "unit": UNITS[kind],
        "rounds": len(values),
        "cores": cores,
        "load": f"{os.getloadavg()[0]:.1f}",
        "first_over_this": f"{statistics.median(ratios):.3f}",
    }


def write(rows: list[dict[str, Any]]) -> None:
    with results_file("predict").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
