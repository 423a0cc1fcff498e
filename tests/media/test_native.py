"""Frames and VideoFrames share memory, and say the same."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cinemill.errors import UnsupportedMedia
from cinemill.media import lavfi, native, read
from cinemill.media.colour import Colour
from cinemill.media.formats import layout
from cinemill.media.types import Frame

Clip = Callable[[str], Path]
FORMATS = [
    *(f"yuv{chroma}p" for chroma in ("410", "411", "420", "422", "440", "444")),
    *(f"yuv{chroma}p{bits}le" for chroma in ("420", "422", "444") for bits in (10, 12)),
    *(
        "gray",
        "gray10le",
        "gray16le",
        "gbrp",
        "gbrp10le",
        "rgb24",
        "rgba",
        "rgb48le",
        "yuva420p",
        "yuva444p10le",
        "gbrap",
    ),
]


def made(format: str, width: int, height: int, **facts: object) -> Frame:
    """A frame of noise from numpy."""
    plan = layout(format)
    noise = np.random.default_rng(width * height)
    planes = tuple(noise.integers(0, 1 << plan.bits, shape).astype(plan.dtype) for shape in plan.shapes(width, height))
    return Frame(planes, format, 7, Fraction(1, 50), 3, **facts)


def addresses(frame: Frame) -> list[int]:
    return [plane.__array_interface__["data"][0] for plane in frame.planes]


def pointers(frame: av.VideoFrame) -> list[int]:
    return [plane.buffer_ptr for plane in frame.planes]


def back(frame: Frame) -> Frame:
    return native.of_native(native.to_native(frame), frame.time_base, frame.sar, frame.field_order)


def equal(a: Frame, b: Frame) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes))


@pytest.mark.parametrize("name", ["h264_b.mp4", "422_10.mkv", "odd.mkv", "odd_444.mp4", "mjpeg.avi"])
def test_a_decoded_frame_goes_back_as_the_very_memory_it_came_from(clip: Clip, name: str) -> None:
    frame = next(iter(read.frames(read.probe(clip(name)))))
    assert addresses(frame) == pointers(native.to_native(frame))


def test_a_decoded_frame_keeps_its_flags(clip: Clip) -> None:
    frame = next(iter(read.frames(read.probe(clip("tff.ts")))))
    assert native.to_native(frame).interlaced_frame
    assert lavfi.passes(native.to_native(frame), "eq(interlace_type,1)")


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p10le", "gbrp", "gray", "yuv444p"])
def test_planes_of_numpy_of_even_size_are_not_copied(format: str) -> None:
    frame = made(format, 64, 48)
    assert addresses(frame) == pointers(native.to_native(frame))
    assert equal(frame, back(frame))


def test_a_view_with_room_at_the_end_of_its_lines_is_not_copied() -> None:
    wide = np.zeros((48, 80), np.uint8)
    frame = Frame((wide[:, :64], wide[:24, :32], wide[:24, :32]), "yuv420p", 0, Fraction(1, 25))
    assert addresses(frame) == pointers(native.to_native(frame))


@pytest.mark.parametrize("turn", [lambda p: p[::-1], lambda p: p[:, ::-1], lambda p: np.asfortranarray(p)])
def test_lines_that_run_another_way_are_copied_in_the_right_order(turn: Callable[[np.ndarray], np.ndarray]) -> None:
    frame = made("yuv444p", 32, 32)
    turned = replace(frame, planes=tuple(turn(plane) for plane in frame.planes))
    assert equal(turned, back(turned))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(64, 48), (33, 21), (1, 1), (2, 7)])
def test_every_format_and_size_comes_back_with_all_values_and_facts(format: str, width: int, height: int) -> None:
    frame = made(format, width, height, sar=Fraction(16, 15))
    again = back(frame)
    assert equal(frame, again)
    assert (again.format, again.pts, again.time_base, again.duration) == (format, 7, Fraction(1, 50), 3)
    assert again.sar == Fraction(16, 15)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FORMATS), st.integers(1, 40), st.integers(1, 40))
def test_any_size_survives_an_identity_graph(format: str, width: int, height: int) -> None:
    frame = made(format, width, height)
    (again,) = lavfi.run([frame], "null")
    assert equal(frame, again)


def test_planes_are_read_only_and_outlive_what_they_came_from(clip: Clip) -> None:
    frame = next(iter(read.frames(read.probe(clip("h264_b.mp4")))))
    copy = [plane.copy() for plane in frame.planes]
    with pytest.raises(ValueError, match="read-only"):
        frame.planes[0][0, 0] = 1
    gc.collect()
    av.VideoFrame(frame.width, frame.height, frame.format)  # would take the memory if it were free
    assert all(np.array_equal(a, b) for a, b in zip(copy, frame.planes))


def test_a_picture_that_libav_flipped_in_place_is_read_upside_down(clip: Clip) -> None:
    """vflip only points at the last line and walks backwards."""
    frame = next(iter(read.frames(read.probe(clip("odd.mkv")))))
    (flipped,) = lavfi.run([frame], "vflip")
    assert all(np.array_equal(a[::-1], b) for a, b in zip(frame.planes, flipped.planes))
    assert equal(flipped, back(flipped))


def test_colour_tags_go_both_ways() -> None:
    frame = made("yuv420p", 16, 16, colour=Colour("bt709", "bt709", "bt709", "limited"))
    assert back(frame).colour == frame.colour


def test_one_picture_under_two_times_keeps_both(clip: Clip) -> None:
    """A frame shown twice is one memory; neither VideoFrame's time may leak into a graph that saw the other."""
    frame = next(iter(read.frames(read.probe(clip("h264_b.mp4")))))
    twice = [replace(frame, pts=pts) for pts in (0, 512, 1024, 1536)]
    assert [out.pts for out in lavfi.run(twice, "null")] == [0, 512, 1024, 1536]


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        *(("nv12", "yuv420p"), ("nv16", "yuv422p"), ("nv24", "yuv444p"), ("yuyv422", "yuv422p")),
        *(("p010le", "yuv420p10le"), ("p210le", "yuv422p10le"), ("bgr24", "rgb24"), ("bgra", "rgba")),
    ],
)
def test_other_layouts_of_the_same_values_become_ours_exactly(stored: str, same: str) -> None:
    frame = made(same, 64, 48)
    shuffled = native.to_native(frame).reformat(format=stored)
    again = native.of_native(shuffled, Fraction(1, 25), Fraction(1), "progressive")
    assert again.format == same
    assert equal(frame, again)


def test_the_old_full_range_formats_become_tagged_ones_exactly() -> None:
    old = av.VideoFrame(64, 48, "yuvj420p")
    noise = made("yuv420p", 64, 48)
    for plane, values in zip(old.planes, noise.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(values.shape[0], -1)
        rows[:, : values.shape[1]] = values
    frame = native.of_native(old, Fraction(1, 25), Fraction(1), "progressive")
    assert (frame.format, frame.colour.range) == ("yuv420p", "full")
    assert equal(frame, noise)


def test_an_exotic_format_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedMedia, match=r"pixel format xyz12le cannot be processed"):
        native.of_native(av.VideoFrame(16, 16, "xyz12le"), Fraction(1, 25), Fraction(1), "progressive")


@pytest.mark.parametrize(
    ("planes", "complaint"),
    [
        ((np.zeros((48, 64), np.uint8),) * 3, "needs planes"),
        ((np.zeros((48, 64), np.uint8),) * 2, "needs planes"),
        ((np.zeros((48, 64), np.uint16), *[np.zeros((24, 32), np.uint16)] * 2), "needs uint8 planes"),
    ],
)
def test_planes_that_do_not_fit_the_format_are_refused_with_both_shapes(
    planes: tuple[np.ndarray, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Frame(planes, "yuv420p", 0, Fraction(1, 25))


def test_repr_shows_no_data() -> None:
    assert repr(made("yuv420p", 64, 48)) == "<Frame 64x48 yuv420p pts=7 time_base=1/50>"
