"""tfmed export: write a model for serving."""

import json
from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  tfmed export brats_instance_seg exports
  tfmed export brats_instance_seg exports --weights runs/tuned/best.weights.h5 --version 2
  tfmed serve exports
"""
)
@click.argument("name")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--weights", default="default", show_default=True, help="A tag of the model's card, or a file.")
@click.option(
    "--version", type=click.IntRange(1), default=1, show_default=True, help="Servers answer with the highest."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object with the path.")
def command(name: str, directory: Path, weights: str, version: int, as_json: bool) -> None:
    """Write the model NAME to DIRECTORY/NAME/VERSION as a SavedModel that TensorFlow Serving loads."""
    import tfmed

    model = tfmed.zoo.get(name, weights=weights)
    path = tfmed.export.export(model, directory, version=version)
    click.echo(
        json.dumps({"path": str(path)}) if as_json else f"Wrote {path}; `tfmed serve {directory}` serves it."
    )
