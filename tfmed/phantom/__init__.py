"""Phantoms: studies with exact ground truth from real anatomy, grown lesions and the physics of scanners.

>>> study = tfmed.phantom.make("glioma", seed=3)
>>> tfmed.phantom.write(study, "phantoms/", layout="brats2015")
>>> source = tfmed.phantom.LatentSource("latents/")    # made by: tfmed phantom latents/ --latent -n 100
"""

from tfmed.phantom.kinds import KINDS as _KINDS
from tfmed.phantom.layouts import LAYOUTS, write
from tfmed.phantom.source import LatentSource
from tfmed.phantom.studies import GLIOMA_MODALITIES, make, volumes_ml
from tfmed.study import Study

KINDS = tuple(_KINDS)

__all__ = ["GLIOMA_MODALITIES", "KINDS", "LAYOUTS", "LatentSource", "Study", "make", "volumes_ml", "write"]
