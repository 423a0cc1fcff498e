"""A server that may be told to misbehave, and a store of models of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from misbehaving import Host

from cinemill.settings import settings


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory of its own."""
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "CINEMILL_OFFLINE", "CINEMILL_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    settings.cache_clear()
    yield tmp_path / "data"
    settings.cache_clear()
