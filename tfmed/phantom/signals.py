"""The physics of a lesion's parts: what the signal equations need to know of them."""

from dataclasses import dataclass, field

import numpy as np

PERFUSION = ("cbf", "cbv", "tmax", "ttp")


@dataclass(frozen=True, eq=False)
class Signals:
    """Four parts of a lesion.

    relaxation float64 [4, 4]: T1 ms, T2 ms, proton density, diffusion in 1e-3 mm2/s. gadolinium_ms [4]: T1
    after contrast agent, inf where none is taken up. perfusion [4, 4]: ``PERFUSION`` relative to white
    matter. signs: by modality, whether a part is brighter (1) or darker (-1) than all tissue or anything (0),
    which contrasts that are drawn freely keep to.
    """

    relaxation: np.ndarray
    gadolinium_ms: np.ndarray
    signs: dict[str, tuple[int, int, int, int]]
    perfusion: np.ndarray = field(default_factory=lambda: np.ones((4, len(PERFUSION))))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A draw whose logarithm is uniform between those of ``low`` and ``high``."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
