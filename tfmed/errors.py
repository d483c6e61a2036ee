"""The error that every door of tfmed raises on bad input."""


class TfmedError(Exception):
    """Bad input, told in one sentence: what was found, where, and what would be right.

    The command line prints the sentence and exits with status 2; the server answers it with a client error.
    """
