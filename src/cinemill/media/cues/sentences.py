"""Words -> a cue for each sentence of each speaker, as recognisers give them: for programs, not for the screen."""

from __future__ import annotations

from cinemill.media.cues.grammar import ends_sentence
from cinemill.media.cues.types import Cue, Transcript, Word, joined

_PAUSE_MS = 3000
"""A pause that ends a sentence, whatever its signs say."""


def parted(transcript: Transcript) -> Transcript:
    """The transcript's words, a cue for each sentence; a new speaker or a long pause begins another."""
    runs: list[list[Word]] = []
    for word in transcript.words():
        last = runs[-1][-1] if runs else None
        goes_on = last and last.speaker == word.speaker and word.start - last.end < _PAUSE_MS
        if goes_on and last and not ends_sentence(last.text):
            runs[-1].append(word)
        else:
            runs.append([word])
    cues = (Cue(run[0].start, max(w.end for w in run), (joined(run),), run[0].speaker, tuple(run)) for run in runs)
    return Transcript(tuple(cues), transcript.language, transcript.frame_rate)
