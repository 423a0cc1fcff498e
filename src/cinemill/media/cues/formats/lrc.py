"""LRC, lyrics: `[mm:ss.xx]text`, and word by word `<mm:ss.xx>`. A cue has one line and lasts until the next, or until a
stamp without text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, pairwise

from cinemill.media.cues import emphasis
from cinemill.media.cues.types import Cue, Transcript, Word

_LINE = re.compile(r"((?:\[\d{1,4}:\d{1,2}(?:[.:]\d{1,3})?\][ \t]*)+)(.*)")
_STAMP = re.compile(r"\[(\d{1,4}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_WORD = re.compile(r"<(\d{1,4}):(\d{1,2})(?:[.:](\d{1,3}))?>")
_TAG = re.compile(r"\[(la|offset):\s*([^\]]*)\]", re.IGNORECASE)
_LAST_MS = 5000
"""How long the last line stays."""


def read(text: str) -> Transcript:
    tags = {key.lower(): value.strip() for key, value in _TAG.findall(text)}
    offset = tags.get("offset", "0")
    earlier = int(offset) if re.fullmatch(r"[+-]?\d{1,9}", offset) else 0
    timed = sorted(
        (
            (_ms(stamp) - earlier, match[2])
            for match in map(_LINE.match, text.split("\n"))
            if match
            for stamp in _STAMP.finditer(match[1])
        ),
        key=lambda one: one[0],
    )
    if not timed:
        raise ValueError("it holds no line with a time in brackets")
    last = timed[-1][0] + _LAST_MS
    cues = tuple(_cue(start, stop, body) for (start, body), (stop, _) in pairwise([*timed, (last, "")]) if body.strip())
    return Transcript(cues, tags.get("la") or None)


def _ms(match: re.Match[str]) -> int:
    rest = match[3] or "0"
    return (int(match[1]) * 60 + int(match[2])) * 1000 + round(int(rest) * 1000 / 10 ** len(rest))


def _cue(start: int, end: int, body: str) -> Cue:
    line = " ".join(_WORD.sub("", body).split())
    return Cue(start, end, (line,), words=tuple(_words(body, end)))


def _words(body: str, end: int) -> Iterator[Word]:
    stamps = [(match.start(), match.end(), _ms(match)) for match in _WORD.finditer(body)]
    for (_, at, start), (stop, _, ends) in pairwise([*stamps, (len(body), 0, end)]):
        if text := body[at:stop].strip():
            before = _WORD.sub("", body[:at])
            yield Word(text, start, ends, space=not before or before[-1].isspace() or body[at].isspace())


def write(transcript: Transcript) -> Iterator[str]:
    yield f"[la:{transcript.language}]\n" if transcript.language else ""
    for cue, ahead in pairwise(chain(transcript.cues, [None])):
        assert cue
        yield f"[{_stamp(cue.start)}]{_body(cue)}\n"
        if ahead is None or _hundredths(ahead.start) > _hundredths(cue.end):
            yield f"[{_stamp(cue.end)}]\n"


def _body(cue: Cue) -> str:
    text = cue.text.replace("\n", " ")
    for word, place, _ in reversed(emphasis.placed(cue)):
        text = f"{text[:place]}<{_stamp(word.start)}>{text[place:]}"
    return text


def _hundredths(ms: int) -> int:
    return round(ms / 10)


def _stamp(ms: int) -> str:
    seconds, rest = divmod(_hundredths(ms), 100)
    return f"{seconds // 60:02d}:{seconds % 60:02d}.{rest:02d}"
