"""Clips made once per run, and the real ones where they are present."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cinemill.hardware import cores
from clips import JUMPY, MAKERS, OTHERS
from command import Cinemill

# Before anything loads torch: tests share cores, and threads that wait in circles would take them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


_WAITING = {"engines", "jobs", "storage", "surfaces"}
"""Where tests wait for browsers, clusters, servers and other commands, whose pace on a loaded machine is not ours: they
are tried once more before they count as failed, and pytest's summary says so. One that is named there needs a look."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """`-n auto`: one more than there are cores, as whoever waits for a browser or a server leaves one idle."""
    return None if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") else cores() + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(3600))
        if _WAITING.intersection(item.path.relative_to(item.config.rootpath).parts):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`clip("vfr.mp4")`: the path of a clip that `clips` has a maker for, made on first use. Never write to it."""
    made: dict[str, Path] = {}

    def path_of(name: str) -> Path:
        if name not in made:
            path = tmp_path_factory.mktemp("clip") / name
            (MAKERS | JUMPY | OTHERS)[name](path)
            made[name] = path
        return made[name]

    return path_of


@pytest.fixture(scope="session")
def real() -> Callable[[str], Path]:
    """`real("fire2.mp4")`: a real clip from `../shared/media` or `CINEMILL_TEST_MEDIA`; skips without it."""
    folder = Path(os.environ.get("CINEMILL_TEST_MEDIA") or Path(__file__).parents[2] / "shared" / "media")

    def path_of(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"{folder / name} is not here")
        return folder / name

    return path_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the command keeps its state, its data and its settings."""
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the command runs."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def cinemill(folder: Path, home: Path) -> Cinemill:
    """The command as a process of its own."""
    return Cinemill(folder, home)


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the path with the operation `trouble` in it, installed as a stranger's would be."""
    folder = tmp_path_factory.mktemp("plugins")
    shutil.copy(Path(__file__).with_name("jobs") / "trouble.py", folder / "cinemill_trouble.py")
    about = folder / "cinemill_trouble-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cinemill-trouble\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cinemill.operation]\ntrouble = cinemill_trouble\n")
    return folder
