"""Where each picture of a tape is damaged, asked for by number and in any order."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.errors import UnsupportedMedia
from cinemill.kept import kept
from cinemill.media import probe
from cinemill.media.dv import blocks, tape
from cinemill.media.dv.blocks import Marks


class Damage:
    """The damage of one tape. A stream of whole pictures is looked into where it is asked about; anything else, such as
    an AVI or a stream with a gap, is read once."""

    def __init__(self, path: Path) -> None:
        """Raises UnsupportedMedia for what is no DV of standard definition, OpenFailed."""
        self.path = path
        self.standard = tape.standard_of(path)
        if self.standard.channels > 2:
            raise UnsupportedMedia(f"{path.name} is {self.standard.name}; where its blocks lie is not known here.")
        video = probe.picture_of(probe.probe(path))
        self._count = 0
        self._start = video.start_pts * video.time_base
        self._is_even = path.stat().st_size % self.standard.size == 0 and tape.is_raw(path)

    def at(self, time: Any) -> NDArray[Any] | None:
        """The damage of the picture shown at `time`, a Fraction in seconds, as `mask` gives it."""
        return self.mask(int((time - self._start) * self.standard.rate + 1 / 4))

    def mask(self, number: int) -> NDArray[Any] | None:
        """uint8 (height, 720), 255 where the deck made the picture up or lost it; None where it is whole."""
        spoilt = self._seen(number) if self._is_even else self._all.get(number)
        if spoilt is None and self._is_even:  # the pictures do not lie one after another after all
            self._is_even = False
            spoilt = self._all.get(number)
        if spoilt is None or not spoilt.any():
            return None
        return blocks.mask_of(spoilt, self.standard)

    def sampled(self, most: int) -> tuple[int, int]:
        """How many of up to `most` pictures from all over the tape are damaged, and of how many."""
        if not self._is_even:
            return len(self._all), max(1, self._count)
        count = self.path.stat().st_size // self.standard.size
        numbers = np.unique(np.linspace(0, max(0, count - 1), min(most, count)).astype(int))
        return sum(self.mask(int(number)) is not None for number in numbers), len(numbers)

    def _seen(self, number: int) -> Marks | None:
        """Which blocks of a picture are spoilt; None where no picture lies."""
        with self.path.open("rb") as file:
            file.seek(max(0, number) * self.standard.size)
            data = file.read(self.standard.size)
        if len(data) < self.standard.size:
            return np.zeros((self.standard.sequences, len(blocks.PICTURES)), bool)
        picture = tape.blocks_of(data, self.standard)
        here = blocks.placed(picture)
        return blocks.spoilt(picture, here) if tape.is_picture(data, here) else None

    @cached_property
    def _all(self) -> dict[int, Marks]:
        """Of each damaged picture, which blocks are."""
        found: dict[int, Marks] = {}
        for number, piece in enumerate(tape.pieces(self.path, self.standard)):
            self._count = number + 1
            marks = blocks.spoilt(piece.blocks, piece.placed)
            if marks.any():
                found[number] = marks
        return found


@kept(4)
def damage(path: Path) -> Damage:
    """The damage of a tape."""
    return Damage(path)
