"""L2-norm pooling in float64 NumPy, window by window, as the formula says."""

import itertools
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pool:
    """Arguments of a pooling and the shape of its input, channels last: [N, spatial axes, C]."""

    shape: tuple[int, ...]
    ksize: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    mode: str

    def windows(self) -> tuple[tuple[int, ...], list[list[slice]]]:
        """The output's spatial shape, and along each axis what each output looks at."""
        axes = []
        for extent, window, stride in zip(self.shape[1:-1], self.ksize, self.strides, strict=True):
            out, before = (extent - window) // stride + 1, 0
            if self.padding == "SAME":
                out = -(-extent // stride)
                before = max((out - 1) * stride + window - extent, 0) // 2
            starts = [o * stride - before for o in range(out)]
            axes.append([slice(max(s, 0), min(s + window, extent)) for s in starts])
        return tuple(len(axis) for axis in axes), axes

    def norm(self, x: np.ndarray) -> np.ndarray:
        """y in float64."""
        out, axes = self.windows()
        y = np.zeros((x.shape[0], *out, x.shape[-1]))
        spatial = tuple(range(1, x.ndim - 1))
        for place in itertools.product(*map(range, out)):
            squares = x[self._at(axes, place)].astype(np.float64) ** 2
            pooled = squares.sum(spatial) if self.mode == "sum" else squares.mean(spatial)
            y[(slice(None), *place)] = np.sqrt(pooled)
        return y

    def gradient(self, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """dx in float64, and the sum of the absolute values of its terms."""
        x, dy, y = x.astype(np.float64), dy.astype(np.float64), self.norm(x)
        out, axes = self.windows()
        dx, terms = np.zeros(x.shape), np.zeros(x.shape)
        for place in itertools.product(*map(range, out)):
            at, here = self._at(axes, place), (slice(None), *place)
            count = np.prod(x[at].shape[1:-1]) if self.mode == "rms" else 1
            ratio = np.divide(dy[here], y[here] * count, out=np.zeros(y[here].shape), where=y[here] != 0)
            term = x[at] * ratio.reshape(x.shape[0], *[1] * (x.ndim - 2), x.shape[-1])
            dx[at] += term
            terms[at] += np.abs(term)
        return dx, terms

    @staticmethod
    def _at(axes: list[list[slice]], place: tuple[int, ...]) -> tuple[slice, ...]:
        return (slice(None), *(axis[o] for axis, o in zip(axes, place, strict=True)), slice(None))
