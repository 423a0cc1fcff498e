"""Pictures of any size through a network: padded to what it takes, and in tiles where memory is short.

A tile sees `overlap` pixels more on each side than it answers for. The outer half of these is thrown away, for there
the network met a border that is none; over the inner half a tile fades into the next. What lies at the border of the
picture is at the border of its tile too. Out of memory, batches and then tiles are halved, and what was done is said.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import pairwise
from math import lcm

import numpy as np

from cinemill.errors import InvalidParams, OutOfMemory
from cinemill.models.session import Contract, Floats, Session
from cinemill.notices import tell

log = logging.getLogger(__name__)

_LARGEST_BATCH = 16
_SIDES = (2048, 1536, 1024, 768, 512, 384, 256, 192, 128)
"""Tiles that are chosen automatically: few sizes, so that a little more or less memory gives the same bits."""


@dataclass(frozen=True)
class Span:
    """A tile along one axis: it sees pixels from `start` to `stop` and answers for those from `first` to `last`."""

    start: int
    stop: int
    first: int
    last: int


class Tiler:
    """Runs a session over pictures of one stream. `tile` is the side in pixels, `batch` a number of pictures; 0: auto.

    Not for two threads at once: it remembers what fitted.
    """

    def __init__(self, session: Session, tile: int = 0, batch: int = 0) -> None:
        self.session = session
        least = least_tile(session.contract)
        if tile and tile < least:
            raise InvalidParams(f"tile={tile} is too small for this model: it needs {least} px at least.")
        self._tile = tile
        self._batch = batch

    def batch(self, height: int, width: int) -> int:
        """How many pictures of a size should be given to `run` at once."""
        if not self._batch:
            fits = self.session.room() // max(1, height * width) if self.session.batches() else 1
            self._batch = max(1, min(_LARGEST_BATCH, fits))
        return self._batch

    def run(self, pictures: Floats) -> Floats:
        """(N, C, H, W) float32 to (N, C', sH, sW). Raises OutOfMemory when the smallest tile is too large."""
        height, width = pictures.shape[2:]
        scale = self.session.contract.scale
        whole = padded(pictures, self.session.contract)
        while True:
            try:
                made = self._tiled(whole)
                return made[:, :, : scale * height, : scale * width]
            except OutOfMemory as error:
                self._shrink(whole, error)

    def _tiled(self, pictures: Floats) -> Floats:
        height, width = pictures.shape[2:]
        contract = self.session.contract
        tile = self._side(height, width)
        rows, columns = spans(height, tile, contract, 0), spans(width, tile, contract, 1)
        if len(rows) == len(columns) == 1:
            return self._batched(pictures)
        scale = contract.scale
        made = np.zeros((len(pictures), contract.outputs, scale * height, scale * width), np.float32)
        for row in rows:
            down = weights(row, rows, contract)[:, None]
            for column in columns:
                part = self._batched(pictures[:, :, row.start : row.stop, column.start : column.stop])
                part *= down * weights(column, columns, contract)
                place = np.s_[scale * row.start : scale * row.stop, scale * column.start : scale * column.stop]
                made[:, :, *place] += part
        return made

    def _side(self, height: int, width: int) -> int:
        if not self._tile:
            room = self.session.room() // (self._batch or 1)
            whole = max(height, width)
            least = least_tile(self.session.contract)
            fitting = (side for side in _SIDES if side < whole and side * side <= room)
            self._tile = whole if height * width <= room else max(least, next(fitting, 0))
        return self._tile

    def _batched(self, pictures: Floats) -> Floats:
        size = self._batch or 1
        if len(pictures) <= size:
            return self.session.run(np.ascontiguousarray(pictures))
        groups = (pictures[at : at + size] for at in range(0, len(pictures), size))
        return np.concatenate([self.session.run(np.ascontiguousarray(group)) for group in groups])

    def _shrink(self, pictures: Floats, error: OutOfMemory) -> None:
        """Settle on half of the batch, or of the tile. Raises the error when neither can be halved."""
        if self._batch > 1 and len(pictures) > 1:
            self._batch = max(1, min(self._batch, len(pictures)) // 2)
            _say(f"{self.session.runs_on} ran out of memory; going on with batches of {self._batch}.")
            return
        contract = self.session.contract
        height, width = pictures.shape[2:]
        # What a tile sees is less than its side where the picture ends before.
        was = min(self._side(height, width), max(height, width))
        least = least_tile(contract)
        if was <= least or contract.size:
            raise OutOfMemory(
                f"{self.session.runs_on} has not enough memory for tiles of {was} px, the smallest this model takes; "
                "close what else uses the device, or choose device=cpu.",
                tile=was,
            ) from error
        self._tile = max(least, was // 2)
        _say(f"{self.session.runs_on} ran out of memory; going on with tiles of {self._tile} px.")


def _say(sentence: str) -> None:
    log.warning(sentence)
    tell(sentence)


def padded(pictures: Floats, contract: Contract) -> Floats:
    """(N, C, H, W) mirrored at the right and the bottom up to a size that the network takes."""
    sides: list[int] = []
    for number, length in enumerate(pictures.shape[2:]):
        least = contract.size[number] if contract.size else contract.minimum
        step = 1 if contract.size else contract.multiple_of
        sides.append(-(-max(length, least) // step) * step)
    more = [(0, side - length) for side, length in zip(sides, pictures.shape[2:])]
    if not any(after for _, after in more):
        return pictures
    return np.pad(pictures, [(0, 0), (0, 0), *more], mode="reflect")


def _step(contract: Contract) -> int:
    return lcm(contract.align, contract.multiple_of)


def _overlap(contract: Contract) -> int:
    step = _step(contract)
    return -(-contract.overlap // step) * step


def least_tile(contract: Contract) -> int:
    """The smallest side of a tile: one that answers for as much as it sees beyond on one side."""
    if contract.size:
        return min(contract.size)
    return max(3 * _overlap(contract), -(-contract.minimum // _step(contract)) * _step(contract))


def spans(length: int, tile: int, contract: Contract, axis: int) -> list[Span]:
    """Tiles of about equal size along an axis of `length` pixels; one when the whole fits."""
    if contract.size:
        return _equal(length, contract.size[axis], min(contract.overlap, contract.size[axis] // 4))
    if length <= tile:
        return [Span(0, length, 0, length)]
    step, overlap = _step(contract), _overlap(contract)
    core = max(overlap, (tile - 2 * overlap) // step * step, step)
    count = -(-length // core)
    core = -(-length // (count * step)) * step
    edges = [*range(0, length, core), length]
    if len(edges) > 2 and edges[-1] - edges[-2] < overlap:
        del edges[-2]
    return [Span(max(0, first - overlap), min(length, last + overlap), first, last) for first, last in pairwise(edges)]


def _equal(length: int, side: int, overlap: int) -> list[Span]:
    """Tiles of exactly `side` pixels."""
    if length <= side:
        return [Span(0, length, 0, length)]
    edges = [*range(0, length, side - 2 * overlap), length]
    if edges[-1] - edges[-2] < overlap:
        del edges[-2]
    return [_within(length, side, first, last, overlap) for first, last in pairwise(edges)]


def _within(length: int, side: int, first: int, last: int, overlap: int) -> Span:
    start = min(max(0, first - overlap), length - side)
    return Span(start, start + side, first, last)


def weights(span: Span, among: list[Span], contract: Contract) -> Floats:
    """How much each pixel of a tile's result counts, along one axis. Over all tiles they add up to 1."""
    scale = contract.scale
    overlap = min(contract.overlap, contract.size[0] // 4) if contract.size else _overlap(contract)
    places = (np.arange(scale * span.start, scale * span.stop, dtype=np.float32) + 0.5) / scale
    length = among[-1].last
    risen = _risen(places, span.first, overlap) if span.first else np.ones_like(places)
    return risen - (_risen(places, span.last, overlap) if span.last < length else 0)


def _risen(places: Floats, edge: int, overlap: int) -> Floats:
    """From 0 to 1 over `overlap` pixels around an edge between two tiles."""
    return np.clip((places - edge) / max(1, overlap) + np.float32(0.5), 0, 1)
