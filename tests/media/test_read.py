"""Every picture and every pts, against the FFmpeg program and against arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from cinemill.errors import DecodeFailed, NoSuchStream, OpenFailed, UnsupportedMedia
from cinemill.media import read
from cinemill.media.types import Frame, MediaInfo
from clips import MAKERS, md5, run, seen, truth

Clip = Callable[[str], Path]

# AVI stores no pts: what FFmpeg's program gives is late by the decoder's delay.
UNTIMED = ("b.avi", "h264.avi")


def opened(path: Path) -> tuple[MediaInfo, list[Frame]]:
    info = read.probe(path)
    damage = read.Damage()
    frames = list(read.frames(info, damage=damage))
    assert not damage, damage.describe()
    return info, frames


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in UNTIMED])
def test_pictures_and_times_are_those_of_the_ffmpeg_program(clip: Clip, name: str) -> None:
    _, frames = opened(clip(name))
    expected, unit = truth(clip(name))
    assert [frame.pts * frame.time_base for frame in frames] == [picture.pts * unit for picture in expected]
    assert [md5(frame) for frame in frames] == [picture.md5 for picture in expected]
    last = frames[-1]
    assert last.duration * last.time_base == expected[-1].duration * unit


@pytest.mark.parametrize("name", UNTIMED)
def test_reordered_pictures_in_avi_lie_one_after_another_from_zero(clip: Clip, name: str) -> None:
    _, frames = opened(clip(name))
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 25) for n in range(40)]
    assert [md5(frame) for frame in frames] == [picture.md5 for picture in truth(clip(name))[0]]


@pytest.mark.parametrize("name", MAKERS)
def test_a_picture_lasts_until_the_next(clip: Clip, name: str) -> None:
    _, frames = opened(clip(name))
    assert all(a.duration == b.pts - a.pts for a, b in pairwise(frames))
    assert frames[-1].duration > 0


@pytest.mark.parametrize("name", [name for name in MAKERS if not name.endswith(".264")])
def test_the_index_knows_every_picture_without_decoding(clip: Clip, name: str) -> None:
    info, frames = opened(clip(name))
    index = read.index(info)
    assert list(index.pts) == [frame.pts for frame in frames]
    assert set(index.keyframes) <= set(index.pts)
    assert index.cut_off is None
    assert index.exact == (name not in UNTIMED)


@pytest.mark.parametrize("name", [name for name in MAKERS if not name.startswith("turned")] + ["turned90h.mp4"])
def test_a_span_equals_the_slice_of_the_whole_at_every_boundary(clip: Clip, name: str) -> None:
    info, frames = opened(clip(name))
    index = read.index(info)
    whole = seen(frames)
    pts = [frame.pts for frame in frames]
    chance = random.Random(name)
    hard = name.startswith(("open_gop", "intra", "vfr", "trimmed", "h264_b", "late", "b."))
    for place in range(0, len(pts), 1 if hard else 3):
        before, after = chance.choice(((0, 0), (1, 0), (3, 2), (50, 50)))
        end = chance.choice((place + 1, place + 4, len(pts)))
        # Any time after the previous picture names the same first picture.
        start = pts[place] - chance.randrange(pts[place] - pts[place - 1] if place else 9)
        stop = pts[end] if end < len(pts) else None
        damage = read.Damage()
        span = read.frames(info, start=start, stop=stop, before=before, after=after, index=index, damage=damage)
        assert seen(span) == whole[max(0, place - before) : end + after], (place, end, before, after)
        assert not damage, damage.describe()


def test_chunks_on_keyframes_are_the_whole_whatever_the_seek_gives(clip: Clip, tmp_path: Path) -> None:
    """A longer transport stream, where seeking is a search among packets."""
    path = tmp_path / "long.ts"
    run("-f", "lavfi", "-i", "testsrc2=s=160x96:r=25:d=12", "-c:v", "mpeg2video", "-bf", 2, "-g", 12, "-q:v", 3, path)
    info, frames = opened(path)
    index = read.index(info)
    cuts = [None, *index.keyframes[1::2], None]
    chunks = [frame for a, b in pairwise(cuts) for frame in read.frames(info, start=a, stop=b, index=index)]
    assert seen(chunks) == seen(frames)


@pytest.mark.parametrize("name", ["h264_b.mp4", "422_10.mkv", "h264_b.ts"])
def test_the_number_of_threads_changes_nothing(clip: Clip, name: str) -> None:
    info = read.probe(clip(name))
    assert seen(read.frames(info, threads=1)) == seen(read.frames(info, threads=4))


def test_closing_early_frees_the_file(clip: Clip) -> None:
    frames = read.frames(read.probe(clip("h264_b.mp4")))
    next(frames)
    frames.close()
    assert next(frames, None) is None


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_24000_1001_is_told_exactly(clip: Clip, name: str) -> None:
    assert read.probe(clip(name)).video.frame_rate == Fraction(24000, 1001)


@pytest.mark.parametrize("name", ["ntsc.mp4", "ntsc.mkv"])
def test_30000_1001_is_told_exactly(clip: Clip, name: str) -> None:
    assert read.probe(clip(name)).video.frame_rate == Fraction(30000, 1001)


@pytest.mark.parametrize("name", ["cover.mp4", "cover.mkv"])
def test_a_larger_cover_is_not_taken_for_the_picture(clip: Clip, name: str) -> None:
    video = read.probe(clip(name)).video
    assert (video.width, video.height, video.codec) == (96, 64, "h264")


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_the_field_order_is_what_the_pictures_say(clip: Clip, order: str, suffix: str) -> None:
    info, frames = opened(clip(f"{order}.{suffix}"))
    assert info.video.field_order == order
    assert {frame.field_order for frame in frames} == {order}


def test_each_picture_of_a_mixed_programme_says_what_it_is(clip: Clip) -> None:
    frames = list(read.frames(read.probe(clip("mixed.ts"))))
    assert [frame.field_order for frame in frames] == ["progressive"] * 20 + ["bff"] * 20


@pytest.mark.parametrize("place", [-1, 40, 100])
@pytest.mark.parametrize("before", [0, 3])
def test_a_start_outside_the_film_finds_what_there_is(clip: Clip, place: int, before: int) -> None:
    info, frames = opened(clip("h264_b.mp4"))
    index = read.index(info)
    span = list(read.frames(info, start=place * 512, before=before, index=index))
    assert seen(span) == (seen(frames) if place < 0 else seen(frames[40 - before :]))


@pytest.mark.parametrize(("name", "sar"), [("sar_pal.mp4", Fraction(16, 15)), ("sar_wide.mkv", Fraction(64, 45))])
def test_the_shape_of_a_pixel_is_read(clip: Clip, name: str, sar: Fraction) -> None:
    info, frames = opened(clip(name))
    assert info.video.sar == frames[0].sar == sar


def test_a_turned_picture_has_turned_size_and_pixel_shape(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "t.mp4"
    run("-display_rotation", 90, "-i", clip("sar_pal.mp4"), "-c", "copy", path)
    info, frames = opened(path)
    assert (info.video.width, info.video.height, info.video.sar) == (64, 96, Fraction(15, 16))
    assert (frames[0].width, frames[0].height, frames[0].sar) == (64, 96, Fraction(15, 16))


def test_light_levels_and_colour_of_hdr_are_read_exactly(clip: Clip) -> None:
    video = read.probe(clip("pq.mp4")).video
    assert video.colour.transfer == "smpte2084"
    assert (video.colour.matrix, video.colour.primaries, video.colour.range) == ("bt2020nc", "bt2020", "limited")
    assert video.hdr is not None
    assert (video.hdr.max_cll, video.hdr.max_fall) == (1000, 400)
    assert (video.hdr.max_luminance, video.hdr.min_luminance) == (1000, Fraction(1, 200))
    assert video.hdr.display is not None
    assert [tuple(map(float, point)) for point in video.hdr.display] == [
        (0.68, 0.32),
        (0.265, 0.69),
        (0.15, 0.06),
        (0.3127, 0.329),
    ]


def test_tracks_tell_language_title_and_flags(clip: Clip) -> None:
    info = read.probe(clip("tracks.mkv"))
    told = [(t.kind, t.codec, t.language, t.title, "default" in t.dispositions) for t in info.tracks]
    assert told == [
        ("video", "h264", None, "Picture", True),
        ("audio", "aac", "eng", "English", False),
        ("audio", "flac", "fra", "Français", True),
        ("audio", "mp3", "eng", "Commentary", False),
        ("subtitle", "ass", "eng", "Styled", False),
        ("subtitle", "subrip", "fra", "Plain", True),
        ("attachment", "unknown", None, "Loud.ttf", False),
    ]
    assert [(c.start, c.end, c.title) for c in info.chapters] == [
        (0, Fraction(7, 10), "Opening"),
        (Fraction(7, 10), Fraction(8, 5), "The rest"),
    ]


def test_the_phone_clip_is_upright_and_keeps_its_own_times(real: Callable[[str], Path]) -> None:
    info, frames = opened(real("fire2.mp4"))
    expected, unit = truth(real("fire2.mp4"))
    assert [frame.pts * frame.time_base for frame in frames] == [picture.pts * unit for picture in expected]
    assert [md5(frame) for frame in frames] == [picture.md5 for picture in expected]
    assert len({frame.duration for frame in frames}) > 3, "its rate varies"
    assert info.video.rotation == 180


@pytest.mark.parametrize("name", ["chaplin.mp4", "big_buck_bunny_0_30.webm"])
def test_real_clips_are_read_like_the_ffmpeg_program_does(real: Callable[[str], Path], name: str) -> None:
    info = read.probe(real(name))
    expected, unit = truth(real(name), "-t", "3")
    got = seen(read.frames(info, stop=3 * info.video.time_base.denominator))
    assert got[: len(expected)] == [(picture.pts * unit, picture.md5) for picture in expected]


class TestSound:
    """What `read.audio` says of time."""

    def test_blocks_count_samples_without_a_gap(self, clip: Clip) -> None:
        for name in ("sound.mp4", "sound.mkv"):
            info = read.probe(clip(name))
            blocks = list(read.audio(info, read.sound_of(info)))
            assert blocks[0].pts == 0
            assert all(a.pts + a.samples.shape[1] == b.pts for a, b in pairwise(blocks))
            assert sum(block.samples.shape[1] for block in blocks) == 48_000 * 16 // 10

    def test_a_gap_stays_a_gap(self, tmp_path: Path) -> None:
        path = tmp_path / "gap.mkv"
        hole = "sine=f=440:r=48000:d=2,aselect='not(between(t,0.5,1.2))'"
        run("-f", "lavfi", "-i", hole, "-c:a", "pcm_s16le", path)
        info = read.probe(path)
        blocks = list(read.audio(info, read.sound_of(info)))
        jumps = [b.pts - a.pts - a.samples.shape[1] for a, b in pairwise(blocks)]
        assert max(jumps) == pytest.approx(0.7 * 48_000, abs=1100)
        assert jumps.count(0) == len(jumps) - 1

    def test_asking_for_a_track_too_many_says_how_many_there_are(self, clip: Clip) -> None:
        info = read.probe(clip("tracks.mkv"))
        assert read.sound_of(info, 2).language == "eng"
        with pytest.raises(NoSuchStream, match=r"has 3 audio tracks; number 4"):
            read.sound_of(info, 3)


class TestNames:
    """A path is a path, whatever it looks like to FFmpeg."""

    @pytest.mark.parametrize(
        "name",
        ["a %03d b.mp4", "it's.mp4", 'a "quote".mp4', "a:b.mp4", "http:x.mp4", "-y.mp4", "ünï.mp4", "a,b;[c].mp4"],
    )
    def test_any_name_opens(self, clip: Clip, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.write_bytes(clip("one.mp4").read_bytes())
        info, frames = opened(path)
        assert len(frames) == 1
        assert read.index(info).pts == (0,)


class TestRefusals:
    """Bad input: the right class, and a sentence that says what to do."""

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(OpenFailed, match=r"nothing\.mp4 is not there\.$"):
            read.probe(tmp_path / "nothing.mp4")

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(OpenFailed, match="is a folder; name a file in it"):
            read.probe(tmp_path)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty.mp4").touch()
        with pytest.raises(OpenFailed, match=r"is empty \(0 bytes\)"):
            read.probe(tmp_path / "empty.mp4")

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".txt", ".avi"])
    def test_text(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"notes{suffix}"
        path.write_text("Dear diary,\nnothing moved today.\n" * 40)
        with pytest.raises(OpenFailed, match=r"not media|text, not a media file"):
            read.probe(path)

    def test_bytes_of_no_format(self, tmp_path: Path) -> None:
        path = tmp_path / "noise.mp4"
        path.write_bytes(random.Random(1).randbytes(20_000))
        with pytest.raises(OpenFailed, match="not media that FFmpeg can read"):
            read.probe(path)

    def test_an_mp4_without_its_index(self, clip: Clip, tmp_path: Path) -> None:
        path = tmp_path / "cut.mp4"
        data = clip("h264_b.mp4").read_bytes()
        path.write_bytes(data[: data.index(b"moov") - 4])
        with pytest.raises(OpenFailed, match=r"has no index \(moov\): the recording was cut off"):
            read.probe(path)

    def test_sound_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "tone.m4a"
        run("-f", "lavfi", "-i", "sine=d=0.2", path)
        info = read.probe(path)
        with pytest.raises(NoSuchStream, match=r"has no moving picture; it holds #0 audio aac"):
            read.picture_of(info)

    @pytest.mark.parametrize("name", ["still.png", "still.jpg", "still.bmp", "still.webp"])
    def test_a_still_picture(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        run("-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", 1, path)
        with pytest.raises(UnsupportedMedia, match="is a still picture; a video is needed here"):
            read.picture_of(read.probe(path))

    def test_sound_with_a_cover_has_no_moving_picture(self, tmp_path: Path) -> None:
        cover, path = tmp_path / "c.png", tmp_path / "song.m4a"
        run("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", 1, cover)
        maps = ["-map", 0, "-map", 1, "-c:v", "png", "-disposition:v:0", "attached_pic"]
        run("-f", "lavfi", "-i", "sine=d=0.2", "-i", cover, *maps, path)
        with pytest.raises(NoSuchStream, match="has no moving picture"):
            read.picture_of(read.probe(path))

    @pytest.mark.parametrize("kind", ["hls", "concat", "dash"])
    def test_a_list_that_names_other_files(self, clip: Clip, tmp_path: Path, kind: str) -> None:
        film = tmp_path / "film.ts"
        film.write_bytes(clip("h264_b.ts").read_bytes())
        path = tmp_path / {"hls": "list.m3u8", "concat": "list.ffconcat", "dash": "list.mpd"}[kind]
        if kind == "hls":
            path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.6,\n{film}\n#EXT-X-ENDLIST\n")
        elif kind == "concat":
            path.write_text(f"ffconcat version 1.0\nfile '{film.name}'\n")
        else:
            run("-i", clip("h264_b.mp4"), "-c", "copy", path)
        with pytest.raises(OpenFailed):
            read.probe(path)

    def test_a_picture_that_never_decodes(self, clip: Clip, tmp_path: Path) -> None:
        path = tmp_path / "broken.mkv"
        data = bytearray(clip("h264_b.mkv").read_bytes())
        start = data.index(bytes.fromhex("1F43B675"))  # the first cluster
        chance = random.Random(2)
        for place in range(start + 40, len(data)):
            data[place] = chance.randrange(256)
        path.write_bytes(data)
        with pytest.raises(DecodeFailed, match=r"no picture of .* can be decoded"):
            list(read.frames(read.probe(path)))
