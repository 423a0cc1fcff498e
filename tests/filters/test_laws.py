"""What holds for every filter that is registered; a new one is covered on arrival.

A filter that does nothing, or does not run, without parameters gets some in `pictures.given`.
"""

from __future__ import annotations

import os
import threading
import time as clock
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic.fields import FieldInfo

from cinemill.catalogue import choices, filters
from cinemill.errors import InvalidParams, RequestError, UnsupportedMedia
from cinemill.filters import Chain, Filter, text
from cinemill.media.types import Frame
from cinemill.operations import Chunk
from cinemill.operations.video import within
from pictures import (
    SPOILED,
    TAGGED,
    chain,
    end,
    given,
    movie,
    ntsc_in_milliseconds,
    run,
    skipping,
    spotted,
    time,
    variable,
    worst,
    woven,
)

NAMES = list(filters)
CHANGES_FORMAT = {"format", "colorize"}
FADES = {"denoise.hqdn3d": 1, "temporal": 1}
"""Filters whose memory fades, with the difference of code values that is left beyond their halo."""

every_filter = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("given")


@pytest.fixture
def made(folder: Path) -> Callable[..., Chain]:
    """`made(name, **more)`: a chain of one filter that does something."""
    return lambda name, **more: chain((name, given(folder).get(name, {}) | more))


def input_for(name: str, count: int, **facts: Any) -> list[Frame]:
    """Interlaced frames for what deinterlaces, whole ones for the others, with something to repair in each."""
    spoiled = SPOILED.get(name, spotted)
    if filters.get(name).field_order == "progressive":
        return woven(spoiled(movie(2 * count, **facts)), "tff")
    return spoiled(movie(count, **facts))


def same(one: Sequence[Frame], other: Sequence[Frame]) -> bool:
    """Equal in time, shape, meaning and every sample."""
    return [known(frame) for frame in one] == [known(frame) for frame in other]


def known(frame: Frame) -> tuple[Any, ...]:
    facts = (time(frame), end(frame), frame.format, frame.width, frame.colour, frame.sar, frame.field_order)
    return (*facts, *(plane.tobytes() for plane in frame.planes))


@every_filter
@pytest.mark.parametrize("clocked", [list, ntsc_in_milliseconds, variable])
def test_clock_of_the_output_follows_that_of_the_input(
    name: str, clocked: Callable[[list[Frame]], list[Frame]], made: Callable[..., Chain]
) -> None:
    frames = clocked(input_for(name, 40))
    length = end(frames[-1]) - time(frames[0])
    rate = len(frames) / length
    wanted = made(name)
    out = run(wanted, frames)
    times = [time(frame) for frame in out]
    resampled = wanted.rate(rate) == wanted.rate(2 * rate)
    tolerance = 1 / wanted.rate(rate) if resampled else 0
    assert all(a < b for a, b in pairwise(times)), "pts increase"
    assert abs(len(out) - wanted.rate(rate) * length) <= (1 if resampled else 0), "frames as many as the rate says"
    assert all(end(a) == time(b) for a, b in pairwise(out)), "a frame lasts until the next"
    assert abs(times[0] - time(frames[0])) <= tolerance
    assert abs(end(out[-1]) - end(frames[-1])) <= tolerance


@every_filter
def test_no_frame_and_one_frame_work(name: str, made: Callable[..., Chain]) -> None:
    assert run(made(name), []) == []
    (one,) = input_for(name, 1)
    out = run(made(name), [one])
    assert 1 <= len(out) <= 2
    assert end(out[-1]) == end(one)
    assert all(time(a) < time(b) for a, b in pairwise(out))


@every_filter
def test_frames_of_unknown_duration_work(name: str, made: Callable[..., Chain]) -> None:
    frames = [replace(frame, duration=0) for frame in input_for(name, 15)]
    assert len(run(made(name), frames)) >= 12


@pytest.mark.parametrize("name", [name for name in NAMES if "strength" in filters.get(name).params.model_fields])
def test_no_strength_changes_no_bit(name: str, made: Callable[..., Chain]) -> None:
    frames = input_for(name, 8)
    assert same(run(made(name, strength=0), frames), frames)
    assert not same(run(made(name, strength=1), frames), frames)


@every_filter
def test_flat_picture_stays_flat(name: str, folder: Path) -> None:
    grey = [np.full(shape, value, np.uint8) for shape, value in (((48, 64), 126), ((24, 32), 128), ((24, 32), 128))]
    frames = [replace(frame, planes=tuple(plane.copy() for plane in grey)) for frame in input_for(name, 6)]
    for frame in run(chain((name, given(folder, flat=True).get(name, {}))), frames):
        assert all(int(plane.max()) - int(plane.min()) <= 1 for plane in frame.planes)


@every_filter
@pytest.mark.parametrize(
    ("format", "size"),
    [
        ("yuv420p", (61, 47)),
        ("yuv422p", (64, 48)),
        ("yuv444p", (61, 47)),
        ("yuv420p10le", (64, 48)),
        ("yuv422p10le", (61, 47)),
        ("yuv444p10le", (64, 48)),
        ("gray", (61, 47)),
        ("gbrp", (64, 48)),
        ("yuva420p", (64, 48)),
        ("rgba", (61, 47)),
    ],
)
def test_format_and_depth_are_kept_or_refused(
    name: str, format: str, size: tuple[int, int], made: Callable[..., Chain]
) -> None:
    frames = input_for(name, 3, format=format, size=size)
    try:
        out = run(made(name), frames)
    except UnsupportedMedia:
        return
    if name not in CHANGES_FORMAT and name != "lavfi":
        assert {frame.format for frame in out} == {format}


@every_filter
@pytest.mark.parametrize("format", ["yuv420p", "gbrp"])
def test_input_is_not_written_to(name: str, format: str, made: Callable[..., Chain]) -> None:
    frames = [
        replace(frame, planes=tuple(plane.copy() for plane in frame.planes))
        for frame in input_for(name, 12, format=format)
    ]
    before = [known(frame) for frame in frames]
    run(made(name), frames, threads=2)
    assert [known(frame) for frame in frames] == before
    assert not any(plane.flags.writeable for frame in frames for plane in frame.planes)


def in_chunks(wanted: Chain, frames: list[Frame], cuts: Sequence[int]) -> list[Frame]:
    """As a job does it: each chunk decoded with the neighbours it asks for, run alone, trimmed by time."""
    rate = len(frames) / (end(frames[-1]) - time(frames[0]))
    halo = wanted.halo(rate)
    assert halo is not None
    out: list[Frame] = []
    video: Any = SimpleNamespace(time_base=frames[0].time_base)
    for first, last in pairwise([0, *cuts, len(frames)]):
        chunk = Chunk(
            index=0,
            start=frames[first].pts if first else None,
            stop=frames[last].pts if last < len(frames) else None,
        )
        part = frames[max(0, first - halo[0]) : last + halo[1]]
        out += within(iter(run(wanted, part)), chunk, video)
    return out


def flickering(frames: list[Frame]) -> list[Frame]:
    """No two of them equally bright."""
    gains = 1 + np.random.default_rng(3).uniform(-0.1, 0.05, len(frames))
    return [
        replace(frame, planes=(np.rint(frame.planes[0] * gain).astype(np.uint8), *frame.planes[1:]))
        for frame, gain in zip(frames, gains)
    ]


def assert_chunks_join(wanted: Chain, frames: list[Frame], cuts: Sequence[int], tolerance: int = 0) -> None:
    whole, joined = run(wanted, frames), in_chunks(wanted, frames, cuts)
    assert [(time(frame), frame.time_base) for frame in joined] == [(time(frame), frame.time_base) for frame in whole]
    assert max(worst(one, other) for one, other in zip(joined, whole)) <= tolerance
    # The last frame of a chunk that has no neighbour may not know how long it lasts, so durations follow the pts.
    assert [frame.duration for frame in joined][-1] == whole[-1].duration


@every_filter
def test_chunks_join_to_the_whole(name: str, made: Callable[..., Chain]) -> None:
    wanted = made(name)
    if wanted.halo(Fraction(25)) is None:
        pytest.skip("cannot be cut, and says so")
    assert_chunks_join(wanted, flickering(input_for(name, 40)), (7, 20, 33), FADES.get(name, 0))


@pytest.mark.parametrize(
    "written",
    [
        "deinterlace,deflicker=window:4",
        "fps=10,deflicker=window:3",
        "fps=60,deflicker=window:7",
        "deflicker=window:3,fps=30",
        "deinterlace.w3fdif,fps=30000/1001,scale=height:40",
        "fps=10,fps=24",
        "crop=top:4,deinterlace.yadif=output:frame,levels=gamma:1.2",
        'lavfi=graph:"tmix=frames=3":halo:2,white-balance=4000',
        'fps=10,lavfi=graph:"tmix=frames=3":halo:2',
    ],
)
@pytest.mark.parametrize("clocked", [list, ntsc_in_milliseconds])
def test_chunks_of_a_longer_chain_join_to_the_whole(
    written: str, clocked: Callable[[list[Frame]], list[Frame]]
) -> None:
    frames = clocked(flickering(movie(40, field_order="tff")))
    assert_chunks_join(text.chain(written), frames, (7, 20, 33))


def test_chunks_of_frames_of_unknown_duration_join_to_the_whole() -> None:
    frames = [replace(frame, duration=0) for frame in variable(movie(40))]
    assert_chunks_join(text.chain("fps=60"), [*frames[:-1], replace(frames[-1], duration=3600)], (7, 20, 33))


@pytest.mark.parametrize(("strength", "temporal"), [(0.3, 0), (0.3, 1), (0.5, 2), (1, 1)])
def test_memory_of_hqdn3d_has_faded_at_its_halo(strength: float, temporal: float) -> None:
    """Every old brightness against every new one, in a picture that then stands still: the slowest there is."""
    old, new = np.mgrid[0:256:4, 0:256:4].astype(np.uint8)
    grey = np.full((32, 32), 128, np.uint8)
    wanted = chain(("denoise.hqdn3d", {"strength": strength, "temporal": temporal}))
    halo = wanted.halo(Fraction(25))
    assert halo
    before = halo[0]
    frames = [
        Frame((new.copy() if n >= 8 else old.copy(), grey.copy(), grey.copy()), "yuv420p", n, Fraction(1, 25), 1)
        for n in range(8 + before + 3)
    ]
    whole, part = run(wanted, frames), run(wanted, frames[8:])
    assert worst(whole[8 + before], part[before]) <= 1
    if temporal:
        assert worst(whole[8], part[0]) > 1, "the test must be able to fail"


def test_hqdn3d_that_never_forgets_is_not_cut() -> None:
    assert chain(("denoise.hqdn3d", {"strength": 1, "temporal": 1.1})).halo(Fraction(25)) is None


def others(field: FieldInfo) -> Iterator[Any]:
    """Values of all kinds and sizes, one of which a parameter takes."""
    yield from choices(field)
    yield from (True, False, 1, 2, 3, 5, 8, 20, 0.5, 0.1, 1.5, 0, 75, 3000, Fraction(12))
    yield from ("red", "yuv444p", "negate", "9x7+2+2")


# The font that libass takes depends on which ones the machine has; a batch changes how fast a GPU is; damage is read
# from a tape, which has tests of its own.
UNTOLD = {("subtitles", "font"), ("inpaint", "damage"), *((name, "batch") for name in NAMES)}


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, p) for name in NAMES for p in filters.get(name).params.model_fields if (name, p) not in UNTOLD],
)
def test_each_parameter_changes_something(name: str, parameter: str, made: Callable[..., Chain], folder: Path) -> None:
    frames = input_for(name, 6, size=(96, 64) if name == "deinterlace.qtgmc" else (48, 32), sar=Fraction(16, 15))

    def outcome(wanted: Chain) -> Any:
        facts = wanted.halo(Fraction(25)), wanted.rate(Fraction(25))
        return facts, [known(frame) for frame in run(wanted, frames)]

    plain = outcome(made(name))
    if parameter == "file":
        other = folder / "other.cube"
        other.write_text((folder / "a.cube").read_text().replace("0.90", "0.50"))
        (folder / "other.srt").write_text("1\n00:00:00,000 --> 00:01:00,000\nOTHER\n")
        assert outcome(made(name, file=other if name == "lut" else folder / "other.srt")) != plain
        return
    for value in others(filters.get(name).params.model_fields[parameter]):
        try:
            wanted = made(name, **{parameter: value})
        except InvalidParams:
            continue
        try:
            if outcome(wanted) != plain:
                return
        except RequestError:
            return
    pytest.fail(f"{name}: no value of {parameter} changes anything")


@every_filter
def test_two_threads_may_run_it_at_once(name: str, made: Callable[..., Chain]) -> None:
    frames = input_for(name, 8)
    alone = run(made(name), frames)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: run(made(name), frames, threads=2), range(2)))
    assert all(same(one, alone) for one in both)


@every_filter
def test_closing_early_leaves_no_thread_and_no_process(name: str, made: Callable[..., Chain]) -> None:
    run(made(name), [])
    before, others = threading.active_count(), children()
    stream = made(name).run(input_for(name, 30), 2)
    with skipping():
        next(stream)
    stream.close()
    deadline = clock.monotonic() + 5
    while (threading.active_count() > before or children() - others) and clock.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert threading.active_count() <= before
    assert not children() - others


def children() -> set[str]:
    """Process numbers of what this process started, where the system tells."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    return {number for path in tasks.glob("*/children") for number in path.read_text().split()}


@every_filter
def test_field_order_is_what_the_filter_says(name: str, made: Callable[..., Chain]) -> None:
    wanted = made(name)
    try:
        out = run(wanted, movie(6, field_order="bff"))
    except UnsupportedMedia:
        return
    assert {frame.field_order for frame in out} == {wanted.steps[0].field_order or "bff"}


@every_filter
def test_meaning_of_the_numbers_survives(name: str, made: Callable[..., Chain]) -> None:
    sar = Fraction(16, 15)
    out = run(made(name), input_for(name, 6, sar=sar))
    assert {frame.colour for frame in out} == {TAGGED}
    assert {frame.sar for frame in out} == {{"fit": Fraction(1), "rotate": 1 / sar}.get(name, sar)}


@every_filter
def test_declaration_is_complete(name: str) -> None:
    found: Filter = filters.get(name)
    assert found.summary.endswith(".")
    assert sum(way is not None for way in (found.one, found.stream, found.graph)) == 1
    assert "method" not in found.params.model_fields, "a family's method is chosen by that word"
    assert all(field.description for field in found.params.model_fields.values())
