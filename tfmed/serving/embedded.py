"""Runs the embedded server in the foreground until it is told to end."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from tfmed.errors import TfmedError
from tfmed.serving.server import Server


def run(
    directory: Path,
    host: str,
    port: int,
    rest_port: int,
    ready_file: Path | None,
    say: Callable[[str], None],
) -> None:
    """Serves a folder until SIGTERM or SIGINT, then ends running requests and returns.

    Args:
        directory, host, port, rest_port: see `tfmed.serving.Server`.
        ready_file: written when requests are answered, removed at the end: a JSON object with pid, host,
            port, rest_port, and models, the version of each by name.
        say: told one line when requests are answered, and one at the end.

    Raises:
        TfmedError: as `Server` does, or the ready file cannot be written.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Server(directory, host, port, rest_port) as server:
        versions = {name: servable.version for name, servable in server.models.items()}
        if ready_file is not None:
            _write(ready_file, server, versions)
        names = ", ".join(f"{name} (version {version})" for name, version in versions.items())
        say(f"Ready: {names}; gRPC {host}:{server.port}, REST http://{host}:{server.rest_port}/v1/models/")
        ended.wait()
        say("Ending: running requests get 5 s.")
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _write(path: Path, server: Server, versions: dict[str, int]) -> None:
    content = {
        "pid": os.getpid(),
        "host": server.host,
        "port": server.port,
        "rest_port": server.rest_port,
        "models": versions,
    }
    try:
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(content) + "\n", "utf-8")
        beside.replace(path)
    except OSError as error:
        raise TfmedError(f"Cannot write the ready file {path}: {error.strerror}") from None
