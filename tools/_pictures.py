"""Names of picture files, checked before the work whose picture they are to hold."""

from pathlib import Path

from tfmed.errors import TfmedError


def check_picture(path: Path) -> None:
    """TfmedError where the file's ending, which its format follows, is none that can be written."""
    from matplotlib.backend_bases import FigureCanvasBase

    endings = FigureCanvasBase.get_supported_filetypes()
    if path.suffix[1:].lower() not in endings:
        raise TfmedError(f"{path} has no ending of a picture; expected one of {', '.join(sorted(endings))}.")
