"""tfmed serve: answer requests to exported models."""

import shlex
from pathlib import Path

import click

from tfmed.errors import TfmedError
from tfmed.serving import engines


@click.command(
    epilog="""\b
Examples:
  tfmed serve exports
  tfmed serve exports --port 0 --rest-port 0 --ready-file ready.json
  tfmed serve exports --engine docker
  tfmed serve exports --engine tensorflow_model_server --print-command
"""
)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--engine",
    type=click.Choice(engines.ENGINES),
    default="embedded",
    show_default=True,
    help="What answers: the embedded server, or a TensorFlow Serving on this machine or in a container.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface; 0.0.0.0 is all of them.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="Port of gRPC; 0: any."
)
@click.option(
    "--rest-port",
    type=click.IntRange(0, 65535),
    default=8501,
    show_default=True,
    help="Port of REST; 0: any.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written as JSON with the ports once requests are answered (embedded only).",
)
@click.option("--print-command", is_flag=True, help="Print the command line of the other engines and end.")
def command(
    directory: Path,
    engine: str,
    host: str,
    port: int,
    rest_port: int,
    ready_file: Path | None,
    print_command: bool,
) -> None:
    """Serve the models in DIRECTORY, as `tfmed export` writes it, over gRPC and REST.

    The highest version of each model answers, as TensorFlow Serving would, until Ctrl-C or SIGTERM.
    """
    engines.write_config(directory, engines.config_base(engine))
    if engine == "embedded":
        if print_command:
            raise TfmedError("The embedded engine has no command line of its own; choose another --engine.")
        from tfmed.serving import embedded

        embedded.run(directory, host, port, rest_port, ready_file, click.echo)
        return
    if ready_file is not None:
        raise TfmedError("--ready-file is written by the embedded engine only.")
    command_line = engines.command(engine, directory, host, port, rest_port)
    if print_command:
        click.echo(shlex.join(command_line))
    else:
        engines.run(engine, command_line)
