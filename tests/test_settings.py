"""Settings are written where they are read, and nothing else in the file is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cinemill.errors import InvalidParams
from cinemill.settings import keep, settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "new" / "settings.toml"
    monkeypatch.setenv("CINEMILL_CONFIG", str(path))
    settings.cache_clear()
    yield path
    monkeypatch.undo()
    settings.cache_clear()


def test_settings_are_written_and_read_at_once(file: Path) -> None:
    keep({"keep_days": 7.5, "offline": True, "mirror": 'a "b"'})
    assert (settings().keep_days, settings().offline, settings().mirror) == (7.5, True, 'a "b"')
    keep({"offline": False})
    assert file.read_text("utf-8") == 'keep_days = 7.5\noffline = false\nmirror = "a \\"b\\""\n'


def test_what_else_is_in_the_file_stays(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("# mine\nthreads = 2 # of four\n\n[of_another]\nkeep_days = 1\n", "utf-8")
    keep({"threads": 3, "keep_days": 9})
    assert file.read_text("utf-8") == "# mine\nthreads = 3\n\nkeep_days = 9\n[of_another]\nkeep_days = 1\n"
    assert (settings().threads, settings().keep_days) == (3, 9)


def test_nothing_is_written_that_could_not_be_read(file: Path) -> None:
    keep({"threads": 1})
    with pytest.raises(InvalidParams, match="could not be read any more"):
        keep({"threads": "many"})
    assert settings().threads == 1
