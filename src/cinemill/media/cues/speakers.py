"""Who says which word, by turns that somebody found (RTTM), smooth where one turn meets the next."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from cinemill.media.cues.grammar import ends_sentence
from cinemill.media.cues.packed import packed
from cinemill.media.cues.types import Cue, Transcript, Word

_NEAR_MS = 500
"""A word outside all turns belongs to one that is as near as this; to nobody known otherwise."""
_STRAY_MS = 400
"""A run of words of one speaker inside a sentence of another is a stray if it is shorter: turns are found to a few
tenths of a second, and words at their border fall to the wrong side."""


@dataclass(frozen=True, slots=True)
class Turn:
    """`speaker` speaks from `start` to `end`, in ms."""

    start: int
    end: int
    speaker: str


def assigned(transcript: Transcript, turns: Sequence[Turn]) -> Transcript:
    """The transcript with the speaker of each word; cues without words share their time out first."""
    ordered = sorted(turns, key=lambda turn: turn.start)
    reach = max((turn.end - turn.start for turn in ordered), default=0)
    starts = [turn.start for turn in ordered]
    said = _Said()
    for word in transcript.words():
        said.take(word, _speaker(word, ordered, starts, reach))
    _smooth(said)
    return replace(transcript, cues=packed(_named(transcript, said.speakers)))


def _named(transcript: Transcript, speakers: Sequence[str | None]) -> Iterator[Cue]:
    names = iter(speakers)
    for cue in transcript.cues:
        words = tuple(replace(word, speaker=next(names)) for word in Transcript((cue,)).words())
        yield replace(cue, words=words, speaker=_only(words))


@dataclass(slots=True)
class _Said:
    """Of each word what smoothing asks: its times in ms, whether a sentence ends with it, who says it."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))
    closes: bytearray = field(default_factory=bytearray)
    speakers: list[str | None] = field(default_factory=list[str | None])

    def take(self, word: Word, speaker: str | None) -> None:
        self.starts.append(word.start)
        self.ends.append(word.end)
        self.closes.append(ends_sentence(word.text))
        self.speakers.append(speaker)

    def is_short(self, first: int, last: int) -> bool:
        return self.ends[last] - self.starts[first] < _STRAY_MS


def _speaker(word: Word, turns: Sequence[Turn], starts: Sequence[int], reach: int) -> str | None:
    """Of the turn that the word shares most time with, else of the nearest."""
    first = bisect_left(starts, word.start - reach - _NEAR_MS)
    last = bisect_left(starts, word.end + _NEAR_MS + 1)
    best = max(turns[first:last], key=lambda turn: _shared(word, turn), default=None)
    return best.speaker if best and _shared(word, best) >= -_NEAR_MS else None


def _shared(word: Word, turn: Turn) -> int:
    """Common time; below 0 how far apart they are."""
    return min(word.end, turn.end) - max(word.start, turn.start)


def _smooth(said: _Said) -> None:
    """Strays go to the speaker around them, borders to the end of the sentence."""
    names = said.speakers
    turns = [at for at in range(1, len(names)) if names[at] != names[at - 1]]
    for first, stop in pairwise(turns):
        stray = said.is_short(first, stop - 1) and names[first - 1] == names[stop]
        if stray and not said.closes[first - 1]:
            names[first:stop] = [names[first - 1]] * (stop - first)
    for at in range(1, len(names)):
        if names[at - 1] == names[at] or said.closes[at - 1]:
            continue
        if said.closes[at] and said.is_short(at, at):
            names[at] = names[at - 1]  # the last word of a sentence
        elif at > 1 and said.closes[at - 2] and said.is_short(at - 1, at - 1):
            names[at - 1] = names[at]  # the first of the next


def _only(words: Sequence[Word]) -> str | None:
    speakers = {word.speaker for word in words}
    return speakers.pop() if len(speakers) == 1 else None
