"""Text on the clock by connectionist temporal classification: the best path of given tokens through an emission matrix.

Any acoustic model will do that gives, for each step of time, a logarithmic probability for each token and for blank
(wav2vec2 and its kin). Between two tokens the path may rest on blank, and it has to where they are the same. A token
that the model does not know is `STAR`: anything but blank. Sources: A. Graves et al. 2006; the star token after
torchaudio's and MMS's aligners. Memory is kept to the square root of the length by computing forward twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp, isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.errors import InvalidParams
from cinemill.media.cues.timing import between
from cinemill.media.cues.types import Character, Word

STAR = -1

Emissions = NDArray[Any]
"""(steps, tokens) float32, natural logarithms of probabilities"""


@dataclass(frozen=True, slots=True)
class Span:
    """Steps `start` to `stop` of the path on one token; `score` is the mean of its logarithmic probabilities."""

    start: int
    stop: int
    score: float


def path(emissions: Emissions, tokens: Sequence[int], blank: int = 0) -> list[Span]:
    """Where each token is said. Raises InvalidParams when there are more tokens than steps can hold."""
    steps = len(emissions)
    least = len(tokens) + sum(a == b for a, b in pairwise(tokens))
    if least > steps:
        raise InvalidParams(f"{len(tokens)} characters do not fit into {steps} steps of sound; is it the right text?")
    if not tokens:
        return []
    states = _States(np.asarray(emissions, np.float32), tokens, blank)
    return _spans(states.best(), states, len(tokens))


class _States:
    """Blank, token, blank, token, … blank."""

    def __init__(self, emissions: Emissions, tokens: Sequence[int], blank: int) -> None:
        others = emissions.copy()
        others[:, blank] = -np.inf
        # The star's column comes last, where -1 finds it.
        self.emissions = np.concatenate([emissions, others.max(axis=1, keepdims=True)], axis=1)
        self.of = np.full(2 * len(tokens) + 1, blank)
        self.of[1::2] = tokens
        self.skips = np.zeros(len(self.of), bool)
        self.skips[3::2] = self.of[3::2] != self.of[1:-2:2]

    def _step(self, scores: Emissions, at: int) -> tuple[Emissions, NDArray[np.uint8]]:
        """Scores after step `at`, and by how many states each came."""
        ways = np.full((3, len(scores)), -np.inf, np.float32)
        ways[0] = scores
        ways[1, 1:] = scores[:-1]
        ways[2, 2:] = np.where(self.skips[2:], scores[:-2], -np.inf)
        came = ways.argmax(axis=0)
        best = np.take_along_axis(ways, came[None], 0)[0]
        return best + self.emissions[at, self.of], came.astype(np.uint8)

    def best(self) -> NDArray[Any]:
        """The state at each step of the best path."""
        steps = len(self.emissions)
        block = isqrt(steps) + 1
        scores = np.full(len(self.of), -np.inf, np.float32)
        scores[:2] = self.emissions[0, self.of[:2]]
        kept = {0: scores}
        for at in range(1, steps):
            scores, _ = self._step(scores, at)
            if at % block == 0:
                kept[at] = scores
        state = len(self.of) - 1 if scores[-1] >= scores[-2] else len(self.of) - 2
        states = np.zeros(steps, int)
        for begin in sorted(kept, reverse=True):
            scores, came = kept[begin], list[NDArray[np.uint8]]()
            for at in range(begin + 1, min(begin + block, steps)):
                scores, back = self._step(scores, at)
                came.append(back)
            last = begin + len(came)
            if last + 1 < steps:
                # The step over the border of two blocks.
                state -= int(self._step(scores, last + 1)[1][state])
            for at in range(last, begin, -1):
                states[at] = state
                state -= int(came[at - begin - 1][state])
            states[begin] = state
        return states


def _spans(states: NDArray[Any], found: _States, count: int) -> list[Span]:
    spans: list[Span] = []
    for number in range(count):
        at = np.flatnonzero(states == 2 * number + 1)
        start, stop = int(at[0]), int(at[-1]) + 1
        spans.append(Span(start, stop, float(found.emissions[start:stop, found.of[2 * number + 1]].mean())))
    return spans


def words(
    emissions: Emissions,
    text: Sequence[Word],
    vocabulary: Mapping[str, int],
    step_ms: float,
    *,
    blank: int = 0,
    separator: str = "|",
) -> tuple[list[Word], list[list[Character]]]:
    """The words with their times, and each word's characters with theirs.

    A character that the vocabulary has in no case is a star. Words without a letter or digit get what lies between
    their neighbours. Raises InvalidParams.
    """
    tokens: list[int] = []
    owners: list[tuple[int, str]] = []
    for number, word in enumerate(text):
        letters = [char for char in word.text if char.isalnum() or char in vocabulary]
        if letters and tokens and separator in vocabulary:
            tokens.append(vocabulary[separator])
            owners.append((-1, separator))
        for char in letters:
            tokens.append(_token(char, vocabulary))
            owners.append((number, char))
    spans = path(emissions, tokens, blank)
    characters: list[list[Character]] = [[] for _ in text]
    for (number, char), span in zip(owners, spans):
        if number >= 0:
            times = round(span.start * step_ms), round(span.stop * step_ms)
            characters[number].append(Character(char, *times, min(1.0, exp(span.score))))
    timed = [_timed(word, own) for word, own in zip(text, characters)]
    return between(timed, [bool(own) for own in characters], 0, round(len(emissions) * step_ms)), characters


def _token(char: str, vocabulary: Mapping[str, int]) -> int:
    return next((vocabulary[case] for case in (char, char.upper(), char.lower()) if case in vocabulary), STAR)


def _timed(word: Word, characters: Sequence[Character]) -> Word:
    if not characters:
        return word
    confidence = sum(char.confidence for char in characters) / len(characters)
    return replace(word, start=characters[0].start, end=characters[-1].end, confidence=round(confidence, 4))
