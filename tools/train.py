"""``tfmed train``: train a model of the zoo, from scratch or from weights."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

EPILOG = """\b
Examples:
  tfmed train brats_instance_seg --data BRATS2015_Training --logdir run
  tfmed train brats_instance_seg --data store --logdir run --recipe long.toml --seed 1
  tfmed train brats_instance_seg --data my_data --weights default --lr 2e-4 --steps 5000 --logdir tuned
  tfmed train brats_instance_seg --data store --logdir run --resume
  tensorboard --logdir run

\b
RUN gets recipe.toml, checkpoints/, events/, best.weights.h5, final.weights.h5, summary.md and summary.json;
use the weights with: tfmed predict NAME STUDY --weights RUN/final.weights.h5 -o OUT
With --minutes the schedule follows the clock: such a run can't be repeated bit for bit, others can.
Several workers: start the same command on each, with TF_CONFIG set as TensorFlow expects it."""


@click.command(epilog=EPILOG)
@click.argument("name")
@click.option(
    "--data", "data_paths", multiple=True, required=True, metavar="ROOT",
    help="What to train on; may be given several times.",
)  # fmt: skip
@click.option("--logdir", "run", required=True, type=click.Path(path_type=Path), metavar="RUN",
              help="Folder of the run.")  # fmt: skip
@click.option("--recipe", "recipe_path", type=click.Path(path_type=Path), help="Settings as TOML.")
@click.option("--variant", help="Variant in the card; default: that of the weights, or the first.")
@click.option("--weights", metavar="default|TAG|PATH", help="Weights to start from; default: none.")
@click.option("--modalities", metavar="A,B,...", help="Those to be fed, in this order; default: all.")
@click.option("--folds", type=int, help="Split the patients into so many folds.")
@click.option("--fold", type=int, help="The fold that is held out, from 0.")
@click.option("--steps", type=int, help="Length of the run.")
@click.option("--minutes", type=float, help="Length of the run by the clock, instead of steps.")
@click.option("--batch", type=int, help="Slices in a step, over all devices.")
@click.option("--lr", "learning_rate", type=float, help="Peak of the learning rate.")
@click.option("--seed", type=int, help="Seed of initial weights and of the samples.")
@click.option("--mixed-precision", is_flag=True, default=None, help="Compute in bfloat16.")
@click.option("--resume", is_flag=True, help="Go on with the run in RUN.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    name: str,
    data_paths: tuple[str, ...],
    run: Path,
    recipe_path: Path | None,
    variant: str | None,
    weights: str | None,
    modalities: str | None,
    folds: int | None,
    fold: int | None,
    resume: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train the model NAME on the training patients of ROOT, and keep the run in RUN.

    ROOT is a dataset's root (prepared into a cache first), a prepared store, or a folder of latent phantoms;
    several are mixed. Patients are split by the hash of their names (a fifth for testing, a tenth of the
    others for validation) or into folds, unless --data train=ROOT, val=ROOT or folders of these names inside
    ROOT say which is which. Ctrl-C and SIGTERM leave a checkpoint; --resume goes on from it.
    """
    # Slices are made in many threads already; NumPy's own threads would only get in their way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    recipe = _recipe(recipe_path, run, resume).replace(**changes)
    fed = modalities.split(",") if modalities else None
    summary = _train(name, data_paths, run, recipe, variant, weights, fed, folds, fold, resume)
    if "stopped_by" in summary:
        sys.exit(128 + signal.Signals[summary["stopped_by"]])
    click.echo(json.dumps(summary, indent=1) if as_json else (run / "summary.md").read_text().rstrip())


def _recipe(path: Path | None, run: Path, resume: bool) -> Any:
    """The recipe of the file, of the run that is resumed, or the default."""
    from tfmed.training import Recipe, check_run, load_recipe

    check_run(run, resume)
    if path is None and resume:
        path = run / "recipe.toml"
    return load_recipe(path) if path else Recipe()


def _train(
    name: str,
    data_paths: tuple[str, ...],
    run: Path,
    recipe: Any,
    variant: str | None,
    weights: str | None,
    modalities: list[str] | None,
    folds: int | None,
    fold: int | None,
    resume: bool,
) -> dict[str, Any]:
    from tfmed import tasks, training, zoo

    zoo.card(name)
    sources = training.open_sources(data_paths)

    import keras

    strategy = training.pick_strategy()
    training.check_recipe(recipe, strategy)
    if recipe.mixed_precision:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    keras.utils.set_random_seed(recipe.seed)
    with strategy.scope():
        model = zoo.get(name, weights=weights, variant=variant, modalities=modalities, **recipe.model)
    task = tasks.get(model.card)
    data = training.SliceData(
        sources, model.modalities, task.targets, recipe, names=data_paths, folds=folds, fold=fold
    )
    about = {"model": name, "variant": model.variant, "started_from": weights or "scratch"}
    return training.train(model, task, data, recipe, run, strategy=strategy, resume=resume, about=about)
