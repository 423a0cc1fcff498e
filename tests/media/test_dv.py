"""DV from end to end on streams that FFmpeg made, with damage whose place is known."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cinemill.errors import CinemillError, UnsupportedMedia
from cinemill.media.dv import blocks, merge, packs, tape
from cinemill.media.dv.blocks import Standard
from cinemill.media.program import ffmpeg
from cinemill.operations.dv_scan import Found, noted
from clips import run

Array = np.ndarray
KINDS = {
    "pal": ("720x576", "25", "yuv420p", "4:3", "01:02:03:04"),
    "ntsc": ("720x480", "30000/1001", "yuv411p", "16:9", "01:00:59;28"),
    "pal50": ("720x576", "25", "yuv422p", "16:9", "10:00:00:00"),
}
BORN = datetime(2001, 5, 17, 14, 3, 22)
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    folder = tmp_path_factory.mktemp("dv")

    def made(kind: str, seconds: float = 2, born: datetime = BORN, suffix: str = "dv", code: str = "") -> Path:
        size, rate, pixels, aspect, timecode = KINDS[kind]
        path = folder / f"{kind}-{seconds}-{born:%H%M%S}-{code.replace(':', '')}.{suffix}"
        if not path.exists():
            picture = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds},noise=alls=12:allf=t"]
            sound = ["-f", "lavfi", "-i", f"sine=r=48000:d={seconds}", "-c:a", "pcm_s16le", "-ac", 2]
            told = ["-timecode", code or timecode, "-metadata", f"creation_time={born.isoformat()}"]
            coded = ["-c:v", "dvvideo", "-pix_fmt", pixels, "-aspect", aspect, "-t", seconds]
            run(*picture, *(sound if kind != "pal50" else []), *coded, *told, path)
        return path

    return made


def opened(path: Path) -> tuple[Standard, Array]:
    standard = tape.standard_of(path)
    return standard, np.stack([piece.blocks for piece in tape.pieces(path, standard)])


def seen(path: Path) -> list[tape.Picture]:
    standard = tape.standard_of(path)
    return list(tape.examined(tape.pieces(path, standard), standard))


def breaks(pictures: list[tape.Picture], standard: Standard) -> list[tuple[int, int]]:
    runs = tape.Runs(standard)
    return [(picture.number, jump) for picture in pictures if (jump := runs.jump(picture))]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_read_from_every_picture(make: Make, kind: str) -> None:
    path = make(kind)
    pal, pictures = kind != "ntsc", seen(path)
    fps = 25 if pal else 30
    standard = tape.standard_of(path)
    assert (standard.pal, standard.channels) == (pal, 2 if kind == "pal50" else 1)
    assert path.stat().st_size == len(pictures) * standard.size
    codes = [picture.said.timecode for picture in pictures]
    assert str(codes[0]) == KINDS[kind][4]
    assert [code.count(fps) - codes[0].count(fps) for code in codes if code and codes[0]] == list(range(len(codes)))
    wide = KINDS[kind][3] == "16:9"
    assert {picture.said.wide for picture in pictures} == {wide}
    assert not any(picture.hurt for picture in pictures)
    assert breaks(pictures, standard) == []
    if kind == "pal50":
        return
    assert [p.said.recorded for p in pictures] == [
        BORN + timedelta(seconds=int(p.number / standard.rate)) for p in pictures
    ]
    sounds = [picture.said.sound for picture in pictures]
    assert {(s.rate, s.channels, s.bits) for s in sounds if s} == {(48000, 2, 16)}
    assert abs(sum(s.samples for s in sounds if s) - len(sounds) * 48000 / standard.rate) < 200


def test_timecode_without_drops_is_told_from_one_with(make: Make) -> None:
    counts = [packs.Timecode(*at, drop=True).count(30) for at in ((0, 0, 59, 29), (0, 1, 0, 2), (0, 10, 0, 0))]
    assert counts == [1799, 1800, 17982]
    assert packs.Timecode(0, 1, 0, 0).count(25) == 1500
    assert str(seen(make("ntsc"))[2].said.timecode) == "01:01:00;02"


@pytest.mark.parametrize("suffix", ["avi", "mov", "mkv"])
def test_containers_hold_the_same_blocks(make: Make, tmp_path: Path, suffix: str) -> None:
    raw = make("pal")
    path = tmp_path / f"in.{suffix}"
    run("-i", raw, "-map", 0, "-map_metadata", -1, "-c:v", "copy", "-c:a", "pcm_s16le", path)
    standard, pictures = opened(path)
    assert standard == tape.standard_of(raw)
    np.testing.assert_array_equal(pictures, opened(raw)[1])


def hurt(path: Path, standard: Standard, pictures: Array) -> Path:
    path.write_bytes(pictures.tobytes())
    assert tape.standard_of(path) == standard
    return path


def test_damage_is_counted_block_by_block(make: Make, tmp_path: Path) -> None:
    standard, pictures = opened(make("pal"))
    pictures = pictures.copy()
    pictures[3, 2, blocks.PICTURES[:7], 3] |= 0xA0  # concealed by the deck
    pictures[4, 1, blocks.SOUNDS[2:4], 8:] = np.tile([0x80, 0], 36)
    pictures[5, :, 1:6] = 0
    pictures[6, 3] = 0
    found = seen(hurt(tmp_path / "hurt.dv", standard, pictures))
    told = {picture.number: (picture.concealed, picture.silenced, picture.unread) for picture in found if picture.hurt}
    assert told == {3: (7, 0, 0), 4: (0, 2, 0), 5: (0, 0, 60), 6: (135, 9, 5)}
    assert found[5].said.timecode is None
    assert found[5].said.recorded == BORN  # sound says it too
    assert breaks(found, standard) == []


def test_twelve_bits_have_another_code_for_silence(make: Make) -> None:
    picture = opened(make("pal"))[1][0].copy()
    place = blocks.SOUNDS[4]
    picture[:, blocks.SOUNDS, 8:] = 0x11
    picture[5, place, 8:11] = (0x22, 0x80, 0x30)  # the second of a pair of samples
    assert not blocks.silenced(picture).any()
    picture[:, blocks.SOUNDS[3], 3] = 0x50
    picture[:, blocks.SOUNDS[3], 7] = 0b10001  # 32 kHz, 12 bits
    assert np.argwhere(blocks.silenced(picture)).tolist() == [[5, 4]]


def test_bytes_that_are_lost_or_foreign_cost_the_picture_they_are_in(make: Make, tmp_path: Path) -> None:
    data = make("ntsc").read_bytes()
    size, whole = 120_000, seen(make("ntsc"))
    path = tmp_path / "holes.dv"
    path.write_bytes(
        b"x" * 777 + data[: 5 * size] + b"junk" * 1000 + data[5 * size : 9 * size + 500] + data[9 * size + 1300 :]
    )
    found = seen(path)
    assert len(found) == len(whole)
    assert [picture.said.timecode for picture in found] == [picture.said.timecode for picture in whole]
    assert [(picture.number, picture.skipped) for picture in found if picture.skipped] == [(0, 777), (5, 4000)]
    assert [picture.number for picture in found if picture.concealed] == [9]


def test_breaks_of_timecode_and_recordings_are_found(make: Make, tmp_path: Path) -> None:
    later = BORN + timedelta(hours=3)
    parts = [make("pal", 1), make("pal", 1, later, code="01:02:04:04"), make("pal", 1, later, code="05:00:00:00")]
    path = tmp_path / "three.dv"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    pictures = seen(path)
    assert breaks(pictures, tape.standard_of(path)) == [(50, 356871)]
    cutter = tape.Cutter(tape.standard_of(path))
    assert [picture.number for picture in pictures if cutter.begins(picture)] == [25]


def test_a_marked_start_begins_a_recording(make: Make, tmp_path: Path) -> None:
    standard, pictures = opened(make("pal"))
    pictures = pictures.copy()
    vaux = pictures[20:23, :, 3:6, 3:78].reshape(3, 12, 3, 15, 5).copy()
    vaux[vaux[..., 0] == 0x61, 2] &= 0x7F
    pictures[20:23, :, 3:6, 3:78] = vaux.reshape(3, 12, 3, 75)
    cutter = tape.Cutter(standard)
    found = seen(hurt(tmp_path / "marked.dv", standard, pictures))
    assert [picture.number for picture in found if cutter.begins(picture)] == [20]


def luma(picture: Array, standard: Standard, folder: Path) -> Array:
    """What FFmpeg makes of a picture."""
    path = folder / "one.dv"
    path.write_bytes(picture.tobytes())
    graph = ["-frames:v", 1, "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    command = [ffmpeg(), "-v", "error", "-f", "dv", "-i", path, *graph]
    raw = subprocess.run([str(word) for word in command], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(standard.height, 720).astype(int)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_stand_where_ffmpeg_puts_them(make: Make, kind: str, tmp_path: Path) -> None:
    standard, pictures = opened(make(kind))
    before = luma(pictures[0], standard, tmp_path)
    chance = np.random.default_rng(4)
    for _ in range(6):
        sequence, place = int(chance.integers(standard.sequences)), int(chance.integers(135))
        picture = pictures[0].copy()
        picture[sequence, blocks.PICTURES[place], 4] ^= 0x40  # the average of the first block of eight by eight
        moved = abs(luma(picture, standard, tmp_path) - before) > 20
        left, top, width, height = blocks.corners(standard)[sequence, place]
        assert moved[top : top + height, left : left + width].any()
        moved[top : top + height, left : left + width] = False
        assert not moved.any()


def test_the_mask_shows_what_was_concealed(make: Make) -> None:
    standard, pictures = opened(make("pal"))
    picture = pictures[0].copy()
    assert not blocks.damage_mask(picture, standard).any()
    picture[2, blocks.PICTURES[11], 3] |= 0xF0
    mask = blocks.damage_mask(picture, standard)
    left, top, width, height = blocks.corners(standard)[2, 11]
    assert (mask > 0).sum() == width * height == 256
    assert mask[top, left] == 255
    covered = np.zeros((standard.height, 720), int)
    for x, y, w, h in blocks.corners(standard).reshape(-1, 4):
        covered[y : y + h, x : x + w] += 1
    assert (covered == 1).all()


def spoilt(pictures: Array, seed: int, share: float = 0.08) -> Array:
    """A take with damage that says so, of each kind in its turn."""
    chance = np.random.default_rng(seed)
    take = pictures.copy()
    for number, picture in enumerate(take):
        bad = chance.random(picture.shape[:2]) < share
        if number % 2:
            picture[bad] = chance.integers(0, 256, (int(bad.sum()), 80))
            picture[bad, 2] = 0xEE
        else:
            bad &= blocks.KINDS == blocks.PICTURE
            picture[bad, 4:] = 9
            picture[bad, 3] = 0xC5
    return take


def joined(takes: list[Array], standard: Standard) -> tuple[list[Array], merge.Merged]:
    record = merge.Merged(len(takes))
    pieces = [(tape.Piece(picture, blocks.placed(picture)) for picture in take) for take in takes]
    return list(merge.merged(pieces, standard, record)), record


@pytest.mark.parametrize("kind", ["pal", "ntsc"])
@pytest.mark.parametrize("decks", ["one", "each its own timecode"])
def test_three_takes_give_whatever_is_whole_in_any(make: Make, kind: str, decks: str) -> None:
    standard, pictures = opened(make(kind))
    missing = [(2, 10, 11, 24), (15, 32), (0, 5, 40, len(pictures) - 1)]
    takes = [spoilt(pictures, seed) for seed in range(3)]
    if decks != "one":
        for take, hour in zip(takes, (0x81, 0x82, 0x83)):
            take[:, :, 1:3, 10:51:8] = hour
    good = np.stack([[blocks.whole(picture, blocks.placed(picture)) for picture in take] for take in takes])
    for number, gone in enumerate(missing):
        good[number, list(gone)] = False
    made, record = joined([np.delete(take, gone, 0) for take, gone in zip(takes, missing)], standard)
    assert len(made) == len(pictures)
    whole = good.any(axis=0)
    subcode = blocks.KINDS == blocks.SUBCODE
    same = (np.stack(made) == pictures).all(axis=-1)
    assert (same | ~whole | (subcode & (decks != "one"))).all()
    assert record.hurt == int((~whole).sum())
    assert record.present == [len(pictures) - len(gone) for gone in missing]
    assert record.mended == int((whole & ~good[0]).sum())


def test_of_several_whole_blocks_most_are_believed(make: Make) -> None:
    standard, pictures = opened(make("pal", 1))
    takes = [pictures.copy() for _ in range(3)]
    takes[0][4, 3, 50, 20] ^= 0xFF  # a mistake that no deck noticed
    made, _ = joined(takes, standard)
    np.testing.assert_array_equal(np.stack(made), pictures)


def test_takes_of_different_length_are_put_end_to_end(make: Make) -> None:
    standard, pictures = opened(make("pal"))
    made, record = joined([pictures[:30], pictures[20:]], standard)
    np.testing.assert_array_equal(np.stack(made), pictures)
    assert record.present == [30, 30]
    made, _ = joined([pictures[40:], pictures[:20]], standard)
    np.testing.assert_array_equal(np.stack(made), np.concatenate([pictures[:20], pictures[40:]]))


@pytest.mark.slow
def test_two_hours_in_flat_memory_at_twenty_times_their_pace(make: Make) -> None:
    """The pictures of a short tape again and again: a tape of two hours has 26 GB, which nobody wants on a disk."""
    standard, pictures = opened(make("pal"))
    pictures = spoilt(np.concatenate([pictures, pictures]), 1, 0.001)
    count = 2 * 3600 * 25
    data = [picture.tobytes() for picture in pictures]

    def played() -> Iterator[tape.Piece]:
        for number in range(count):
            picture = tape.blocks_of(data[number % len(data)], standard)
            yield tape.Piece(picture, blocks.placed(picture))

    found = Found(standard.name, str(standard.rate))
    early = 0
    began = time.process_time()
    for picture, _ in noted(played(), standard, found):
        if picture.number == count // 20:
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - early
    assert found.pictures == count
    print(f"2 h in {seconds:.0f} s of one core, {7200 / seconds:.0f} x, {grown / 1024:.1f} MB more at the end")
    assert 7200 / seconds >= 20
    assert grown < 16 << 10


def test_what_is_no_dv_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.mkv"
    run("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2", "-c:v", "ffv1", other)
    with pytest.raises(UnsupportedMedia, match="holds no DV"):
        tape.standard_of(other)
    text = tmp_path / "text.dv"
    text.write_text("hello" * 1000)
    with pytest.raises(CinemillError):
        tape.standard_of(text)
