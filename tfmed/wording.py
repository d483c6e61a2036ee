"""Words of the sentences that commands print."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """ "1 case", "2 cases"; ``many`` where the plural takes more than an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
