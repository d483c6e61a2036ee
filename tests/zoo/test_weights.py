"""Weights files are compared with the card before they are read, and fetched so that nothing half is left."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.zoo.conftest import weights_entry
from tfmed.errors import TfmedError
from tfmed.zoo import weights

CONTENT = bytes(range(256)) * 40


class Ranged(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with byte ranges, and remembers what was asked for."""

    asked: list[str | None] = []  # noqa: RUF012
    cut_at: int | None = None

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        content = Path(self.translate_path(self.path)).read_bytes()
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.end_headers()
        self.wfile.write(content[start : self.cut_at])

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "w.weights.h5").write_bytes(CONTENT)
    Ranged.asked.clear()
    Ranged.cut_at = None
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Ranged, directory=str(folder))
    ) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/w.weights.h5"
        running.shutdown()
        thread.join()


@pytest.fixture
def entry(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("TFMED_CACHE", str(tmp_path / "cache"))
    return weights_entry(tmp_path / "server" / "w.weights.h5", url=server)


@pytest.fixture
def shipped(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    path = tmp_path / "weights" / "w.weights.h5"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path, weights_entry(path, file="weights/w.weights.h5")


def test_a_whole_file_passes(shipped: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, entry = shipped
    assert weights.obtain(entry, tmp_path) == path


@given(at=st.integers(0, len(CONTENT) - 1), flip=st.integers(1, 255))
def test_any_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, at: int, flip: int) -> None:
    path = tmp_path_factory.mktemp("w") / "w.weights.h5"
    path.write_bytes(CONTENT)
    entry = weights_entry(path, file="weights/w.weights.h5")
    path.write_bytes(CONTENT[:at] + bytes([CONTENT[at] ^ flip]) + CONTENT[at + 1 :])
    with pytest.raises(TfmedError, match="is not the one in the card: sha256"):
        weights.verify(path, entry)


def test_truncated_longer_and_missing_files_each_have_their_sentence(
    shipped: tuple[Path, dict[str, Any]],
) -> None:
    path, entry = shipped
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(TfmedError, match="is truncated: 10239 bytes, the card says 10240"):
        weights.verify(path, entry)
    path.write_bytes(CONTENT + b"x")
    with pytest.raises(TfmedError, match="is longer than it should be"):
        weights.verify(path, entry)
    path.unlink()
    with pytest.raises(TfmedError, match="No weights file"):
        weights.verify(path, entry)


def test_a_url_is_fetched_once_into_the_cache(entry: dict[str, Any], tmp_path: Path) -> None:
    path = weights.obtain(entry, None)
    assert path.read_bytes() == CONTENT
    assert path.parent == tmp_path / "cache" / "weights"
    assert weights.obtain(entry, None) == path
    assert Ranged.asked == [None]


def test_a_broken_download_goes_on_where_it_stopped(entry: dict[str, Any]) -> None:
    Ranged.cut_at = 4000
    with pytest.raises(TfmedError, match="the connection ended after 4000 of 10240 bytes"):
        weights.obtain(entry, None)
    assert not weights.location(entry, None).exists()
    Ranged.cut_at = None
    assert weights.obtain(entry, None).read_bytes() == CONTENT
    assert Ranged.asked == [None, "bytes=4000-"]
    assert [path.name for path in weights.cache_folder().iterdir()] == [weights.location(entry, None).name]


def test_another_file_under_the_url_is_refused_and_removed(entry: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "server" / "w.weights.h5").write_bytes(CONTENT[::-1])
    with pytest.raises(TfmedError, match="is not the one in the card"):
        weights.obtain(entry, None)
    assert list(weights.cache_folder().iterdir()) == []


def test_no_network_says_what_to_do(entry: dict[str, Any]) -> None:
    nobody = {**entry, "url": "http://127.0.0.1:9/w.weights.h5"}
    with pytest.raises(TfmedError, match=r"Cannot fetch http.*refused.*bring the file.*pass weights=PATH"):
        weights.obtain(nobody, None)
