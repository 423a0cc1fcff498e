"""A folder of good and bad files, as somebody new to this may have them, and the command with a home of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import clips

_PICTURES = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=24,trim=end_frame=96"]
_CODING = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "12", "-threads", "1"]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files. Never write to them; `take` gives copies."""
    folder = tmp_path_factory.mktemp("shelf")
    clips.run(*_PICTURES, *_CODING, folder / "good.mp4")
    clips.run("-f", "lavfi", "-i", "sine=d=1", folder / "sound.mp4")
    clips.run("-f", "lavfi", "-i", "testsrc2=s=96x64", "-frames:v", 1, folder / "still.png")
    good = (folder / "good.mp4").read_bytes()
    (folder / "zero.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("Dear diary\n" * 100)
    (folder / "headless.mp4").write_bytes(good[: good.index(b"moov") - 4])
    middle = len(good) // 2
    (folder / "damaged.mp4").write_bytes(good[:middle] + bytes(i * 37 % 256 for i in range(600)) + good[middle + 600 :])
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def take(shelf: Path, folder: Path) -> Callable[..., Path]:
    """`take("good.mp4", "new name")`: a copy of a file, in the folder where the command runs."""

    def take(name: str, called: str | None = None) -> Path:
        path = folder / (called or name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if (shelf / name).is_dir():
            path.mkdir()
        else:
            shutil.copy(shelf / name, path)
        return path

    return take
