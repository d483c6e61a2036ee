"""The ``tfmed`` command: one file a command, found by its name, imported when it is called."""

import importlib
import pkgutil
import sys

import click

from tfmed.errors import TfmedError


class Commands(click.Group):
    """Commands found as modules of this package, each with an attribute ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
        )

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"tfmed.tools.{name}").command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Find, measure and name lesions in medical images: data, training, prediction, export, serving."""


def main() -> None:
    """Entry point: bad input ends with one sentence and exit status 2, never with a traceback."""
    try:
        cli()
    except TfmedError as error:
        click.echo(f"tfmed: error: {error}", err=True)
        sys.exit(2)
