"""Weights files: which one is meant, where it lies, whether it is whole."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError

CHUNK = 1 << 20
TIMEOUT_SECONDS = 30


def cache_folder() -> Path:
    """Where fetched weights are kept: ``$TFMED_CACHE``, else ``tfmed`` in the user's cache folder."""
    if "TFMED_CACHE" in os.environ:
        return Path(os.environ["TFMED_CACHE"]) / "weights"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfmed" / "weights"


def tag_of(card: Mapping[str, Any], weights: str, variant: str | None) -> str:
    """The tag in the card that ``weights`` means for a variant.

    Args:
        card: the model's card.
        weights: a tag, or ``"default"``.
        variant: the variant asked for; None takes the one that the weights are of.

    Raises:
        TfmedError: the card has no such weights, or none for this variant.
    """
    fitting = [tag for tag, entry in card["weights"].items() if variant in (None, entry["variant"])]
    if weights == "default" and card["default_weights"] in fitting:
        return card["default_weights"]
    if weights in fitting:
        return weights
    what = card["name"] if variant is None else f"variant {variant!r} of {card['name']}"
    if not fitting:
        raise TfmedError(f"No trained weights exist for {what}; ask for weights=None, or a path of your own.")
    raise TfmedError(f"No weights {weights!r} for {what}. Known: {', '.join(fitting)}.")


def location(entry: Mapping[str, Any], folder: Path | None) -> Path:
    """Where a weights entry of a card lies, or would lie once fetched."""
    if "file" in entry:
        return (folder or Path()) / entry["file"]
    return cache_folder() / f"{entry['sha256'][:16]}-{entry['url'].rsplit('/', 1)[-1]}"


def verify(path: Path, entry: Mapping[str, Any]) -> None:
    """Compares a weights file with its card before anything in it is read.

    Raises:
        TfmedError: the file is missing, has another length, or another sha256.
    """
    if not path.is_file():
        raise TfmedError(f"No weights file {path}; 'tfmed zoo fetch' brings it, or install tfmed again.")
    size = path.stat().st_size
    if size != entry["bytes"]:
        kind = "truncated" if size < entry["bytes"] else "longer than it should be"
        raise TfmedError(
            f"Weights file {path} is {kind}: {size} bytes, the card says {entry['bytes']}; fetch it again."
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != entry["sha256"]:
        raise TfmedError(
            f"Weights file {path} is not the one in the card: sha256 {digest}, not {entry['sha256']}; "
            "it was changed or damaged, fetch it again."
        )


def obtain(entry: Mapping[str, Any], folder: Path | None) -> Path:
    """The verified local file of a weights entry; fetched into the cache if it has a URL.

    Raises:
        TfmedError: as ``verify`` and ``fetch``.
    """
    path = location(entry, folder)
    if "url" in entry and not path.exists():
        fetch(entry, path)
    verify(path, entry)
    return path


def fetch(entry: Mapping[str, Any], path: Path) -> None:
    """Downloads to ``path``; goes on where an earlier attempt stopped, and renames only a verified file.

    Raises:
        TfmedError: the network or the server fails (what came is kept for the next attempt), or what came
            is not what the card says (it is removed).
    """
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        _download(entry["url"], part, entry["bytes"])
        if part.stat().st_size < entry["bytes"]:
            raise ConnectionError(
                f"the connection ended after {part.stat().st_size} of {entry['bytes']} bytes"
            )
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise TfmedError(
            f"Cannot fetch {entry['url']}: {reason}. With a network, try again; without one, bring the file "
            f"from elsewhere to {path}, or pass weights=PATH or weights=None."
        ) from None
    try:
        verify(part, entry)
    except TfmedError:
        part.unlink()
        raise
    part.replace(path)


def _download(url: str, part: Path, total: int) -> None:
    # Imported here, as listing the zoo has to be quick and needs neither.
    import urllib.request

    from tfmed.progress import bar

    have = part.stat().st_size if part.exists() else 0
    if have >= total:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        # A server that knows no ranges answers 200 with the whole file.
        resumed = have > 0 and answer.status == 206
        with (
            part.open("ab" if resumed else "wb") as file,
            bar(total=total, desc=part.stem, unit="B") as progress,
        ):
            progress.update(have if resumed else 0)
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                progress.update(len(chunk))
