"""One threshold model for all tests: its study function is traced once."""

import pytest

from tests.inference.threshold_model import ThresholdModel


@pytest.fixture(scope="session")
def model() -> ThresholdModel:
    return ThresholdModel()
