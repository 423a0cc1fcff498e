"""Engines as their users install them, for the tests that run their real libraries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cinemill import settings
from cinemill.engines import engines, install
from cinemill.errors import MissingEngine


@contextmanager
def engine(name: str, made: pytest.TempPathFactory) -> Iterator[Path]:
    """The engine in a data directory of the tests' own; skips where no fitting Python or no packages are."""
    folder = Path(os.environ.get("CINEMILL_TEST_ENGINES") or made.mktemp("data"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CINEMILL_DATA_DIR", str(folder))
            settings.settings.cache_clear()
            try:
                list(install.install(engines.get(name)))
                yield folder
            except MissingEngine as error:
                pytest.skip(str(error))
            finally:
                host = install._hosts.pop(name, None)
                if host:
                    host.stop()
    finally:
        settings.settings.cache_clear()
