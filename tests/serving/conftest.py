import pytest


@pytest.fixture(scope="session")
def model():
    from tests.export import tiny_model

    return tiny_model.make()


@pytest.fixture(scope="session")
def exports(model, tmp_path_factory):
    """A folder with one exported model, tiny."""
    from tfmed.export import export

    folder = tmp_path_factory.mktemp("exports")
    export(model, folder)
    return folder


@pytest.fixture(scope="session")
def server(exports):
    from tfmed.serving import Server

    with Server(exports, port=0, rest_port=0, message_bytes=8 << 20) as running:
        yield running


@pytest.fixture(scope="session", params=["grpc", "rest"])
def client(request, server):
    from tfmed.serving import Client

    port = {"grpc": server.port, "rest": server.rest_port}[request.param]
    with Client(f"127.0.0.1:{port}", request.param) as connected:
        yield connected
