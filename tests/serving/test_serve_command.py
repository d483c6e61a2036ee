"""`tfmed serve` from the shell: ready, answering, ended; and every way in which it cannot start."""

import json
import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tfmed.errors import TfmedError
from tfmed.serving import Client, Server
from tfmed.tools.serve import command

SERVE = [sys.executable, "-c", "from tfmed.tools import main; main()", "serve"]


def test_it_serves_until_sigterm_and_leaves_nothing(exports, tmp_path):
    from tfmed.export import warmup

    ready = tmp_path / "ready.json"
    arguments = [str(exports), "--port", "0", "--rest-port", "0", "--ready-file", str(ready)]
    with subprocess.Popen([*SERVE, *arguments], stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        told = json.loads(ready.read_text())
        assert told["pid"] == process.pid and told["models"] == {"tiny": 1}
        assert f"gRPC 127.0.0.1:{told['port']}" in line and f"127.0.0.1:{told['rest_port']}/v1" in line
        with Client(f"127.0.0.1:{told['port']}") as client:
            assert client.predict("tiny", warmup.requests(4)["serving_default"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert not ready.exists()
    assert (exports / "models.config").read_text().count(f'base_path: "{exports}/tiny"') == 1


@pytest.mark.parametrize("option", ["port", "rest_port"])
def test_a_port_in_use_is_told(exports, option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"port": 0, "rest_port": 0} | {option: taken.getsockname()[1]}
        with pytest.raises(TfmedError, match=rf"Cannot listen for .*:{ports[option]}: .*Give a free port"):
            Server(exports, **ports)


def test_a_second_server_does_not_share_the_port(exports, server):
    with pytest.raises(TfmedError, match="Cannot listen for gRPC"):
        Server(exports, port=server.port, rest_port=0)


def test_bad_input_ends_with_status_2_and_one_sentence(tmp_path):
    finished = subprocess.run([*SERVE, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert finished.returncode == 2
    assert finished.stderr.startswith("tfmed: error: ") and "Traceback" not in finished.stderr


def test_a_damaged_model_is_named(tmp_path):
    (tmp_path / "broken/1").mkdir(parents=True)
    (tmp_path / "broken/1/saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(TfmedError, match=r"broken/1 cannot be loaded as a SavedModel"):
        Server(tmp_path, port=0, rest_port=0)


@pytest.mark.parametrize("engine", ["docker", "tensorflow_model_server"])
def test_the_command_of_another_engine_can_be_printed(exports, engine):
    result = CliRunner().invoke(command, [str(exports), "--engine", engine, "--print-command"])
    assert result.exit_code == 0 and result.output.startswith(engine)
    assert "models.config" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--print-command"], "no command line of its own"),
        (["--engine", "docker", "--ready-file", "x"], "embedded engine only"),
    ],
)
def test_options_that_an_engine_cannot_keep_are_refused(exports, arguments, said):
    result = CliRunner().invoke(command, [str(exports), *arguments])
    assert isinstance(result.exception, TfmedError) and said in str(result.exception)


def test_help_shows_examples_and_imports_no_tensorflow():
    script = "import sys; from tfmed.tools import serve, export; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    result = CliRunner().invoke(command, ["--help"])
    assert "tfmed serve exports" in result.output
