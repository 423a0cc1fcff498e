"""Every other track: carried as it is, converted, or named with the reason why not."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from cinemill.errors import OutputRefused, UnsupportedMedia
from cinemill.media import encoders, read, tracks, write
from cinemill.media.output import VideoOutput
from cinemill.media.types import MediaInfo
from clips import remake, run

Clip = Callable[[str], Path]


def told(info: MediaInfo) -> list[tuple[object, ...]]:
    return [(t.kind, t.codec, t.language, t.title, t.dispositions) for t in info.tracks]


def cues(path: Path) -> list[list[tuple[float, float, str]]]:
    """(start, length, text) of each cue of each subtitle track, in seconds; empty cues left out."""
    found: list[list[tuple[float, float, str]]] = []
    with av.open(str(path)) as container:
        for stream in container.streams.subtitles:
            container.seek(0)
            track = []
            for packet in container.demux(stream):
                cue = stream.codec_context.decode2(packet) if packet.size else None
                text = b"".join(rect.ass for rect in cue.rects).decode() if cue else ""
                if text:
                    start, length = packet.pts * packet.time_base, packet.duration * packet.time_base
                    track.append((round(float(start), 3), round(float(length), 3), text.split(",", 8)[-1]))
            found.append(track)
    return found


def texts(path: Path) -> list[list[str]]:
    """The words of each cue of each subtitle track, without styles."""
    return [[re.sub(r"{[^}]*}", "", text) for _, _, text in track] for track in cues(path)]


def test_matroska_to_matroska_keeps_all_tracks_in_order_with_names_languages_and_flags(
    clip: Clip, tmp_path: Path
) -> None:
    source = read.probe(clip("tracks.mkv"))
    made = remake(clip("tracks.mkv"), tmp_path / "made.mkv", codec="h264", speed="ultrafast")
    assert told(made) == told(source)
    assert made.chapters == source.chapters
    assert made.metadata["title"] == "All tracks"
    assert cues(made.path) == cues(source.path)
    with av.open(str(source.path)) as before, av.open(str(made.path)) as after:
        assert before.streams.attachments[0].data == after.streams.attachments[0].data
        assert after.streams.attachments[0].mimetype == "application/x-truetype-font"
        assert before.streams.subtitles[0].codec_context.subtitle_header == (
            after.streams.subtitles[0].codec_context.subtitle_header
        )


def test_copied_sound_is_the_same_bytes_at_the_same_times(clip: Clip, tmp_path: Path) -> None:
    made = remake(clip("tracks.mkv"), tmp_path / "made.mkv", codec="h264", speed="ultrafast")

    def sound(path: Path) -> list[list[tuple[int, bytes]]]:
        with av.open(str(path)) as container:
            all_packets = [p for p in container.demux(list(container.streams.audio)) if p.size]
            return [[(p.pts, bytes(p)) for p in all_packets if p.stream is s] for s in container.streams.audio]

    assert sound(made.path) == sound(clip("tracks.mkv"))


def test_matroska_to_mp4_converts_what_it_can_and_names_what_it_cannot_beforehand(clip: Clip, tmp_path: Path) -> None:
    source = read.probe(clip("tracks.mkv"))
    assert [carry.describe() for carry in tracks.carries(source, "mp4")] == [
        "#1 audio aac (eng) is copied",
        "#2 audio flac (fra) is copied",
        "#3 audio mp3 (eng) is copied",
        "#4 subtitle ass (eng) becomes mov_text: mp4 cannot hold ass; its styles are lost",
        "#5 subtitle subrip (fra) becomes mov_text: mp4 cannot hold subrip",
        "#6 attachment unknown is left out: mp4 cannot hold attachments (Loud.ttf)",
    ]
    made = remake(clip("tracks.mkv"), tmp_path / "made.mp4", codec="h264", speed="ultrafast")
    kept = [(t.kind, t.codec, t.language, t.title, "default" in t.dispositions) for t in made.tracks[:6]]
    assert kept == [
        ("video", "h264", "und", "Picture", True),
        ("audio", "aac", "eng", "English", False),
        ("audio", "flac", "fra", "Français", True),
        ("audio", "mp3", "eng", "Commentary", False),
        ("subtitle", "mov_text", "eng", "Styled", False),
        ("subtitle", "mov_text", "fra", "Plain", True),
    ]
    assert made.chapters == source.chapters
    assert cues(made.path) == [
        [(0.2, 0.6, "{\\i1}Hello{\\r} there"), (1.0, 0.4, "Good bye")],
        [(0.2, 0.6, "Bonjour"), (1.0, 0.4, "Au {\\i1}revoir")],
    ]
    assert texts(made.path) == [["Hello there", "Good bye"], ["Bonjour", "Au revoir"]]


def test_mp4_and_back_keeps_titles_and_chapters(clip: Clip, tmp_path: Path) -> None:
    mp4 = remake(clip("tracks.mkv"), tmp_path / "made.mp4", codec="h264", speed="ultrafast")
    back = remake(mp4.path, tmp_path / "back.mkv", codec="h264", speed="ultrafast")
    assert [t.title for t in back.tracks] == ["Picture", "English", "Français", "Commentary", "Styled", "Plain"]
    assert [t.language for t in back.tracks[1:]] == ["eng", "fra", "eng", "eng", "fra"]
    assert back.chapters == mp4.chapters
    assert [t.codec for t in back.tracks[4:]] == ["subrip", "subrip"]
    assert texts(back.path) == [["Hello there", "Good bye"], ["Bonjour", "Au revoir"]]


def test_copied_cues_of_mp4_are_not_joined_by_blank_ones(clip: Clip, tmp_path: Path) -> None:
    first = remake(clip("tracks.mkv"), tmp_path / "first.mp4", codec="h264", speed="ultrafast")
    second = remake(first.path, tmp_path / "second.mp4", codec="h264", speed="ultrafast")
    assert cues(second.path) == cues(first.path)

    def stored(path: Path) -> list[int]:
        with av.open(str(path)) as container:
            return [packet.pts for packet in container.demux(container.streams.subtitles[0]) if packet.size]

    assert stored(second.path) == stored(first.path)


def test_webm_gets_opus_and_webvtt(clip: Clip, tmp_path: Path) -> None:
    made = remake(clip("tracks.mkv"), tmp_path / "made.webm", codec="vp9", speed="ultrafast")
    assert [t.codec for t in made.tracks] == ["vp9", "opus", "opus", "opus", "webvtt", "webvtt"]
    assert made.chapters == read.probe(clip("tracks.mkv")).chapters
    assert texts(made.path) == [["Hello there", "Good bye"], ["Bonjour", "Au revoir"]]


@pytest.mark.parametrize("name", ["cover.mp4", "cover.mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cover_goes_along(clip: Clip, tmp_path: Path, name: str, suffix: str) -> None:
    made = remake(clip(name), tmp_path / f"made{suffix}", codec="h264", speed="ultrafast")
    (cover,) = [track for track in made.tracks if "attached_pic" in track.dispositions]
    assert cover.codec == "png"
    with av.open(str(clip(name))) as before, av.open(str(made.path)) as after:
        pictures = [next(c.decode(c.streams.video[1])).to_ndarray(format="rgb24") for c in (before, after)]
    assert (pictures[0] == pictures[1]).all()
    assert (made.video.width, made.video.height) == (96, 64)


def test_a_cover_that_cannot_go_along_is_named(clip: Clip) -> None:
    fates = tracks.carries(read.probe(clip("cover.mp4")), "mov")
    assert [fate.describe() for fate in fates] == ["#1 video png is left out: mov cannot hold a cover"]


def test_a_second_picture_is_copied(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    run("-i", clip("h264_b.mkv"), "-i", clip("open_gop.mkv"), "-map", "0:v", "-map", "1:v", "-c", "copy", path)
    made = remake(path, tmp_path / "made.mp4", codec="h264", speed="ultrafast")
    assert [track.kind for track in made.tracks] == ["video", "video"]
    with av.open(str(made.path)) as container:
        assert sum(1 for _ in container.decode(container.streams.video[1])) == 40


def test_tags_of_any_name_survive(tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    tags = ["-metadata", "title=A film", "-metadata", "reel=7B", "-movflags", "use_metadata_tags"]
    run("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.2", *tags, source)
    for suffix in (".mp4", ".mkv"):
        made = remake(source, tmp_path / f"made{suffix}", codec="h264", speed="ultrafast")
        kept = {key.lower(): value for key, value in made.metadata.items()}
        assert (kept["title"], kept["reel"]) == ("A film", "7B")


def test_sound_alone_can_be_carried(tmp_path: Path) -> None:
    source, path = tmp_path / "tone.flac", tmp_path / "tone.mka"
    run("-f", "lavfi", "-i", "sine=d=0.5", source)
    info = read.probe(source)
    deque(write.assemble([], None, info, tracks.carries(info, "matroska"), path, "matroska"), maxlen=0)
    assert [track.codec for track in read.probe(path).tracks] == ["flac"]


@pytest.mark.parametrize(("name", "format"), [("a.mp4", "mp4"), ("a.M4V", "mp4"), ("a.mkv", "matroska")])
def test_the_container_follows_from_the_suffix(name: str, format: str) -> None:
    assert tracks.container_of(Path(name)) == format


@pytest.mark.parametrize("name", ["film.avi", "film", "film.mp3"])
def test_a_suffix_that_keeps_no_exact_time_is_refused_with_those_that_do(name: str) -> None:
    with pytest.raises(OutputRefused, match=r"has suffix .*; this goes into \.mp4, \.m4v, \.mov, \.mkv, \.webm"):
        tracks.container_of(Path(name))


def test_a_picture_that_a_container_cannot_hold_is_refused_before_the_work(clip: Clip) -> None:
    info = read.probe(clip("one.mp4"))
    picture = next(iter(read.frames(info)))
    spec, _ = encoders.spec_for(VideoOutput(codec="prores"), picture, info.video.frame_rate, None, cores=1)
    tracks.check_picture("mov", spec)
    with pytest.raises(UnsupportedMedia, match=r"webm cannot hold prores; give the output another suffix"):
        tracks.check_picture("webm", spec)
