"""tfmed phantom: studies, or latent volumes for training, made from a seed."""

from typing import Any

import click

KINDS = ("glioma", "stroke", "ms", "alzheimer", "healthy")
LAYOUTS = (
    "brats2015",
    "brats2018",
    "brats2023",
    "brats2024",
    "isles2015",
    "isles2015_spes",
    "ms2008",
    "oasis1",
    "ixi",
    "plain",
)


@click.command(
    epilog="""\b
Examples:
  tfmed phantom data/ --kind glioma --layout brats2015 -n 20 --workers 2
  tfmed phantom strokes/ --kind stroke --layout isles2015 -n 20 --age-h 48
  tfmed phantom strokes/ --kind stroke --lesions masks/ -n 20    # shapes of real strokes, in MNI space
  tfmed phantom ms/ --kind ms --layout ms2008 -n 10
  tfmed phantom oasis/ --kind alzheimer --layout oasis1 -n 10 --cdr 1
  tfmed phantom ixi/ --kind healthy --layout ixi -n 10
  tfmed phantom own/ --kind glioma --layout plain --skull -n 4
  tfmed phantom latents/ --latent -n 160 --anatomy heads/    # what training draws its slices from
  tfmed phantom test/ --anatomy other_heads/ --apart latents/
"""
)
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--kind", type=click.Choice(KINDS), default="glioma", show_default=True)
@click.option("--layout", type=click.Choice(LAYOUTS), help="Default: the first that holds the kind.")
@click.option(
    "--latent", is_flag=True, help="Contrast-free volumes (HDF5) that a training draws slices from."
)
@click.option("-n", "count", type=click.IntRange(1), default=20, show_default=True, help="Number of cases.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first case.")
@click.option(
    "--anatomy",
    multiple=True,
    default=("mni152",),
    show_default=True,
    help="mni152, analytic, or a FreeSurfer-numbered label map, a folder or a glob of them; repeat to "
    "alternate.",
)
@click.option("--grade", type=click.Choice(["HGG", "LGG"]), help="Grade of all gliomas; drawn by default.")
@click.option("--cavity", is_flag=True, help="Gliomas after resection.")
@click.option("--solid", is_flag=True, help="Gliomas that enhance throughout, with little or no oedema.")
@click.option("--drawn", is_flag=True, help="Gliomas whose shapes are drawn by chance instead of grown.")
@click.option(
    "--lesions",
    metavar="MASKS",
    help="Real lesion masks for stroke and ms, outlines for glioma: a file, a folder or a glob; computed by "
    "default.",
)
@click.option("--age-h", type=click.FloatRange(1, 9000), help="Hours since the stroke; drawn by default.")
@click.option(
    "--cdr", type=click.Choice(["0.5", "1", "2"]), help="Dementia rating of alzheimer; drawn by default."
)
@click.option(
    "--skull/--stripped", default=None, help="Whole heads or brains alone. Default: as the layout's data."
)
@click.option(
    "--spacing",
    type=click.FloatRange(1, 6),
    default=1.0,
    show_default=True,
    help="Voxel size in mm; larger is faster, for trials.",
)
@click.option(
    "--apart",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    metavar="FOLDER",
    help="Fail where a person or a real lesion of the phantoms in FOLDER would be used again.",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest.")
def command(out: str, count: int, seed: int, workers: int, as_json: bool, **choices: Any) -> None:
    """Make phantoms with exact ground truth under OUT.

    Cases that the same options made before are left alone, those of other options are made anew.
    """
    import json
    from pathlib import Path

    from tfmed.phantom.generate import jobs, run, update_manifest
    from tfmed.wording import counted

    planned = jobs(out, range(seed, seed + count), **choices)
    root = Path(out)
    root.mkdir(parents=True, exist_ok=True)
    records = run(planned, workers)
    manifest = update_manifest(root, records)
    if as_json:
        click.echo(json.dumps(manifest))
    else:
        click.echo(f"{counted(len(records), 'case')} in {out}")
