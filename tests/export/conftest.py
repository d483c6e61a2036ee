import pytest

from tests.export import tiny_model


@pytest.fixture(scope="session")
def model():
    return tiny_model.make()


@pytest.fixture(scope="session")
def exported(model, tmp_path_factory):
    from tfmed.export import export

    return export(model, tmp_path_factory.mktemp("exports"))
