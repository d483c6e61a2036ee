"""Many phantoms at once: in worker processes, restartable, each case a function of its seed."""

import json
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tfmed.errors import TfmedError


@dataclass(frozen=True)
class Job:
    """One case to make: everything that a worker needs."""

    kind: str
    seed: int
    anatomy: str
    root: str
    layout: str
    grade: str | None
    name: str = ""
    spacing_mm: float = 1.0


def run(jobs: list[Job], workers: int = 1) -> list[dict]:
    """Makes the cases that are not there yet; returns the manifest entries of all, in the order of ``jobs``.

    A case that fails does not stop the others: TfmedError at the end names those that failed.
    """
    from tfmed.progress import bar

    records: dict[int, dict] = {}
    failed: list[str] = []
    with _pool(workers) as imap, bar(total=len(jobs), desc="phantoms", unit="case") as progress:
        for number, record, problem in imap(_attempt, list(enumerate(jobs))):
            if problem:
                failed.append(f"{jobs[number].name or jobs[number].seed}: {problem}")
            else:
                records[number] = record
            progress.update()
    if failed:
        raise TfmedError(f"{len(failed)} of {len(jobs)} phantoms failed: {'; '.join(failed)}")
    return [records[number] for number in range(len(jobs))]


def update_manifest(root: Path, records: list[dict]) -> dict:
    """Adds the cases to ``manifest.json`` of a folder of phantoms, by case name, and returns all of it."""
    path = root / "manifest.json"
    known = json.loads(path.read_text())["cases"] if path.is_file() else []
    cases = {record["case"]: record for record in [*known, *records]}
    manifest = {"cases": [cases[name] for name in sorted(cases)]}
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(manifest, indent=1) + "\n")
    partial.replace(path)
    return manifest


@contextmanager
def _pool(workers: int) -> Iterator:
    if workers <= 1:
        yield map
        return
    # One thread a worker: threads of several workers only get in each other's way.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield pool.imap_unordered


def _attempt(numbered: tuple[int, Job]) -> tuple[int, dict, str]:
    number, job = numbered
    try:
        return number, (_latent if job.layout == "latent" else _study)(job), ""
    except Exception as error:  # one case must not end a run of hours
        return number, {}, f"{type(error).__name__}: {error}"


def _latent(job: Job) -> dict:
    from tfmed.phantom.latent import build
    from tfmed.phantom.source import save
    from tfmed.phantom.warp import BRATS

    path = Path(job.root) / f"{job.name}.h5"
    sidecar = path.with_suffix(".json")
    if path.is_file() and sidecar.is_file():
        return json.loads(sidecar.read_text())
    latent = build(job.kind, job.seed, job.anatomy, BRATS.coarse(job.spacing_mm), job.grade)
    save(latent, path, job.name)
    marked = latent.labels()
    record = {
        "case": job.name,
        "diagnosis": latent.diagnosis,
        "provenance": latent.provenance,
        "volumes_ml": {str(v): int((marked == v).sum()) / 1000 for v in range(1, 5) if (marked == v).any()},
    }
    sidecar.write_text(json.dumps(record) + "\n")
    return record


def _study(job: Job) -> dict:
    from tfmed.phantom.layouts import write
    from tfmed.phantom.studies import make

    done = Path(job.root) / ".phantom" / f"{job.layout}_{job.kind}_{job.seed}.json"
    if done.is_file():
        record = json.loads(done.read_text())
        if record["job"] == asdict(job):
            return record
    study = make(job.kind, job.seed, job.anatomy, grade=job.grade, spacing_mm=job.spacing_mm)
    folder = write(study, job.root, job.layout)
    record = json.loads((folder / "phantom.json").read_text()) | {"job": asdict(job)}
    record["folder"] = str(folder.relative_to(job.root))
    done.parent.mkdir(parents=True, exist_ok=True)
    done.write_text(json.dumps(record) + "\n")
    return record
