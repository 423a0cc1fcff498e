"""An S3 of our own, and a web server that breaks off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cinemill.settings import settings
from cinemill.storage import s3

_NUMBERS = count()


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CINEMILL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CINEMILL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CINEMILL_ALLOW_PRIVATE_URLS", "1")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`s3://NAME`, empty, with the environment that leads there."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("STORAGE_ENDPOINT_URL", server)
    monkeypatch.setenv("STORAGE_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("STORAGE_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("STORAGE_REGION", "us-east-1")
    s3._files.cache_clear()
    files = s3._files(s3.account())
    name = f"things-{next(_NUMBERS)}"
    files.call_s3("create_bucket", Bucket=name)
    yield f"s3://{name}"
    s3._files.cache_clear()


class Web(ThreadingHTTPServer):
    """Serves `body`; `breaks` answers stop after a third of what is left."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.body = b""
        self.breaks = 0
        self.asked: list[str | None] = []
        self.redirect = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.path == "/gone":
            self.send_error(404)
            return
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", self.server.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.headers.get("If-None-Match") == '"v1"':
            self.send_response(304)
            self.end_headers()
            return
        start = int(asked[6:-1]) if asked else 0
        rest = self.server.body[start:]
        self.send_response(206 if asked else 200)
        if asked:
            whole = len(self.server.body)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.send_header("ETag", '"v1"')
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            rest = rest[: len(rest) // 3]
            self.close_connection = True
        self.wfile.write(rest)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[Web]:
    running = Web()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()
