"""What the values of label maps mean, by edition."""

EDITIONS: dict[str, dict[int, str]] = {
    "brats2015": {1: "necrosis", 2: "oedema", 3: "non-enhancing tumour", 4: "enhancing tumour"},
    "brats2018": {1: "necrosis and non-enhancing tumour", 2: "oedema", 4: "enhancing tumour"},
    "brats2023": {1: "necrosis and non-enhancing tumour", 2: "oedema", 3: "enhancing tumour"},
    "brats2024": {
        1: "necrosis and non-enhancing tumour",
        2: "oedema",
        3: "enhancing tumour",
        4: "resection cavity",
    },
    "isles2015_siss": {1: "stroke lesion"},
    # In the order in which the description of the data lists the two.
    "isles2015_spes": {1: "stroke core", 2: "penumbra"},
    "isles2016": {1: "stroke lesion"},
    "ms2008": {1: "multiple sclerosis lesion"},
    "oasis1": {1: "cerebrospinal fluid", 2: "grey matter", 3: "white matter"},
}


def meaning(edition: str | None, value: int) -> str:
    """The meaning of a value, or the bare value where the edition doesn't say."""
    return EDITIONS.get(edition or "", {}).get(value, f"value {value}")
