"""Upscaling and interpolation as a user asks for them, by networks that the tests make."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

import cinemill
from cinemill.errors import InvalidParams, MissingModel
from cinemill.media import read
from cinemill.settings import settings
from networks import onnx_file

Clip = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()


@pytest.fixture(scope="module")
def doubler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return onnx_file(tmp_path_factory.mktemp("network") / "doubler.onnx", scale=2)


def test_a_network_enlarges_and_sound_comes_along(clip: Clip, doubler: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    cinemill.run("upscale", clip("sound.mp4"), made, model=str(doubler), scale=1.5, speed="ultrafast")
    before, after = read.probe(clip("sound.mp4")), read.probe(made)
    assert (after.video.width, after.video.height) == (144, 96)
    assert [track.kind for track in after.tracks] == ["video", "audio"]
    times = [[frame.pts * frame.time_base for frame in read.frames(info)] for info in (before, after)]
    assert times[0] == times[1]


@pytest.mark.parametrize(("scale", "size"), [(None, (192, 128)), (3, (288, 192)), (4, (384, 256)), (1.5, (144, 96))])
def test_our_own_network_needs_no_model(clip: Clip, tmp_path: Path, scale: float | None, size: tuple[int, int]) -> None:
    made = tmp_path / "made.mp4"
    cinemill.run("upscale", clip("sound.mp4"), made, scale=scale, speed="ultrafast")
    video = read.probe(made).video
    assert (video.width, video.height) == size


def test_what_our_own_network_does_not_know_is_refused(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="tile is for other networks than ours"):
        cinemill.run("upscale", clip("sound.mp4"), tmp_path / "made.mp4", tile=64)


def test_without_the_network_the_command_that_gets_it_is_named(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"cinemill models get realesr-general-x4v3"):
        cinemill.run("upscale", clip("sound.mp4"), tmp_path / "made.mp4", model="realesr-general-x4v3")


def test_pictures_come_in_between_along_the_flow_where_no_network_is(clip: Clip, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    cinemill.run("interpolate", clip("sound.mp4"), made, rate=60, speed="ultrafast")
    frames = list(read.frames(read.probe(made)))
    assert len(frames) == 96
    assert {(b.pts - a.pts) * a.time_base for a, b in pairwise(frames)} == {Fraction(1, 60)}


def test_restore_goes_the_same_way(clip: Clip, doubler: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mkv"
    wishes = {"fields": "progressive", "denoise": 0, "deblock": "no", "dehalo": "no", "speed": "ultrafast"}
    cinemill.run("restore", clip("sound.mp4"), made, upscale="720p", upscaler=str(doubler), fps=50, **wishes)
    video = read.probe(made).video
    assert (video.width, video.height, video.frame_rate) == (1080, 720, 50)
