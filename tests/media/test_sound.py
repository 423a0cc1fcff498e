"""Sound that has to be made anew: every encoder gets what it takes, and no more is lost than must be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from cinemill.media import read, tracks, write
from cinemill.media.types import AudioTrack, MediaInfo
from clips import remake, run

Clip = Callable[[str], Path]
PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1"]


def film(path: Path, sound: str, *codec: object) -> MediaInfo:
    """One second of picture with `sound`, a source of libavfilter."""
    run(*PICTURE, "-f", "lavfi", "-i", sound, "-c:v", "mpeg4", *codec, path)
    return read.probe(path)


def sound_only(info: MediaInfo, path: Path, format: str, encoder: str | None = None) -> MediaInfo:
    """The first sound track alone in `path`, made anew by `encoder` if one is named."""
    track = read.sound_of(info)
    carry = tracks.Carry(track, "convert", encoder) if encoder else tracks.Carry(track, "copy")
    deque(write.assemble([], None, info, [carry], path, format), maxlen=0)
    return read.probe(path)


def samples(info: MediaInfo) -> np.ndarray:
    return np.concatenate([block.samples for block in read.audio(info, read.sound_of(info))], axis=1)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        *((c, ".wmv") for c in ("wmav2",)),
        *((c, ".avi") for c in ("adpcm_ms", "mp2")),
        ("vorbis", ".mkv"),
        ("ac3", ".ts"),
    ],
)
@pytest.mark.parametrize("target", [".mp4", ".mkv", ".mov", ".webm"])
def test_every_kind_of_sound_goes_somewhere_and_keeps_its_length(
    tmp_path: Path, codec: str, suffix: str, target: str
) -> None:
    coder = {"vorbis": "libvorbis"}.get(codec, codec)
    info = film(tmp_path / f"source{suffix}", "sine=d=1:r=48000", "-c:a", coder)
    made = remake(
        info.path, tmp_path / f"made{target}", codec="vp9" if target == ".webm" else "h264", speed="ultrafast"
    )
    assert samples(made).shape[1] == pytest.approx(samples(info).shape[1], abs=2100)


@pytest.mark.parametrize("encoder", ["flac", "alac"])
@pytest.mark.parametrize(("depth", "codec"), [(16, "pcm_s16le"), (24, "pcm_s24le")])
def test_lossless_sound_made_lossless_again_keeps_every_sample(
    tmp_path: Path, encoder: str, depth: int, codec: str
) -> None:
    info = film(tmp_path / "source.mkv", "anoisesrc=d=0.5:r=96000:a=0.9:seed=4", "-c:a", codec)
    made = sound_only(info, tmp_path / "made.mkv", "matroska", encoder)
    assert np.array_equal(samples(made), samples(info))
    with av.open(str(made.path)) as container:
        assert container.streams.audio[0].codec_context.format.bits == (16 if depth == 16 else 32)
    assert read.sound_of(made).sample_rate == 96_000


@pytest.mark.parametrize(
    ("rate", "encoder", "suffix", "format", "expected"),
    [
        (96_000, "libmp3lame", ".mp3", "mp3", 48_000),
        (44_100, "libmp3lame", ".mp3", "mp3", 44_100),
        (192_000, "aac", ".mp4", "mp4", 96_000),
        (44_100, "libopus", ".mka", "matroska", 48_000),
        (192_000, "flac", ".mka", "matroska", 192_000),
    ],
)
def test_the_rate_is_the_next_one_that_the_encoder_has(
    tmp_path: Path, rate: int, encoder: str, suffix: str, format: str, expected: int
) -> None:
    info = film(tmp_path / "source.mkv", f"sine=d=1:r={rate}", "-c:a", "pcm_s16le")
    made = sound_only(info, tmp_path / f"made{suffix}", format, encoder)
    assert read.sound_of(made).sample_rate == expected
    assert samples(made).shape[1] / expected == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    ("encoder", "suffix", "format", "layout"),
    [
        *(
            ("libopus", ".mka", "matroska", "5.1"),
            ("aac", ".mp4", "mp4", "5.1"),
            ("libmp3lame", ".mp3", "mp3", "stereo"),
        ),
    ],
)
def test_surround_of_a_disc_finds_its_loudspeakers(
    tmp_path: Path, encoder: str, suffix: str, format: str, layout: str
) -> None:
    """AC-3 calls its rear channels side ones; each channel has a tone of its own."""
    tones = "|".join(f"0.3*sin({400 * n}*t)" for n in (1, 2, 3, 0, 5, 6))
    surround = f"aevalsrc='{tones}':c=5.1(side):d=1:s=48000"
    info = film(tmp_path / "source.mkv", surround, "-c:a", "ac3", "-b:a", "640k")
    assert read.sound_of(info).layout == "5.1(side)"
    made = sound_only(info, tmp_path / f"made{suffix}", format, encoder)
    assert read.sound_of(made).layout == layout
    if layout == "stereo":
        return
    before, after = samples(info)[:, 9600:38_400], samples(made)[:, 9600:38_400]
    for channel in (0, 1, 2, 4, 5):
        assert loudest(after[channel]) == pytest.approx(loudest(before[channel]), abs=2), channel


def loudest(wave: np.ndarray) -> float:
    """The frequency in Hz of a tone at 48 kHz."""
    return float(np.abs(np.fft.rfft(wave)).argmax() * 48_000 / len(wave))


def test_channels_that_change_in_the_middle_become_like_the_first(tmp_path: Path) -> None:
    pieces = []
    for number, (channels, rate) in enumerate(((2, 48_000), (6, 48_000), (1, 44_100))):
        piece = tmp_path / f"{number}.ts"
        beep = f"aevalsrc='if(lt(mod(t\\,1)\\,0.2)\\,sin(6283*t)\\,0)':s={rate}:d=1"
        film(piece, beep, "-c:a", "ac3", "-ac", channels, "-output_ts_offset", 10 + number)
        pieces.append(piece.read_bytes())
    path = tmp_path / "source.ts"
    path.write_bytes(b"".join(pieces))
    info = read.probe(path)
    blocks = list(read.audio(info, read.sound_of(info)))
    assert {(block.samples.shape[0], block.sample_rate) for block in blocks} == {(2, 48_000)}
    gaps = [b.pts - a.pts - a.samples.shape[1] for a, b in pairwise(blocks)]
    assert all(abs(gap) <= 1536 for gap in gaps), "a block of AC-3 at most, where the pieces meet"
    made = sound_only(info, tmp_path / "made.mka", "matroska", "flac")
    assert samples(made).shape[1] / 48_000 == pytest.approx(3, abs=0.06)


def test_a_number_of_channels_is_taken_for_the_usual_layout(tmp_path: Path) -> None:
    info = film(tmp_path / "source.avi", "sine=d=1:r=48000", "-c:a", "pcm_s16le")
    with av.open(str(info.path)) as container:
        assert container.streams.audio[0].codec_context.layout.name == "1 channels"
    track = read.sound_of(info)
    assert isinstance(track, AudioTrack)
    assert track.layout == "mono"


def test_the_timecode_goes_along_as_a_tag(tmp_path: Path) -> None:
    source = tmp_path / "source.mov"
    run(*PICTURE, "-c:v", "libx264", "-timecode", "01:02:03:04", source)
    info = read.probe(source)
    assert [c.describe() for c in tracks.carries(info, "mov")] == [
        "#1 data unknown (eng) is left out: it is the timecode, which is carried as a tag"
    ]
    for suffix in (".mov", ".mp4", ".mkv"):
        made = remake(source, tmp_path / f"made{suffix}", codec="h264", speed="ultrafast")
        with av.open(str(made.path)) as container:
            tags = {k.lower(): v for k, v in (container.metadata | container.streams.video[0].metadata).items()}
        assert tags["timecode"] == "01:02:03:04"


def test_length_of_the_picture_is_untouched_by_the_sound(clip: Clip, tmp_path: Path) -> None:
    made = remake(clip("sound.mp4"), tmp_path / "made.webm", codec="vp9", speed="ultrafast")
    frames = list(read.frames(made))
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 25) for n in range(40)]
