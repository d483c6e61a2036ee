"""``tfmed data preview``: a contact sheet of cases, or one training sample again."""

from pathlib import Path
from typing import Any

import click

from tfmed.wording import counted


@click.command(
    epilog="""\b
Examples:
  tfmed data preview BRATS2015_Training -o sheet.png
  tfmed data preview store -n 24
  tfmed data preview store --sample 1234 --seed 0
  tfmed data preview run --sample 1234"""
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default="preview.png", show_default=True)
@click.option(
    "-n", "--count", type=click.IntRange(1), default=24, show_default=True, help="Most cases shown."
)
@click.option("--dataset", help="Name of the layout, where it isn't recognised by itself.")
@click.option("--sample", type=click.IntRange(0), help="Show this sample of a store or a training run.")
@click.option("--seed", default=0, show_default=True, help="Seed of a store's sample.")
@click.option(
    "--size", type=int, nargs=2, default=(192, 192), show_default=True, help="Pixels of a store's sample."
)
def command(
    data: Path,
    output: Path,
    count: int,
    dataset: str | None,
    sample: int | None,
    seed: int,
    size: tuple[int, int],
) -> None:
    """Draw cases of DATA, a dataset's root or a prepared store, with their labels: one axial slice each.

    With --sample, draw one sample as training gets it and the slice that it was made of: of all labelled
    cases of the store DATA with default settings, or of the training run DATA (its --logdir) exactly as the
    run saw it.
    """
    from tfmed.errors import TfmedError
    from tfmed.pipeline import Store, preview
    from tfmed.tools._pictures import check_picture

    check_picture(output)
    if not output.resolve().parent.is_dir():
        raise TfmedError(f"{output.parent} is not a folder that a picture can be written to")
    if sample is not None:
        sampler = _sampler(data, seed, size)
        modalities, pictures = sampler.source.modalities, preview.of_sample(sampler, sample)
    elif next(data.glob("*.h5"), None) is None:
        modalities, pictures = _of_root(data, dataset, count)
    else:
        store = Store(data)
        modalities, pictures = store.modalities, _of_store(store, count)
    preview.save(pictures, modalities, output)
    click.echo(f"{output}: {counted(len(pictures), 'slice')} of {', '.join(modalities)}")


def _of_root(root: Path, dataset: str | None, count: int) -> tuple[tuple[str, ...], list[Any]]:
    from tfmed import datasets
    from tfmed.pipeline import preview
    from tfmed.pipeline.prepare import all_modalities
    from tfmed.progress import bar

    cases = datasets.scan(root, dataset)[:count]
    modalities = all_modalities(cases)
    studies = bar((case.load() for case in cases), len(cases), "preview", "case")
    return modalities, [preview.of_study(study, modalities) for study in studies]


def _of_store(store: Any, count: int) -> list[Any]:
    from tfmed.pipeline import preview
    from tfmed.progress import bar

    numbers = range(min(count, len(store.cases)))
    return [preview.of_source(store, number) for number in bar(numbers, len(numbers), "preview", "case")]


def _sampler(data: Path, seed: int, size: tuple[int, int]) -> Any:
    from tfmed.errors import TfmedError
    from tfmed.pipeline import Augmentation, Sampler, Store

    if (data / "recipe.toml").is_file():
        from tfmed.training import sampler_of

        return sampler_of(data)
    if next(data.glob("*.h5"), None) is None:
        raise TfmedError(f"{data} is neither a prepared store (tfmed data prepare) nor a training run")
    store = Store(data)
    cases = [number for number, case in enumerate(store.cases) if case.labelled]
    return Sampler(store, cases=cases, size=size, seed=seed, augment=Augmentation())
