"""What a user calls a study (a folder, files by modality, a `Study`) becomes a `Study`."""

from collections.abc import Mapping
from pathlib import Path

from tfmed.errors import TfmedError
from tfmed.study import Study, Volume

Source = str | Path | Study | Mapping[str, str | Path | Volume]


def open_study(source: Source, mask: str | Path | Volume | None = None, resample: bool = False) -> Study:
    """Loads a study.

    Args:
        source: a folder in a known layout that holds one case; files (or volumes) by modality; or a study.
            ``FILE#2`` is the third volume of a file with a fourth axis.
        mask: the brain, non-zero inside, on the study's grid.
        resample: bring modalities that lie on other grids onto the first one's, instead of an error.

    Raises:
        TfmedError: no such folder, no or several cases in it, an unreadable file, grids that differ.
    """
    if isinstance(source, Mapping):
        study = _gather(source, resample)
    elif isinstance(source, Study):
        study = source
    else:
        study = find_case(Path(source)).load(resample=resample)
    return study if mask is None else _with_mask(study, mask, resample)


def find_case(folder: Path):  # noqa: ANN201 - tfmed.datasets.Case, imported only when needed
    """The one case that a folder holds; see `open_study`."""
    from tfmed import datasets

    if folder.is_file():
        raise TfmedError(
            f"{folder} is a file; a study is a folder, or files by modality (flair=..., t1c=...)."
        )
    cases = datasets.scan(folder)
    if len(cases) > 1:
        names = ", ".join([case.id for case in cases[:3]] + ["..."] * (len(cases) > 3))
        raise TfmedError(
            f"{folder} holds {len(cases)} cases ({names}); name the folder of one, or predict all (--all)."
        )
    return cases[0]


def _gather(files: Mapping[str, str | Path | Volume], resample: bool) -> Study:
    from tfmed.gathering import gather

    if not files:
        raise TfmedError("No image was given; at least one modality is needed, as in flair=scan.nii.gz.")
    named = [Path(source) for source in files.values() if not isinstance(source, Volume)]
    case_id = named[0].name.split(".")[0] if named else "study"
    provenance = {"files": {name: str(f) for name, f in files.items() if not isinstance(f, Volume)}}
    images = {name: _volume(source) for name, source in files.items()}
    return gather(case_id, images, resample=resample, provenance=provenance)


def _with_mask(study: Study, mask: str | Path | Volume, resample: bool) -> Study:
    from tfmed.gathering import gather

    return gather(
        study.case_id,
        study.images,
        labels=study.labels,
        mask=_volume(mask),
        resample=resample,
        patient=study.patient,
        timepoint=study.timepoint,
        diagnosis=study.diagnosis,
        provenance=study.provenance,
    )


def _volume(source: str | Path | Volume) -> Volume:
    from tfmed import io

    if isinstance(source, Volume):
        return source
    path, _, index = str(source).rpartition("#")
    if path and index.isdecimal() and not Path(source).exists():
        return io.load(path, int(index))
    return io.load(source)
