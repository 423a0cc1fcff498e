"""Tiles of all shapes join to the whole, and too little memory makes them smaller."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from cinemill.errors import InvalidParams, OutOfMemory
from cinemill.models.session import Contract
from cinemill.models.tiles import Tiler, least_tile, padded, spans, weights


class Plain:
    """A session that repeats pixels, and has memory for some."""

    runs_on, why = "paper", "for want of anything else"

    def __init__(self, contract: Contract, memory: int = 1 << 40, room: int = 1 << 40) -> None:
        self.contract, self.memory, self._room = contract, memory, room
        self.seen: list[tuple[int, ...]] = []

    def run(self, pictures: Any) -> Any:
        count, _, height, width = pictures.shape
        contract = self.contract
        assert height % contract.multiple_of == width % contract.multiple_of == 0
        assert min(height, width) >= contract.minimum
        assert contract.size in (None, (height, width))
        if count * height * width > self.memory:
            raise OutOfMemory("no more paper.")
        self.seen.append(pictures.shape)
        scale = contract.scale
        return pictures.repeat(scale, axis=2).repeat(scale, axis=3)

    def room(self) -> int:
        return self._room

    def batches(self) -> bool:
        return True


def pictures(count: int, height: int, width: int) -> Any:
    return np.random.default_rng(0).random((count, 3, height, width), np.float32)


CONTRACTS = [
    Contract(),
    Contract(scale=4, overlap=10),
    Contract(scale=2, multiple_of=8, minimum=40, align=16),
    Contract(overlap=64, align=64),
    Contract(overlap=16, size=(96, 128)),
]


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("size", [(300, 200), (97, 513), (30, 30), (41, 700), (1, 1)])
@pytest.mark.parametrize("tile", [0, 192, 256])
def test_tiles_of_any_picture_join_to_the_whole(contract: Contract, size: tuple[int, int], tile: int) -> None:
    given = pictures(2, *size)
    made = Tiler(Plain(contract), tile).run(given)
    scale = contract.scale
    assert made.shape == (2, 3, scale * size[0], scale * size[1])
    assert np.allclose(made, given.repeat(scale, 2).repeat(scale, 3), atol=1e-6)


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("length", [128, 200, 333, 1000, 1920])
def test_every_pixel_counts_once(contract: Contract, length: int) -> None:
    if contract.size is None:
        length = -(-length // contract.multiple_of) * contract.multiple_of
    among = spans(length, 256, contract, 1)
    total = np.zeros(length * contract.scale)
    for span in among:
        total[span.start * contract.scale : span.stop * contract.scale] += weights(span, among, contract)
    assert np.allclose(total, 1, atol=1e-6)
    assert among[0].first == 0
    assert among[-1].last == length
    assert all(one.last == other.first for one, other in pairwise(among))


@pytest.mark.parametrize("length", [500, 1000, 1919])
def test_tiles_begin_where_windows_do(length: int) -> None:
    contract = Contract(align=16, multiple_of=24)
    assert all(span.start % 48 == 0 for span in spans(length, 300, contract, 0))


def test_a_tile_sees_beyond_what_it_answers_for() -> None:
    for one, other in pairwise(spans(1000, 256, Contract(overlap=32), 0)):
        assert one.stop == one.last + 32
        assert other.start == other.first - 32


def test_padding_mirrors_the_picture() -> None:
    given = pictures(1, 5, 6)
    made = padded(given, Contract(multiple_of=8))
    assert made.shape[2:] == (8, 8)
    assert np.array_equal(made[:, :, 5], np.pad(given, [(0, 0), (0, 0), (0, 3), (0, 2)], mode="reflect")[:, :, 5])
    assert np.array_equal(made[0, :, 5, 0], given[0, :, 3, 0])
    assert padded(given, Contract()) is given


def test_tile_that_is_too_small_is_refused_with_the_least() -> None:
    with pytest.raises(InvalidParams, match="tile=20 is too small for this model: it needs 96 px"):
        Tiler(Plain(Contract()), tile=20)


def test_memory_decides_how_many_pictures_and_how_large_tiles_are() -> None:
    assert Tiler(Plain(Contract(), room=10_000)).batch(50, 50) == 4
    assert Tiler(Plain(Contract(), room=1 << 40)).batch(50, 50) == 16
    small = Plain(Contract(), room=200_000)
    Tiler(small).run(pictures(1, 600, 700))
    assert 256 < max(max(shape[2:]) for shape in small.seen) <= 384


def test_running_out_of_memory_halves_batches_then_tiles_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    session = Plain(Contract(), memory=150 * 150)
    tiler = Tiler(session, batch=4)
    given = pictures(4, 300, 400)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert np.allclose(tiler.run(given), given, atol=1e-6)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "paper ran out of memory; going on with batches of 2.",
        "paper ran out of memory; going on with batches of 1.",
        "paper ran out of memory; going on with tiles of 200 px.",
        "paper ran out of memory; going on with tiles of 100 px.",
    ]


def test_the_smallest_tile_that_does_not_fit_is_an_error_that_says_what_to_do() -> None:
    contract = Contract()
    with pytest.raises(OutOfMemory, match="tiles of 96 px, the smallest") as caught:
        Tiler(Plain(contract, memory=90 * 90)).run(pictures(1, 300, 300))
    assert caught.value.facts["tile"] == least_tile(contract)
