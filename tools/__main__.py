"""``python -m tfmed.tools`` is ``tfmed``."""

from tfmed.tools import main

main()
