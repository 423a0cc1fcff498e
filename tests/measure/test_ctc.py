"""The best path through an emission matrix: exact against trying all of them; words, characters, strangers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from cinemill.errors import InvalidParams
from cinemill.measure import ctc
from cinemill.media.cues.types import Word

VOCABULARY = {"<pad>": 0, "|": 1, **{char: 2 + n for n, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ'")}}


def random(steps: int, tokens: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(steps, tokens))
    return (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)


def collapsed(path: tuple[int, ...]) -> list[int]:
    runs = [one for n, one in enumerate(path) if n == 0 or one != path[n - 1]]
    return [one for one in runs if one != 0]


@pytest.mark.parametrize("tokens", [[1], [1, 2], [1, 1], [2, 1, 2], [1, 1, 2]])
@pytest.mark.parametrize("seed", range(4))
def test_the_path_is_the_best_of_all(tokens: list[int], seed: int) -> None:
    emissions = random(6, 3, seed)
    best = max(
        sum(emissions[t, one] for t, one in enumerate(path))
        for path in product(range(3), repeat=6)
        if collapsed(path) == tokens
    )
    spans = ctc.path(emissions, tokens)
    said = np.zeros(6, int)
    for token, span in zip(tokens, spans):
        said[span.start : span.stop] = token
    assert sum(emissions[t, one] for t, one in enumerate(said)) == pytest.approx(best, abs=1e-4)
    assert collapsed(tuple(said)) == tokens


def spoken(text: str, steps_each: int = 4, seed: int = 1) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Emissions of a model that hears each character for some steps after some blanks; where each one is."""
    rng = np.random.default_rng(seed)
    columns, places = list[int](), list[tuple[int, int]]()
    for char in text.upper().replace(" ", "|"):
        columns += [0] * int(rng.integers(1, 4))
        places.append((len(columns), len(columns) + steps_each))
        columns += [VOCABULARY.get(char, 28)] * steps_each
    columns += [0] * 3
    scores = rng.normal(0, 0.5, (len(columns), 29))
    scores[np.arange(len(columns)), columns] += 6
    return (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32), places


def words_of(text: str) -> list[Word]:
    return [Word(word, 0, 0) for word in text.split()]


def test_words_and_characters_are_where_they_were_put() -> None:
    text = "ask not what your country can do"
    emissions, places = spoken(text)
    words, characters = ctc.words(emissions, words_of(text), VOCABULARY, 20)
    at = 0
    for word, own in zip(words, characters):
        run = places[at : at + len(word.text)]
        assert abs(word.start - run[0][0] * 20) <= 20
        assert abs(word.end - run[-1][1] * 20) <= 20
        assert [one.text for one in own] == list(word.text)
        assert all(abs(one.start - place[0] * 20) <= 20 for one, place in zip(own, run))
        assert word.confidence is not None
        assert word.confidence > 0.8
        at += len(word.text) + 1


def test_numerals_and_signs_get_times_between_their_neighbours() -> None:
    """A model without digits: they are stars. A dash is no sound and fills the gap."""
    emissions, _ = spoken("costs xyz dollars")
    words, _ = ctc.words(emissions, words_of("costs 350 – dollars"), VOCABULARY, 20)
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert words[1].end > words[1].start
    assert words[0].end <= words[1].start
    assert words[2].start == words[1].end
    assert words[2].end == words[3].start


def test_text_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidParams, match="steps of sound"):
        ctc.path(random(3, 3, 0), [1, 1, 2])
    assert ctc.path(random(3, 3, 0), []) == []


def test_long_sound_takes_little_memory_and_is_cut_nowhere() -> None:
    """The blocks in which it goes back give the same path as one block."""
    import tracemalloc

    text = "ask not what your country can do for you " * 20
    emissions, places = spoken(text.strip())
    tracemalloc.start()
    words, _ = ctc.words(emissions, words_of(text), VOCABULARY, 20)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < len(emissions) * 2 * len(places) / 2
    at = 0
    for word in words:
        assert abs(word.start - places[at][0] * 20) <= 20
        at += len(word.text) + 1
