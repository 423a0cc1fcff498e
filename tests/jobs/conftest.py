"""A clip to be cut into chunks, an operation that makes trouble, and the command with a home of its own."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import clips
from cinemill.catalogue import operations
from cinemill.operations import Request
from cinemill.settings import settings
from command import Cinemill

FRAMES = 192


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s of 96x64 with sound and a keyframe every second. Never write to it."""
    path = tmp_path_factory.mktemp("source") / "in.mkv"
    pictures = ["-f", "lavfi", "-i", f"testsrc2=s=96x64:r=24,trim=end_frame={FRAMES}"]
    sound = ["-f", "lavfi", "-i", f"sine=f=440:r=48000:d={FRAMES / 24}"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "24", "-bf", "2", "-threads", "1", "-c:a", "flac"]
    clips.run(*pictures, *sound, *coding, path)
    return path


@pytest.fixture
def cinemill(folder: Path, home: Path, plugins: Path) -> Cinemill:
    return Cinemill(folder, home, PYTHONPATH=os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def trouble(
    folder: Path, home: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Request[Any]]]:
    """`trouble(fault="bug")`: a request to make `out` of `in`, with its parameters; the state is the test's own."""
    monkeypatch.setenv("CINEMILL_STATE_DIR", str(home / "state"))
    monkeypatch.setenv("CINEMILL_CONFIG", str(home / "settings.toml"))
    monkeypatch.syspath_prepend(plugins)
    settings.cache_clear()
    operation = importlib.import_module("cinemill_trouble").TroubleOperation
    operations.add(operation.name, operation(), f"{operation.__module__}.{operation.__name__}")
    source = folder / "in"
    source.write_bytes(b"pictures")

    def ask(**params: Any) -> Request[Any]:
        return Request("trouble", operation.params.of(params, "trouble"), (source,), folder / "out")

    yield ask
    operations._items.pop("trouble")  # other tests look at every operation there is
    settings.cache_clear()
