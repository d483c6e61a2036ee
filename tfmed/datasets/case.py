"""A case: the files of one person at one time, before any is read."""

from dataclasses import dataclass
from pathlib import Path

from tfmed.study import LabelMap, Study, Volume


@dataclass(frozen=True)
class Case:
    """One person at one time: modality names to files, and where the dataset says so labels and diagnosis.

    ``edition`` is the meaning of the label values. ``one_grid`` is true where the dataset promises that all
    files of a case share one voxel grid, so that an origin which differs between them is a slip of the
    header. ``indices`` names the volume to take from files that hold several.
    """

    id: str
    patient: str
    timepoint: str | None
    modalities: dict[str, Path]
    labels: Path | None
    edition: str | None
    diagnosis: str | None
    dataset: str
    mask: Path | None = None
    one_grid: bool = False

    def load(self, resample: bool = False) -> Study:
        """Read all files into a study.

        Files on other grids than the first modality's are an error that states both, unless ``resample``
        allows to bring them onto it (linear; labels nearest); the study's ``provenance`` then says which
        were.
        """
        from tfmed import io
        from tfmed.gathering import gather

        images: dict[str, Volume] = {name: io.load(path) for name, path in self.modalities.items()}
        labels: LabelMap | None = io.load_labels(self.labels, self.edition) if self.labels else None
        return gather(
            self.id,
            images,
            labels=labels,
            mask=io.load(self.mask) if self.mask else None,
            resample=resample,
            one_grid=self.one_grid,
            patient=self.patient,
            timepoint=self.timepoint,
            diagnosis=self.diagnosis,
            provenance={"dataset": self.dataset, "files": self.files()},
        )

    def files(self) -> dict[str, str]:
        """Every file of the case by what it is: modality names, "labels", "mask"."""
        extra = {"labels": self.labels, "mask": self.mask}
        return {name: str(path) for name, path in (self.modalities | extra).items() if path is not None}
