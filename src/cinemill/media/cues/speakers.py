"""Who says which word, by turns that somebody found (RTTM), smooth where one turn meets the next."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from cinemill.media.cues.grammar import ends_sentence
from cinemill.media.cues.types import Transcript, Word

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
    words = [replace(word, speaker=_speaker(word, ordered, starts, reach)) for word in transcript.words()]
    smooth = iter(_smoothed(words))
    counts = [len(cue.words) or sum(1 for _ in Transcript((cue,)).words()) for cue in transcript.cues]
    own = [tuple(next(smooth) for _ in range(count)) for count in counts]
    cues = tuple(replace(cue, words=run, speaker=_only(run)) for cue, run in zip(transcript.cues, own))
    return replace(transcript, cues=cues)


def _speaker(word: Word, turns: Sequence[Turn], starts: Sequence[int], reach: int) -> str | None:
    """Of the turn that the word shares most time with, else of the nearest."""
    first = bisect_left(starts, word.start - reach - _NEAR_MS)
    last = bisect_left(starts, word.end + _NEAR_MS + 1)
    best = max(turns[first:last], key=lambda turn: _shared(word, turn), default=None)
    return best.speaker if best and _shared(word, best) >= -_NEAR_MS else None


def _shared(word: Word, turn: Turn) -> int:
    """Common time; below 0 how far apart they are."""
    return min(word.end, turn.end) - max(word.start, turn.start)


def _smoothed(words: Sequence[Word]) -> list[Word]:
    """Strays go to the speaker around them, borders to the end of the sentence."""
    runs = [list(run) for _, run in groupby(words, key=lambda word: word.speaker)]
    for number in range(1, len(runs) - 1):
        before, run, after = runs[number - 1], runs[number], runs[number + 1]
        stray = run[-1].end - run[0].start < _STRAY_MS and before[-1].speaker == after[0].speaker
        if stray and not ends_sentence(before[-1].text):
            runs[number] = [replace(word, speaker=before[-1].speaker) for word in run]
    done = [word for run in runs for word in run]
    for at in range(1, len(done)):
        ours, theirs = done[at - 1], done[at]
        if ours.speaker == theirs.speaker or ends_sentence(ours.text):
            continue
        if ends_sentence(theirs.text) and theirs.end - theirs.start < _STRAY_MS:
            done[at] = replace(theirs, speaker=ours.speaker)  # the last word of a sentence
        elif at > 1 and ends_sentence(done[at - 2].text) and ours.end - ours.start < _STRAY_MS:
            done[at - 1] = replace(ours, speaker=theirs.speaker)  # the first of the next
    return done


def _only(words: Sequence[Word]) -> str | None:
    speakers = {word.speaker for word in words}
    return speakers.pop() if len(speakers) == 1 else None
