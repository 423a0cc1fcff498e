"""convert, thumbnails: what people do with videos every day."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

import cinemill
from cinemill.errors import CinemillError
from cinemill.media import read
from clips import run


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds with sound, a keyframe each second."""
    path = tmp_path_factory.mktemp("toolbox") / "source.mp4"
    common = ["-c:v", "libx264", "-g", 25, "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    run("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4", *common, path)
    return path


def count(path: Path) -> int:
    return len(read.index(read.probe(path)).pts)


def test_exact_cuts_begin_where_they_are_asked_for(source: Path, tmp_path: Path) -> None:
    cinemill.run("convert", source, tmp_path / "exact.mp4", start=1.52, end=2.52, speed="ultrafast")
    info = read.probe(tmp_path / "exact.mp4")
    assert count(info.path) == 25
    assert info.of_kind("audio")
    first = next(iter(read.frames(info)))
    wanted = list(read.frames(read.probe(source)))[38]
    assert abs(first.planes[0].astype(int) - wanted.planes[0]).mean() < 3


def test_lossless_cuts_copy_from_a_keyframe(source: Path, tmp_path: Path) -> None:
    cinemill.run("convert", source, tmp_path / "copied.mp4", start=2, end=3, picture="copy")
    assert count(tmp_path / "copied.mp4") in range(25, 29), "pictures that others refer to come along"


def test_a_size_is_kept_to(source: Path, tmp_path: Path) -> None:
    cinemill.run("convert", source, tmp_path / "small.mp4", size_mb=0.15, speed="ultrafast")
    assert 0.08e6 < (tmp_path / "small.mp4").stat().st_size <= 0.155e6
    with pytest.raises(CinemillError, match="too little"):
        cinemill.run("convert", source, tmp_path / "tiny.mp4", size_mb=0.001)


@pytest.mark.parametrize("suffix", ["gif", "webp", "avif"])
def test_pictures_that_move(suffix: str, source: Path, tmp_path: Path) -> None:
    path = tmp_path / f"moving.{suffix}"
    cinemill.run("convert", source, path, end=1, height=90)
    assert path.stat().st_size > 1000
    if suffix == "gif":
        assert count(path) == 15


def test_presets_make_what_they_say(source: Path, tmp_path: Path) -> None:
    cinemill.run("convert", source, tmp_path / "a.mkv", preset="archive")
    video = read.probe(tmp_path / "a.mkv").video
    assert video
    assert video.codec == "ffv1"
    cinemill.run("convert", source, tmp_path / "b.mp4", preset="phone", height=90, speed="ultrafast")
    video = read.probe(tmp_path / "b.mp4").video
    assert video
    assert (video.width, video.height) == (160, 90)


def test_thumbnails_are_a_sheet_or_one_picture(source: Path, tmp_path: Path) -> None:
    cinemill.run("thumbnails", source, tmp_path / "sheet.png", count=6, columns=3, width=160)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape[1] > 3 * 160
    cinemill.run("thumbnails", source, tmp_path / "one.jpg", at=1.0, width=320)
    one = cv2.imread(str(tmp_path / "one.jpg"))
    assert one is not None
    assert one.shape == (180, 320, 3)
