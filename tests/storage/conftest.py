"""An S3 of our own, and a web server that breaks off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from breaking_web import Web
from flaky import Flaky

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


@pytest.fixture
def flaky(server: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flaky]:
    """The way to `bucket` from now on."""
    running = Flaky(server)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("STORAGE_ENDPOINT_URL", running.url)
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    running = Web()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()
