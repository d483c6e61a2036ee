"""The contract of every image format.

A file that tfmed writes, and reads again, is the same volume: the same voxels at the same world millimetres,
in the same dtype. Where a format cannot hold a volume (its orientation, shear, or dtype) writing is an error;
nothing is ever straightened, rounded or widened without a word. What ``header`` says without reading is what
``load`` gives. A label map stays one of integers. A file of which bytes are missing, or whose header claims
more than the file can hold, is an error of one sentence that names it, and nothing of the claimed size is
allocated.

Formats come from the registry. One that is only read brings a writer for the tests in ``WRITERS``.
"""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.geometries import ORIENTATIONS, affines, axis_aligned
from tests.io.dicom_files import PIXEL_TYPES, write_series
from tfmed import geometry, io
from tfmed.errors import TfmedError
from tfmed.io.formats import formats
from tfmed.study import LabelMap, Volume

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
MESSAGE_LENGTH = 500


def write_dicom(volume: Volume, path: Path) -> None:
    if volume.dtype not in PIXEL_TYPES:
        raise TfmedError("pixels of DICOM series are integers")
    if np.linalg.det(volume.affine[:3, :3]) < 0:
        raise TfmedError("slices of a series go along the normal, so its axes are never mirrored")
    write_series(volume, path)


WRITERS: dict[str, Callable[[Volume, Path], None]] = {"dicom": write_dicom}
ENDINGS = [
    (name, ending) for name, entry in formats().items() for ending in entry.endings if name not in WRITERS
]
ENDINGS += [(name, "") for name in WRITERS]
# How much of what is tried below a format must hold, where that isn't all.
ORIENTATIONS_HELD = {"analyze": 6, "dicom": 24}
DTYPES_HELD = {"analyze": 5, "dicom": 6}
OBLIQUE = {name for name in formats() if name != "analyze"}

each_format = pytest.mark.parametrize(("name", "ending"), ENDINGS)
few_examples = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def centred(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The grid moved so that its centre is at 0, where alone Analyze can hold one."""
    moved = affine.copy()
    moved[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return moved


def some_volume(
    name: str, shape: tuple[int, int, int] = (4, 5, 3), dtype: str = "int16", affine: np.ndarray | None = None
) -> Volume:
    affine = axis_aligned((0, 1, 2), (-1, 1, 1), (1.5, 0.75, 2)) if affine is None else affine
    if name == "analyze":
        affine = centred(affine, shape)
    elif name == "dicom" and np.linalg.det(affine) < 0:
        affine = affine @ np.diag([-1, 1, 1, 1])
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    return Volume(array, affine)


def written(name: str, ending: str, volume: Volume, folder: Path) -> Path:
    path = folder / f"a volume{ending}"
    if name in WRITERS:
        WRITERS[name](volume, path)
    else:
        io.save(volume, path, format=name)
    return path


def assert_same(found: Volume, wanted: Volume, tolerance: float = 1e-5) -> None:
    """The same voxels at the same places, whichever way the axes run, and the same dtype."""
    assert found.dtype == wanted.dtype
    found, wanted = found.canonical(), wanted.canonical()
    assert found.shape == wanted.shape
    size = max(1.0, float(np.abs(wanted.affine).max()))
    assert np.allclose(found.affine, wanted.affine, rtol=0, atol=tolerance * size)
    assert np.array_equal(found.array, wanted.array)


def holds(name: str, ending: str, volume: Volume, folder: Path) -> bool:
    """Whether the format holds the volume; if it does, what comes back must be the same."""
    try:
        path = written(name, ending, volume, folder)
    except TfmedError as error:
        assert len(str(error)) < MESSAGE_LENGTH
        return False
    assert_same(io.load(path), volume)
    return True


@each_format
class TestFormat:
    def test_dtypes_come_back_or_are_refused(self, name: str, ending: str, tmp_path: Path) -> None:
        held = [
            holds(name, ending, some_volume(name, dtype=kind), tmp_path / kind)
            for kind in self.made(tmp_path)
        ]
        assert sum(held) == DTYPES_HELD.get(name, len(DTYPES))

    def made(self, folder: Path) -> tuple[str, ...]:
        for kind in DTYPES:
            (folder / kind).mkdir()
        return DTYPES

    def test_all_48_orientations(self, name: str, ending: str, tmp_path: Path) -> None:
        held = 0
        for number, (axes, signs) in enumerate(ORIENTATIONS):
            affine = axis_aligned(axes, signs, (1.5, 0.75, 2))
            affine[:3, 3] = (3, -20, 7.5)
            array = np.random.default_rng(number).integers(0, 100, (4, 5, 3)).astype(np.int16)
            affine = centred(affine, array.shape) if name == "analyze" else affine
            folder = tmp_path / str(number)
            folder.mkdir()
            held += holds(name, ending, Volume(array, affine), folder)
        assert held == ORIENTATIONS_HELD.get(name, 48)

    def test_a_single_voxel_keeps_its_turn_or_is_refused(
        self, name: str, ending: str, tmp_path: Path
    ) -> None:
        turned = axis_aligned((0, 1, 2), (-1, 1, 1), (1, 1, 1))
        turned[1:3, 1:3] = [[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]]
        assert holds(name, ending, some_volume(name, (1, 1, 1), affine=turned), tmp_path) == (name in OBLIQUE)

    @few_examples
    @given(affine=affines(), data=st.data())
    def test_oblique_grids_come_back_or_are_refused(
        self,
        name: str,
        ending: str,
        affine: np.ndarray,
        data: st.DataObject,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        shape = data.draw(st.tuples(*[st.integers(1, 5)] * 3))
        volume = some_volume(name, shape, affine=affine)
        turn = np.sort(np.abs(affine[:3, :3] / geometry.spacing_mm(affine)), axis=0)[1].max()
        straight = turn < 1e-9
        # Between lies what a format may take for straight: grids within a thousandth of a voxel are one.
        assume(straight or turn > 0.01)
        if holds(name, ending, volume, tmp_path_factory.mktemp("oblique")):
            assert name in OBLIQUE or straight
        else:
            assert name not in OBLIQUE

    @few_examples
    @given(affine=affines(shear=True))
    def test_sheared_grids_come_back_or_are_refused(
        self, name: str, ending: str, affine: np.ndarray, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        holds(name, ending, some_volume(name, affine=affine), tmp_path_factory.mktemp("sheared"))

    @pytest.mark.parametrize("shape", [(7, 6, 1), (1, 6, 7), (7, 1, 6), (1, 1, 1)])
    def test_one_slice(self, name: str, ending: str, shape: tuple[int, int, int], tmp_path: Path) -> None:
        assert holds(name, ending, some_volume(name, shape), tmp_path)

    def test_a_label_map_stays_one_of_integers(self, name: str, ending: str, tmp_path: Path) -> None:
        volume = some_volume(name, dtype="uint8")
        path = written(name, ending, LabelMap(volume.array, volume.affine), tmp_path)
        labels = io.load_labels(path, "brats2015")
        assert labels.dtype == np.uint8 and labels.edition == "brats2015"
        assert_same(labels, volume)

    def test_the_header_says_what_loading_gives(self, name: str, ending: str, tmp_path: Path) -> None:
        path = written(name, ending, some_volume(name), tmp_path)
        header, volume = io.header(path), io.load(path)
        assert header.shape == volume.shape and header.dtype == volume.dtype
        assert np.array_equal(header.affine, volume.affine)

    def test_letter_case_of_the_ending_is_free(self, name: str, ending: str, tmp_path: Path) -> None:
        volume = some_volume(name)
        path = written(name, ending, volume, tmp_path)
        if ending in (".nii", ".nii.gz", ".mha", ".nrrd"):
            path = path.rename(path.with_name("A VOLUME" + ending.upper()))
        assert_same(io.load(path), volume)

    def test_every_cut_is_told_in_one_sentence(self, name: str, ending: str, tmp_path: Path) -> None:
        path = written(name, ending, some_volume(name, (12, 12, 6)), tmp_path)
        for file in [path] if path.is_file() else sorted(path.iterdir())[:1]:
            whole = file.read_bytes()
            for cut in (0, 1, 40, len(whole) // 2, len(whole) - 9):
                file.write_bytes(whole[:cut])
                with pytest.raises(TfmedError) as caught:
                    io.load(path)
                assert len(str(caught.value)) < MESSAGE_LENGTH and "\n" not in str(caught.value)
                assert tmp_path.name in str(caught.value)

    def test_noise_is_told_in_one_sentence(self, name: str, ending: str, tmp_path: Path) -> None:
        path = tmp_path / f"noise{ending or '.dcm'}"
        path.write_bytes(np.random.default_rng(0).bytes(5000))
        with pytest.raises(TfmedError) as caught:
            io.load(path)
        assert "noise" in str(caught.value) and "\n" not in str(caught.value)

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        edits=st.lists(
            st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=8)), min_size=1, max_size=3
        )
    )
    def test_a_damaged_header_neither_crashes_nor_allocates_what_it_claims(
        self, name: str, ending: str, edits: list[tuple[int, bytes]], tmp_path: Path
    ) -> None:
        path = written(name, ending, some_volume(name, (6, 6, 4)), tmp_path)
        file = path if path.is_file() else sorted(path.iterdir())[0]
        io.load(path)  # what is imported on the way must not count
        content = bytearray(file.read_bytes())
        for place, patch in edits:
            content[place : place + len(patch)] = patch
        file.write_bytes(content)
        tracemalloc.start()
        try:
            io.load(path)
        except TfmedError as error:
            assert "\n" not in str(error)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 20e6
