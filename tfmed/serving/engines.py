"""What serves a folder of exported models, and the command lines of those that are not embedded."""

import json
import os
import shutil
import socket
from pathlib import Path

from tfmed.errors import TfmedError
from tfmed.serving.folder import find

ENGINES = ("embedded", "tensorflow_model_server", "docker")
CONFIG = "models.config"
IMAGE = "tensorflow/serving"
# The default of 30 s is too short for a study on a CPU.
REST_TIMEOUT_MS = 600_000
_INSTALL = {
    "tensorflow_model_server": "install the Debian package tensorflow-model-server "
    "(https://www.tensorflow.org/tfx/serving/setup)",
    "docker": "install Docker (https://docs.docker.com/engine/install)",
}


def write_config(directory: Path, base: str | None = None) -> Path:
    """Writes DIRECTORY/models.config, which tells TensorFlow Serving the models in the folder.

    Args:
        directory: holds NAME/VERSION/ of exported models.
        base: where the server sees the folder; by default its absolute path.

    Raises:
        TfmedError: the folder holds no model or cannot be written.
    """
    base = base or str(directory.resolve())
    entries = "".join(
        f"  config {{\n    name: {json.dumps(name)}\n    base_path: {json.dumps(f'{base}/{name}')}\n"
        '    model_platform: "tensorflow"\n  }\n'
        for name in sorted(find(directory))
    )
    path = directory / CONFIG
    try:
        beside = path.with_name(f".{CONFIG}.{os.getpid()}")
        beside.write_text(f"model_config_list {{\n{entries}}}\n", "utf-8")
        beside.replace(path)
    except OSError as error:
        raise TfmedError(f"Cannot write {path}: {error.strerror}") from None
    return path


def command(engine: str, directory: Path, host: str, port: int, rest_port: int) -> list[str]:
    """The command that serves a folder with TensorFlow Serving, on this machine or in a container.

    Port 0 becomes one that is free now. tensorflow_model_server has no option for the interface: it
    listens on all of them, whatever `host` is.
    """
    directory = directory.resolve()
    port, rest_port = port or free_port(host), rest_port or free_port(host)
    timeout = f"--rest_api_timeout_in_ms={REST_TIMEOUT_MS}"
    if engine == "tensorflow_model_server":
        ports = [f"--port={port}", f"--rest_api_port={rest_port}"]
        return [engine, *ports, timeout, f"--model_config_file={directory / CONFIG}"]
    # --init passes signals on to the server, which is not the container's first process.
    docker = ["docker", "run", "--rm", "--init"]
    published = [f"--publish={host}:{port}:8500", f"--publish={host}:{rest_port}:8501"]
    mounted = f"--volume={directory}:/models:ro"
    return [*docker, *published, mounted, IMAGE, timeout, f"--model_config_file=/models/{CONFIG}"]


def config_base(engine: str) -> str | None:
    """Where the server of an engine sees the folder, if not at its own path."""
    return "/models" if engine == "docker" else None


def run(engine: str, command_line: list[str]) -> None:
    """Becomes the process of a TensorFlow Serving; returns only by raising.

    Raises:
        TfmedError: it is not installed; says what to install.
    """
    if shutil.which(command_line[0]) is None:
        raise TfmedError(
            f"{command_line[0]} is not on the PATH: {_INSTALL[engine]}, or use --engine embedded."
        )
    os.execvp(command_line[0], command_line)


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
