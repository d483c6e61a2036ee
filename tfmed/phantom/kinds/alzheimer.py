"""Alzheimer's disease: hippocampus and cortex waste by grade, the ventricles grow into what they leave."""

import numpy as np

from tfmed.phantom.fields import extent
from tfmed.phantom.kinds.base import Kind, Options, Pathology, Scene
from tfmed.phantom.kinds.healthy import oasis1
from tfmed.phantom.tissues import FLUID, Tissue, member

# By clinical dementia rating: lost shares of the hippocampus and the cortex, mm that ventricle walls move.
GRADES: dict[float, tuple[tuple[float, float], ...]] = {
    0.5: ((0.08, 0.22), (0.02, 0.06), (0.5, 3.0)),
    1.0: ((0.2, 0.36), (0.05, 0.11), (1.5, 4.5)),
    2.0: ((0.32, 0.5), (0.09, 0.17), (3.0, 6.5)),
}
SHARES = (0.5, 0.35, 0.15)


class Alzheimer(Pathology):
    """Graded by the rating asked for, or one drawn as often as OASIS-1 has it."""

    diagnosis = "alzheimer"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.losses: tuple[tuple[float, float], ...] = ()

    def widening_mm(self, rng: np.random.Generator) -> float:
        rating = self.options.cdr or float(rng.choice(list(GRADES), p=SHARES))
        self.facts["cdr"] = rating
        self.losses = GRADES[rating]
        return rng.uniform(*self.losses[2])

    def sulci(self, rng: np.random.Generator) -> float:
        return rng.uniform(0, 60) + 60 * self.losses[1][1] / 0.17

    def paint(self, scene: Scene, rng: np.random.Generator) -> None:
        """Wastes the tissue that lies nearest to fluid, first hippocampus, then cortex."""
        hippocampus, cortex = (float(rng.uniform(*loss)) for loss in self.losses[:2])
        waste(scene, Tissue.HIPPOCAMPUS, hippocampus, Tissue.VENTRICLE)
        waste(scene, Tissue.CORTEX, cortex, Tissue.CSF)
        self.facts["lost"] = {"hippocampus": round(hippocampus, 3), "cortex": round(cortex, 3)}


def waste(scene: Scene, tissue: Tissue, share: float, fluid: Tissue) -> None:
    """Turns ``share`` of the voxels of a tissue into ``fluid``: those with most fluid, then least depth."""
    from scipy import ndimage

    mixture = scene.mixture
    where = mixture.first == tissue
    box = extent(where)
    if box is None:
        return
    box = tuple(slice(max(s.start - 3, 0), s.stop + 3) for s in box)
    own = where[box]
    around = member(mixture.first[box], FLUID).astype(np.float32)
    outside = (~own).astype(np.float32)
    exposure = 2 * ndimage.uniform_filter(around, 3) + ndimage.uniform_filter(outside, 5)
    lost = own & (exposure > np.quantile(exposure[own], 1 - share))
    mixture.first[box][lost] = fluid
    mixture.second[box][lost] = tissue
    mixture.share[box][lost] = 230


KIND = Kind(
    Alzheimer,
    {"oasis1": oasis1},
    modalities=("t1",),
    options=frozenset({"cdr", "skull"}),
)
