"""A prediction and how it is written: label map, instance map, instances.json, overview.png."""

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import TfmedError
from tfmed.inference import report
from tfmed.inference.report import Lesion
from tfmed.inference.rules import Rules
from tfmed.study import LabelMap, Study

SCHEMA = Path(__file__).with_name("instances.schema.json")
# Written last: a folder that holds it holds everything.
DONE = "instances.json"


def check_output(folder: Path, rules: Rules, format: str | None, labels: str | None) -> None:
    """TfmedError if a result can't be saved there, or so; said before the long work, not after it."""
    from tfmed.io.formats import format_to_write

    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise TfmedError(f"{folder} cannot be written: {there} is a file.")
    if not os.access(there, os.W_OK):
        raise TfmedError(f"{folder} cannot be written: {there} is read-only.")
    if format is not None:
        format_to_write(Path(f"labels.{format.lstrip('.')}"))
    if labels is not None:
        rules.translation(labels)


@dataclass(frozen=True, eq=False)
class Result:
    """What was found in a study.

    labels: values of `rules.edition` on the study's own grid. instances: the lesion's id at every voxel.
    lesions: by falling volume. modalities: those that were read. model: the name on the model's card.
    warnings: what makes the study doubtful, a sentence each.
    """

    study: Study
    labels: LabelMap
    instances: LabelMap
    lesions: list[Lesion]
    modalities: tuple[str, ...]
    model: str
    rules: Rules = field(repr=False)
    warnings: tuple[str, ...] = ()

    def as_dict(self, edition: str | None = None) -> dict[str, Any]:
        """The content of instances.json (`instances.schema.json`); `edition` is that of the label map."""
        edition = edition or self.rules.edition
        return {
            "case": self.study.case_id,
            "model": self.model,
            "modalities": list(self.modalities),
            "edition": edition,
            "label_values": {
                region.name: sorted(region.values[edition])
                for region in self.rules.regions
                if edition in region.values
            },
            "lesions": [lesion.as_dict() for lesion in self.lesions],
            "warnings": list(self.warnings),
        }

    def table(self) -> str:
        """The lesions for a terminal."""
        return report.table(self.lesions, self.rules)

    def relabelled(self, edition: str | None = None) -> LabelMap:
        """The label map in the values of another edition; TfmedError names the known ones."""
        if edition in (None, self.rules.edition):
            return self.labels
        lookup = np.zeros(256, np.uint8)
        for value, other in self.rules.translation(edition).items():
            lookup[value] = other
        return LabelMap(lookup[self.labels.array], self.labels.affine, edition)

    def save(
        self, folder: str | Path, format: str | None = None, labels: str | None = None, overview: bool = True
    ) -> None:
        """Writes the result; files are completed beside the folder and then moved into it.

        Args:
            folder: made if it does not exist.
            format: ending of the volumes, as "nii.gz" or "mha"; that of the study's files by default.
            labels: edition of the label map's values, as "brats2018"; the model's by default.
            overview: also draw overview.png.

        Raises:
            TfmedError: an unknown format or edition, or a folder that cannot be written.
        """
        from tfmed import io

        folder = Path(folder)
        check_output(folder, self.rules, format, labels)
        ending = self._ending(format)
        label_map = self.relabelled(labels)
        content = json.dumps(self.as_dict(labels), indent=1, ensure_ascii=False) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".tfmed-") as name:
                beside = Path(name)
                io.save(label_map, beside / f"labels{ending}")
                io.save(self.instances, beside / f"instances{ending}")
                if overview:
                    from tfmed.inference.overview import draw

                    draw(self, beside / "overview.png")
                (beside / DONE).write_text(content, "utf-8")
                for file in sorted(beside.iterdir(), key=lambda file: file.name == DONE):
                    file.replace(folder / file.name)
        except OSError as error:
            raise TfmedError(f"{folder} cannot be written: {error.strerror or error}.") from error

    def _ending(self, format: str | None) -> str:
        from tfmed import io

        if format is not None:
            return f".{format.lstrip('.')}"
        files = self.study.provenance.get("files", {})
        return io.ending_of(next(iter(files.values()))) if files else ".nii.gz"
