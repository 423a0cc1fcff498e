"""A film and what was made of it -> a line of numbers per frame, their statistics, plots; as JSON lines too.

What can be compared is: both are brought to the smaller of their sizes and to one pixel format. Where that makes no
sense, as after cropping, the numbers that need no source are measured alone, and why is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from math import inf
from pathlib import Path
from typing import Final, Literal

import numpy as np

from cinemill.errors import RequestError
from cinemill.measure import quality
from cinemill.measure.outlines import sharpness
from cinemill.measure.page import Plot, Series, Table
from cinemill.measure.warping import Follower
from cinemill.media import lavfi
from cinemill.media.types import Frame

_SAME_SHAPE = 0.01
"""How far two pictures' shapes may be apart, as a share, to be of the same scene."""


@dataclass(frozen=True, slots=True)
class Line:
    """One frame of the output. None where it cannot be told; PSNRs of identical pictures are infinite."""

    time: float
    mse: float | None = None
    psnr: float | None = None
    psnr_y: float | None = None
    ssim: float | None = None
    edges: float | None = None
    sharpness: float | None = None
    sharpness_source: float | None = None
    warping: float | None = None
    warping_source: float | None = None
    flicker: float | None = None


@dataclass(frozen=True)
class Figure:
    """A number of `Line` for people. `better`: which way is better; None where that depends."""

    name: str
    title: str
    unit: str
    better: Literal["more", "less"] | None
    meaning: str


_VALUES = "code values"
FIGURES: Final[tuple[Figure, ...]] = (
    Figure("psnr_y", "PSNR Y", "dB", "more", "error of luma against the source"),
    Figure("psnr", "PSNR all", "dB", "more", "error of all samples against the source"),
    Figure("mse", "MSE", "code values²", "less", "mean squared error of all samples against the source"),
    Figure("ssim", "SSIM", "", "more", "structural similarity of luma to the source"),
    Figure("edges", "edge coherence", "", "more", "whether edges lie where the source has them"),
    Figure("sharpness", "sharpness", _VALUES, None, "standard deviation of the Laplacian"),
    Figure("sharpness_source", "sharpness of the source", _VALUES, None, "the same of the source"),
    Figure("warping", "warping error", _VALUES, "less", "change from frame to frame beyond what moved"),
    Figure("warping_source", "warping error of the source", _VALUES, None, "the same of the source"),
    Figure("flicker", "flicker", _VALUES, "less", "change from frame to frame of the difference from the source"),
)


@dataclass
class Told:
    """What people should know of a measurement; filled while it runs."""

    notes: list[str] = field(default_factory=list[str])
    unmatched: quality.Unmatched = field(default_factory=quality.Unmatched)

    def sentences(self) -> list[str]:
        return [*self.notes, *left_over(asdict(self.unmatched))]


def left_over(unmatched: dict[str, int]) -> list[str]:
    """Sentences about frames that had no partner in time."""
    return [f"{count} frames of the {side} have no partner in time" for side, count in unmatched.items() if count]


def lines(source: Iterable[Frame], output: Iterable[Frame], told: Told) -> Iterator[Line]:
    """A line for each frame of the output that has a partner in time; for each of its frames where the two cannot be
    compared, which `told` explains. Holds a few frames.
    """
    ours, theirs = iter(source), iter(output)
    first, second = next(ours, None), next(theirs, None)
    if second is None:
        return
    if first is None or not _alike(first, second):
        told.notes.append("The output's picture is of another shape than the source's, so they are not compared.")
        yield from _alone(chain([second], theirs))
        return
    try:
        yield from _compared(*_fitted(first, ours, second, theirs), told)
    except RequestError as error:
        told.notes.append(f"The output is not compared with its source: {error.sentence}")


def _compared(source: Iterator[Frame], output: Iterator[Frame], told: Told) -> Iterator[Line]:
    for pair in quality.compare(source, output, told.unmatched, closer=True, any_rate=True):
        yield line(pair)


def line(pair: quality.PairQuality) -> Line:
    """What was measured of a pair, in a line."""
    closer = pair.closer
    return Line(
        time=pair.time,
        mse=sum(error * weight for error, weight in zip(pair.mse, pair.weights)),
        psnr=pair.psnr,
        psnr_y=pair.psnr_y,
        ssim=pair.ssim,
        flicker=pair.flicker,
        edges=closer and closer.edges,
        sharpness=closer and closer.sharpness,
        sharpness_source=closer and closer.sharpness_reference,
        warping=closer and closer.warping,
        warping_source=closer and closer.warping_reference,
    )


def _alone(output: Iterator[Frame]) -> Iterator[Line]:
    """What can be said of a film by itself."""
    follower = Follower()
    for frame in _planar(output):
        luma = quality.luma(frame)
        errors = follower.errors(luma)
        yield Line(frame.time, sharpness=sharpness(luma), warping=errors[0] if errors else None)


def _alike(one: Frame, other: Frame) -> bool:
    """Whether two pictures have the same shape as seen."""
    first, second = (float(frame.width * frame.sar / frame.height) for frame in (one, other))
    return abs(first - second) <= _SAME_SHAPE * max(first, second)


def _fitted(
    first: Frame, ours: Iterator[Frame], second: Frame, theirs: Iterator[Frame]
) -> tuple[Iterator[Frame], Iterator[Frame]]:
    """Both streams in one format and size: those of the output, but the source's size where that is smaller."""
    sizes = [(frame.width, frame.height) for frame in (first, second)]
    width, height = min(sizes, key=lambda size: size[0] * size[1])
    streams = [_planar(chain([head], rest)) for head, rest in ((first, ours), (second, theirs))]
    ranges = {frame.colour.range for frame in (first, second)} - {"unspecified"}
    if len(ranges) > 1:
        streams = [lavfi.run(stream, "scale=out_range=limited") for stream in streams]
    streams = [
        stream if size == (width, height) else lavfi.run(stream, f"scale={width}:{height}:flags=bicubic+accurate_rnd")
        for stream, size in zip(streams, sizes)
    ]
    return _of_one_format(*streams)


def _of_one_format(source: Iterator[Frame], output: Iterator[Frame]) -> tuple[Iterator[Frame], Iterator[Frame]]:
    """The source in the output's subsampling, the output as it is; grey where one of them has no colour."""
    first, second = next(source, None), next(output, None)
    if first is None or second is None:
        return iter([first] if first else []), iter([second] if second else [])
    streams = [chain([head], rest) for head, rest in ((first, source), (second, output))]
    if any(frame.layout.family == "grey" for frame in (first, second)):
        depths = ["gray" if frame.layout.bits == 8 else f"gray{frame.layout.bits}le" for frame in (first, second)]
        return lavfi.converted(streams[0], depths[0]), lavfi.converted(streams[1], depths[1])
    if [plane.shape for plane in first.planes] == [plane.shape for plane in second.planes]:
        return streams[0], streams[1]
    return lavfi.converted(streams[0], second.format), streams[1]


def _planar(frames: Iterator[Frame]) -> Iterator[Frame]:
    """As luma and chroma: what is RGB becomes 4:4:4 of its depth."""
    first = next(frames, None)
    if first is None:
        return
    stream = chain([first], frames)
    if first.layout.family != "rgb":
        yield from stream
        return
    yield from lavfi.converted(stream, "yuv444p" if first.layout.bits == 8 else "yuv444p16le")


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one figure over all frames that have it. `p5` and `p95` are percentiles, `worst` a time in seconds."""

    mean: float
    std: float
    min: float
    p5: float
    median: float
    p95: float
    max: float
    worst: float | None


def statistics(found: Sequence[Line]) -> dict[str, Statistics]:
    """By the name of the figure; figures that no frame has are left out. An infinite PSNR counts as 100 dB."""
    made: dict[str, Statistics] = {}
    for figure in FIGURES:
        points = [(line.time, value) for line in found if (value := getattr(line, figure.name)) is not None]
        if points:
            made[figure.name] = _statistics(figure, points)
    return made


def _statistics(figure: Figure, points: Sequence[tuple[float, float]]) -> Statistics:
    values = (
        np.minimum([value for _, value in points], quality.IDENTICAL_DB)
        if figure.unit == "dB"
        else np.array([value for _, value in points])
    )
    at = {"more": int(values.argmin()), "less": int(values.argmax())}.get(figure.better or "")
    low, middle, high = (float(value) for value in np.percentile(values, (5, 50, 95)))
    return Statistics(
        mean=float(values.mean()),
        std=float(values.std()),
        min=float(values.min()),
        p5=low,
        median=middle,
        p95=high,
        max=float(values.max()),
        worst=None if at is None else points[at][0],
    )


def record(line: Line) -> dict[str, float | None]:
    """A line as JSON has it, which knows no infinity: the PSNR of what is identical becomes null."""
    return {key: None if value == inf else value for key, value in asdict(line).items()}


def write_lines(found: Iterable[Line], path: Path) -> None:
    """One JSON object a frame."""
    path.write_text("".join(json.dumps(record(line)) + "\n" for line in found), "utf-8")


def table(found: dict[str, Statistics]) -> list[list[str]]:
    """Rows for a table, the first of which is its head."""
    rows = [["measure", "mean", "5 %", "95 %", "unit"]]
    for figure in FIGURES:
        if one := found.get(figure.name):
            rows.append([figure.title, *(shown(value) for value in (one.mean, one.p5, one.p95)), figure.unit])
    return rows


def shown(value: float) -> str:
    """A figure for people."""
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


_PLOTS: Final = (
    ("PSNR over time", ("psnr_y", "psnr")),
    ("Similarity over time", ("ssim", "edges")),
    ("Sharpness over time, in code values", ("sharpness", "sharpness_source")),
    ("Unrest over time, in code values", ("warping", "warping_source", "flicker")),
)


def plots(found: Sequence[Line]) -> list[Plot]:
    """Figures over time, those of a kind together; of these that were measured."""
    titles = {figure.name: figure for figure in FIGURES}
    made: list[Plot] = []
    for title, names in _PLOTS:
        drawn = [Series(titles[name].title, _points(found, name)) for name in names]
        if any(series.points for series in drawn):
            unit = titles[names[0]].unit
            made.append(Plot(title, "" if unit in title else unit, drawn))
    return made


def _points(found: Sequence[Line], name: str) -> list[tuple[float, float]]:
    return [(line.time, value) for line in found if (value := getattr(line, name)) is not None]


def explained(found: dict[str, Statistics]) -> Table:
    """The statistics as a part of a page, with what each means."""
    meanings = {figure.title: figure.meaning for figure in FIGURES}
    head, *rows = table(found)
    return Table("Over all frames", [*head, "what"], [[*row, meanings[row[0]]] for row in rows])
