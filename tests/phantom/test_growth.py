"""The reaction-diffusion front."""

import numpy as np
import pytest

from tfmed.phantom.growth import arrival, distance_to, level, signed_distance


def medium(shape: tuple[int, int, int] = (31, 31, 31)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    seeds = np.zeros(shape, np.float32)
    seeds[15, 15, 15] = 1
    return seeds, np.full((3, *shape), 0.1, np.float32), np.full(shape, 0.5, np.float32)


def test_the_front_moves_at_the_fisher_speed_less_what_the_lattice_costs() -> None:
    when = arrival(*medium(), target_voxels=9000)
    speed = 6 / (when[15 + 12, 15, 15] - when[15 + 6, 15, 15])
    assert 0.65 < speed / (2 * np.sqrt(0.1 * 0.5)) < 1.05


def test_without_anisotropy_it_grows_alike_in_all_directions() -> None:
    when = arrival(*medium(), target_voxels=4000)
    np.testing.assert_allclose(when, when[::-1], rtol=1e-4)
    np.testing.assert_allclose(when, when.transpose(1, 2, 0), rtol=1e-4)


def test_it_grows_farther_along_fibres() -> None:
    seeds, diffusion, rate = medium()
    diffusion[1:] = 0.02
    when = arrival(seeds, diffusion, rate, 2000)
    assert when[15 + 8, 15, 15] < when[15, 15 + 8, 15]


def test_nothing_passes_a_barrier() -> None:
    seeds, diffusion, rate = medium()
    diffusion[:, 20], rate[20] = 0, 0
    when = arrival(seeds, diffusion, rate, 1e9, max_steps=120)
    assert np.isinf(when[20:]).all()
    assert np.isfinite(when[19, 10:20, 10:20]).all()


@pytest.mark.parametrize("voxels", [50, 500, 3000])
def test_a_level_holds_the_voxels_asked_for(voxels: int) -> None:
    when = arrival(*medium(), target_voxels=voxels)
    assert (when <= level(when, voxels)).sum() == pytest.approx(voxels, rel=0.25, abs=30)


def test_distances_are_in_mm_and_signed() -> None:
    mask = np.zeros((30, 30, 30), bool)
    mask[10:20, 10:20, 10:20] = True
    inside = signed_distance(mask, 2.0)
    assert inside[15, 15, 15] > 7
    assert inside[4, 15, 15] == pytest.approx(-11, abs=0.5)
    assert distance_to(mask, 2.0)[4, 15, 15] == pytest.approx(-11)
