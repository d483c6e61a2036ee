"""Commands that need no model answer without loading TensorFlow or anything else that is heavy."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

HEAVY = ("tensorflow", "keras", "nibabel", "SimpleITK", "scipy", "matplotlib", "h5py", "numpy", "jsonschema")
# Runs the command line given as arguments, then names the heavy modules that it has loaded.
RUN = f"""
import sys
from tfmed.tools import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *[name for name in {HEAVY!r} if name in sys.modules])
"""


def run(*arguments: str) -> str:
    ran = subprocess.run([sys.executable, "-c", RUN, *arguments], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def commands() -> list[str]:
    from tfmed.tools import cli

    return cli.list_commands(None)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["zoo", "list"], ["zoo", "show", "brats_instance_seg"], ["zoo", "--help"]],
    ids=" ".join,
)
def test_it_answers_without_anything_heavy(arguments: list[str]) -> None:
    assert run(*arguments).splitlines()[-1] == "LOADED"


def subcommands() -> list[str]:
    from tfmed.tools import cli

    found = {name: cli.get_command(None, name) for name in commands()}
    groups = {name: group for name, group in found.items() if isinstance(group, click.Group)}
    return [f"{name} {each}" for name, group in groups.items() for each in group.list_commands(None)]


@pytest.mark.parametrize("name", [*commands(), *subcommands()])
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    shown = run(*name.split(), "--help")
    assert f"tfmed {name}" in shown.split("Usage:")[1]
    assert "Examples:" in shown
    assert shown.splitlines()[-1] == "LOADED"


def test_the_list_of_commands_says_what_each_is_for() -> None:
    shown = run("--help").split("Commands:")[1].split("Examples:")[0]
    for name in commands():
        described = [line.split(maxsplit=1) for line in shown.splitlines() if line.split()[:1] == [name]]
        assert described and len(described[0]) == 2, name


def test_a_folder_that_cannot_be_made_is_one_sentence_and_status_two(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = subprocess.run(
        [sys.executable, "-m", "tfmed.tools", "phantom", str(tmp_path / "file" / "x"), "-n", "1"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert ran.stderr == f"tfmed: error: {tmp_path}/file/x: Not a directory.\n"


def test_bad_input_is_one_sentence_and_status_two() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tfmed.tools", "zoo", "show", "brats_instance"], capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        "tfmed: error: The zoo has no model 'brats_instance'. "
        "Nearest: brats_instance_seg, brats_semantic_seg."
    ]


STOPPED = """
import click, sys
from tfmed import tools
@click.command()
def command():
    raise KeyboardInterrupt
tools.Commands.get_command = lambda self, ctx, name: command
tools.main()
"""


def test_a_command_that_is_stopped_ends_as_shells_expect() -> None:
    ran = subprocess.run([sys.executable, "-c", STOPPED, "zoo"], capture_output=True, text=True)
    assert ran.returncode == 130
    assert ran.stderr.strip() == "tfmed: error: stopped."


def test_a_word_that_no_command_knows_is_a_usage_error() -> None:
    ran = subprocess.run([sys.executable, "-m", "tfmed.tools", "zoo", "--no"], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "No such option" in ran.stderr and "Usage:" in ran.stderr
