"""``tfmed data``: find, prepare, count and look at cases; one file a subcommand, imported when called."""

import importlib

import click

SUBCOMMANDS = {
    "scan": "tfmed.tools._data_scan",
    "prepare": "tfmed.tools._data_prepare",
    "stats": "tfmed.tools._data_stats",
    "preview": "tfmed.tools._data_preview",
}


class Subcommands(click.Group):
    """Commands by the module that holds each as ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return importlib.import_module(SUBCOMMANDS[name]).command if name in SUBCOMMANDS else None


@click.command(
    cls=Subcommands,
    epilog="""\b
Examples:
  tfmed data scan BRATS2015_Training
  tfmed data prepare BRATS2015_Training store --workers 2
  tfmed data preview store
""",
)
def command() -> None:
    """Find the cases of a dataset, prepare them for training, count and look at them."""
