"""The configuration and command lines of TensorFlow Serving, for this machine and for a container."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfmed.errors import TfmedError
from tfmed.serving import engines


@pytest.fixture
def folder(tmp_path):
    """Two models, one in two versions, and what is none."""
    for each in ("lesions/9", "lesions/12", "lesions/.3-half", "tissue/2"):
        (tmp_path / each).mkdir(parents=True)
        (tmp_path / each / "saved_model.pb").touch()
    (tmp_path / "notes").mkdir()
    return tmp_path


def parsed(path):
    config = text_format.Parse(path.read_text(), model_server_config_pb2.ModelServerConfig())
    return {each.name: (each.base_path, each.model_platform) for each in config.model_config_list.config}


def test_the_highest_version_is_found_by_number(folder):
    found = engines.find(folder)
    assert found == {"lesions": folder / "lesions/12", "tissue": folder / "tissue/2"}


def test_the_configuration_names_absolute_folders(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    config = parsed(engines.write_config(Path(folder.name)))
    assert config == {name: (str(folder / name), "tensorflow") for name in ("lesions", "tissue")}


def test_a_container_sees_the_models_under_its_own_path(folder):
    config = parsed(engines.write_config(folder, engines.config_base("docker")))
    assert config["lesions"] == ("/models/lesions", "tensorflow")
    assert engines.config_base("tensorflow_model_server") is None


def test_command_line_of_tensorflow_model_server(folder):
    assert engines.command("tensorflow_model_server", folder, "127.0.0.1", 8500, 8501) == [
        "tensorflow_model_server",
        "--port=8500",
        "--rest_api_port=8501",
        "--rest_api_timeout_in_ms=600000",
        f"--model_config_file={folder}/models.config",
    ]


def test_command_line_of_docker(folder):
    assert engines.command("docker", folder, "0.0.0.0", 9000, 9001) == [
        "docker",
        "run",
        "--rm",
        "--init",
        "--publish=0.0.0.0:9000:8500",
        "--publish=0.0.0.0:9001:8501",
        f"--volume={folder}:/models:ro",
        "tensorflow/serving",
        "--rest_api_timeout_in_ms=600000",
        "--model_config_file=/models/models.config",
    ]


def test_port_0_becomes_one_that_is_free(folder):
    line = engines.command("tensorflow_model_server", folder, "127.0.0.1", 0, 0)
    ports = [int(each.split("=")[1]) for each in line[1:3]]
    assert all(1024 <= port <= 65535 for port in ports)


@pytest.mark.parametrize("engine", ["tensorflow_model_server", "docker"])
def test_an_engine_that_is_missing_is_told_with_what_to_install(engine, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TfmedError, match=f"{engine} is not on the PATH: install"):
        engines.run(engine, [engine])


def test_an_engine_gets_its_arguments(folder, tmp_path):
    program = tmp_path / "bin/tensorflow_model_server"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    line = engines.command("tensorflow_model_server", folder, "127.0.0.1", 8500, 8501)
    script = "import sys; from tfmed.serving import engines; engines.run(sys.argv[1], sys.argv[1:])"
    environment = {"PATH": f"{program.parent}:/bin:/usr/bin"}
    finished = subprocess.run(
        [sys.executable, "-c", script, *line], env=environment, capture_output=True, text=True, timeout=60
    )
    assert finished.stdout.split() == line[1:], finished.stderr


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], r"holds no exported model\. Expected NAME/VERSION/saved_model.pb"),
        (["1/saved_model.pb"], r"It is a model's own folder: serve the one around it, .*"),
        (["tiny/latest/saved_model.pb"], "holds no exported model"),
    ],
)
def test_a_folder_without_models_says_what_would_be_right(tmp_path, files, said):
    for each in files:
        (tmp_path / each).parent.mkdir(parents=True)
        (tmp_path / each).touch()
    with pytest.raises(TfmedError, match=said):
        engines.write_config(tmp_path)


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(TfmedError, match="is no folder"):
        engines.write_config(tmp_path / "none")
