"""Which words stand where, and how they are marked."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from cinemill.film import captions
from cinemill.film.board import Captions
from cinemill.film.timeline import Said

RATE = Fraction(25)


def states(style: str, *words: tuple[str, int, int]) -> list[captions.Shown]:
    told = Captions.model_validate({"style": style})
    cues = captions.cues_of(told, [Said(*word) for word in words], "en", 1280, 720)
    return captions.shown(told, cues, RATE, 1000)


@pytest.mark.parametrize("style", ["classic", "karaoke", "highlight", "word"])
def test_what_stands_is_in_order_and_never_overlaps(style: str) -> None:
    found = states(style, ("One", 0, 400), ("two", 400, 900), ("three.", 1000, 1500), ("Four", 4000, 4001))
    assert all(each.first < each.stop for each in found)
    assert all(one.stop <= two.first for one, two in itertools.pairwise(found))
    assert all(each.state.text for each in found)


def test_words_from_right_to_left_keep_their_places() -> None:
    for style in ("karaoke", "highlight", "fill"):
        (one,) = states(style, ("\u05e9\u05dc\u05d5\u05dd", 0, 500), ("\u05e2\u05d5\u05dc\u05dd", 500, 1000))
        assert "{" not in one.state.text
