"""Emphasis inside a cue: tags in files <-> marks on plain text; and where each word of a cue stands in its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import cast

from cinemill.media.cues.packed import packed
from cinemill.media.cues.types import Cue, Emphasis, Mark, Transcript, Word

KINDS: tuple[Emphasis, ...] = ("b", "i", "u")
_TAG = re.compile(r"<(/?)([ibu])>", re.IGNORECASE)


def runs(cue: Cue) -> Iterator[tuple[str, tuple[Emphasis, ...]]]:
    """The cue's text in pieces of one emphasis, `\\n` for a line break."""
    text = cue.text
    edges = {0, len(text), *(place for mark in cue.marks for place in (mark.start, mark.stop))}
    places = sorted(edge for edge in edges if 0 <= edge <= len(text))
    for start, stop in pairwise(places):
        yield text[start:stop], tuple(kind for kind in KINDS if _covers(cue.marks, kind, start))


def _covers(marks: Iterable[Mark], kind: Emphasis, place: int) -> bool:
    return any(mark.kind == kind and mark.start <= place < mark.stop for mark in marks)


def tagged(cue: Cue, escape: Callable[[str], str] = str) -> str:
    """The cue's text with `<i>`, `<b>` and `<u>`."""
    return "".join(
        "".join(f"<{kind}>" for kind in kinds) + escape(text) + "".join(f"</{kind}>" for kind in reversed(kinds))
        for text, kinds in runs(cue)
    )


def untagged(text: str) -> tuple[tuple[str, ...], tuple[Mark, ...]]:
    """Lines and marks of text with tags. A tag that is never closed holds to the end."""
    plain, stretches = "", list[tuple[str, int, int]]()
    open_: dict[str, int] = {}
    at = 0
    for tag in _TAG.finditer(text):
        plain += text[at : tag.start()]
        at = tag.end()
        kind = tag[2].lower()
        if not tag[1]:
            open_.setdefault(kind, len(plain))
        elif kind in open_:
            stretches.append((kind, open_.pop(kind), len(plain)))
    plain += text[at:]
    stretches += [(kind, start, len(plain)) for kind, start in open_.items()]
    return of_lines(plain, stretches)


def of_lines(plain: str, stretches: Iterable[tuple[str, int, int]]) -> tuple[tuple[str, ...], tuple[Mark, ...]]:
    """Lines without blanks around them and without empty ones, and the marks moved with their characters."""
    kept: list[int] = []
    lines: list[str] = []
    at = 0
    for line in plain.split("\n"):
        bare = line.strip()
        if bare:
            begins = at + line.index(bare)
            kept += [*([begins - 1] if lines else []), *range(begins, begins + len(bare))]
            lines.append(bare)
        at += len(line) + 1
    return tuple(lines), merged(
        (kind, sum(place < start for place in kept), sum(place < stop for place in kept))
        for kind, start, stop in stretches
    )


def merged(stretches: Iterable[tuple[str, int, int]]) -> tuple[Mark, ...]:
    """Marks in order; those of one kind that touch are one, and empty ones are none."""
    found: list[Mark] = []
    for kind, start, stop in sorted(stretches, key=lambda one: (one[0], one[1])):
        if stop <= start:
            continue
        if found and found[-1].kind == kind and found[-1].stop >= start:
            found[-1] = replace(found[-1], stop=max(stop, found[-1].stop))
        else:
            found.append(Mark(cast(Emphasis, kind), start, stop))
    return tuple(found)


def placed(cue: Cue) -> list[tuple[Word, int, int]]:
    """Each word with where it stands in the cue's text; empty where the words are not those of the text.

    Their times are inside the cue's, which may come later than its first word: karaoke ends with its cue.
    """
    text, at = cue.text, 0
    found: list[tuple[Word, int, int]] = []
    for word in cue.words:
        start = text.find(word.text, at)
        if start < 0:
            return []
        at = start + len(word.text)
        found.append((_inside(word, cue), start, at))
    return found


def _inside(word: Word, cue: Cue) -> Word:
    times = (min(max(time, cue.start), max(cue.start, cue.end)) for time in (word.start, word.end))
    start, end = times
    return word if (start, end) == (word.start, word.end) else replace(word, start=start, end=end)


def highlighted(transcript: Transcript) -> Transcript:
    """A cue for each word, the whole text with that word underlined, one after another without overlap."""
    return replace(transcript, cues=packed(part for cue in transcript.cues for part in _highlights(cue)))


def _highlights(cue: Cue) -> Iterator[Cue]:
    places = placed(cue)
    starts = [cue.start, *(word.start for word, _, _ in places[1:])]
    stops = [*starts[1:], cue.end]
    if not places:
        yield cue
    for (_, start, stop), begins, ends in zip(places, starts, stops):
        if ends > begins:
            yield replace(cue, start=begins, end=ends, words=(), marks=merged([*_triples(cue), ("u", start, stop)]))


def _triples(cue: Cue) -> Iterator[tuple[str, int, int]]:
    return ((mark.kind, mark.start, mark.stop) for mark in cue.marks)
