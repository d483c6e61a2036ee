"""MS lesion challenge 2008: NRRD with detached headers, whole heads; 1 mm here, where the data has 0.5 mm."""

from pathlib import Path

from tfmed.phantom.layouts.base import Files, Layout, number
from tfmed.study import LabelMap, Study, Volume


def ms2008(study: Study, labels: LabelMap | None, root: Path) -> Files:
    case = f"CHB_train_Case{number(study) + 1:02d}"
    folder = root / case
    files: dict[Path, Volume] = {
        folder / f"{case}_{name.upper()}.nhdr": volume for name, volume in study.images.items()
    }
    if labels is not None:
        files[folder / f"{case}_lesion.nhdr"] = labels
    return Files(folder, files)


LAYOUT = Layout(("ms",), ms2008, ("flair", "t1", "t2"), "ms2008", shape=(224, 256, 224), skull=True)
