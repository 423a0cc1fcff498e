from dataclasses import replace

import numpy as np
import pytest
from footage import KINDS, VHS, luma, moving, taped, woven

from cinemill.measure.bars import Bars, bars, extent, together


def framed(frames, box: Bars, black: int = 16):
    """`frames` behind black bars."""
    out = []
    for frame in frames:
        planes = [plane.copy() for plane in frame.planes]
        for plane, (h, v, _), level in zip(planes, frame.layout.planes, (black, 128, 128)):
            rows, columns = plane.shape
            plane[: box.top >> v] = plane[rows - (box.bottom >> v) :] = level
            plane[:, : box.left >> h] = plane[:, columns - (box.right >> h) :] = level
        out.append(replace(frame, planes=tuple(planes)))
    return out


def found(frames, torn: int = 0) -> Bars:
    return bars([together([extent(luma(frame)) for frame in frames])], torn)


def apart(one: Bars, other: Bars) -> int:
    return max(abs(getattr(one, side) - getattr(other, side)) for side in ("left", "top", "right", "bottom"))


BOXES = [Bars(0, 36, 0, 36), Bars(8, 0, 10, 0), Bars(45, 0, 45, 0), Bars(6, 20, 11, 33), Bars(0, 0, 0, 14)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("box", BOXES)
def test_bars_are_found_to_the_pixel_in_clean_pictures(kind, box):
    assert apart(found(framed(moving(kind, 16)[::4], box)), box) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("box", BOXES)
def test_bars_are_found_within_a_pixel_on_a_tape(kind, box):
    tape = taped(framed(woven(moving(kind, 16)), box), **VHS, head_switch=6)
    assert apart(found(tape, torn=6), box) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_whole_pictures_have_no_bars_on_a_tape_or_off_it(kind):
    assert not found(moving(kind, 16)[::4])
    assert not found(taped(woven(moving(kind, 16)), **VHS, head_switch=8), torn=8)


def test_black_may_be_lifted():
    box = Bars(0, 30, 0, 30)
    assert apart(found(framed(moving("hills", 4), box, black=32)), box) == 0


def test_a_dark_scene_with_a_light_in_the_middle_has_no_bars():
    plane = np.full((288, 360), 17, np.float32)
    y, x = np.mgrid[-1:1:288j, -1:1:360j]
    plane += 150 * np.exp(-4 * (x**2 + y**2)).astype(np.float32)
    assert not bars([together([extent(plane)])])


def test_a_title_on_black_has_no_bars():
    plane = np.full((288, 360), 16, np.float32)
    plane[120:160, 60:300:2] = 200
    assert not bars([together([extent(plane)])])


def test_bars_are_those_that_all_scenes_share():
    wide, tall = framed(moving("hills", 4), Bars(0, 36, 0, 36)), framed(moving("wheels", 4), Bars(0, 12, 0, 0))
    seen = [together([extent(luma(frame)) for frame in scene]) for scene in (wide, tall)]
    assert bars(seen) == Bars(0, 12, 0, 0)


def test_captions_in_the_first_lines_do_not_hide_a_bar():
    box = Bars(0, 30, 0, 0)
    frames = framed(moving("hills", 4), box)
    planes = [luma(frame) for frame in frames]
    for plane in planes:
        plane[0, 40:320] = 180
    assert bars([together([extent(plane) for plane in planes])]) == box
