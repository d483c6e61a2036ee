"""`tfmed export`: the doors for bad input, and the help."""

import pytest
from click.testing import CliRunner

import tfmed
from tfmed.errors import TfmedError
from tfmed.tools.export import command


def test_an_unknown_name_names_the_nearest_and_leaves_nothing(tmp_path):
    result = CliRunner().invoke(command, ["brats_instance_sec", str(tmp_path / "exports")])
    assert isinstance(result.exception, TfmedError) and "brats_instance_seg" in str(result.exception)
    assert not (tmp_path / "exports").exists()


def test_weights_that_are_missing_are_named(tmp_path):
    result = CliRunner().invoke(
        command, ["brats_instance_seg", str(tmp_path), "--weights", "gone/x.weights.h5"]
    )
    assert isinstance(result.exception, TfmedError) and "gone/x.weights.h5" in str(result.exception)


def test_version_zero_is_a_usage_error(tmp_path):
    assert CliRunner().invoke(command, ["brats_instance_seg", str(tmp_path), "--version", "0"]).exit_code == 2


def test_help_shows_examples():
    assert "tfmed export brats_instance_seg exports" in CliRunner().invoke(command, ["--help"]).output


@pytest.mark.slow
@pytest.mark.parametrize("name", tfmed.zoo.list("instance_segmentation"))
def test_every_model_of_slices_answers_from_its_export_as_in_process(name, tmp_path):
    import numpy as np
    import tensorflow as tf

    from tfmed.export import export, warmup

    card = tfmed.zoo.card(name)
    model = tfmed.zoo.get(name, weights="default" if card["default_weights"] else None)
    loaded = tf.saved_model.load(str(export(model, tmp_path)))
    given = warmup.requests(len(model.modalities))["serving_default"]
    normalised = np.where(given["image"] != 0, (given["image"] - 100) / 10, 0).astype(np.float32)
    with tfmed.ops.implementation("composed"):
        expected = model({"image": normalised, "present": given["present"]}, training=False)
    found = loaded.signatures["serving_default"](**{key: tf.constant(value) for key, value in given.items()})
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=0, atol=1e-5, err_msg=key)
