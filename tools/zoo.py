"""``tfmed zoo``: list, show, verify and fetch the models of the zoo."""

import json

import click

from tfmed import zoo
from tfmed.zoo import weights
from tfmed.zoo.registry import find

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@click.group()
def command() -> None:
    """List, show, verify and fetch the models of the zoo.

    \b
    Examples:
      tfmed zoo list --task instance_segmentation
      tfmed zoo show brats_instance_seg
      tfmed zoo verify brats_instance_seg
    """


@command.command(
    "list",
    epilog="""\b
Examples:
  tfmed zoo list
  tfmed zoo list --task instance_segmentation
  tfmed zoo list --json""",
)
@click.option("--task", help="Only models of this task.")
@as_json
def list_models(task: str | None, as_json: bool) -> None:
    """List the names of the zoo."""
    cards = [zoo.card(name) for name in zoo.list(task)]
    if as_json:
        keys = ("name", "family", "task", "title", "default_weights")
        click.echo(json.dumps([{key: card[key] for key in keys} for card in cards], indent=2))
        return
    for card in cards:
        shipped = f"weights {card['default_weights']}" if card["default_weights"] else "no weights"
        click.echo(f"{card['name']:<22} {card['task']:<22} {card['title']} ({shipped})")


@command.command(
    epilog="""\b
Examples:
  tfmed zoo show brats_instance_seg
  tfmed zoo show brats_instance_seg --json | jq '.limits'"""
)
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show the card of NAME: inputs, outputs, variants, weights, figures, limits."""
    card = zoo.card(name)
    click.echo(json.dumps(card, indent=2, ensure_ascii=False) if as_json else str(card))


@command.command(
    epilog="""\b
Examples:
  tfmed zoo verify brats_instance_seg
  tfmed zoo verify brats_instance_seg --json"""
)
@click.argument("name")
@as_json
def verify(name: str, as_json: bool) -> None:
    """Compare the weights files of NAME with the sha256 in its card."""
    entry = find(name)
    checked = []
    for tag, described in entry.read_card()["weights"].items():
        path = weights.location(described, entry.folder)
        if "url" in described and not path.exists():
            checked.append({"tag": tag, "path": str(path), "state": "not fetched"})
            continue
        weights.verify(path, described)
        checked.append({"tag": tag, "path": str(path), "state": "verified"})
    _tell(name, checked, as_json)


@command.command(
    epilog="""\b
Examples:
  tfmed zoo fetch brats_instance_seg
  tfmed zoo fetch brats_instance_seg --weights TAG"""
)
@click.argument("name")
@click.option("--weights", "tag", default="default", show_default=True, help="A tag in the card.")
@as_json
def fetch(name: str, tag: str, as_json: bool) -> None:
    """Bring the weights of NAME to this machine, and verify them."""
    entry = find(name)
    card = entry.read_card()
    tag = weights.tag_of(card, tag, variant=None)
    path = weights.obtain(card["weights"][tag], entry.folder)
    _tell(name, [{"tag": tag, "path": str(path), "state": "verified"}], as_json)


def _tell(name: str, checked: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(checked, indent=2))
    elif not checked:
        click.echo(f"{name} has no weights files.")
    for each in [] if as_json else checked:
        click.echo(f"{each['tag']}: {each['state']}, {each['path']}")
