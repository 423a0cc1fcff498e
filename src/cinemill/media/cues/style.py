"""How subtitles look where the file says so (ASS) or they are drawn: font, size, colours, place, karaoke."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Place = Literal["bottom", "middle", "top"]
Karaoke = Literal["none", "word", "fill"]


@dataclass(frozen=True, slots=True)
class Style:
    """A look. `size`, `outline`, `shadow` and `margin` in percent of the picture's height; colours as `#rrggbb`.

    `karaoke`: `word` lights words up one after another, `fill` runs through them; `waiting` is their colour before.
    """

    font: str = "Liberation Sans"
    size: float = 5.5
    colour: str = "#ffffff"
    outline_colour: str = "#000000"
    outline: float = 0.25
    shadow: float = 0.0
    box: bool = False
    bold: bool = False
    place: Place = "bottom"
    margin: float = 5.0
    karaoke: Karaoke = "none"
    waiting: str = "#808080"


HEX = re.compile(r"#[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?")
"""A colour: red, green, blue, and how much covers what is behind (ff all of it)."""


def ass_colour(colour: str) -> str:
    """`&HAABBGGRR`, in which 00 covers all."""
    red, green, blue = (colour[i : i + 2] for i in (1, 3, 5))
    cover = int(colour[7:9] or "ff", 16)
    return f"&H{255 - cover:02X}{blue}{green}{red}".upper().replace("&H", "&H")


def ass_style(style: Style, height: int, name: str = "Default") -> str:
    """The `Style:` line for a picture of this height (fields as `ASS_FIELDS`)."""
    alignment = {"bottom": 2, "middle": 5, "top": 8}[style.place]
    pixels = {key: round(getattr(style, key) * height / 100, 2) for key in ("size", "outline", "shadow", "margin")}
    box = 3 if style.box else 1
    margin = round(pixels["margin"])
    main, waiting = ass_colour(style.colour), ass_colour(style.waiting)
    behind = ass_colour(style.outline_colour)
    return (
        f"Style: {name},{style.font},{pixels['size']:g},{main},{waiting},{behind},{behind},{-int(style.bold)},0,0,0,"
        f"100,100,0,0,{box},{pixels['outline']:g},{pixels['shadow']:g},{alignment},{margin},{margin},{margin},1"
    )


ASS_FIELDS = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, "
    "StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, "
    "Encoding"
)
