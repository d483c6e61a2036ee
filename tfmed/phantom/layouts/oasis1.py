"""OASIS-1: Analyze 7.5 in atlas space with the tissue segmentation, the rating in each session's text."""

from pathlib import Path

import numpy as np

from tfmed.errors import TfmedError
from tfmed.phantom.layouts.base import Files, Layout, number
from tfmed.study import LabelMap, Study, Volume

TEXT = """\
SESSION ID:    {session}

AGE:           {age}
M/F:           {sex}
HAND:          Right
CDR:           {cdr}
"""


def oasis1(study: Study, labels: LabelMap | None, root: Path) -> Files:
    serial = number(study)
    if serial > 9998:
        raise TfmedError(f"OASIS-1 numbers people with four digits. Received: seed {serial}, at most 9998.")
    session = f"OAS1_{serial + 1:04d}_MR1"
    folder = root / f"disc{serial // 40 + 1}" / session
    atlas = folder / "PROCESSED" / "MPRAGE" / "T88_111"
    files: dict[Path, Volume] = {
        atlas / f"{session}_mpr_n4_anon_111_t88_masked_gfc.hdr": volume for volume in study.images.values()
    }
    if labels is not None:
        files[folder / "FSL_SEG" / f"{session}_mpr_n4_anon_111_t88_masked_gfc_fseg.hdr"] = labels
    cdr = study.provenance.get("cdr", 0.0)
    rng = np.random.default_rng([serial, 0x0A])
    age = int(rng.integers(62, 97) if cdr else rng.integers(18, 95))
    text = TEXT.format(session=session, age=age, sex="MF"[int(rng.integers(2))], cdr=f"{cdr:g}")
    return Files(folder, files, {folder / f"{session}.txt": text}, save)


def save(volume: Volume, path: Path) -> None:
    """Writes as OASIS-1 does: big-endian int16, a trailing axis of length 1, running to the left.

    ``tfmed.io`` writes the machine's byte order and three axes.
    """
    from nibabel.analyze import AnalyzeHeader, AnalyzeImage

    flipped = np.ascontiguousarray(volume.array[::-1, :, :, None]).astype(">i2")
    header = AnalyzeHeader(endianness=">")
    header.set_data_dtype(np.dtype(">i2"))
    header.set_data_shape(flipped.shape)
    header.set_zooms((*volume.spacing_mm, 1.0))
    header["orient"] = b"\0"
    image = AnalyzeImage(flipped, None, header)
    partial = path.with_name(f".{path.stem}.part.hdr")
    image.to_filename(partial)
    partial.with_suffix(".img").replace(path.with_suffix(".img"))
    partial.replace(path)


LAYOUT = Layout(("alzheimer", "healthy"), oasis1, ("t1",), "oasis1", shape=(176, 208, 176))
