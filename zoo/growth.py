"""Weights of a narrower network in a wider one of the same topology, which then computes the same."""

from typing import TYPE_CHECKING

from tfmed.errors import TfmedError

if TYPE_CHECKING:
    import keras
    import numpy as np


def grow(wider: "keras.Model", narrower: "keras.Model") -> None:
    """Gives ``wider`` the function of ``narrower``, as a start from which it can learn more (Chen et al.,
    Net2Net, 2016, with zeros where these copy units).

    The first units of every layer are the narrower network's and do not listen to the others, which keep
    their initial weights. Layers that ``narrower`` lacks must not change anything at first. Group
    normalisation needs groups of the same size in both.

    Raises:
        TfmedError: a variable of ``narrower`` has no larger or equal one of its name and rank in ``wider``.
    """
    places = {variable.path: variable for variable in wider.variables}
    for old in narrower.variables:
        new = places.get(old.path)
        if new is None or not _fits(old.shape, new.shape):
            raise TfmedError(
                f"{old.path} {tuple(old.shape)} has no place in the wider network; there it is "
                f"{tuple(new.shape) if new is not None else 'missing'}."
            )
        new.assign(_grown(new.numpy(), old.numpy()))


def _fits(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    return len(old) == len(new) and all(few <= many for few, many in zip(old, new, strict=True))


def _grown(fresh: "np.ndarray", old: "np.ndarray") -> "np.ndarray":
    """``fresh`` [..., in, out] or [out] with ``old`` first, and 0 from new inputs to old outputs."""
    grown = fresh.copy()
    grown[..., : old.shape[-1]] = 0
    grown[tuple(slice(length) for length in old.shape)] = old
    return grown
