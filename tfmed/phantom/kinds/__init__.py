"""The kinds of phantoms, one file each."""

from dataclasses import fields

from tfmed.errors import TfmedError
from tfmed.phantom.kinds import alzheimer, glioma, healthy, ms, stroke
from tfmed.phantom.kinds.base import Kind, Options, Pathology

__all__ = ["KINDS", "Kind", "Options", "Pathology", "checked", "get"]

KINDS: dict[str, Kind] = {
    "glioma": glioma.KIND,
    "stroke": stroke.KIND,
    "ms": ms.KIND,
    "alzheimer": alzheimer.KIND,
    "healthy": healthy.KIND,
}


def get(name: str) -> Kind:
    """The kind called ``name``; TfmedError where there is none."""
    if name not in KINDS:
        raise TfmedError(f"No phantom of this kind. Received: kind={name!r}. Known: {', '.join(KINDS)}.")
    return KINDS[name]


def checked(kind: str, **given: object) -> Options:
    """The options of a phantom of ``kind``; TfmedError where one isn't for this kind or out of its range."""
    known = [field.name for field in fields(Options)]
    for name, value in given.items():
        if name not in known:
            raise TfmedError(f"No such option. Received: {name}={value!r}. Known: {', '.join(known)}.")
    options = Options(**given)  # type: ignore[arg-type]
    foreign = sorted(options.given() - get(kind).options)
    if foreign:
        theirs = ", ".join(sorted(get(kind).options))
        raise TfmedError(f"A phantom of kind {kind} has no {foreign[0]}; it takes {theirs}.")
    if options.grade not in (None, "HGG", "LGG"):
        raise TfmedError(f"A glioma has a grade. Received: grade={options.grade!r}. Known: HGG, LGG.")
    if options.cavity and options.solid:
        raise TfmedError("A glioma is solid or has a cavity. Received: cavity=True, solid=True.")
    if options.drawn and options.lesions:
        raise TfmedError(
            "A glioma's outline is drawn or that of a real lesion."
            f" Received: drawn=True, lesions={options.lesions!r}."
        )
    if options.cdr not in (None, *alzheimer.GRADES):
        ratings = ", ".join(f"{rating:g}" for rating in alzheimer.GRADES)
        raise TfmedError(f"No such rating. Received: cdr={options.cdr!r}. Known: {ratings}.")
    if options.age_h is not None and not 1 <= options.age_h <= 9000:
        raise TfmedError(f"A stroke is 1 to 9000 hours old. Received: age_h={options.age_h!r}.")
    return options
