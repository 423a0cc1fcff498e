"""How wide text is, in the columns that broadcasters count."""

from __future__ import annotations

import unicodedata

_NO_WIDTH = frozenset({"Mn", "Me", "Cf", "Cc"})


def columns(text: str, half_width: bool = False) -> float:
    """Columns of one line. Marks over and under letters take none.

    `half_width` counts as for Chinese, Japanese and Korean: 1 for full-width characters and 0.5 for others; else 1 for
    most, and 2 for those that are twice as wide.
    """
    if text.isascii() and text.isprintable():
        return len(text) * (0.5 if half_width else 1)
    return sum(_one(char, half_width) for char in text)


def _one(char: str, half_width: bool) -> float:
    if unicodedata.category(char) in _NO_WIDTH:
        return 0
    wide = unicodedata.east_asian_width(char) in "WF"
    return (1 if wide else 0.5) if half_width else (2 if wide else 1)
