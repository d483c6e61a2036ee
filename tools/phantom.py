"""tfmed phantom: studies, or latent volumes for training, made from a seed."""

import click

KINDS = ("glioma", "healthy")
LAYOUTS = ("brats2015", "brats2018", "brats2023")


@click.command(
    epilog="""\b
Examples:
  tfmed phantom data/ --kind glioma --layout brats2015 -n 20 --workers 2
  tfmed phantom latents/ --latent -n 160 --anatomy heads/    # what training draws its slices from
"""
)
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--kind", type=click.Choice(KINDS), default="glioma", show_default=True)
@click.option("--layout", type=click.Choice(LAYOUTS), default="brats2015", show_default=True)
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
    help="mni152, analytic, or a FreeSurfer-numbered label map or folder of them; repeat to alternate.",
)
@click.option("--grade", type=click.Choice(["HGG", "LGG"]), help="Grade of all gliomas; drawn by default.")
@click.option(
    "--spacing",
    type=click.FloatRange(1, 6),
    default=1.0,
    show_default=True,
    help="Voxel size in mm; larger is faster, for trials.",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest.")
def command(
    out: str, kind: str, layout: str, latent: bool, count: int, seed: int, anatomy: tuple[str, ...],
    grade: str | None, spacing: float, workers: int, as_json: bool,
) -> None:  # fmt: skip
    """Make phantoms with exact ground truth under OUT. Cases that are there already are left alone."""
    import json
    from pathlib import Path

    from tfmed.phantom.generate import Job, run, update_manifest

    root = Path(out)
    root.mkdir(parents=True, exist_ok=True)
    jobs = [
        Job(
            kind,
            s,
            anatomy[s % len(anatomy)],
            out,
            "latent" if latent else layout,
            grade,
            f"{kind}_{s:05d}",
            spacing,
        )
        for s in range(seed, seed + count)
    ]
    records = run(jobs, workers)
    manifest = update_manifest(root, records)
    if as_json:
        click.echo(json.dumps(manifest))
    else:
        click.echo(f"{len(records)} cases in {out}")
