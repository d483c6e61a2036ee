"""Slices of latent volumes."""

import pickle
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tfmed import intensity
from tfmed.errors import TfmedError
from tfmed.phantom import contrast, moments, scanner
from tfmed.phantom.latent import Latent
from tfmed.phantom.source import TRAINING_BIAS, LatentSource


def test_a_slice_has_the_box_of_its_view_and_the_labels_of_the_volume(
    source: LatentSource, latents: list[Latent]
) -> None:
    for case, latent in zip(source.cases, latents, strict=True):
        marked = latent.labels()
        assert case.shape == marked.shape
        for view in range(3):
            index = int(marked.any(axis=tuple(a for a in range(3) if a != 2 - view)).argmax())
            image, shown = source.slice(source.cases.index(case), view, index, np.random.default_rng(view))
            plane = np.take(marked, index, axis=2 - view)
            assert image.shape == (*plane.shape, 4) and image.dtype == np.float32
            assert shown.dtype == np.uint8
            kept = (image != 0).any(-1)
            np.testing.assert_array_equal(shown[kept], plane[kept])
            assert not shown[~kept].any()


def test_a_slice_is_a_function_of_its_generator_and_differs_between_generators(source: LatentSource) -> None:
    index = int(source.cases[0].lesion_slices[0][0])
    first, again, other = (source.slice(0, 0, index, np.random.default_rng(s))[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_plain_slices_are_alike_in_every_call(source: LatentSource) -> None:
    plain = LatentSource(*(case.path for case in source.cases), plain=True)
    index = int(source.cases[0].lesion_slices[0][0])
    first, other = (plain.slice(0, 0, index, np.random.default_rng(s))[0] for s in (1, 2))
    np.testing.assert_allclose(first, other, atol=0.02)


def test_slices_are_normalised_by_the_whole_volume_and_not_by_themselves(source: LatentSource) -> None:
    means, squares, own = [], [], []
    for seed in range(12):
        for index in source.cases[2].brain_slices[0][::3]:
            image, _ = source.slice(2, 0, int(index), np.random.default_rng(seed))
            inside = image[(image != 0).any(-1)]
            if len(inside) < 200:
                continue
            means.append(inside.mean(0))
            squares.append((inside**2).mean(0))
            own.append(inside.mean(0))
    assert np.abs(np.median(means)) < 0.25
    assert 0.6 < np.sqrt(np.median(squares)) < 1.4
    assert np.std(own) > 0.05


def test_its_moments_are_those_of_the_whole_volume_as_the_pipeline_would_take_them(
    source: LatentSource, latents: list[Latent]
) -> None:
    channels = latents[0].channels
    sample = moments.draw(np.moveaxis(channels, 3, 0), source.cases[0].brain_slices[0], seed=1)
    errors = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        chosen = contrast.draw(source.modalities, rng)
        imperfect = scanner.draw(4, rng, TRAINING_BIAS)
        coordinates = [np.linspace(-1, 1, n, dtype=np.float32) for n in channels.shape[1:]]
        kept = scanner.brain(channels[3], imperfect, coordinates, rng)
        values, amplitude = contrast.clean(channels, chosen)
        images = scanner.scan(values, amplitude, chosen, imperfect, coordinates, rng)
        center, scale = moments.of(sample, chosen, imperfect, rng)
        for m, image in enumerate(images):
            true_center, true_scale = intensity.moments(image, kept)
            errors.append((abs(center[m] - true_center) / true_scale, abs(scale[m] / true_scale - 1)))
    assert np.mean(errors, 0).max() < 0.12


def test_a_bias_limit_scales_the_fields_and_nothing_else() -> None:
    usual, stronger = (
        scanner.draw(4, np.random.default_rng(3), limit) for limit in (scanner.BIAS, 2 * scanner.BIAS)
    )
    assert usual.bias.any()
    np.testing.assert_allclose(stronger.bias, 2 * usual.bias, rtol=1e-6)
    for field in fields(scanner.Scanner):
        if field.name != "bias":
            np.testing.assert_array_equal(getattr(stronger, field.name), getattr(usual, field.name))


def test_slices_for_training_have_stronger_bias_fields_than_whole_phantoms(
    source: LatentSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    scan = scanner.scan
    monkeypatch.setattr(scanner, "scan", lambda *given: drawn.append(given[3]) or scan(*given))
    for seed in range(40):
        source.slice(0, 0, 20, np.random.default_rng(seed))
    usual = [scanner.draw(4, np.random.default_rng(seed)).bias.std() for seed in range(200)]
    assert 1.4 < np.mean([each.bias.std() for each in drawn]) / np.mean(usual) < 2.6


def test_lesion_slices_are_those_with_lesion(source: LatentSource, latents: list[Latent]) -> None:
    for case, latent in zip(source.cases, latents, strict=True):
        counts = (latent.labels() > 0).sum((0, 1))
        np.testing.assert_array_equal(case.lesion_slices[0], np.flatnonzero(counts >= 9))
        assert set(case.lesion_slices[0]) <= set(range(case.shape[2]))


def test_it_travels_to_another_process(source: LatentSource) -> None:
    source.slice(0, 0, 20, np.random.default_rng(0))
    twin = pickle.loads(pickle.dumps(source))
    first, second = (s.slice(0, 0, 20, np.random.default_rng(0))[0] for s in (source, twin))
    np.testing.assert_array_equal(first, second)


def test_a_folder_without_volumes_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TfmedError, match="holds no latent volumes"):
        LatentSource(tmp_path)
    (tmp_path / "a.h5").write_bytes(b"nothing")
    with pytest.raises(TfmedError, match="no latent volume"):
        LatentSource(tmp_path)
