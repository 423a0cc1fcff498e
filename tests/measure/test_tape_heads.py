from itertools import pairwise

import numpy as np
import pytest
from footage import KINDS, VHS, filmed, luma, moving, taped, woven

from cinemill.measure.headswitch import torn_rows, unrest


def found(frames) -> int:
    return found_in([luma(frame) for frame in frames])


def found_in(planes) -> int:
    return torn_rows([seen for pair in pairwise(planes) if (seen := unrest(*pair)) is not None])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [2, 3, 6, 8, 12])
@pytest.mark.parametrize("rest", [{}, VHS, {"luma_noise": 9}], ids=["clean", "VHS", "noisy"])
def test_torn_rows_are_found_within_one(kind, rows, rest):
    assert abs(found(taped(woven(moving(kind, 24)), **rest, head_switch=rows)) - rows) <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rest", [{}, VHS, {"luma_noise": 9}], ids=["clean", "VHS", "noisy"])
@pytest.mark.parametrize("seed", [1, 3])
def test_a_tape_without_torn_rows_has_none(kind, rest, seed):
    assert found(taped(woven(moving(kind, 24, seed)), **rest)) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_lowest_row_that_is_odd_in_one_field_alone_is_not_torn(kind):
    """A half line, with which a field of the broadcast ends."""
    planes = [luma(frame).copy() for frame in taped(woven(moving(kind, 24)), **VHS)]
    for number, plane in enumerate(planes):
        plane[-1, : plane.shape[1] * 3 // 4] = 16 + 30 * (number % 2)
    assert found_in(planes) == 0


def test_film_has_none():
    assert found(filmed(moving("leaves", 12), grain=5, weave=1, dirt=10, flicker=0.03)) == 0


def test_bars_at_the_foot_are_not_torn_and_may_hold_torn_rows():
    tape = taped(woven(moving("wheels", 24)), luma_noise=3, head_switch=8)
    planes = [luma(frame).copy() for frame in tape]
    for plane in planes:
        plane[-30:-8] = 16
    assert abs(torn_rows([unrest(*pair) for pair in pairwise(planes)]) - 8) <= 1


def test_a_few_rows_are_not_asked():
    assert unrest(np.zeros((30, 40), np.float32), np.zeros((30, 40), np.float32)) is None
    assert torn_rows([]) == 0
