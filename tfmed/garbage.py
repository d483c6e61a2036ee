"""Python's garbage collector, set aside while much is made that will stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept() -> Iterator[None]:
    """No search for garbage within.

    TensorFlow's modules, Keras models and traced graphs are hundreds of thousands of objects that refer to
    each other and stay. The collector looks through all of them each time there are a quarter more, which is
    a fifth to a quarter of the time of importing, building and tracing. Nothing changes where it is off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
