"""Files that are hurt: what can be read is kept, and what is missing is said with its time."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from cinemill.errors import CinemillError
from cinemill.media import read
from cinemill.media.read import Damage
from clips import run

Clip = Callable[[str], Path]
SECONDS = 8


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Eight seconds with a keyframe on each, as bytes by suffix."""
    folder = tmp_path_factory.mktemp("long")

    def data(suffix: str) -> bytes:
        path = folder / f"long.{suffix}"
        if not path.exists():
            picture = ["-f", "lavfi", "-i", f"testsrc2=s=160x96:r=25:d={SECONDS}"]
            codec = ["-c:v", "libx264", "-preset", "veryfast", "-bf", 2, "-g", 25, "-movflags", "+faststart"]
            run(*picture, *codec, path)
        return path.read_bytes()

    return data


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_corruption_in_the_middle_costs_its_surroundings_only(
    long: Callable[[str], bytes], tmp_path: Path, suffix: str
) -> None:
    data = bytearray(long(suffix))
    chance = random.Random(3)
    middle = range(len(data) // 2, len(data) // 2 + len(data) // 30)
    for place in middle:
        data[place] = chance.randrange(256)
    path = tmp_path / f"hurt.{suffix}"
    path.write_bytes(data)

    damage = Damage()
    info = read.probe(path)
    frames = list(read.frames(info, damage=damage))
    start = frames[0].time
    assert len(frames) > 25 * (SECONDS - 2)
    assert frames[-1].time - start == pytest.approx(SECONDS - 0.04)
    assert all(a.pts < b.pts for a, b in pairwise(frames))
    assert damage.corrupt
    assert all(SECONDS * 0.4 < time - start < SECONDS * 0.65 for time in damage.corrupt)
    assert any("damaged picture" in line and ", at 0:0" in line for line in damage.describe())


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize("share", [0.5, 0.93])
def test_a_file_that_breaks_off_says_where(
    long: Callable[[str], bytes], tmp_path: Path, suffix: str, share: float
) -> None:
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(long(suffix)[: round(len(long(suffix)) * share)])
    info = read.probe(path)
    frames = list(read.frames(info))
    index = read.index(info)
    cut_off = index.cut_off
    assert cut_off == pytest.approx(SECONDS * share, abs=0.8)
    assert frames[-1].time == pytest.approx(cut_off, abs=0.13)
    assert index.describe()[-1].startswith("The file breaks off at 0:0")


def overwritten(data: bytes, start: float, share: float, seed: int = 3) -> bytes:
    """`data` with chance bytes from `start` on; both are shares of its length."""
    place, count = round(len(data) * start), round(len(data) * share)
    return data[:place] + random.Random(seed).randbytes(count) + data[place + count :]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("seed", range(4))
def test_pictures_that_never_come_are_counted_or_called_damaged(
    long: Callable[[str], bytes], tmp_path: Path, suffix: str, seed: int
) -> None:
    path = tmp_path / f"hurt.{suffix}"
    path.write_bytes(overwritten(long(suffix), 0.3 + 0.1 * seed, 0.04, seed))
    info = read.probe(path)
    damage = Damage()
    made = len(list(read.frames(info, damage=damage)))
    index = read.index(info)
    missing = sum(count for _, _, count in index.gaps)
    assert index.describe() or damage.describe()
    assert made + missing + len(set(damage.corrupt)) >= 25 * SECONDS - 1 or index.cut_off is not None


def test_a_hole_is_said_with_its_time(long: Callable[[str], bytes], tmp_path: Path) -> None:
    data = long("mkv")
    second = [place for place in range(len(data)) if data.startswith(bytes.fromhex("1F43B675"), place)]
    hole = second[len(second) // 2]
    path = tmp_path / "hole.mkv"
    path.write_bytes(data[: hole + 4] + bytes(2000) + data[hole + 2004 :])
    index = read.index(read.probe(path))
    ((last, first, missing),) = index.gaps
    assert missing == 25 * SECONDS - len(index.pts)
    assert first - last == pytest.approx((missing + 1) / 25)
    assert index.describe()[0].startswith(f"{missing} picture")
    assert " between 0:0" in index.describe()[0]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_broken_is_read_in_order_or_refused_in_our_words(clip: Clip, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    name = chance.choice(["h264_b.mp4", "tracks.mkv", "open_gop.ts", "b.avi", "fragmented.mp4", "sound.mp4", "odd.mkv"])
    data = bytearray(clip(name).read_bytes())
    kind = chance.choice(["flips", "cut", "hole", "head"])
    if kind == "cut":
        del data[chance.randrange(1, len(data)) :]
    elif kind == "hole":
        start = chance.randrange(len(data))
        del data[start : start + chance.randrange(1, 2000)]
    else:
        for _ in range(20):
            data[chance.randrange(len(data) if kind == "flips" else 400)] ^= 1 << chance.randrange(8)
    path = tmp_path / name
    path.write_bytes(data)
    with suppress(CinemillError):
        info = read.probe(path)
        frames = list(read.frames(info))
        assert all(a.pts < b.pts for a, b in pairwise(frames))
        assert read.index(info).pts or frames
        for track in info.of_kind("audio")[:1]:
            list(read.audio(info, track))


@pytest.mark.parametrize("name", ["h264_b.mp4", "h264_b.mkv", "live.mkv", "fragmented.mp4", "b.avi", "tracks.mkv"])
def test_a_whole_file_does_not_break_off(clip: Clip, name: str) -> None:
    assert read.index(read.probe(clip(name))).cut_off is None


def test_pictures_with_the_same_time_are_moved_by_a_tick(tmp_path: Path) -> None:
    path = tmp_path / "twice.mkv"
    doubled = "settb=1/1000,setpts='floor(N/2)*80'"
    passed = ["-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-c:v", "ffv1"]
    run("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25,trim=end_frame=8", "-vf", doubled, *passed, path)
    info = read.probe(path)
    damage = Damage()
    times = [frame.pts for frame in read.frames(info, damage=damage)]
    assert times == sorted(set(times))
    assert len(times) == 8
    assert list(read.index(info).pts) == times


def test_description_names_five_times_and_counts_the_rest() -> None:
    damage = Damage(corrupt=[float(n) for n in range(7)], repaired=[61.5])
    assert damage.describe() == [
        "7 damaged pictures, at 0:00.000, 0:01.000, 0:02.000, 0:03.000, 0:04.000 and 2 more",
        "1 repaired timestamp, at 1:01.500",
    ]
    assert not Damage()
    assert Damage(cut_off=0.0)
