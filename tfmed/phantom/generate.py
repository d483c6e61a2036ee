"""Many phantoms at once: in worker processes, restartable, each case a function of its seed."""

import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError

WORKER_ENVIRONMENT = {
    # Threads of several workers only get in each other's way.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # Volumes come and go: memory that returns to the system is zeroed page by page when it comes back.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}


@dataclass(frozen=True)
class Job:
    """One case to make: everything that a worker needs.

    layout: a dataset's, or "latent". options: see ``kinds.Options``. apart: folders of phantoms whose people
    and real lesions must not be in this one.
    """

    kind: str
    seed: int
    anatomy: str
    root: str
    layout: str
    name: str = ""
    spacing_mm: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    apart: tuple[str, ...] = ()


def jobs(
    out: str, seeds: Iterable[int], *, kind: str, layout: str | None, latent: bool, anatomy: tuple[str, ...],
    spacing: float, apart: tuple[str, ...], cdr: str | None, skull: bool | None, **options: Any,
) -> list[Job]:  # fmt: skip
    """The cases that a call of ``tfmed phantom`` asks for; anatomies take turns by seed.

    TfmedError where the kind has no such option or the layout no place for it.
    """
    from tfmed.phantom import layouts
    from tfmed.phantom.kinds import checked
    from tfmed.phantom.origins import of_folder

    options |= {"cdr": float(cdr) if cdr else None}
    if skull is not None:
        options["skull"] = skull
    if checked(kind, **options).skull and latent:
        raise TfmedError("Latent volumes are brains alone; leave out --skull or --latent.")
    given = {name: value for name, value in options.items() if value is not None}
    if latent and layout:
        raise TfmedError("Latent volumes have a layout of their own; leave out --layout or --latent.")
    layout = "latent" if latent else layout or layouts.default(kind)
    if not latent:
        layouts.settings(kind, layout)
    for folder in apart:
        of_folder(folder)
    return [
        Job(kind, s, anatomy[s % len(anatomy)], out, layout, f"{kind}_{s:05d}", spacing, given, apart)
        for s in seeds
    ]


def run(jobs: list[Job], workers: int = 1) -> list[dict]:
    """Makes the cases that the same jobs have not made yet; returns the manifest entries of all, in the order
    of ``jobs``.

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
    # For the workers alone: whatever else this process starts is not to inherit it.
    added = {name: value for name, value in WORKER_ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        pool = multiprocessing.get_context("spawn").Pool(workers)
    finally:
        for name in added:
            del os.environ[name]
    with pool:
        yield pool.imap_unordered


def _attempt(numbered: tuple[int, Job]) -> tuple[int, dict, str]:
    number, job = numbered
    try:
        return number, (_latent if job.layout == "latent" else _study)(job), ""
    except Exception as error:  # one case must not end a run of hours
        return number, {}, f"{type(error).__name__}: {error}"


def _asked(job: Job) -> dict[str, Any]:
    """What is asked for, as JSON gives it back; a folder may be moved, so its name is no part of it."""
    return json.loads(json.dumps({name: value for name, value in asdict(job).items() if name != "root"}))


def _known(path: Path, job: Job) -> dict | None:
    """The record at a path, if it tells of a case that the same job made."""
    if not path.is_file():
        return None
    record = json.loads(path.read_text())
    asked = _asked(job)
    return record if asked.items() <= record.get("job", {}).items() else None


def _latent(job: Job) -> dict:
    from tfmed.phantom.kinds import checked
    from tfmed.phantom.latent import build
    from tfmed.phantom.source import save
    from tfmed.phantom.warp import BRATS

    path = Path(job.root) / f"{job.name}.h5"
    sidecar = path.with_suffix(".json")
    if path.is_file() and (known := _known(sidecar, job)):
        return known
    options = checked(job.kind, **job.options)
    latent = build(job.kind, job.seed, job.anatomy, BRATS.coarse(job.spacing_mm), options)
    _check_apart(job, latent.provenance)
    sidecar.unlink(missing_ok=True)
    save(latent, path, job.name)
    record = {
        "case": job.name,
        "diagnosis": latent.diagnosis,
        "provenance": latent.provenance,
        "volumes_ml": latent.volumes_ml(),
        "job": _asked(job),
    }
    sidecar.write_text(json.dumps(record) + "\n")
    return record


def _check_apart(job: Job, provenance: dict) -> None:
    from tfmed.phantom.origins import check_apart, of_folder

    for folder in job.apart:
        check_apart(provenance, of_folder(folder))


def _study(job: Job) -> dict:
    from tfmed.phantom.layouts import settings, write
    from tfmed.phantom.studies import make

    done = Path(job.root) / ".phantom" / f"{job.layout}_{job.kind}_{job.seed}.json"
    if known := _known(done, job):
        return known
    usual = settings(job.kind, job.layout)
    usual["spacing_mm"] = max(job.spacing_mm, usual["spacing_mm"])
    study = make(job.kind, job.seed, job.anatomy, **usual | job.options)
    _check_apart(job, study.provenance)
    done.unlink(missing_ok=True)
    folder = write(study, job.root, job.layout)
    record = json.loads((folder / "phantom.json").read_text()) | {"job": _asked(job)}
    record["folder"] = str(folder.relative_to(job.root))
    done.parent.mkdir(parents=True, exist_ok=True)
    done.write_text(json.dumps(record) + "\n")
    return record
