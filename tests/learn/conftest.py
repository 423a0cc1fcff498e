"""Where lessons and their models go in tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cinemill.settings import settings


@pytest.fixture
def same_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Models and lessons go where the command puts them."""
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(home / "data"))
    settings.cache_clear()
    yield
    settings.cache_clear()
