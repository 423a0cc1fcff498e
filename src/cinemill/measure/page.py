"""Facts, pictures and numbers -> one HTML file that needs nothing else: no network, no script library, no folder.

Pictures are embedded as JPEG; a slider shows before and after over each other, usable by pointer and keyboard. A
content security policy in the file itself forbids every request. Without scripts all moments are shown.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from pathlib import Path
from typing import Protocol

from cinemill.measure.sheet import Picture, jpeg, place, resized
from cinemill.media import clock

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_THUMBNAIL_LINES = 96
_ZOOM = 3
_MOST_LINES = 1080
"""Pictures are embedded at most this high; larger ones would make the file slow to open."""


class Section(Protocol):
    """A part of a page that writes itself."""

    def html(self) -> str: ...


def page(path: Path, title: str, facts: Sequence[tuple[str, str]], *sections: Section, lead: str = "") -> None:
    """Write the page: `title`, a `lead` below it, `facts` as (name, value), then `sections` in order.

    All text is plain text and is escaped. The file replaces what was at `path`.
    """
    body = "\n".join(section.html() for section in sections)
    path.write_text(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>
{(_HERE / "page.css").read_text("utf-8")}</style>
</head>
<body>
<header>
<p class="brand">cinemill</p>
<h1>{escape(title)}</h1>
{f'<p class="lead">{escape(lead)}</p>' if lead else ""}
</header>
<main>
{_facts(facts)}
{body}
</main>
<script>
{(_HERE / "page.js").read_text("utf-8")}</script>
</body>
</html>
""",
        "utf-8",
    )


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    tiles = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>\n" for name, value in facts)
    return f'<dl class="facts">\n{tiles}</dl>' if facts else ""


@dataclass(frozen=True)
class Moment:
    """The same instant before and after; `label` says which, such as its time."""

    label: str
    before: Picture
    after: Picture


@dataclass(frozen=True)
class Slider:
    """Before over after with a line to drag between them, and a choice of moments."""

    moments: Sequence[Moment]
    before: str = "Before"
    after: str = "After"

    def html(self) -> str:
        figures = "\n".join(self._figure(moment) for moment in self.moments)
        buttons = "\n".join(_button(moment) for moment in self.moments)
        chooser = f'<div class="moments" role="group" aria-label="Moments" hidden>\n{buttons}\n</div>'
        return f'<section class="slider">\n{figures}\n{chooser if len(self.moments) > 1 else ""}\n</section>'

    def _figure(self, moment: Moment) -> str:
        lines = min(_MOST_LINES, max(moment.before.shape[0], moment.after.shape[0]))
        width = round(lines * moment.after.shape[1] / moment.after.shape[0])
        before, after = (_image(resized(shot, width, lines)) for shot in (moment.before, moment.after))
        size = f'width="{width}" height="{lines}" draggable="false"'
        names = f"{self.before} and {self.after}, {moment.label}"
        across, down = _focus(moment)
        return f"""<figure class="compare">
<div class="stage" style="--zoom: {_ZOOM}; --focus: {across:.0%} {down:.0%}">
<div><img src="{after}" {size} alt="{escape(f"{self.after}, {moment.label}")}"></div>
<div class="over"><img src="{before}" {size} alt="{escape(f"{self.before}, {moment.label}")}"></div>
<span class="tag left">{escape(self.before)}</span><span class="tag right">{escape(self.after)}</span>
<input type="range" min="0" max="100" step="0.5" value="50" aria-label="{escape(names)}: how much shows the first">
<div class="bar"><div class="knob"></div></div>
</div>
<figcaption>
{escape(moment.label)}
<button type="button" class="zoom" aria-pressed="false" hidden>Detail, {_ZOOM}×</button>
</figcaption>
</figure>"""


def _focus(moment: Moment) -> tuple[float, float]:
    """The point that stays in place when the picture grows, as shares of it: the greatest difference comes to the
    middle, as far as the picture's edges allow.
    """
    lines, columns = moment.before.shape[:2]
    left, top, wide, high = place(moment.before, moment.after, 1 / _ZOOM)
    middles = ((left + wide / 2) / columns, (top + high / 2) / lines)
    across, down = (min(1, max(0, (_ZOOM * middle - 0.5) / (_ZOOM - 1))) for middle in middles)
    return across, down


def _button(moment: Moment) -> str:
    high, wide = moment.after.shape[:2]
    small = _image(resized(moment.after, round(wide * _THUMBNAIL_LINES / high), _THUMBNAIL_LINES))
    return f'<button type="button"><img src="{small}" alt="">{escape(moment.label)}</button>'


def _image(shot: Picture) -> str:
    return f"data:image/jpeg;base64,{b64encode(jpeg(shot)).decode()}"


@dataclass(frozen=True)
class Sentences:
    """What people should know, one sentence a line."""

    title: str
    lines: Sequence[str]

    def html(self) -> str:
        items = "\n".join(f"<li>{escape(line)}</li>" for line in self.lines)
        return f'<section class="card">\n<h2>{escape(self.title)}</h2>\n<ul class="lines">\n{items}\n</ul>\n</section>'


@dataclass(frozen=True)
class Points:
    """What was found, what to do about it, and how that is written; the latter two may be empty."""

    title: str
    items: Sequence[tuple[str, str, str]]

    def html(self) -> str:
        items = "\n".join(_point(*item) for item in self.items)
        return f'<section class="card">\n<h2>{escape(self.title)}</h2>\n<ul class="lines">\n{items}\n</ul>\n</section>'


def _point(found: str, do: str, how: str) -> str:
    told = f'<p class="do">{escape(do)}</p>' if do else ""
    written = f"<code>{escape(how)}</code>" if how else ""
    return f"<li>{escape(found)}{told}{written}</li>"


@dataclass(frozen=True)
class Command:
    """Something to copy into a terminal, and what it does."""

    title: str
    lead: str
    text: str

    def html(self) -> str:
        body = f"<p>{escape(self.lead)}</p>\n<pre><code>{escape(self.text)}</code></pre>"
        return f'<section class="card">\n<h2>{escape(self.title)}</h2>\n{body}\n</section>'


@dataclass(frozen=True)
class Gallery:
    """Pictures with captions, as many beside one another as there is room; `width` is about a picture's, in px."""

    title: str
    pictures: Sequence[tuple[Picture, str]]
    width: int = 300

    def html(self) -> str:
        figures = "\n".join(_captioned(shot, caption) for shot, caption in self.pictures)
        head = f"<h2>{escape(self.title)}</h2>" if self.title else ""
        return (
            f'<section class="card">\n{head}\n'
            f'<div class="gallery" style="--wide: {self.width}px">\n{figures}\n</div>\n</section>'
        )


def _captioned(shot: Picture, caption: str) -> str:
    high, wide = shot.shape[:2]
    image = f'<img src="{_image(shot)}" width="{wide}" height="{high}" loading="lazy" alt="{escape(caption)}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


@dataclass(frozen=True)
class Table:
    """Rows of values under a head; the first column names the row."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self) -> str:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.head)
        rows = "\n".join("<tr>" + "".join(f"<td>{escape(v)}</td>" for v in row) + "</tr>" for row in self.rows)
        table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
        return f'<section class="card">\n<h2>{escape(self.title)}</h2>\n<div class="scroll">{table}</div>\n</section>'


@dataclass(frozen=True)
class Series:
    """A line of a plot: `points` are (seconds, value) in order of time. Values that are not finite are left out."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """Values over time, up to three series on one scale, which reaches down to `least` if that is given."""

    title: str
    unit: str
    series: Sequence[Series]
    least: float | None = None

    def html(self) -> str:
        lines = [[point for point in one.points if isfinite(point[1])] for one in self.series]
        points = [point for line in lines for point in line]
        if not points:
            return Sentences(self.title, ["No values."]).html()
        title = escape(f"{self.title}, {self.unit}" if self.unit else self.title)
        legend = "\n".join(
            f'<li class="s{number % 3}"><span>{escape(one.name)}</span></li>' for number, one in enumerate(self.series)
        )
        return (
            f'<section class="card">\n<h2>{title}</h2>\n<ul class="legend">\n{legend}\n</ul>\n'
            f'<div class="scroll">{_drawn(lines, title, self.least)}</div>\n</section>'
        )


@dataclass(frozen=True)
class Dots:
    """Points (x, y), one of them marked, and a line through others.

    `names`: words at 0, 1, 2 ... along x, where that is not a number.
    """

    title: str
    points: Sequence[tuple[float, float]]
    marked: int | None = None
    names: Sequence[str] = ()
    line: Sequence[tuple[float, float]] = ()

    def html(self) -> str:
        marks = self._marks()
        columns, values = [x for x, _ in self.points] + [x for x, _ in marks], [y for _, y in self.points]
        box = _Box(min(columns), max(columns), min(values), max(values))
        dots = [
            f'<circle class="{"s1" if number == self.marked else "s0"}" cx="{box.x(x):.1f}" cy="{box.y(y):.1f}" '
            f'r="{6 if number == self.marked else 4}"/>'
            for number, (x, y) in enumerate(self.points)
        ]
        line = " ".join(f"{box.x(x):.1f},{box.y(y):.1f}" for x, y in self.line)
        through = [f'<polyline class="s1" points="{line}"/>'] if line else []
        drawn = "\n".join([*box.frame(escape(self.title), marks), *through, *dots, "</svg>"])
        return f'<section class="card">\n<h2>{escape(self.title)}</h2>\n<div class="scroll">{drawn}</div>\n</section>'

    def _marks(self) -> list[tuple[float, str]]:
        if self.names:
            return [(float(place), name) for place, name in enumerate(self.names)]
        across = [x for x, _ in self.points]
        return [(value, f"{value:g}") for value in ticks(min(across), max(across), 8)]


_WIDTH, _HEIGHT = 960, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 12, 34
_MOST_POINTS = 1200


def _drawn(lines: list[list[tuple[float, float]]], title: str, least: float | None) -> str:
    times = [time for line in lines for time, _ in line]
    values = [value for line in lines for _, value in line] + ([] if least is None else [least])
    box = _Box(min(times), max(times), min(values), max(values))
    marks = [(time, clock.show(time).removesuffix(".000")) for time in ticks(min(times), max(times), 8)]
    parts = box.frame(title, marks)
    for number, line in enumerate(lines):
        drawn = " ".join(f"{box.x(time):.1f},{box.y(value):.1f}" for time, value in thinned(line, _MOST_POINTS))
        parts.append(f'<polyline class="s{number % 3}" points="{drawn}"/>')
    return "\n".join([*parts, "</svg>"])


class _Box:
    """Where values lie on a plot: the span of both axes, widened to round values upwards and downwards."""

    def __init__(self, start: float, stop: float, least: float, most: float) -> None:
        self.levels = ticks(least, most, 5)
        self.start, self.stop = start, stop
        self.low, self.high = min(self.levels[0], least), max(self.levels[-1], most)

    def x(self, value: float) -> float:
        return _LEFT + (value - self.start) / ((self.stop - self.start) or 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - self.low) / ((self.high - self.low) or 1) * (_HEIGHT - _TOP - _BOTTOM)

    def frame(self, title: str, marks: Sequence[tuple[float, str]]) -> list[str]:
        """The opened picture with lines at round values and `marks` below; `title` is markup."""
        parts = [f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">']
        for level in self.levels:
            parts.append(f'<path class="grid" d="M{_LEFT} {self.y(level):.1f}H{_WIDTH - _RIGHT}"/>')
            parts.append(f'<text x="{_LEFT - 8}" y="{self.y(level) + 4:.1f}" text-anchor="end">{level:g}</text>')
        for at, text in marks:
            below = f'<text x="{self.x(at):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(text)}</text>'
            parts.append(below)
        return parts


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round values within [low, high], a step of 1, 2 or 5 times a power of ten apart; at least one."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [round(number * step, 12) for number in range(ceil(low / step), floor(high / step) + 1)] or [low]


def thinned(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most `most` points, the lowest and the highest of each stretch, so that no peak is lost."""
    if len(points) <= most:
        return points
    length = ceil(len(points) / (most // 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), length):
        stretch = points[start : start + length]
        ends = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept
