"""What makes the environments of engines: it comes along, is on the path, or is fetched with the first engine."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cinemill.engines import engines, install
from cinemill.errors import MissingEngine
from cinemill.settings import settings

ENGINE = engines.get("piper")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine without uv, with a data directory in this folder."""
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def wheel(folder: Path) -> Path:
    """A package of uv's name, whose program takes notes of what it is asked."""
    made = folder / "uv-9-py3-none-any.whl"
    notes = folder / "notes"
    with zipfile.ZipFile(made, "w") as archive:
        about = "uv-9.dist-info"
        program = zipfile.ZipInfo("uv-9.data/scripts/uv")
        program.external_attr = 0o100755 << 16
        script = f'#!/bin/sh\necho "$@" >> "{notes}"\n[ "$1" != venv ] || /bin/mkdir -p "$4"\n'
        archive.writestr(program, script)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 9\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return made


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
def test_what_makes_environments_is_fetched_with_the_first_engine(
    without: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = wheel(without)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.parent))
    assert install.uv_program() is None
    said = list(install.install(ENGINE))
    assert said[0] == "fetching uv, which makes environments"
    assert "ready" in said[-1]
    asked = (without / "notes").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in asked] == ["venv", "pip"]
    assert str(without / "data") in str(install.uv_program())
    made.unlink()  # it is not fetched a second time


def test_without_uv_and_pip_people_are_told_what_to_do(without: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "find_spec", lambda name: None)
    with pytest.raises(MissingEngine, match="`pip install uv`"):
        list(install.install(ENGINE))
