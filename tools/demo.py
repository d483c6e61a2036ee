"""``tfmed demo``: the whole way from phantoms to a served model, on data that it makes itself."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from tfmed.errors import TfmedError

NAME = "brats_instance_seg"
STEPS = 8
READY_SECONDS = 300
COMMAND = (sys.executable, "-m", "tfmed.tools")


@click.command(
    epilog="""\b
Examples:
  tfmed demo
  tfmed demo my_demo --minutes 10 -n 24
"""
)
@click.argument("folder", default="demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--minutes", type=click.FloatRange(0.1), default=3.0, show_default=True, help="Time to train.")
@click.option("-n", "count", type=click.IntRange(8), default=12, show_default=True, help="Phantoms to make.")
def command(folder: Path, minutes: float, count: int) -> None:
    """Make phantoms, train on them, evaluate, predict, export and serve, with all results under FOLDER.

    What an earlier run has finished is used again.
    """
    _same_settings(folder, {"minutes": minutes, "phantoms": count})
    way = Way(folder)
    _learn(way, minutes, count)
    case = _held_out(folder / "studies")
    _use(way, case)
    _serve(way, case)
    way.end()


def _same_settings(folder: Path, settings: dict[str, float]) -> None:
    """One folder is one demo: results of different settings would be mixed up in it."""
    kept = folder / "settings.json"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(settings) + "\n", "utf-8")
    elif (before := json.loads(kept.read_text("utf-8"))) != settings:
        raise TfmedError(f"{folder} holds a demo with {before}, not {settings}; name another folder.")


@dataclass
class Way:
    """Goes through commands of tfmed one by one, says what each is for, and remembers which are done."""

    folder: Path
    number: int = 0
    results: list[Path] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def announce(self, purpose: str) -> None:
        self.number += 1
        click.secho(f"\n[{self.number}/{STEPS}] {purpose}", bold=True)

    def step(
        self, purpose: str, arguments: list[Any], result: Path, since: str = "", resume: tuple[str, ...] = ()
    ) -> None:
        """Runs ``tfmed ARGUMENTS RESUME``, unless ``result`` came of ARGUMENTS and the same ``since``."""
        self.announce(purpose)
        self.results.append(result)
        mark = self.folder / ".done" / f"{self.number}.txt"
        said = f"{_shown(arguments)}\n{since}\n"
        if result.exists() and mark.exists() and mark.read_text("utf-8") == said:
            click.echo(f"  Used again from an earlier run: {result}")
            return
        run([*arguments, *resume])
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(said, "utf-8")
        click.echo(f"  -> {result}")

    def end(self) -> None:
        click.secho(f"\nDone in {(time.monotonic() - self.started) / 60:.1f} minutes. Look at:", bold=True)
        for result in dict.fromkeys(self.results):
            click.echo(f"  {result}")
        click.echo(f"  tensorboard --logdir {self.folder / 'run'}")


def run(arguments: list[Any]) -> None:
    """One command of tfmed, shown; its failure ends the demo with the same status."""
    click.echo(f"  $ {_shown(arguments)}")
    ended = subprocess.run([*COMMAND, *map(str, arguments)], check=False)
    if ended.returncode:
        click.echo(f"tfmed: error: the demo stopped, as 'tfmed {arguments[0]}' failed.", err=True)
        sys.exit(ended.returncode)


def _shown(arguments: list[Any]) -> str:
    return shlex.join(["tfmed", *map(str, arguments)])


def _learn(way: Way, minutes: float, count: int) -> None:
    studies, store, logs = (way.folder / name for name in ("studies", "store", "run"))
    options: list[Any] = ["--kind", "glioma", "--layout", "brats2015", "-n", count]
    way.step(
        f"Make {count} studies with gliomas in the layout of BRATS 2015, their ground truth exact",
        ["phantom", studies, *options, "--workers", len(os.sched_getaffinity(0))],
        studies,
    )
    way.step("Find the cases, and say what each file is", ["data", "scan", studies], studies)
    way.step(
        "Prepare them: one orientation, normalised, cropped, stored so that slices are read fast",
        ["data", "prepare", studies, store],
        store,
    )
    way.step(
        f"Train {NAME} from scratch for {minutes:g} minutes: a taste, the shipped weights took longer",
        ["train", NAME, "--data", store, "--logdir", logs, "--minutes", f"{minutes:g}"],
        logs / "summary.md",
        resume=("--resume",) if (logs / "checkpoints" / "checkpoint").exists() else (),
    )


def _held_out(studies: Path) -> Path:
    """The folder of a patient that no training on these studies sees."""
    from tfmed import datasets

    case = datasets.split(datasets.scan(studies))["test"][0]
    return next(iter(case.modalities.values())).parents[1]


def _use(way: Way, case: Path) -> None:
    shipped = _shipped()
    weights = ["--weights", way.folder / "run" / "final.weights.h5", "--weights", "default"]
    scores = way.folder / "scores.json"
    way.step(
        "Evaluate the new weights beside the shipped ones, on the patients that were held out",
        ["evaluate", NAME, "--data", way.folder / "studies", *weights, "--limit", 2, "--json", scores],
        scores,
        since=shipped,
    )
    prediction, exports = way.folder / "prediction", way.folder / "exports"
    way.step(
        "Find the lesions of one of these patients with the shipped weights",
        ["predict", NAME, case, "-o", prediction],
        prediction / "overview.png",
        since=shipped,
    )
    way.step(
        "Export the model in the form that an unmodified TensorFlow Serving loads",
        ["export", NAME, exports],
        exports / NAME / "1",
        since=shipped,
    )


def _shipped() -> str:
    """What tells one state of the shipped weights from another."""
    from tfmed import __version__, zoo

    card = zoo.card(NAME)
    default = card["weights"].get(card["default_weights"], {})
    return f"tfmed {__version__}, weights {default.get('sha256')}"


def _serve(way: Way, case: Path) -> None:
    from tfmed.tools._demo_requests import compare

    way.announce("Serve the export; ask it over gRPC and REST, and compare with this process's answer")
    with _server(way.folder / "exports") as ready:
        for line in compare(NAME, case, ready):
            click.echo(f"  {line}")


@contextmanager
def _server(exports: Path) -> Iterator[dict[str, Any]]:
    """Host and ports of a server in a process of its own, which ends with the block."""
    ready = exports.with_name("server.json")
    ready.unlink(missing_ok=True)
    arguments = ["serve", exports, "--port", 0, "--rest-port", 0, "--ready-file", ready]
    click.echo(f"  $ {_shown(arguments)}")
    server = subprocess.Popen([*COMMAND, *map(str, arguments)])
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not ready.exists() and server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        if not ready.exists():
            raise TfmedError("The server did not start.")
        yield json.loads(ready.read_text("utf-8"))
    finally:
        server.terminate()
        server.wait()
