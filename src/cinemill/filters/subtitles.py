"""Subtitles drawn into the picture by libass, in any style and with a font that has their letters."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from cinemill.catalogue import Field, Params, SubtitleFile
from cinemill.errors import InvalidParams
from cinemill.filters import DRAWABLE, lavfi_filter
from cinemill.kept import kept

if TYPE_CHECKING:
    from cinemill.media.cues.types import Transcript
    from cinemill.media.types import Frame

_NATIVE = frozenset({".srt", ".vtt", ".ass", ".ssa"})
"""What FFmpeg reads itself; other formats are turned into one of these first."""
_NAMED = {
    **{"white": "#ffffff", "black": "#000000", "yellow": "#ffff00", "cyan": "#00ffff", "green": "#00ff00"},
    **{"red": "#ff0000", "blue": "#0000ff", "magenta": "#ff00ff", "grey": "#808080"},
}
_LINES = 288
"""Lines of the picture that sizes are given for."""


class Subtitles(Params):
    file: SubtitleFile
    """Subtitles in any format, or a video file that holds some."""
    track: int = Field(0, ge=0)
    """Which subtitle track of the file, counted from 0."""
    delay: float = Field(0.0, ge=-86400, le=86400, unit="s")
    """How much later than written they appear; negative for earlier. A recording's clock need not begin at 0."""
    font: str | None = None
    """Font family, instead of the one the styles name. Where it lacks letters, one that has them is taken."""
    size: int | None = Field(None, ge=4, le=400, unit="px")
    """Height of the letters in a picture 288 lines high, instead of the styles'."""
    colour: str | None = None
    """Of the letters: a name such as yellow, or #rrggbb."""
    outline_colour: str | None = None
    """Of the outline, or of the box."""
    outline: float | None = Field(None, ge=0, le=20, unit="px")
    """Width of the outline in a picture 288 lines high."""
    box: bool = False
    """Set the letters on a box instead of outlining them."""
    bold: bool = False
    """Heavier letters."""
    place: Literal["bottom", "middle", "top"] | None = None
    """Where they stand."""
    margin: int | None = Field(None, ge=0, le=280, unit="px")
    """From the edge of the picture where they stand, in a picture 288 lines high."""
    karaoke: Literal["none", "word", "fill"] = "none"
    """Words light up one after another, or the colour runs through them. Needs a file that times its words."""

    @field_validator("font")
    @classmethod
    def _one_name(cls, font: str | None) -> str | None:
        if font and set(font) & set(",="):
            raise ValueError("name one font family")
        return font

    @field_validator("colour", "outline_colour")
    @classmethod
    def _known_colour(cls, colour: str | None) -> str | None:
        from cinemill.media.cues.style import HEX

        if colour and colour not in _NAMED and not HEX.fullmatch(colour):
            raise ValueError(f"name a colour, one of {', '.join(_NAMED)} or #rrggbb")
        return colour


def _check(p: Subtitles, frame: Frame) -> None:
    if not p.file.is_file():
        raise InvalidParams(f"subtitles: {p.file} is not there.")


@lavfi_filter("subtitles", accepts=DRAWABLE, check=_check)
def subtitles(p: Subtitles) -> str:
    """Burn subtitles in, at their own times."""
    from cinemill.media.lavfi import escape

    file, track = _drawable(p)
    style = ",".join(f"{key}={value}" for key, value in _style(p).items())
    graph = f"subtitles=filename={escape(str(file.resolve()))}:si={track}"
    graph += f":force_style={escape(style)}" if style else ""
    ticks = f"round({p.delay}/TB)"  # whole ticks, so that every pts comes back as it was
    return f"setpts=PTS-{ticks},{graph},setpts=PTS+{ticks}" if p.delay else graph


def _style(p: Subtitles) -> dict[str, str]:
    """What replaces the styles of the file, in ASS's words."""
    from cinemill.media.cues.style import ass_colour

    def ass(colour: str) -> str:
        return ass_colour(_NAMED.get(colour, colour))

    family = typeface(p)[0] if p.font else None
    given = {
        "FontName": family,
        "FontSize": p.size,
        "PrimaryColour": p.colour and ass(p.colour),
        "OutlineColour": p.outline_colour and ass(p.outline_colour),
        "BackColour": p.outline_colour and ass(p.outline_colour),
        "Outline": p.outline,
        "BorderStyle": 3 if p.box else None,
        "Bold": 1 if p.bold else None,
        "MarginV": p.margin,
        # libass takes this one in SSA's numbers, whatever the file is.
        "Alignment": {"bottom": 2, "middle": 10, "top": 6}[p.place] if p.place else None,
    }
    return {key: str(value) for key, value in given.items() if value is not None}


def _drawable(p: Subtitles) -> tuple[Path, int]:
    """A file that FFmpeg reads and its track: the one that was named, or what was made of it."""
    from cinemill.media.cues import embedded

    plain = p.file.suffix.lower() in _NATIVE or embedded.is_media(p.file)
    if (plain and p.karaoke == "none") or not p.file.is_file():
        return p.file, p.track
    return _made(p.file, p.track, p.karaoke), 0


@kept(16)
def _made(file: Path, track: int, karaoke: Literal["none", "word", "fill"]) -> Path:
    """The file as ASS, kept by its content among what can be made again."""
    from cinemill.media.cues import files
    from cinemill.media.cues.style import Style
    from cinemill.settings import settings

    looks = files.Looks(Style(size=5.5, outline=0.4, karaoke=karaoke), _LINES * 16 // 9, _LINES)
    text = files.written(transcript_of(file, track), "ass", looks)
    folder = settings().cache_dir / "subtitles"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}.ass"
    if not made.is_file():
        passing = made.with_suffix(f".{os.getpid()}.tmp")
        passing.write_text(text, "utf-8")
        passing.replace(made)
    return made


def transcript_of(file: Path, track: int) -> Transcript:
    """The cues of a file, or of a track of a video. Raises OpenFailed, NoSuchStream."""
    from cinemill.media.cues import embedded, files

    return (embedded.read_track(file, track) if embedded.is_media(file) else files.read(file)).transcript


def typeface(p: Subtitles) -> tuple[str | None, list[str]]:
    """The family that is drawn with, None to leave it to the file's styles, and sentences about it."""
    from cinemill.media import fonts

    letters = "".join({char for cue in transcript_of(p.file, p.track).cues for char in cue.text})
    choice = fonts.choose(letters, p.font)
    if choice is None:
        return p.font, ["no font is found on this machine; FFmpeg takes what it finds."]
    nowhere = fonts.undrawn(choice.missing)
    lacking = (
        f"; it has no {_said(nowhere)}, and no font here has: install {fonts.holders(nowhere)}, say" if nowhere else ""
    )
    if p.font is None and p.file.suffix.lower() in (".ass", ".ssa"):
        return None, []
    if p.font and choice.family.lower() != p.font.lower():
        here = p.font.lower() in (name.lower() for name in fonts.families())
        why = f"{p.font} lacks letters that the subtitles need" if here else f"no font {p.font} is on this machine"
        return choice.family, [f"{why}; {choice.family} is taken{lacking}."]
    return choice.family, [f"drawn with {choice.family}{lacking}."]


def _said(characters: str) -> str:
    shown = ", ".join(f"{char} (U+{ord(char):04X})" for char in characters[:5])
    return shown + (f" and {len(characters) - 5} more" if len(characters) > 5 else "")
