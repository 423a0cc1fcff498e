"""convert, thumbnails, extract-audio: what people do with videos every day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import cinemill
from cinemill.errors import CinemillError
from cinemill.media import read
from cinemill.media.types import AudioTrack
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


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds with two tracks of sound: 300 Hz as AAC, 600 Hz as FLAC, both stereo at 48 kHz."""
    path = tmp_path_factory.mktemp("toolbox") / "spoken.mkv"
    tones = [word for f in (300, 600) for word in ("-f", "lavfi", "-i", f"sine=f={f}:r=48000:d=4")]
    maps = ["-map", 0, "-map", 1, "-map", 2, "-c:a:0", "aac", "-c:a:1", "flac", "-ac", 2]
    run("-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=4", *tones, *maps, "-c:v", "libx264", path)
    return path


def heard(path: Path, track: int = 0) -> tuple[float, float, AudioTrack]:
    """Seconds, the loudest frequency in Hz, and the track."""
    info = read.probe(path)
    found = read.sound_of(info, track)
    samples = np.concatenate([block.samples[0] for block in read.audio(info, found)])
    loudest = float(np.abs(np.fft.rfft(samples)).argmax() * found.sample_rate / len(samples))
    return len(samples) / found.sample_rate, loudest, found


def test_sound_is_copied_or_encoded_as_asked(spoken: Path, tmp_path: Path) -> None:
    cinemill.run("extract-audio", spoken, tmp_path / "a.m4a")
    seconds, pitch, track = heard(tmp_path / "a.m4a")
    assert (track.codec, round(pitch, -1)) == ("aac", 300)
    assert seconds == pytest.approx(4, abs=0.05)
    cinemill.run("extract-audio", spoken, tmp_path / "b.wav", track=2, sample_rate=16000, channels=1)
    _, pitch, track = heard(tmp_path / "b.wav")
    assert (track.codec[:3], track.sample_rate, track.channels, round(pitch, -1)) == ("pcm", 16000, 1, 600)
    cinemill.run("extract-audio", spoken, tmp_path / "c.mp3", bitrate=64, start=1.25, end=2.5)
    seconds, _, track = heard(tmp_path / "c.mp3")
    assert track.codec.startswith("mp3")
    assert seconds == pytest.approx(1.25, abs=0.06)
    cinemill.run("extract-audio", spoken, tmp_path / "d.m4a", codec="copy", start=1, end=3)
    seconds, _, track = heard(tmp_path / "d.m4a")
    assert seconds == pytest.approx(2, abs=0.06)


def test_every_track_goes_into_one_file_or_into_several(spoken: Path, tmp_path: Path) -> None:
    cinemill.run("extract-audio", spoken, tmp_path / "both.mka", every=True)
    assert [round(heard(tmp_path / "both.mka", n)[1], -1) for n in (0, 1)] == [300, 600]
    cinemill.run("extract-audio", spoken, tmp_path / "each.flac", every=True)
    assert [round(heard(tmp_path / name)[1], -1) for name in ("each.flac", "each.2.flac")] == [300, 600]


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        ("a.mp3", {"codec": "copy"}, "cannot hold aac as it is; name the output .m4a"),
        ("a.wav", {"codec": "opus"}, "name the output .opus"),
        ("a.flac", {"bitrate": 128}, "has no bitrate"),
        ("a.m4a", {"codec": "copy", "channels": 1}, "what is copied keeps"),
        ("a.opus", {"codec": "opus", "sample_rate": 44100}, "not 44100"),
        ("a.m4a", {"track": 3}, "2"),
        ("a.m4a", {"start": 9}, "nothing is left"),
    ],
)
def test_what_cannot_be_is_said(name: str, asked: dict[str, Any], told: str, spoken: Path, tmp_path: Path) -> None:
    with pytest.raises(CinemillError, match=told):
        cinemill.run("extract-audio", spoken, tmp_path / name, **asked)
