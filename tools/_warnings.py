"""Warnings as users should see them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings as one line each on stderr, without the line of code that gave them."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: click.echo(f"tfmed: warning: {message}", err=True)
        yield
