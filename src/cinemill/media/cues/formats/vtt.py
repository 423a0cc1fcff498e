"""WebVTT: voices as `<v Name>`, words on the clock as stamps inside the text. Settings, styles, regions are left out.

Source: W3C WebVTT. A stamp ends the word before it, so that a word's own end is not held. Stamps rise strictly and lie
inside the cue; words at the same moment share one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from cinemill.media.cues import emphasis
from cinemill.media.cues.formats import stamps
from cinemill.media.cues.types import Cue, Transcript, Word, spread

_TIMING = re.compile(rf"[ \t]*({stamps.CLOCK})[ \t]+-->[ \t]+({stamps.CLOCK})(?=[ \t]|$)")
_TOKEN = re.compile(r"<(?:([\d:.]+)|(/?)([a-zA-Z]*)([^>]*))>")
_LANGUAGE = re.compile(r"^Language:\s*([\w-]+)", re.IGNORECASE | re.MULTILINE)


def read(text: str) -> Transcript:
    """Raises ValueError."""
    blocks = re.split(r"\n[ \t]*\n+", text.removeprefix("\ufeff").replace("\0", "\ufffd"))
    if not re.match(r"WEBVTT(?:\s|$)", blocks[0]):
        raise ValueError("it does not begin with WEBVTT")
    language = _LANGUAGE.search(blocks[0])
    cues = tuple(cue for block in [blocks[0].partition("\n")[2], *blocks[1:]] for cue in _cues(block))
    return Transcript(cues, language[1] if language else None)


def _cues(block: str) -> Iterator[Cue]:
    """The cue of a block; two where the blank line between them was forgotten."""
    lines = block.split("\n")
    if re.match(r"(NOTE|STYLE|REGION)(\s|$)", lines[0]):
        return
    found = [(number, match) for number, line in enumerate(lines) if (match := _TIMING.match(line))]
    for place, (number, match) in enumerate(found):
        stop = found[place + 1][0] if place + 1 < len(found) else len(lines)
        yield _cue(stamps.parsed(match[1]), stamps.parsed(match[2]), "\n".join(lines[number + 1 : stop]))


def _cue(start: int, end: int, body: str) -> Cue:
    plain, stretches = "", list[tuple[str, int, int]]()
    open_: dict[str, int] = {}
    changes: list[tuple[int, int | None, str | None]] = []
    """At this place of the text: a time, or a voice."""
    at = 0
    for token in _TOKEN.finditer(body):
        plain += html.unescape(body[at : token.start()])
        at = token.end()
        stamp, closing, name, rest = token.groups()
        if stamp:
            changes.append((len(plain), stamps.parsed(stamp), None))
        elif name == "v" and not closing:
            changes.append((len(plain), None, html.unescape(rest.partition(" ")[2].strip())))
        elif name in ("i", "b", "u") and not closing:
            open_.setdefault(name, len(plain))
        elif name in open_:
            stretches.append((name, open_.pop(name), len(plain)))
    plain += html.unescape(body[at:])
    stretches += [(name, begun, len(plain)) for name, begun in open_.items()]
    lines, marks = emphasis.of_lines(plain, stretches)
    voices = list(dict.fromkeys(voice for _, _, voice in changes if voice))
    speaker = voices[0] if len(voices) == 1 else None
    stamped = len(voices) > 1 or any(time is not None for _, time, _ in changes)
    words = tuple(_words(plain, start, end, changes, speaker)) if stamped else ()
    return Cue(start, end, lines, speaker, words, marks)


def _words(
    plain: str, start: int, end: int, changes: list[tuple[int, int | None, str | None]], speaker: str | None
) -> Iterator[Word]:
    """The words between stamps, each piece's spread over its time."""
    pieces: list[list[tuple[str, str | None, bool]]] = [[]]
    times = [start]
    edges = [(0, None, None), *changes, (len(plain), None, None)]
    for (place, time, voice), (stop, _, _) in pairwise(edges):
        speaker = voice or speaker
        if time is not None:
            pieces.append([])
            times.append(time)
        piece = plain[place:stop]
        if piece.strip():
            pieces[-1].append((piece, speaker, place > 0 and not plain[place - 1].isspace() and not piece[0].isspace()))
    for run, (begins, ends) in zip(pieces, pairwise([*times, end])):
        whole = sum(len(piece) for piece, _, _ in run)
        done = 0
        for piece, voice, glued in run:
            left, right = (begins + (ends - begins) * n // (whole or 1) for n in (done, done + len(piece)))
            done += len(piece)
            one = len(piece.split()) == 1  # a stamp's own word stays whole, whatever its script
            words = [Word(piece.strip(), left, right, None, voice)] if one else spread(piece, left, right, voice)
            for number, word in enumerate(words):
                yield replace(word, space=False) if number == 0 and glued else word


def write(transcript: Transcript) -> Iterator[str]:
    yield "WEBVTT\n" + (f"Language: {transcript.language}\n" if transcript.language else "")
    for cue in transcript.cues:
        yield "\n" + _block(cue)


def _block(cue: Cue) -> str:
    return f"{stamps.shown(cue.start)} --> {stamps.shown(cue.end)}\n{_body(cue)}\n"


def _body(cue: Cue) -> str:
    """Text with voices, stamps and emphasis. Every tag is closed before a voice or a stamp and opened again after."""
    inserts: dict[int, str] = {0: _voice(cue.speaker)} if cue.speaker else {}
    last, voice = cue.start, cue.speaker
    for word, place, _ in emphasis.placed(cue):
        if word.speaker and word.speaker != voice and cue.speaker is None:
            voice = word.speaker
            line = cue.text.rfind("\n", 0, place) + 1
            inserts[line] = _voice(voice)
        if last < word.start < cue.end:
            last = word.start
            inserts[place] = inserts.get(place, "") + f"<{stamps.shown(word.start)}>"
    pieces: list[str] = []
    at = 0
    for text, kinds in emphasis.runs(cue):
        opened, closed = "".join(f"<{kind}>" for kind in kinds), "".join(f"</{kind}>" for kind in reversed(kinds))
        inner = [place for place in sorted(inserts) if at <= place < at + len(text)]
        for start, stop in pairwise([at, *inner, at + len(text)]):
            piece = _escaped(cue.text[start:stop])
            pieces.append(inserts.pop(start, "") + (opened + piece + closed if piece else ""))
        at += len(text)
    return "".join(pieces)


def _voice(name: str) -> str:
    return f"<v {_escaped(' '.join(name.split()))}>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
