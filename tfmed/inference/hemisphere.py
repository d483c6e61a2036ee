"""The brain's own mid-plane, and on which side of it a lesion lies.

The origin of a scanner's world coordinates says nothing about a head that lies off-centre or turned, so the
plane is found from the head: the one across which its shape and intensities mirror themselves best.
"""

from dataclasses import dataclass

import numpy as np

SEARCH_MM = 5.0
STARTS_DEGREES = (-20.0, 0.0, 20.0)
CROSSING_SHARE = 0.1
MIDLINE_MM = 12.0


@dataclass(frozen=True)
class MidPlane:
    """Points x (mm) with normal . x = offset; the unit normal points to the person's right."""

    normal: np.ndarray
    offset: float

    def distance_mm(self, points: np.ndarray) -> np.ndarray:
        """Signed distance of points [..., 3] in mm, positive to the right."""
        return points @ self.normal - self.offset


def find_mid_plane(image: np.ndarray, inside: np.ndarray, spacing_mm: float = 1.0) -> MidPlane:
    """The plane of best mirror symmetry of a head, within 30 degrees of the sagittal plane.

    Args:
        image: [X, Y, Z] float in canonical orientation (x grows to the right), any contrast.
        inside: bool [X, Y, Z], the head or brain; not empty.
        spacing_mm: edge of the cubic voxels.

    Returns:
        The plane in mm from the centre of voxel (0, 0, 0).
    """
    from scipy import ndimage, optimize

    zoom = spacing_mm / SEARCH_MM
    shape = np.maximum(np.round(np.array(inside.shape) * zoom).astype(int), 2)
    mask = _shrink(inside.astype(np.float32), shape)
    values = np.where(inside, image, 0).astype(np.float32)
    contrast = _shrink((values - values[inside].mean()) / (values[inside].std() + 1e-6) * inside, shape)
    field = ndimage.gaussian_filter(4 * mask + np.clip(contrast, -2, 2), 1.0)
    steps_mm = spacing_mm * np.array(inside.shape) / shape
    points = (np.indices(shape).reshape(3, -1).T + 0.5) * steps_mm - spacing_mm / 2
    weight = mask.ravel() > 0.5
    points, reference = points[weight], field.ravel()[weight]
    centre = points.mean(0)

    def cost(parameters: np.ndarray) -> float:
        normal = _normal(parameters[:2])
        distance = (points - centre) @ normal - parameters[2]
        mirrored = points - 2 * distance[:, None] * normal
        index = ((mirrored + spacing_mm / 2) / steps_mm - 0.5).T
        found = ndimage.map_coordinates(field, index, order=1, mode="constant")
        return float(np.mean((found - reference) ** 2))

    starts = [np.array([yaw, roll, 0.0]) for yaw in STARTS_DEGREES for roll in STARTS_DEGREES]
    best = min(starts, key=cost)
    simplex = best + np.vstack([np.zeros(3), np.diag([8.0, 8.0, 6.0])])
    options = {"initial_simplex": simplex, "xatol": 0.05, "fatol": 1e-7, "maxiter": 200}
    found = optimize.minimize(cost, best, method="Nelder-Mead", options=options).x
    normal = _normal(found[:2])
    return MidPlane(normal, float(normal @ centre + found[2]))


def side(plane: MidPlane, points: np.ndarray) -> str:
    """Where a lesion with voxel centres `points` [n, 3] (mm, n > 0) lies.

    `left` or `right` with less than a tenth of its volume on the other side; else `midline` if nine tenths
    of it lie within 12 mm of the plane, and `both` if it reaches farther.
    """
    distance = plane.distance_mm(points)
    right = float(np.mean(distance > 0))
    if min(right, 1 - right) < CROSSING_SHARE:
        return "right" if right > 0.5 else "left"
    near = np.mean(np.abs(distance) <= MIDLINE_MM)
    return "midline" if near >= 1 - CROSSING_SHARE else "both"


def _normal(degrees: np.ndarray) -> np.ndarray:
    """Unit vector to the right, turned about the vertical and then the frontal axis."""
    yaw, roll = np.deg2rad(np.clip(degrees, -35, 35))
    return np.array([np.cos(yaw) * np.cos(roll), np.sin(yaw) * np.cos(roll), np.sin(roll)])


def _shrink(array: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Box means on a coarser grid that covers the same box."""
    for axis, length in enumerate(shape):
        edges = np.linspace(0, array.shape[axis], length + 1)
        starts = np.minimum(np.floor(edges[:-1]).astype(int), array.shape[axis] - 1)
        ends = np.append(starts[1:], array.shape[axis])
        sums = np.add.reduceat(array, starts, axis=axis)
        array = sums / (ends - starts).reshape([-1 if a == axis else 1 for a in range(3)])
    return array
