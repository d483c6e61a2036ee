"""`ThresholdModel` as a name of the zoo, with a card and weights that pass every check."""

import copy
import hashlib
from pathlib import Path

from tests.inference.threshold_model import CARD, ThresholdModel
from tfmed import zoo

NAME = "threshold_double"


def register(folder: Path) -> str:
    """Registers the model once a process; its weights lie below `folder`."""
    if NAME in zoo.list():
        return NAME
    weights = folder / "weights" / "thresholds.weights.h5"
    weights.parent.mkdir()
    ThresholdModel().save_weights(weights)
    content = weights.read_bytes()
    card = copy.deepcopy(dict(zoo.card("brats_instance_seg")))
    # What was chosen for the shipped weights says nothing about these.
    card["fusion"] = dict(CARD["fusion"])
    described = {
        "variant": "compact",
        "file": "weights/thresholds.weights.h5",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "dtype": "float32",
        "trained_on": {"data": "nothing", "cases": 1, "split": "none", "split_hash": "0" * 16},
        "recipe": "thresholds",
        "seed": 0,
        "hardware": "none",
        "hours": 0.1,
    }
    card |= {
        "name": NAME,
        "weights": {"thresholds": described},
        "default_weights": "thresholds",
        "metrics": [],
    }
    # One model for all calls, so that its study function is traced once.
    model = ThresholdModel(card=card)
    zoo.register(card, lambda *_: model, folder)
    return NAME
