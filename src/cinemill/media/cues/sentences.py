"""Words -> a cue for each sentence of each speaker, as recognisers give them: for programs, not for the screen."""

from __future__ import annotations

from collections.abc import Iterator

from cinemill.media.cues.grammar import ends_sentence
from cinemill.media.cues.packed import packed
from cinemill.media.cues.types import Cue, Transcript, Word, joined

_PAUSE_MS = 3000
"""A pause that ends a sentence, whatever its signs say."""


def parted(transcript: Transcript) -> Transcript:
    """The transcript's words, a cue for each sentence; a new speaker or a long pause begins another."""
    cues = (
        Cue(run[0].start, max(w.end for w in run), (joined(run),), run[0].speaker, tuple(run))
        for run in _runs(transcript.words())
    )
    return Transcript(packed(cues), transcript.language, transcript.frame_rate)


def _runs(words: Iterator[Word]) -> Iterator[list[Word]]:
    run: list[Word] = []
    for word in words:
        last = run[-1] if run else word
        goes_on = last.speaker == word.speaker and word.start - last.end < _PAUSE_MS
        if run and (not goes_on or ends_sentence(last.text)):
            yield run
            run = []
        run.append(word)
    if run:
        yield run
