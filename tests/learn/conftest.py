"""Where lessons and their models go in tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cinemill.hardware import cores
from cinemill.settings import settings


@pytest.fixture(scope="module", autouse=True)  # a folder that is no package would be the whole session
def _alone() -> Iterator[None]:
    """One thread: on layers this small, two that wait for each other take a third more. Commands use all cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CINEMILL_THREADS", "1")
        settings.cache_clear()
        cores.cache_clear()
        yield
    settings.cache_clear()
    cores.cache_clear()


@pytest.fixture
def same_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Models and lessons go where the command puts them."""
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(home / "data"))
    settings.cache_clear()
    yield
    settings.cache_clear()
