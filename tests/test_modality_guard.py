from itertools import combinations

import numpy as np
import pytest

from tfmed.modality_guard import contradictions
from tfmed.study import Study, Volume

MODALITIES = ("flair", "t1", "t1c", "t2")
SWAPS = list(combinations(MODALITIES, 2))
# Brightness of fluid, grey matter, white matter, vessels and oedema, as a radiologist would see them.
TISSUES = {
    "flair": (20, 110, 90, 60, 190),
    "t1": (30, 80, 110, 60, 70),
    "t1c": (30, 85, 115, 220, 75),
    "t2": (250, 110, 80, 40, 170),
}
SHARES = (0.08, 0.45, 0.43, 0.01, 0.03)


def head(seed: int) -> Study:
    """A ball of tissue in blobs of the right shares, noisy, in a background of 0."""
    rng = np.random.default_rng(seed)
    tissue = rng.choice(5, (40, 40, 40), p=SHARES)
    inside = np.linalg.norm(np.indices(tissue.shape) - 20.0, axis=0) < 18
    images = {
        name: np.where(
            inside, np.take(levels, tissue) * rng.uniform(1, 5) + rng.normal(0, 8, tissue.shape), 0
        )
        for name, levels in TISSUES.items()
    }
    return Study("a", {name: Volume(array.astype(np.float32), np.eye(4)) for name, array in images.items()})


def swapped(study: Study, first: str, second: str) -> Study:
    names = {first: second, second: first}
    return Study("a", {name: study.images[names.get(name, name)] for name in study.modalities})


@pytest.mark.parametrize("seed", range(3))
def test_right_names_pass(seed: int) -> None:
    assert contradictions(head(seed)) == []


@pytest.mark.parametrize(("first", "second"), SWAPS)
def test_every_swap_of_two_is_noticed(first: str, second: str) -> None:
    found = contradictions(swapped(head(0), first, second))
    assert any(f"{first} and {second} may be exchanged" in sentence for sentence in found)


def test_a_swap_is_noticed_in_noisy_air() -> None:
    study = swapped(head(0), "t1", "t2")
    noise = np.random.default_rng(1).normal(0, 1, study.shape)
    brain_sized = np.diag([4.5, 4.5, 4.5, 1])
    images = {
        name: Volume(np.where(image.array == 0, noise, image.array).astype(np.float32), brain_sized)
        for name, image in study.images.items()
    }
    assert any("t1 and t2 may be exchanged" in sentence for sentence in contradictions(Study("a", images)))


def test_a_flair_whose_fluid_is_bright_is_noticed_without_the_others() -> None:
    study = swapped(head(0), "flair", "t2")
    pair = Study("a", {name: study.images[name] for name in ("flair", "t2")})
    assert contradictions(pair) == [
        "study a: flair and t2 may be exchanged, fluid is brighter in flair than in t2"
    ]


def test_single_unknown_and_empty_images_are_passed_over() -> None:
    study = head(0)
    assert contradictions(Study("a", {"pd": study.images["t2"]})) == []
    assert contradictions(Study("a", {"flair": study.images["t2"]})) == []
    blank = Volume(np.zeros((5, 5, 5)), np.eye(4))
    assert contradictions(Study("a", {name: blank for name in MODALITIES})) == []


def test_heads_with_their_skull_are_judged_within_a_mask_only() -> None:
    study = swapped(head(0), "flair", "t2")
    large = {name: Volume(volume.array, np.diag([5, 5, 5, 1.0])) for name, volume in study.images.items()}
    assert contradictions(Study("a", large)) == []
    mask = Volume((large["t1"].array != 0).astype(np.uint8), np.diag([5, 5, 5, 1.0]))
    assert contradictions(Study("a", large, mask=mask)) == contradictions(study) != []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_swap_of_two_is_noticed_on_phantoms(seed: int) -> None:
    from tfmed import phantom

    study = phantom.make("glioma", seed=seed)
    assert contradictions(study) == []
    for first, second in SWAPS:
        assert any(f"{first} and {second}" in line for line in contradictions(swapped(study, first, second)))
