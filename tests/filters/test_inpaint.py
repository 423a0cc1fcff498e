"""What is masked is filled with what other frames show of it, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import networks
from cinemill.errors import InvalidParams
from cinemill.media.formats import layout
from cinemill.media.types import Frame
from pictures import TAGGED, chain, run

BOX = {"left": 60, "top": 40, "width": 24, "height": 16}
INSIDE = np.s_[40:56, 60:84]


def panning(count: int, step: float = 5, format: str = "yuv420p", seed: int = 0) -> list[Frame]:
    """A texture that moves to the left by `step` pixels a frame."""
    plan = layout(format)
    assert plan
    dice = np.random.default_rng(seed)
    wide = cv2.GaussianBlur(dice.random((112, 160 + 6 * 40)).astype(np.float32), (0, 0), 2.0)
    wide = (wide - wide.min()) / (wide.max() - wide.min()) * 180 + 30
    frames = []
    for number in range(count):
        shift = np.array([[1.0, 0, -step * number], [0, 1, 0]])
        whole = cv2.warpAffine(wide, shift, (160, 112), flags=cv2.INTER_CUBIC)
        planes = []
        for h, v, _ in plan.planes:
            small = cv2.resize(whole, (160 >> h, 112 >> v), interpolation=cv2.INTER_AREA)
            planes.append(np.clip(np.rint(small * 2 ** (plan.bits - 8)), 0, 2**plan.bits - 1).astype(plan.dtype))
        frames.append(Frame(tuple(planes), format, number, Fraction(1, 25), 1, TAGGED))
    return frames


def with_logo(frames: list[Frame]) -> list[Frame]:
    made = []
    for frame in frames:
        planes = tuple(plane.copy() for plane in frame.planes)
        for plane, (h, v, _) in zip(planes, frame.layout.planes):
            plane[40 >> v : 56 >> v, 60 >> h : 84 >> h] = 240 << (frame.layout.bits - 8)
        made.append(replace(frame, planes=planes))
    return made


def error(ours: list[Frame], true: list[Frame]) -> float:
    """PSNR in the box, in dB, over the frames in the middle."""
    pairs = list(zip(ours, true))[4:-4]
    peak = 2 ** ours[0].layout.bits - 1
    square = np.mean([np.mean((a.planes[0][INSIDE].astype(float) - b.planes[0][INSIDE]) ** 2) for a, b in pairs])
    return float(10 * np.log10(peak**2 / square))


@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le", "gray"])
def test_logo_over_a_pan_is_filled_with_what_was_behind_it(format: str) -> None:
    true = panning(14, format=format)
    out = run(chain(("inpaint", BOX)), with_logo(true))
    guessed = run(chain(("inpaint", BOX | {"window": 0})), with_logo(true))
    assert error(out, true) > 28
    assert error(out, true) > error(guessed, true) + 5
    outside = np.ones(true[0].planes[0].shape, bool)
    outside[INSIDE] = False
    for one, other in zip(out, with_logo(true)):
        assert np.array_equal(one.planes[0][outside], other.planes[0][outside])
        assert one.pts == other.pts


def test_other_scenes_fill_nothing() -> None:
    one, other = panning(4, step=1), panning(4, step=1, seed=9)
    other = [replace(frame, pts=frame.pts + 4) for frame in other]
    alone = run(chain(("inpaint", BOX)), with_logo(one))
    both = run(chain(("inpaint", BOX)), with_logo([*one, *other]))
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(alone, both))


def test_mask_picture_is_scaled_to_the_frame_and_taken(tmp_path: Path) -> None:
    mask = np.zeros((224, 320), np.uint8)
    mask[80:112, 120:168] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    frames = with_logo(panning(6))
    boxed = run(chain(("inpaint", BOX)), frames)
    masked = run(chain(("inpaint", {"mask": str(tmp_path / "mask.png")})), frames)
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(boxed, masked))


@pytest.mark.parametrize("value", [0.75, 191.25])
def test_network_fills_what_no_frame_shows(value: float, tmp_path: Path) -> None:
    model = networks.lama_file(tmp_path / "lama.onnx", value)
    still = [replace(frame, planes=panning(1)[0].planes) for frame in panning(4)]
    out = run(chain(("inpaint", BOX | {"model": str(model)})), with_logo(still))
    middle = np.s_[42:54, 62:82]
    for frame in out:
        assert abs(float(frame.planes[0][middle].mean()) - (16 + 0.75 * 219)) < 3
        assert np.array_equal(frame.planes[0][:40], still[0].planes[0][:40])


@pytest.mark.parametrize(
    ("params", "wrong", "said"),
    [
        ({}, InvalidParams, "give a mask, a box"),
        ({"left": 500, "width": 4, "height": 4}, InvalidParams, "covers nothing"),
        ({"width": 500, "height": 500}, InvalidParams, "covers everything"),
        ({"mask": "nowhere.png"}, InvalidParams, "nowhere.png is not there"),
        ({"box": "20 by 30"}, InvalidParams, "boxes such as 120x40"),
        ({"box": "20x30+500+0"}, InvalidParams, "covers nothing"),
        ({"box": "auto"}, InvalidParams, "looked for in a whole file"),
    ],
)
def test_masks_that_make_no_sense_are_refused(params: dict[str, Any], wrong: type[Exception], said: str) -> None:
    with pytest.raises(wrong, match=said):
        run(chain(("inpaint", params)), panning(1))


def test_boxes_as_text_are_the_box_by_its_sides_and_there_may_be_several() -> None:
    frames = with_logo(panning(8))
    by_sides, by_text = (run(chain(("inpaint", how)), frames) for how in (BOX, {"box": "24x16+60+40"}))
    assert [one.planes[0].tobytes() for one in by_sides] == [one.planes[0].tobytes() for one in by_text]
    both = run(chain(("inpaint", {"box": "24x16+60+40 10x10+4+4"})), frames)
    assert not np.array_equal(both[4].planes[0][4:14, 4:14], frames[4].planes[0][4:14, 4:14])
    assert np.array_equal(both[4].planes[0][20:36, 4:14], frames[4].planes[0][20:36, 4:14])


def test_network_for_something_else_is_refused(tmp_path: Path) -> None:
    model = networks.onnx_file(tmp_path / "other.onnx")
    with pytest.raises(InvalidParams, match="fills no masks"):
        run(chain(("inpaint", BOX | {"model": str(model)})), panning(1))


@pytest.mark.slow
def test_lama_by_torch_fills_the_mask_only(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    model = networks.checkpoint(tmp_path / "lama.safetensors", "LaMa")
    still = [replace(frame, planes=panning(1)[0].planes) for frame in panning(2)]
    out = run(chain(("inpaint", BOX | {"model": str(model)})), with_logo(still))
    for frame in out:
        assert np.array_equal(frame.planes[0][:40], still[0].planes[0][:40])
        assert frame.planes[0][INSIDE].std() > 0
