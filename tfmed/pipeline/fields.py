"""Smooth random fields and resampling of slices: pure functions on arrays."""

from functools import lru_cache

import numpy as np

# Small enough for a core's cache; large enough that threads don't spend their time in passing Python's lock.
BAND_PIXELS = 25600
HALF = np.float32(0.5)


@lru_cache(maxsize=64)
def spline_basis(length: int, controls: int) -> np.ndarray:
    """Uniform cubic B-spline basis [length, controls] float32; each row sums to 1.

    ``controls`` - 3 equal intervals cover the ``length`` pixels from edge to edge (Unser, IEEE SPM 1999).
    """
    place = (np.arange(length) + 0.5) / length * (controls - 3)
    first = np.minimum(place.astype(int), controls - 4)
    t = place - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    basis = np.zeros((length, controls), np.float32)
    np.put_along_axis(basis, first[:, None] + np.arange(4), weights.T.astype(np.float32), axis=1)
    return basis


def smooth_field(controls: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The cubic B-spline surface [H, W] float32 with control values [n, m], n and m at least 4."""
    rows, columns = (spline_basis(length, n) for length, n in zip(size, controls.shape, strict=True))
    return rows @ controls.astype(np.float32) @ columns.T


@lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """The 65536 quantiles of the standard normal distribution at (k + 0.5) / 65536, float32."""
    from scipy import special

    return special.ndtri((np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)


def white_noise(count: int, seed: int) -> np.ndarray:
    """Standard normal values [count] float32, a function of the seed; none beyond 4.4.

    Each is a quantile picked by 16 random bits (inversion; Devroye 1986, chapter II), a third of the time
    that exact draws take, which would be a sixth of all augmentation.
    """
    chance = np.random.Generator(np.random.SFC64(seed))
    return _normal_quantiles().take(chance.integers(0, 1 << 16, count, np.uint16))


def resample(
    image: np.ndarray, labels: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Look up image [h, w, M] (bilinear) and labels [h, w] (nearest) at fractional places; both 0 outside.

    ``rows`` and ``columns`` [H, W] float32 are places in pixels of the input, whose centres are whole
    numbers. Returns ``pixels`` [n], the flat indices into [H, W] of what lies in the brain, their ``values``
    [M, n] float32, and the labels [H, W]. Half of a slice is no brain, so what follows works on ``values``
    alone. A value whose nearest pixel is exactly 0 is exactly 0: the rim of the brain stays sharp.
    """
    framed, framed_labels = _framed(image), _framed(labels)
    known = framed != 0
    inside = np.logical_or.reduce([known[..., channel] for channel in range(known.shape[-1])])
    bounds = np.float32(image.shape[0] + 0.999), np.float32(image.shape[1] + 0.999)
    band = -(-rows.shape[0] // -(-rows.size // BAND_PIXELS))
    found = []
    for start in range(0, rows.shape[0], band):
        down = np.clip(rows[start : start + band] + 1, 0, bounds[0]).ravel()
        across = np.clip(columns[start : start + band] + 1, 0, bounds[1]).ravel()
        found.append(_look_up(framed, framed_labels, known, inside, down, across))
    pixels, values, nearest_labels = zip(*found, strict=True)
    pixels = [numbers + order * band * rows.shape[1] for order, numbers in enumerate(pixels)]
    return (
        np.concatenate(pixels),
        np.concatenate(values, axis=1),
        np.concatenate(nearest_labels).reshape(rows.shape),
    )


def _framed(array: np.ndarray) -> np.ndarray:
    """A copy with a border of one pixel of zeros around the first two axes."""
    framed = np.zeros((array.shape[0] + 2, array.shape[1] + 2, *array.shape[2:]), array.dtype)
    framed[1:-1, 1:-1] = array
    return framed


def _look_up(
    framed: np.ndarray,
    labels: np.ndarray,
    known: np.ndarray,
    inside: np.ndarray,
    down: np.ndarray,
    across: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``resample`` for places [n] within the framed image."""
    stride, depth = framed.shape[1:]
    nearest = (down + HALF).astype(np.intp) * stride + (across + HALF).astype(np.intp)
    pixels = np.flatnonzero(inside.ravel().take(nearest))
    values = _bilinear(framed.reshape(-1, depth), stride, down.take(pixels), across.take(pixels))
    values *= known.reshape(-1, depth).take(nearest.take(pixels), axis=0).T
    return pixels, values, labels.ravel().take(nearest)


def _bilinear(flat: np.ndarray, stride: int, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Values [M, n] at places [n] of an image given as rows of pixels [h * stride, M]."""
    row, column = down.astype(np.intp), across.astype(np.intp)
    down, across = down - row.astype(np.float32), across - column.astype(np.float32)
    corner = row * stride + column

    # Pixels are gathered whole, then turned so that the arithmetic runs along n.
    def between(corner: np.ndarray) -> np.ndarray:
        left, right = (np.ascontiguousarray(flat.take(at, axis=0).T) for at in (corner, corner + 1))
        right -= left
        right *= across
        right += left
        return right

    upper, lower = between(corner), between(corner + stride)
    lower -= upper
    lower *= down
    lower += upper
    return lower


def scatter(pixels: np.ndarray, values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image [H, W, M] with ``values`` [M, n] at the flat indices ``pixels`` [n], 0 elsewhere."""
    order = np.zeros(size[0] * size[1], np.intp)
    order[pixels] = np.arange(1, len(pixels) + 1)
    rows = np.zeros((len(pixels) + 1, len(values)), values.dtype)
    rows[1:] = values.T
    return rows.take(order, axis=0).reshape(*size, -1)
