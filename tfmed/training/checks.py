"""What stands in the way of a run, found before any work is done and without TensorFlow."""

import json
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError


def check_run(run: Path, resume: bool) -> None:
    """Raise TfmedError if ``run`` holds a run that is not to be resumed, or none that could be."""
    held = (run / "checkpoints" / "checkpoint").is_file()
    if held and not resume:
        raise TfmedError(f"{run}: holds a run already; resume it with --resume or give another --logdir")
    if resume and not held:
        raise TfmedError(f"{run}: there is no checkpoint to resume from; start without --resume")


def check_same_data(run: Path, description: dict[str, Any]) -> None:
    """Raise TfmedError if ``description`` of the data has another ``train`` than when ``run`` was started."""
    before = json.loads((run / "data.json").read_text(encoding="utf-8"))["train"]
    now = json.loads(json.dumps(description))["train"]
    if now != before:
        raise TfmedError(f"{run}: was trained on other cases. Received: {now}. Before: {before}")
