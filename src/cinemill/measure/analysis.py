"""A file -> findings: what it is made of and what is wrong with it, as a whole, by scene and over time.

Stretches of the file are looked at closely, spread over its length; a short file is looked at from end to end. Scenes
are found in every frame where that is quick, else only within the stretches. Numbers are in the units that the filters'
parameters have, so that a chain can be chosen by them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from cinemill.measure import bars, cadence, chroma, defects, edges, fields, headswitch, levels, noise, scenes
from cinemill.measure.look import Look, look
from cinemill.media import clock, lavfi, read
from cinemill.media.index import Index
from cinemill.media.types import FieldOrder, Frame, MediaInfo, VideoTrack

Scan = Literal["auto", "all", "none"]

WINDOWS, WINDOW_FRAMES = 16, 60
_QUICK = 12_000 * 720 * 576
"""Pixels that are decoded for scenes without being asked: eight minutes of a tape, ten to twenty seconds of work."""
_SHORTEST = 8
"""Frames of a stretch below which too little can be told."""


@dataclass(frozen=True)
class Noise:
    """Sigma in 8-bit code values; None where it could not be told."""

    luma: float | None
    chroma: float | None


@dataclass(frozen=True)
class Measures:
    """What was found in some stretches together. None and 0 say that nothing was found, each in its module's words."""

    fields: fields.Fields
    cadence: cadence.Cadence
    picture_rate: float | None
    """New pictures per second, where frames or fields repeat."""
    noise: Noise
    bars: bars.Bars
    head_switch: int
    """Torn rows at the bottom."""
    chroma_shift: chroma.Shift | None
    """How far colour lies to the right of luma, in luma px."""
    chroma_drop: chroma.Shift | None
    """How far it lies below, in rows of the frame."""
    defects: defects.Defects | None
    """Dropouts and dirt per frame."""
    scratches: float
    """Upright scratches per frame."""
    shake: float | None
    """How far the whole picture is jolted from one frame to the next, in luma px."""
    flicker: float | None
    """Standard deviation of brightness, as a share of it."""
    brightness: float
    """Mean of luma in 8-bit code values."""
    blocking: float
    """How much larger steps are at the borders of 8x8 blocks, as a share."""
    levels: levels.Levels | None
    edges: edges.Edges | None


@dataclass(frozen=True)
class Scene:
    """From `start` to before `stop` (None: the end), in pts. `measures` is None where no stretch lies in it."""

    start: int
    stop: int | None
    time: float
    measures: Measures | None


@dataclass(frozen=True)
class Moment:
    """One stretch, for plots: `time` is its middle in seconds."""

    time: float
    luma_noise: float | None
    chroma_noise: float | None
    brightness: float
    flicker: float | None
    dropouts: float | None
    dirt: float | None


@dataclass(frozen=True)
class Findings:
    """All of it. `record()` is JSON-safe. `scanned`: whether scenes were looked for in every frame."""

    whole: Measures
    scenes: tuple[Scene, ...]
    moments: tuple[Moment, ...]
    scanned: bool
    frames: int
    """How many were looked at closely."""

    def record(self) -> dict[str, Any]:
        return asdict(self)


def analyse(
    info: MediaInfo,
    index: Index | None = None,
    *,
    windows: int = WINDOWS,
    window_frames: int = WINDOW_FRAMES,
    scan: Scan = "auto",
) -> Findings:
    """Look at `windows` stretches of at most `window_frames` frames.

    Holds a few frames. `scan` says whether every frame is decoded to find scenes; `auto` does so for short files.
    Raises NoSuchStream, UnsupportedMedia, DecodeFailed.
    """
    steps = analysing(info, index, windows=windows, window_frames=window_frames, scan=scan)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def analysing(
    info: MediaInfo,
    index: Index | None = None,
    *,
    windows: int = WINDOWS,
    window_frames: int = WINDOW_FRAMES,
    scan: Scan = "auto",
) -> Generator[float, None, Findings]:
    """`analyse` step by step: gives back how much is done, from 0 to 1, and returns the findings."""
    video = read.picture_of(info)
    index = index or read.index(info)
    scanned = _scans(info, index, scan)
    starts: list[int] = []
    for count, begun in _scan(info) if scanned else ():
        starts += begun
        yield min(1.0, count / max(1, len(index.pts))) / 2
    chosen = stretches(index, starts, windows, window_frames)
    looks: list[Look] = []
    for number, (start, stop) in enumerate(chosen, 1):
        seen = look(_frames(info, index, start, stop), start, stop)
        looks += [seen] if seen else []
        yield (number / len(chosen) + 1) / 2 if scanned else number / len(chosen)
    return _concluded(video, looks, starts, scanned)


def work(info: MediaInfo, index: Index, windows: int, window_frames: int, scan: Scan) -> int:
    """How many frames such an analysis decodes, about."""
    every = len(index.pts) if _scans(info, index, scan) else 0
    return every + min(len(index.pts), windows * window_frames)


def _scans(info: MediaInfo, index: Index, scan: Scan) -> bool:
    video = read.picture_of(info)
    return scan == "all" or (scan == "auto" and len(index.pts) * video.width * video.height <= _QUICK)


def _scan(info: MediaInfo) -> Iterator[tuple[int, list[int]]]:
    """How many frames have been read, and at which pts scenes begin that were found since."""
    finder = scenes.Finder()
    count = 0
    for count, frame in enumerate(read.frames(info), 1):
        start = finder.take(scenes.glance(frame))
        yield count, [start.pts] if start else []
    yield count, [start.pts for start in finder.rest()]


def _frames(info: MediaInfo, index: Index, start: int, stop: int | None) -> Iterator[Frame]:
    """The stretch with a frame on either side, as YUV or grey."""
    frames = read.frames(info, start=start, stop=stop, before=1, after=1, index=index)
    return lavfi.converted(frames, "yuv444p") if lavfi.is_rgb(read.picture_of(info).format) else frames


def stretches(index: Index, starts: Sequence[int], windows: int, window_frames: int) -> list[tuple[int, int | None]]:
    """(start, stop) in pts of what to look at: scenes cut into equal parts of at most `window_frames` frames, and of
    all of those `windows` spread evenly. Without `starts` the file is one scene; without an exact index its beginning
    is all that is reached quickly.
    """
    total = len(index.pts) if index.exact else min(len(index.pts), windows * window_frames)
    edges = sorted({0, *(bisect_left(index.pts, start) for start in starts)})
    parts: list[tuple[int, int]] = []
    for first, after in zip(edges, [*edges[1:], total]):
        count = -(-(min(after, total) - first) // window_frames)
        cuts = [first + (after - first) * part // count for part in range(count + 1)] if count > 0 else []
        parts += pairwise(cuts)
    long = [part for part in parts if part[1] - part[0] >= _SHORTEST] or parts
    chosen = long if len(long) <= windows else [long[(2 * i + 1) * len(long) // (2 * windows)] for i in range(windows)]
    return [(index.pts[first], index.pts[after] if after < len(index.pts) else None) for first, after in chosen]


def _concluded(video: VideoTrack, looks: Sequence[Look], starts: Sequence[int], scanned: bool) -> Findings:
    stops = [*starts[1:], None]
    return Findings(
        whole=_measures(video, looks),
        scenes=tuple(_scene(video, looks, start, stop) for start, stop in zip(starts, stops)),
        moments=tuple(_moment(video, one) for one in looks),
        scanned=scanned,
        frames=sum(one.frames for one in looks),
    )


def _scene(video: VideoTrack, looks: Sequence[Look], start: int, stop: int | None) -> Scene:
    inside = [one for one in looks if one.start >= start and (stop is None or one.start < stop)]
    measures = _measures(video, inside) if inside else None
    return Scene(start, stop, clock.seconds(start, video.time_base), measures)


def _measures(video: VideoTrack, looks: Sequence[Look]) -> Measures:
    found = [one.evidence for one in looks]
    order = fields.judge(tuple(one.window for one in looks), video.field_order, _claim(video))
    torn = headswitch.torn_rows([unrest for one in found for unrest in one.unrest])
    step = edges.edges([steps for one in found for steps in one.steps])
    return Measures(
        fields=order,
        cadence=cadence.judge([one.pace for one in looks], order),
        picture_rate=_picture_rate(video, looks),
        noise=Noise(
            luma=noise.sigma([votes for one in found for votes in one.luma_noise]),
            chroma=noise.sigma([votes for one in found for votes in one.chroma_noise]),
        ),
        bars=bars.bars([extent for one in found for extent in one.extents], torn),
        head_switch=torn,
        chroma_shift=_shifted(
            chroma.shift([part for one in found for part in one.across], chroma.ACROSS), step.advance if step else 0
        ),
        chroma_drop=chroma.shift([part for one in found for part in one.down], chroma.DOWN),
        defects=defects.mean([count for one in found for count in one.defects]),
        scratches=_mean([count for one in found for count in one.scratches]),
        shake=_median([jolt for one in found for jolt in one.jolts]),
        flicker=_median([one.flicker for one in looks]),
        brightness=_median([one.brightness for one in looks]) or 0.0,
        blocking=max(0.0, _median([value for one in found for value in one.blocking]) or 0.0),
        levels=levels.levels([counts for one in found for counts in one.histograms]),
        edges=step,
    )


def _claim(video: VideoTrack) -> FieldOrder:
    """What to believe where the picture shows nothing: DV is recorded with the bottom field first."""
    return "bff" if video.codec == "dvvideo" else video.field_order


def _shifted(shift: chroma.Shift | None, advance: float) -> chroma.Shift | None:
    """Ringing makes luma's edges seem earlier than they are, and colour later."""
    return replace(shift, px=shift.px - advance) if shift else None


def _picture_rate(video: VideoTrack, looks: Sequence[Look]) -> float | None:
    share = _median([one.pace.pictures for one in looks])
    return None if share is None else share * float(video.frame_rate)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _mean(values: Sequence[int]) -> float:
    return float(np.mean(values)) if values else 0.0


def _moment(video: VideoTrack, one: Look) -> Moment:
    counted = defects.mean(one.evidence.defects)
    return Moment(
        time=one.time + one.frames / float(video.frame_rate) / 2,
        luma_noise=noise.sigma(one.evidence.luma_noise),
        chroma_noise=noise.sigma(one.evidence.chroma_noise),
        brightness=one.brightness,
        flicker=one.flicker,
        dropouts=counted.dropouts if counted else None,
        dirt=counted.dirt if counted else None,
    )
