"""Text as libass draws it -> layers: captions, titles and signs, one picture for each state of them.

The FFmpeg program draws on an empty canvas, one second after another, and only as often as something changes; which
picture of the film shows what is reckoned here and not by a subtitle's clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cinemill.film.layers import Layer, of_rgba
from cinemill.media import program
from cinemill.media.cues.style import ASS_FIELDS, ass_colour
from cinemill.media.lavfi import escape

_ALIGNMENT = {
    "bottom-left": 1,
    "bottom": 2,
    "bottom-right": 3,
    "left": 4,
    "middle": 5,
    "right": 6,
    "top-left": 7,
    "top": 8,
    "top-right": 9,
}
_SPACING = 60
"""Seconds between two states on the clock that libass sees: more than any cue lasts."""


@dataclass(frozen=True, slots=True)
class Lettering:
    """How text looks. `size`, `outline`, `shadow` in pixels; `margins`: left, right, vertical; colours #rrggbb."""

    font: str
    size: float
    colour: str = "#ffffff"
    outline_colour: str = "#000000"
    outline: float = 0.0
    shadow: float = 0.0
    box: bool = False
    bold: bool = False
    place: str = "bottom"
    margins: tuple[int, int, int] = (0, 0, 0)
    waiting: str = "#ffffff"

    def line(self, name: str) -> str:
        """The `Style:` line of ASS. Its last value, -1, lets the text say which way it runs."""
        main, waiting = ass_colour(self.colour), ass_colour(self.waiting)
        behind = ass_colour(self.outline_colour)
        left, right, vertical = self.margins
        border = f"{3 if self.box else 1},{self.outline:.2f},{self.shadow:.2f}"
        return (
            f"Style: {name},{self.font},{self.size:.2f},{main},{waiting},{behind},{behind},{-int(self.bold)},0,0,0,"
            f"100,100,0,0,{border},{_ALIGNMENT[self.place]},{left},{right},{vertical},-1"
        )


@dataclass(frozen=True, slots=True)
class State:
    """Text in ASS's words, and for how many hundredths of a second it has been there, which karaoke goes by."""

    text: str
    elapsed: int = 0


def escaped(text: str) -> str:
    """Text as ASS draws it, letter by letter: braces and backslashes are no orders."""
    # A word joiner parts a backslash from the letter that would make an order of it.
    text = text.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")
    return text.replace("\r", "").replace("\n", "\\N")


def drawn(
    states: Sequence[State], look: Lettering, width: int, height: int, opacity: float = 1.0
) -> Iterator[Layer | None]:
    """A layer for each state, None for one that shows nothing. The picture is `width` x `height`.

    Text at the top or the bottom is drawn on a band of the picture, as high as the lines of the longest state need.
    """
    top, band = _band(states, look, height)
    lines = [_event(number, state) for number, state in enumerate(states)]
    with TemporaryDirectory(prefix="cinemill-") as folder:
        script = Path(folder) / "text.ass"
        script.write_text("\n".join([*_head(width, band), look.line("Default"), "", *_EVENTS, *lines, ""]), "utf-8")
        size = width * band * 4
        canvas = f"color=c=black@0:s={width}x{band}:r=1/{_SPACING},format=rgba"
        graph = f"setpts=PTS+{_SPACING}/TB,subtitles=filename={escape(str(script))}:alpha=1"
        out = ["-frames:v", str(len(states)), "-f", "rawvideo", "-pix_fmt", "rgba", "pipe:1"]
        with program.running(["-f", "lavfi", "-i", canvas, "-vf", graph, *out]) as child:
            stdout = child.process.stdout
            assert stdout
            for _ in states:
                data = stdout.read(size)
                if len(data) < size:
                    break
                yield of_rgba(np.frombuffer(data, np.uint8).reshape(band, width, 4), 0, top, opacity)
            child.finish()


def _band(states: Sequence[State], look: Lettering, height: int) -> tuple[int, int]:
    """Top and height of the part of the picture that is drawn on: even numbers."""
    lines = max((state.text.count("\\N") + 1 for state in states), default=1)
    # Twice the lines, for those that libass breaks itself because they are too wide.
    need = round(look.size * 1.35 * (2 * lines + 0.5) + 2 * (look.outline + look.shadow)) + look.margins[2]
    band = min(height, need + need % 2)
    if look.place.startswith("top"):
        return 0, band
    if look.place.startswith("bottom"):
        return height - band, band
    # The middle of the band is that of the picture whatever its height, and its top an even number.
    band = min(height, band + (height - band) % 4)
    return (height - band) // 2, band


def _head(width: int, height: int) -> list[str]:
    return [
        "[Script Info]",
        "ScriptType: v4.00+",
        f"PlayResX: {width}",
        f"PlayResY: {height}",
        "WrapStyle: 0",
        "ScaledBorderAndShadow: yes",
        "YCbCr Matrix: None",
        "",
        "[V4+ Styles]",
        f"Format: {ASS_FIELDS}",
    ]


_EVENTS = ["[Events]", "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"]


def _event(number: int, state: State) -> str:
    """One state on a clock of its own: at minute n + 1 it has been there for `elapsed`."""
    now = (number + 1) * _SPACING * 100
    begin = now - min(state.elapsed, _SPACING * 100 - 200)
    return f"Dialogue: 0,{_time(begin)},{_time(now + 100)},Default,,0,0,0,,{state.text}"


def _time(hundredths: int) -> str:
    seconds, rest = divmod(hundredths, 100)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}.{rest:02d}"
