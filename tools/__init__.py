"""The ``tfmed`` command: one file a command, found by its name, imported when it is called."""

import ast
import importlib
import os
import pkgutil
import sys
from pathlib import Path

import click

from tfmed.errors import TfmedError
from tfmed.tools._quiet import QuietTensorFlow

EXAMPLES = """\b
Examples:
  tfmed phantom studies --kind glioma --layout brats2015 -n 12
  tfmed data scan studies
  tfmed train brats_instance_seg --data studies --logdir run
  tfmed predict brats_instance_seg patient_017/ -o out
  tfmed zoo list
"""


class Commands(click.Group):
    """Commands found as modules of this package, each with an attribute ``command``.

    The list in ``--help`` takes each command's sentence from its file's docstring, so that no command is
    imported to be listed.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
        )

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"tfmed.tools.{name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])


def _summary(name: str) -> str:
    """First sentence of a command's module docstring, after its "tfmed NAME: "."""
    source = Path(__file__).with_name(f"{name}.py").read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return docstring.partition("\n")[0].partition(": ")[2].partition(". ")[0]


@click.command(cls=Commands, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tfmed", message="%(package)s %(version)s")
def cli() -> None:
    """Find, measure and name lesions in medical images: data, training, prediction, export, serving."""


def main() -> None:
    """Entry point: bad input, and files that can't be written, end with one sentence and exit status 2.

    Ctrl-C ends with 130, as shells expect of it, where a command doesn't end in a way of its own.
    """
    # TensorFlow's remarks on missing GPUs are no news to the user of a command.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Faster wherever there is AVX2; TensorFlow itself turns it on for AVX-512 only.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.meta_path.insert(0, QuietTensorFlow())
    try:
        sys.exit(cli(prog_name="tfmed", standalone_mode=False))
    except click.Abort:
        _end("stopped.", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except TfmedError as error:
        _end(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _end(f"{error.filename}: {error.strerror}.")


def _end(sentence: str, status: int = 2) -> None:
    click.echo(f"tfmed: error: {sentence}", err=True)
    sys.exit(status)
