"""Times as files write them."""

from __future__ import annotations

import re

MOST_MS = 1000 * 3600 * 1000
"""A thousand hours; what is longer is no time."""
CLOCK = r"-?(?:\d{1,4}:)?\d{1,3}:\d{1,2}(?:[.,]\d{1,9})?"
"""Pattern of `h:mm:ss,fff`, hours and fraction at will."""
_CLOCK = re.compile(r"(-?)(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2})(?:[.,](\d{1,9}))?")


def parsed(text: str) -> int:
    """Milliseconds, rounded. Raises ValueError."""
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text.strip()[:40]!r} is no time")
    sign, hours, minutes, seconds, rest = match.groups()
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    fraction = round(int(rest) * 1000 / 10 ** len(rest)) if rest else 0
    total = whole * 1000 + fraction
    if total > MOST_MS:
        raise ValueError(f"{text.strip()[:40]!r} is later than a thousand hours")
    return -total if sign else total


def shown(ms: int, point: str = ".", hours: int = 2) -> str:
    """`00:01:02.003`."""
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hour, minutes = divmod(minutes, 60)
    return f"{hour:0{hours}d}:{minutes:02d}:{seconds:02d}{point}{rest:03d}"
