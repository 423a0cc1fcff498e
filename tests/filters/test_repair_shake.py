"""Shake goes; pictures that are steady, whatever moves in them, keep their bits."""

from __future__ import annotations

import pytest
from repairs import clean, noisy, same, through

SIZE = (320, 256)


@pytest.mark.parametrize("seed", [2, 5, 7, 9])
def test_pictures_that_do_not_shake_keep_their_bits(seed: int) -> None:
    """Pans, things that pass each other, and lettering that rolls up."""
    frames = noisy(clean(seed, 24, size=SIZE), 2)
    assert same(through("stabilise", frames), frames)


@pytest.mark.parametrize("seed", [2, 9])
def test_film_that_weaves_in_its_gate_is_held_steady(seed: int) -> None:
    from cinemill.measure import shake

    frames = through("simulate.film=weave:1", clean(seed, 24, size=SIZE))
    made = through("stabilise", frames)

    def jolts(film: list) -> list[float]:
        lumas = [frame.planes[0].astype("float32") for frame in film]
        return sorted(shake.shake(*three) for three in zip(lumas, lumas[1:], lumas[2:]))

    assert jolts(made)[11] < jolts(frames)[11] / 2
    assert not same(made, frames)


def test_zoom_is_done_to_pictures_that_do_not_shake() -> None:
    frames = clean(9, 6, size=SIZE)
    assert not same(through("stabilise=zoom:5", frames), frames)
