"""The layout of exported models on disk; read without TensorFlow."""

from pathlib import Path

from tfmed.errors import TfmedError


def find(directory: Path) -> dict[str, Path]:
    """The folder of the highest version of each model that lies as DIRECTORY/NAME/VERSION/saved_model.pb.

    Raises:
        TfmedError: there is none.
    """
    if not directory.is_dir():
        raise TfmedError(f"{directory} is no folder: give the one that `tfmed export NAME DIR` wrote to.")
    versions = [p.parent for p in directory.glob("*/*/saved_model.pb") if p.parent.name.isdecimal()]
    if not versions:
        raise TfmedError(f"{directory} holds no exported model.{_hint(directory)}")
    versions.sort(key=lambda path: int(path.name))
    return {path.parent.name: path for path in versions}


def _hint(directory: Path) -> str:
    if list(directory.glob("*/saved_model.pb")):
        return f" It is a model's own folder: serve the one around it, {directory.resolve().parent}."
    return " Expected NAME/VERSION/saved_model.pb in it, as `tfmed export NAME DIR` writes."
