"""DICOM series for tests, written by pydicom from volumes."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

from tfmed.io.dicom_slices import LPS_TO_RAS
from tfmed.study import Volume

PIXEL_TYPES = {np.dtype(name): name for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32")}


def write_series(
    volume: Volume,
    folder: Path,
    syntax: str = ExplicitVRLittleEndian,
    series: str | None = None,
    **attributes: Any,
) -> list[Path]:
    """One file a slice, returned in order of places, which is not the order of their names."""
    folder.mkdir(parents=True, exist_ok=True)
    series = series or generate_uid()
    lps = LPS_TO_RAS @ volume.affine
    paths = []
    for k in range(volume.shape[2]):
        data = _common(volume, MRImageStorage, series, syntax)
        data.InstanceNumber = volume.shape[2] - k
        data.ImagePositionPatient = _decimals(lps[:3, 3] + k * lps[:3, 2])
        data.ImageOrientationPatient = _decimals(_cosines(lps))
        data.PixelSpacing = _decimals(np.linalg.norm(lps[:3, [1, 0]], axis=0))
        data.SliceThickness = _decimals([np.linalg.norm(lps[:3, 2])])[0]
        for name, value in attributes.items():
            setattr(data, name, value)
        _set_pixels(data, np.ascontiguousarray(volume.array[:, :, k].T), syntax)
        paths.append(folder / f"IM{(k * 7) % 97:04d}.dcm")
        data.save_as(paths[-1], enforce_file_format=True)
    return paths


def write_multiframe(volume: Volume, path: Path, order: list[int] | None = None) -> Path:
    """One enhanced MR file whose frames come in any order."""
    lps = LPS_TO_RAS @ volume.affine
    order = order or list(range(volume.shape[2]))
    data = _common(volume, EnhancedMRImageStorage, generate_uid(), ExplicitVRLittleEndian)
    data.NumberOfFrames = len(order)
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing = _decimals(np.linalg.norm(lps[:3, [1, 0]], axis=0))
    measures.SliceThickness = _decimals([np.linalg.norm(lps[:3, 2])])[0]
    orientation.ImageOrientationPatient = _decimals(_cosines(lps))
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    data.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for k in order:
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = _decimals(lps[:3, 3] + k * lps[:3, 2])
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    _set_pixels(data, np.ascontiguousarray(volume.array.transpose(2, 1, 0)[order]), ExplicitVRLittleEndian)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def _common(volume: Volume, kind: str, series: str, syntax: str) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.SeriesInstanceUID = series
    data.SeriesDescription = "t1"
    data.Modality = "MR"
    data.Columns, data.Rows = volume.shape[:2]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelRepresentation = int(volume.dtype.kind == "i")
    data.BitsAllocated = data.BitsStored = 8 * volume.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    return data


def _set_pixels(data: Dataset, pixels: np.ndarray, syntax: str) -> None:
    if pydicom.uid.UID(syntax).is_compressed and not pydicom.uid.UID(syntax).is_deflated:
        data.compress(syntax, pixels, encoding_plugin="pydicom")
    else:
        data.PixelData = pixels.tobytes()
        data["PixelData"].VR = "OW" if data.BitsAllocated > 8 else "OB"


def _cosines(lps: np.ndarray) -> np.ndarray:
    return (lps[:3, :2] / np.linalg.norm(lps[:3, :2], axis=0)).T.ravel()


def _decimals(values: np.ndarray) -> list[str]:
    return [format_number_as_ds(float(value)) for value in values]
