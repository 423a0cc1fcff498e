"""A clock that wraps, restarts or begins below zero: pictures lose no time, and sound stays with them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from cinemill.media import read
from clips import JUMPY, onsets, remake, seen

Clip = Callable[[str], Path]

# Seconds at which flashes are seen, on the running clock; 1.4 s is what FFmpeg's muxer starts at.
FLASHES = {
    "restart.ts": [51.4, 52.4, 53.4, 54.4, 55.4, 56.4],
    "restart_low.ts": [101.4, 102.4, 103.4, 104.4, 105.4, 106.4],
    # A leap forward is a gap in the programme and stays one: from 57.36 by the 100 - 3 s between the two clocks.
    "leap.ts": [51.4, 52.4, 53.4, 54.4, 55.4, 56.4, 154.32, 155.32, 156.32, 157.32, 158.32, 159.32],
    "wrap.ts": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
    "resized.ts": [11.4, 12.4, 13.4, 14.4, 15.4, 16.4],
}


@pytest.mark.parametrize("name", JUMPY)
def test_pictures_run_on_and_the_beep_stays_with_the_flash(clip: Clip, name: str) -> None:
    info = read.probe(clip(name))
    pairs = onsets(info)
    assert [flash for flash, _ in pairs] == pytest.approx(FLASHES[name], abs=1e-4)
    assert [beep - flash for flash, beep in pairs] == pytest.approx([0] * len(pairs), abs=0.002)


@pytest.mark.parametrize("name", JUMPY)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_what_is_made_of_it_stays_in_step_too(clip: Clip, tmp_path: Path, name: str, suffix: str) -> None:
    pairs = onsets(remake(clip(name), tmp_path / f"made{suffix}", codec="h264", speed="ultrafast"))
    assert [flash for flash, _ in pairs] == pytest.approx(FLASHES[name], abs=0.001)
    assert [beep - flash for flash, beep in pairs] == pytest.approx([0] * len(pairs), abs=0.002)


@pytest.mark.parametrize("name", ["restart.ts", "restart_low.ts", "leap.ts"])
def test_a_jump_is_reported_and_the_index_agrees_with_the_frames(clip: Clip, name: str) -> None:
    info = read.probe(clip(name))
    damage = read.Damage()
    frames = list(read.frames(info, damage=damage))
    index = read.index(info)
    assert len(damage.repaired) == {"leap.ts": 2}.get(name, 1)
    assert list(index.pts) == [frame.pts for frame in frames]
    assert not index.exact, "a clock that jumps cannot be used to find a place"
    part = read.frames(info, start=frames[100].pts, stop=frames[120].pts, index=index)
    assert seen(part) == seen(frames[100:120])


def test_no_picture_of_a_restart_is_squeezed(clip: Clip) -> None:
    frames = list(read.frames(read.probe(clip("restart.ts"))))
    assert {(b.pts - a.pts) * a.time_base for a, b in pairwise(frames)} == {Fraction(1, 25)}


def test_pictures_of_another_size_become_like_the_first_and_are_reported(clip: Clip) -> None:
    info = read.probe(clip("resized.ts"))
    damage = read.Damage()
    frames = list(read.frames(info, damage=damage))
    assert {(frame.width, frame.height) for frame in frames} == {(96, 64)}
    assert len(frames) == 150
    assert len(damage.resized) == 75
    assert "75 rescaled pictures, at 0:14.400" in " ".join(damage.describe())


def test_a_chunk_of_the_other_size_is_made_like_the_first_picture_of_the_file(clip: Clip) -> None:
    info = read.probe(clip("resized.ts"))
    index = read.index(info)
    whole = list(read.frames(info))
    part = list(read.frames(info, start=whole[110].pts, stop=whole[130].pts, index=index))
    assert seen(part) == seen(whole[110:130])
