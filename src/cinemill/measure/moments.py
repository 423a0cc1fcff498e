"""The same moments of two files, spread over their length, for sheets and sliders."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from cinemill.measure import sheet
from cinemill.measure.page import Moment
from cinemill.media import clock, read
from cinemill.media.types import Frame, MediaInfo


def frames_at(path: Path, times: list[Fraction]) -> list[Frame]:
    """The frame that is on screen at each of `times` (seconds, rising)."""
    info = read.probe(path)
    video, index = read.picture_of(info), read.index(info)
    return [_at(info, index, round(time / video.time_base)) for time in times]


def _at(info: MediaInfo, index: read.Index, pts: int) -> Frame:
    shown: Frame | None = None
    for frame in read.frames(info, start=pts, before=1, index=index):
        if shown is not None and frame.pts > pts:
            break
        shown = frame
    assert shown is not None
    return shown


def spread(path: Path, count: int) -> list[Fraction]:
    """`count` times of pictures of a file, in the middle of as many equal stretches of it."""
    info = read.probe(path)
    video, pts = read.picture_of(info), read.index(info).pts
    return [pts[(2 * i + 1) * len(pts) // (2 * count)] * video.time_base for i in range(count)]


def pairs(before: Path, after: Path, count: int = 5, height: int = 720) -> list[Moment]:
    """Moments of both files as pictures on square pixels, at most `height` lines high."""
    times = spread(before, count)
    return list(_pictures(frames_at(before, times), frames_at(after, times), times, height))


def _pictures(first: list[Frame], second: list[Frame], times: list[Fraction], height: int) -> Iterator[Moment]:
    lines = min(height, max(second[0].height, first[0].height))
    for one, other, time in zip(first, second, times):
        yield Moment(clock.show(time), sheet.picture(one, lines), sheet.picture(other, lines))
