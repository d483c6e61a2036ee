"""The mid-plane on heads that are shifted, rotated and asymmetric, and the side of a lesion."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from tfmed.inference.hemisphere import MidPlane, find_mid_plane, side

SHAPE = (180, 200, 170)
CENTRE = np.array([88.0, 100.0, 82.0])


def head(
    yaw: float, roll: float, shift: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, Rotation]:
    """A brain-like shape (narrow front, flat base, ventricles) with a lesion, turned."""
    turn = Rotation.from_euler("zy", [yaw, -roll], degrees=True)
    points = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1) - (CENTRE + shift)
    x, y, z = np.moveaxis(points @ turn.as_matrix(), -1, 0)
    width = 66 - 0.12 * y
    inside = ((x / width) ** 2 + (y / 84) ** 2 + (z / 62) ** 2 < 1) & (z > -48)
    ventricles = ((np.abs(x) - 9) / 5) ** 2 + (y / 30) ** 2 + (z / 12) ** 2 < 1
    image = np.where(inside, 100 + 0.2 * y, 0) - 60 * ventricles
    lesion = (x - 35) ** 2 + (y - 10) ** 2 + (z - 15) ** 2 < 20**2
    return (image + 80 * (lesion & inside)).astype(np.float32), inside, turn


@pytest.mark.parametrize(
    ("yaw", "roll", "shift"),
    [(0, 0, (0, 0, 0)), (0, 0, (14, -5, 3)), (12, 0, (-9, 4, 0)), (-8, 15, (5, 0, 6)), (18, -12, (0, 0, 0))],
)
def test_the_plane_follows_the_head(yaw: float, roll: float, shift: tuple[float, float, float]) -> None:
    image, inside, turn = head(yaw, roll, shift)
    plane = find_mid_plane(image, inside)
    truth = turn.apply([1.0, 0.0, 0.0])
    angle = np.rad2deg(np.arccos(np.clip(plane.normal @ truth, -1, 1)))
    assert angle < 3
    assert abs(plane.distance_mm(CENTRE + shift)) < 2.5


def test_a_mirrored_head_has_the_mirrored_plane() -> None:
    image, inside, _ = head(10, 5, (6, 0, 0))
    plane, mirrored = find_mid_plane(image, inside), find_mid_plane(image[::-1], inside[::-1])
    np.testing.assert_allclose(mirrored.normal, plane.normal * [1, -1, -1], atol=0.03)
    point = np.array([70.0, 90.0, 80.0])
    flipped = [SHAPE[0] - 1, 0, 0] + point * [-1, 1, 1]
    assert mirrored.distance_mm(flipped) == pytest.approx(-plane.distance_mm(point), abs=1)


def test_the_same_head_on_coarser_voxels_has_the_same_plane() -> None:
    image, inside, _ = head(10, 5, (6, 0, 0))
    coarse = find_mid_plane(ndimage.zoom(image, 0.5, order=1), ndimage.zoom(inside, 0.5, order=0), 2.0)
    fine = find_mid_plane(image, inside)
    assert np.rad2deg(np.arccos(coarse.normal @ fine.normal)) < 2


@pytest.mark.parametrize(
    ("centre", "radius", "expected"),
    [
        (30, 15, "right"),
        (-30, 15, "left"),
        (0, 8, "midline"),
        (4, 30, "both"),
        (-13, 15, "left"),
        (6, 5, "right"),
    ],
)
def test_side_of_a_ball_by_its_distance_from_the_plane(centre: float, radius: float, expected: str) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(-60.0, 61, 2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    ball = grid[((grid - [centre, 0, 0]) ** 2).sum(1) <= radius**2]
    plane = MidPlane(np.array([1.0, 0, 0]), 50.0)
    assert side(plane, ball + np.array([50.0, 0, 0])) == expected
