"""For maintainers: brings a run's weights, and an evaluation's figures, into a card of this checkout.

\b
Examples:
  python -m tfmed.tools._publish weights runs/long --tag phantoms-1 --data "gliomas on MNI152"
  python -m tfmed.tools._publish grow brats_instance_seg narrow.weights.h5 start.weights.h5 --was width=16
  python -m tfmed.tools._publish thresholds brats_instance_seg validation/
  python -m tfmed.tools._publish confidence brats_instance_seg validation/ healthy/
  tfmed phantom test --kind glioma -n 20 --seed 9000
  tfmed evaluate brats_instance_seg --data test --split all --json figures.json
  python -m tfmed.tools._publish metrics figures.json --dataset "20 gliomas on MNI152, seeds 9000 to 9019" \\
      --made-by "tfmed phantom test --kind glioma -n 20 --seed 9000"
"""

import hashlib
import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tfmed.errors import TfmedError
from tfmed.zoo.cards import Card, validate
from tfmed.zoo.registry import find

ROOTS = click.argument(
    "roots", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@click.group(help=__doc__)
def command() -> None:
    pass


@command.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tag", required=True, help="Name of these weights in the card.")
@click.option("--data", required=True, help="What they were trained on, in words.")
@click.option("--dtype", type=click.Choice(["float16", "float32"]), default="float16", show_default=True)
@click.option("--file", "chosen", default="final.weights.h5", show_default=True, help="File of the run.")
@click.option("--default/--no-default", "is_default", default=True, help='What weights="default" means.')
def weights(run: Path, tag: str, data: str, dtype: str, chosen: str, is_default: bool) -> None:
    """Pack the weights of RUN, as tfmed train leaves it, and enter them in the card."""
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    recipe = tomllib.loads((run / "recipe.toml").read_text("utf-8"))
    name, variant = summary["model"], summary["variant"]
    folder = _folder(name)
    stem = f"weights/{name}-{tag}"
    packed = folder / f"{stem}.weights.h5"
    pack(run / chosen, packed, dtype)
    shutil.copyfile(run / "recipe.toml", folder / f"{stem}.toml")
    train = summary["data"]["train"]
    card = find(name).read_card()
    card["weights"][tag] = {
        "variant": variant,
        "file": f"{stem}.weights.h5",
        "sha256": hashlib.sha256(packed.read_bytes()).hexdigest(),
        "bytes": packed.stat().st_size,
        "dtype": dtype,
        "trained_on": {
            "data": data,
            "cases": train["cases"],
            "split": "train",
            "split_hash": train["split_hash"],
        },
        "recipe": f"tfmed train {name} --data DATA --recipe zoo/{folder.name}/{stem}.toml --logdir RUN",
        "seed": recipe.get("seed", 0),
        "hardware": _hardware(summary["hardware"]),
        "hours": max(round(summary["seconds"] / 3600, 2), 0.01),
    }
    if is_default:
        card["default_weights"] = tag
    _write(card, folder)
    click.echo(f"{packed}: {packed.stat().st_size / 1e6:.2f} MB {dtype}, entered in the card as {tag}.")


@command.command()
@click.argument("name")
@click.argument("narrower", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--variant", help="Default: the card's first.")
@click.option(
    "--was", multiple=True, metavar="KEY=JSON", help="What the narrower network's config had instead."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the new units' initial weights.")
def grow(name: str, narrower: Path, out: Path, variant: str | None, was: tuple[str, ...], seed: int) -> None:
    """Put the weights NARROWER of NAME into the wider network of today's card, as a start for training: OUT.

    The wider network computes what the narrower one did.
    """
    import keras

    from tfmed.zoo import growth
    from tfmed.zoo.models import get

    variant = variant or next(iter(find(name).read_card()["variants"]))
    old = get(name, weights=narrower, variant=variant, **dict(_setting(each) for each in was))
    keras.utils.set_random_seed(seed)
    wider = get(name, weights=None, variant=variant)
    growth.grow(wider, old)
    wider.save_weights(out)
    click.echo(f"{out}: {old.count_params()} parameters in {wider.count_params()}.")


@command.command()
@click.argument("figures", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dataset", required=True, help="What was evaluated on, in words.")
@click.option("--made-by", help="Command that makes this data, if one does.")
def metrics(figures: Path, dataset: str, made_by: str | None) -> None:
    """Enter the scores in FIGURES, a file of tfmed evaluate --json, in the card.

    Scores of the same weights on the same dataset and modalities are replaced.
    """
    report = json.loads(figures.read_text("utf-8"))
    card = find(report["model"]).read_card()
    known = [item["name"] for item in card["inputs"]["modalities"]]
    entered = [
        {
            "weights": _tag(card, evaluation["name"]),
            "dataset": dataset,
            "split": f"{report['split']}, hash {report['split_hash'][:16]}",
            "n": len(evaluation["rows"]),
            "modalities": report["modalities"] or known,
            "command": _again(report, evaluation["name"], made_by),
            "values": list(_values(evaluation)),
        }
        for evaluation in report["evaluations"]
        if evaluation["name"] in (*card["weights"], "default")
    ]
    if not entered:
        raise TfmedError(f"{figures} holds no scores of weights that the card of {card['name']} names.")
    replaced = {_key(entry) for entry in entered}
    card["metrics"] = [entry for entry in card["metrics"] if _key(entry) not in replaced] + entered
    _write(card, _folder(card["name"]))
    click.echo(f"{len(entered)} sets of scores entered in the card of {card['name']}.")


@command.command()
@click.argument("name")
@ROOTS
def thresholds(name: str, roots: tuple[Path, ...]) -> None:
    """Choose the fusion thresholds of NAME's default weights on the labelled cases under the ROOTS.

    They hold validation cases, none that the card's figures are measured on.
    """
    from tfmed.evaluation import labelled_cases
    from tfmed.evaluation.thresholds import choose
    from tfmed.progress import bar
    from tfmed.zoo.models import get

    cases = [case for root in roots for case in labelled_cases(root, "all")]
    card = find(name).read_card()
    card["fusion"]["thresholds"] = choose(
        get(name), (case.load() for case in bar(cases, desc="choosing", unit="case"))
    )
    _write(card, _folder(name))
    click.echo(f"Fusion thresholds of {name} from {len(cases)} cases: {card['fusion']['thresholds']}")


@command.command()
@click.argument("name")
@ROOTS
def confidence(name: str, roots: tuple[Path, ...]) -> None:
    """Fit the chance that a lesion of NAME's default weights is real to its score and size.

    The ROOTS hold validation cases, healthy ones among them, none that the card's figures are measured on.
    """
    from dataclasses import asdict

    from tfmed.evaluation import calibration, evaluate, labelled_cases, model_predictor, scorer_for
    from tfmed.progress import bar
    from tfmed.zoo.models import get

    cases = [case for root in roots for case in labelled_cases(root, "all")]
    card = find(name).read_card()
    model = get(name)
    # The map is fitted to the scores of all lesions, not to what an earlier one made and left of them.
    for rule in ("confidence", "min_confidence"):
        model.card["fusion"].pop(rule, None)
    rows = list(
        bar(evaluate(model_predictor(model), cases, scorer_for(model.card)), total=len(cases), desc="scoring")
    )
    for row in rows:
        if row.failure:
            raise TfmedError(f"{row.case} could not be scored: {row.failure}")
    fitted = calibration.fit(rows)
    card["fusion"]["confidence"] = asdict(fitted)
    _write(card, _folder(name))
    click.echo(f"Confidence of {name} from {fitted.lesions} lesions of {len(cases)} cases: {asdict(fitted)}")


def _setting(text: str) -> tuple[str, Any]:
    """KEY=JSON as key and value."""
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        raise TfmedError(f"--was takes KEY=JSON, such as width=16 or detail=null. Received: {text}") from None


def _tag(card: Card, name: str) -> str:
    return card["default_weights"] if name == "default" else name


def _key(entry: dict[str, Any]) -> tuple[str, ...]:
    return entry["weights"], entry["dataset"], *entry["modalities"]


def _again(report: dict[str, Any], weights: str, made_by: str | None) -> str:
    fed = f" --modalities {','.join(report['modalities'])}" if report["modalities"] else ""
    chosen = f" --weights {weights}" if weights != "default" else ""
    drawn = f" --resample {report['resample']}" if report["resample"] != "patient" else ""
    data = "".join(f" --data {root}" for root in report["data"])
    evaluate = f"tfmed evaluate {report['model']}{data} --split {report['split']}"
    evaluate += f"{fed}{chosen}{drawn}"
    return f"{made_by} && {evaluate}" if made_by else evaluate


def _values(evaluation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for region, scores in evaluation["summary"].items():
        for metric, score in scores.items():
            if score["mean"] is not None:
                yield {"metric": metric, "class": region, **score}
    when_healthy = evaluation["false_lesions_when_healthy"]
    if when_healthy["mean"] is not None:
        outermost = next(iter(evaluation["summary"]))
        yield {"metric": "false_lesions_when_healthy", "class": outermost, **when_healthy}


def pack(source: Path, target: Path, dtype: str) -> None:
    """Writes the arrays of a ``.weights.h5`` file once more, floats as ``dtype``, compressed.

    Raises TfmedError if a value is not finite, or too large for ``dtype``.
    """
    import h5py

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with h5py.File(source) as old, h5py.File(part, "w") as new:
            new.attrs.update(old.attrs)
            old.visititems(lambda name, node: _copy(name, node, new, dtype))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _copy(name: str, node: Any, new: Any, dtype: str) -> None:
    import h5py
    import numpy as np

    if isinstance(node, h5py.Group):
        made = new.require_group(name)
    else:
        value = node[()]
        if np.issubdtype(node.dtype, np.floating):
            with np.errstate(over="ignore"):
                value = value.astype(dtype)
            if not np.isfinite(value).all():
                raise TfmedError(f"{name} in {node.file.filename} holds values that {dtype} can't.")
        options = {"compression": "gzip", "shuffle": True} if node.ndim else {}
        made = new.create_dataset(name, data=value, track_times=False, **options)
    made.attrs.update(node.attrs)


def _hardware(facts: dict[str, Any]) -> str:
    gpus = ", ".join(facts["gpus"])
    return f"{facts['cores']} cores of {facts['processor']}" + (f", {gpus}" if gpus else "")


def _folder(name: str) -> Path:
    folder = find(name).folder
    if folder is None:
        raise TfmedError(f"{name} was registered without a folder; there is no card to write.")
    return folder


def _write(card: Card, folder: Path) -> None:
    path = folder / "cards" / f"{card['name']}.json"
    validate(card, str(path))
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")
    part.replace(path)


if __name__ == "__main__":
    command()
