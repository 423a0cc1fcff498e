"""Laws of `nearest`: no bit, no chroma and no plane is ever lost."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinemill.media.formats import HELD, as_frames, layout, nearest

FORMAT = st.sampled_from(HELD)
OFFERED = st.lists(FORMAT, max_size=12, unique=True).map(tuple)


def channels(name: str) -> int:
    return sum(count for _, _, count in layout(name).planes)


@given(FORMAT, OFFERED)
def test_the_answer_is_one_of_those_offered_or_none(source: str, offered: tuple[str, ...]) -> None:
    found = nearest(source, offered)
    assert found is None or found in offered


@given(FORMAT, OFFERED)
def test_a_format_that_is_offered_is_taken(source: str, offered: tuple[str, ...]) -> None:
    assert nearest(source, (*offered, source)) == source


@given(FORMAT, OFFERED)
def test_nothing_is_lost(source: str, offered: tuple[str, ...]) -> None:
    found = nearest(source, offered)
    if found is None:
        return
    have, plan = layout(source), layout(found)
    assert plan.bits >= have.bits
    assert channels(found) >= channels(source)
    if have.family == plan.family == "yuv":
        for (across, down, _), (had_across, had_down, _) in zip(plan.planes, have.planes):
            assert across <= had_across, "chroma is as fine as it was"
            assert down <= had_down, "chroma is as fine as it was"
    if plan.family != have.family and have.family != "grey":
        assert all(plane[:2] == (0, 0) for plane in plan.planes), "another kind is taken at 4:4:4 only"


@given(FORMAT, OFFERED, FORMAT)
def test_an_offer_more_never_makes_it_worse(source: str, offered: tuple[str, ...], more: str) -> None:
    found = nearest(source, offered)
    better = nearest(source, (*offered, more))
    assert found is None or better is not None
    if found is not None and better != found:
        assert better == more


@given(FORMAT, OFFERED)
def test_the_order_of_offers_does_not_matter_to_how_much_is_wasted(source: str, offered: tuple[str, ...]) -> None:
    found, again = nearest(source, offered), nearest(source, offered[::-1])
    assert (found is None) == (again is None)
    if found is not None and again is not None:
        assert (channels(found), layout(found).bits) == (channels(again), layout(again).bits)


@pytest.mark.parametrize(
    ("source", "offered", "found"),
    [
        ("yuv420p", ("yuv444p", "yuv422p", "yuv420p10le"), "yuv420p10le"),
        ("yuv422p10le", ("yuv420p10le", "yuv444p10le"), "yuv444p10le"),
        ("yuv422p10le", ("yuv420p", "yuv422p"), None),
        ("yuv411p", ("yuv420p", "yuv422p"), "yuv422p"),
        ("yuv440p", ("yuv420p", "yuv422p", "yuv444p"), "yuv444p"),
        ("gray", ("yuv420p", "yuv444p"), "yuv420p"),
        ("rgb24", ("yuv420p", "yuv444p"), "yuv444p"),
        ("rgb24", ("yuv444p", "gbrp"), "gbrp"),
        ("rgba", ("rgb24", "yuv444p"), None),
        ("yuva420p", ("yuv420p",), None),
    ],
)
def test_examples(source: str, offered: tuple[str, ...], found: str | None) -> None:
    assert nearest(source, offered) == found


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize(("width", "height"), [(64, 48), (33, 21), (1, 1)])
def test_layouts_are_those_of_ffmpeg(name: str, width: int, height: int) -> None:
    plan = layout(name)
    native = av.VideoFrame(width, height, name)
    assert len(native.planes) == len(plan.planes)
    for part, shape in zip(native.planes, plan.shapes(width, height)):
        assert (part.height, part.width) == shape[:2]
    assert plan.bits == native.format.components[0].bits
    assert plan.dtype == (np.uint8 if plan.bits == 8 else np.uint16)


def test_all_of_ffmpegs_formats_with_a_layout_are_held() -> None:
    chroma = ("410", "411", "420", "422", "440", "444")
    kinds = [f"yuv{alpha}{c}p" for alpha in ("", "a") for c in chroma] + ["gray", "gbrp", "gbrap", "rgb", "rgba"]
    names = [
        f"{kind}{depth}"
        for kind in kinds
        for depth in ("", "9le", "10le", "12le", "14le", "16le", "24", "48le", "64le")
    ]
    assert {name for name in names if layout(name) and known(name)} == set(HELD)


def known(name: str) -> bool:
    try:
        av.VideoFormat(name, 16, 16)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", ["nv12", "pal8", "yuv420p10be", "xyz12le", "yuvj420p", "gbrpf32le", "bgr24"])
def test_other_formats_have_no_layout(name: str) -> None:
    assert layout(name) is None
    assert as_frames([name, "gray"]) == ("gray",)
