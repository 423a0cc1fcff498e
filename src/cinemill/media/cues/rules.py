"""A broadcaster's rules for one language and audience, from `presets.toml`, for layout and lint alike."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from cinemill.errors import UnknownName

Audience = Literal["adult", "children", "sdh"]
PRESETS = ("netflix", "bbc", "dcmp", "social")
FILM = Fraction(24)
"""Frames a second that rules in frames are read with when there is no picture."""

_HALF_WIDTH = frozenset({"ja", "ko", "zh"})
_DASHES = {"fr": "- ", "ru": "– "}


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one file. Times in ms; `columns` as `width.columns` counts; `cps` and `wpm` None for no limit."""

    preset: str
    language: str
    columns: float
    lines: int
    cps: float | None
    wpm: float | None
    shortest: int
    longest: int
    gap_frames: int
    close_frames: int = 0
    close_ms: int = 0
    linger_frames: int = 12
    snap_frames: int = 0
    clear_frames: int = 0
    late_frames: int = 3
    dialogue: bool = True
    dash: str = "-"
    labels: Literal["lower", "upper"] = "lower"
    italics: bool = True

    @property
    def half_width(self) -> bool:
        """Whether half-width characters count half, and full-width ones once."""
        return self.language in _HALF_WIDTH

    def reading_ms(self, columns: float, words: int) -> float:
        """How long an audience needs for so much text."""
        by_columns = columns / self.cps * 1000 if self.cps else 0.0
        by_words = words / self.wpm * 60_000 if self.wpm else 0.0
        return max(by_columns, by_words)


def rules(preset: str, language: str | None = None, audience: Audience = "adult") -> Rules:
    """The rules of a preset; an unknown language has those of most languages. Raises UnknownName."""
    table = _table()
    if preset not in table:
        raise UnknownName("subtitle preset", preset, table)
    stored = table[preset]
    code = primary(language)
    speeds: dict[str, dict[str, float]] = stored.get("cps", {})
    own, adult = speeds.get(audience, {}), speeds.get("adult", {})
    cps = own.get(code) or own.get("default") or adult.get(code) or adult.get("default")
    wpm = None if code in _HALF_WIDTH else stored.get("wpm", {}).get(audience)
    same = {key: stored[key] for key in Rules.__dataclass_fields__ if key in stored and key not in _OWN}
    return Rules(
        preset=preset,
        language=code,
        columns=stored["columns"].get(code, stored["columns"]["default"]),
        cps=cps,
        wpm=wpm,
        dash=_DASHES.get(code, "-"),
        italics=code not in stored.get("italics_never", ()),
        **same,
    )


_OWN = frozenset({"preset", "language", "columns", "cps", "wpm", "dash", "italics"})


def primary(language: str | None) -> str:
    """`pt` of `pt-BR`; three letters become two where there are two; empty for none."""
    code = (language or "").replace("_", "-").partition("-")[0].lower()
    return _THREE_LETTERS.get(code, code)


def three_letters(language: str | None) -> str:
    """`ger` of `de`, as containers name languages (ISO 639-2/B); what has three letters stays; empty for others."""
    code = primary(language)
    known = {two: three for three, two in reversed(_THREE_LETTERS.items()) if two}
    return known.get(code, code if len(code) == 3 else "")


_THREE_LETTERS = {
    **{"eng": "en", "fre": "fr", "fra": "fr", "ger": "de", "deu": "de", "spa": "es", "ita": "it", "por": "pt"},
    **{"dut": "nl", "nld": "nl", "rus": "ru", "jpn": "ja", "kor": "ko", "chi": "zh", "zho": "zh", "ara": "ar"},
    **{"hin": "hi", "tha": "th", "pol": "pl", "tur": "tr", "swe": "sv", "dan": "da", "nor": "no", "fin": "fi"},
    **{"cmn": "zh", "yue": "zh", "und": ""},
}


@lru_cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("presets.toml").read_text("utf-8"))
