"""Facts written into a finished header: nothing else moves, and everybody can read them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from cinemill.errors import MediaError
from cinemill.media import matroska, read
from cinemill.media.matroska import Facts
from cinemill.media.types import Hdr
from clips import remake, run, seen

Clip = Callable[[str], Path]
HDR = Hdr(
    display=tuple((Fraction(n, 100), Fraction(n + 1, 100)) for n in (68, 26, 15, 31)),
    min_luminance=Fraction(1, 200),
    max_luminance=Fraction(4000),
    max_cll=3000,
    max_fall=250,
)


def titled(source: Path, path: Path, title: str) -> Path:
    """A copy of a Matroska file whose first track is called `title`."""
    run("-i", source, "-map", 0, "-c", "copy", "-metadata:s:v:0", f"title={title}", path)
    return path


@pytest.mark.parametrize("title", ["", "A film", "Ein Film, größer", "x" * 120])
@pytest.mark.parametrize(
    "facts",
    [
        Facts(dar=Fraction(16, 9)),
        Facts(dar=Fraction(65_535, 65_521)),
        Facts(hdr=HDR),
        Facts(hdr=Hdr(max_cll=1000, max_fall=1)),
        Facts(dar=Fraction(8, 5), hdr=HDR, delay=Fraction(21, 1000)),
    ],
)
def test_facts_are_read_back_and_nothing_moves(clip: Clip, tmp_path: Path, title: str, facts: Facts) -> None:
    facts = Facts(title, facts.dar, facts.hdr, facts.delay)
    path = titled(clip("422_10.mkv"), tmp_path / "x.mkv", facts.placeholder)
    before = path.read_bytes()
    expected = seen(read.frames(read.probe(path)))
    matroska.complete(path, {0: facts})

    info = read.probe(path)
    assert info.video.title == (title or None)
    if facts.dar:
        assert info.video.sar * info.video.width / info.video.height == facts.dar
    assert info.video.hdr == facts.hdr
    assert seen(read.frames(info)) == expected
    after = path.read_bytes()
    assert len(after) == len(before)
    cluster = before.index(bytes.fromhex("1F43B675"))
    assert after[cluster:] == before[cluster:]


def test_other_tracks_are_left_alone(clip: Clip, tmp_path: Path) -> None:
    facts = Facts("Picture", dar=Fraction(2))
    path = titled(clip("tracks.mkv"), tmp_path / "x.mkv", facts.placeholder)
    matroska.complete(path, {0: facts})
    before, after = read.probe(clip("tracks.mkv")), read.probe(path)
    assert [(t.codec, t.title, t.language, t.dispositions) for t in after.tracks] == [
        (t.codec, t.title, t.language, t.dispositions) for t in before.tracks
    ]
    assert after.video.sar == Fraction(4, 3)
    assert after.chapters == before.chapters


def test_the_programs_checksums_still_agree(clip: Clip, tmp_path: Path) -> None:
    """FFmpeg checks the CRC of Tracks when told to, and then refuses what does not agree."""
    made = remake(clip("sar_pal.mp4"), tmp_path / "made.mkv")
    run("-xerror", "-err_detect", "crccheck+explode", "-i", made.path, "-f", "null", "-")
    data = made.path.read_bytes()
    tracks = data.index(bytes.fromhex("1654AE6B"), data.index(bytes.fromhex("1654AE6B")) + 4)  # after SeekHead's
    assert b"\xbf\x84" in data[tracks : tracks + 16], "there is a checksum"


def test_no_room_is_an_error_and_not_a_broken_file(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    path.write_bytes(clip("422_10.mkv").read_bytes())
    before = path.read_bytes()
    with pytest.raises(MediaError, match="no room"):
        matroska.complete(path, {0: Facts(hdr=HDR)})
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["h264_b.mkv", "tracks.mkv", "odd_vp9.webm"])
def test_the_promised_size_is_the_size_of_a_whole_file(clip: Clip, name: str) -> None:
    assert matroska.promised_size(clip(name)) == clip(name).stat().st_size


def test_a_live_recording_promises_nothing(clip: Clip) -> None:
    assert matroska.promised_size(clip("live.mkv")) == 0
