"""Cases on disk that several tests score."""

from pathlib import Path

import pytest

from tests.inference.heads import make_study
from tfmed import io


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five BRATS 2015 patients; the labels of the last are truncated."""
    root = tmp_path_factory.mktemp("data")
    for number in range(1, 6):
        study = make_study(seed=number)
        volumes = {f"MR_{name}": volume for name, volume in study.images.items()} | {"OT": study.labels}
        for title, volume in volumes.items():
            file = f"VSD.Brain.XX.O.{title.replace('t1c', 'T1c').replace('flair', 'Flair')}.{number}"
            folder = root / "HGG" / f"brats_2013_pat000{number}_1" / file
            folder.mkdir(parents=True)
            io.save(volume, folder / f"{file}.mha")
            if number == 5 and title == "OT":
                (folder / f"{file}.mha").write_bytes((folder / f"{file}.mha").read_bytes()[:400])
    return root
