"""SubRip. Files are read as players read them: numbers are ignored, commas or points, any line ends, stray blank lines.

Tags that are no emphasis (`<font>`, `{\\an8}`) are left out. An arrow inside the text is written with a word joiner, so
that no player takes it for a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cinemill.media.cues import emphasis
from cinemill.media.cues.formats import stamps
from cinemill.media.cues.types import Cue, Transcript

TIMING = re.compile(rf"[ \t]*({stamps.CLOCK})[ \t]*-->[ \t]*({stamps.CLOCK})(?=[ \t]|$)", re.MULTILINE)
_OTHER_TAGS = re.compile(r"</?font[^>\n]*>|\{\\[^}\n]*\}", re.IGNORECASE)
_JOINED_ARROW = "-\u2060->"


def read(text: str) -> Transcript:
    """Raises ValueError."""
    lines = text.removeprefix("\ufeff").split("\n")
    found = [(number, match) for number, line in enumerate(lines) if (match := TIMING.match(line))]
    if not found:
        raise ValueError("it holds no line with two times and an arrow")
    cues: list[Cue] = []
    for place, (number, match) in enumerate(found):
        stop = found[place + 1][0] if place + 1 < len(found) else len(lines)
        own = lines[number + 1 : stop]
        if place + 1 < len(found) and own and own[-1].strip().isdigit():
            own.pop()
        body = _OTHER_TAGS.sub("", "\n".join(own)).replace(_JOINED_ARROW, "-->")
        shown, marks = emphasis.untagged(body)
        cues.append(Cue(stamps.parsed(match[1]), stamps.parsed(match[2]), shown, marks=marks))
    return Transcript(tuple(cues))


def write(transcript: Transcript) -> Iterator[str]:
    for number, cue in enumerate(transcript.cues, 1):
        yield "\n" * (number > 1) + _block(number, cue)


def _block(number: int, cue: Cue) -> str:
    body = emphasis.tagged(cue).replace("-->", _JOINED_ARROW)
    return f"{number}\n{stamps.shown(cue.start, ',')} --> {stamps.shown(cue.end, ',')}\n{body}\n"
