"""Where everything lies in a picture of DV, and which blocks of it are whole.

A picture is 10 (525 lines) or 12 (625 lines) DIF sequences of 150 blocks of 80 bytes, a set of them for each 25 Mbit/s.
A sequence is a header, 2 blocks of subcode, 3 of VAUX, and 9 times one of sound and 15 of picture. Each block begins
with three bytes that say what it is and where it belongs. Sources: IEC 61834-2, SMPTE 314M and 370M.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 80
BLOCKS: Final = 150
SEQUENCE: Final = BLOCK * BLOCKS
HEADER, SUBCODE, VAUX, SOUND, PICTURE = range(5)
"""What a block is: the highest three bits of its first byte."""
KINDS: Final = np.array([HEADER, SUBCODE, SUBCODE, VAUX, VAUX, VAUX, *([SOUND, *[PICTURE] * 15] * 9)], np.uint8)
"""Kind of each of the 150 blocks of a sequence."""
PICTURES: Final = np.flatnonzero(KINDS == PICTURE)
SOUNDS: Final = np.flatnonzero(KINDS == SOUND)

Blocks = NDArray[np.uint8]
"""One picture: uint8 (sequences, 150, 80), read-only."""
Marks = NDArray[np.bool_]
"""One truth a block: bool (sequences, 150)."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What a stream of DV is: its lines, its sets of DIF sequences, and how it samples colour."""

    pal: bool
    channels: int
    chroma: str

    @property
    def sequences(self) -> int:
        return self.channels * (12 if self.pal else 10)

    @property
    def size(self) -> int:
        """Bytes of a picture."""
        return self.sequences * SEQUENCE

    @property
    def rate(self) -> Fraction:
        """Pictures a second."""
        return Fraction(25) if self.pal else Fraction(30000, 1001)

    @property
    def height(self) -> int:
        return 576 if self.pal else 480

    @property
    def name(self) -> str:
        """As people call it, such as `DV PAL 4:2:0`."""
        kind = {1: "DV", 2: "DV50"}.get(self.channels, "DV100")
        return f"{kind} {'PAL' if self.pal else 'NTSC'} {self.chroma}"


def standard(head: bytes) -> Standard:
    """What a stream is, by the first of its sequences, 12000 bytes that begin with a header block."""
    pal = bool(head[3] & 0x80)
    kind = next((head[at + 3] & 0x1F for at in range(243, 478, 5) if head[at] == 0x60), 0)
    if kind == 4:
        return Standard(pal, 2, "4:2:2")
    if kind in (0x14, 0x15, 0x18):
        return Standard(pal, 4, "4:2:2")
    # What SMPTE 314M calls 25 Mbit/s has 4:1:1 in 625 lines too, and says so by its track application.
    return Standard(pal, 1, "4:2:0" if pal and not head[4] & 7 else "4:1:1")


@lru_cache
def _places(channels: int, each: int) -> NDArray[np.uint8]:
    """What the three bytes of each block should say: kind, sequence with channel, number; uint8 (sequences, 150, 3)."""
    place = np.zeros((channels * each, BLOCKS, 3), np.uint8)
    place[..., 0] = KINDS << 5
    sequence, channel = np.arange(channels * each) % each, np.arange(channels * each) // each
    place[..., 1] = (sequence << 4 | (channel & 1) << 3)[:, None]
    for kind in range(5):
        of_kind = np.flatnonzero(kind == KINDS)
        place[:, of_kind, 2] = np.arange(len(of_kind))
    return place


def placed(blocks: Blocks) -> Marks:
    """Which blocks say that they belong where they are; one that was lost, or is another's, does not."""
    each = 12 if blocks.shape[0] % 12 == 0 else 10
    wanted = _places(blocks.shape[0] // each, each)
    mask = np.array([0xE0, 0xF0 if blocks.shape[0] == each else 0xF8, 0xFF], np.uint8)
    same: Marks = ((blocks[..., :3] ^ wanted) & mask == 0).all(axis=-1)
    # Nothing but zeros would pass for the first header; some of its bits are always set.
    return same & blocks[..., :3].any(axis=-1)


def whole(blocks: Blocks, here: Marks) -> Marks:
    """Which blocks are as they were recorded: in their place, as `here` says, and not given up by the deck.

    It calls blocks of picture concealed (STA), and leaves a code in those of sound.
    """
    good = here.copy()
    good[:, PICTURES] &= blocks[:, PICTURES, 3] < 0x10
    good[:, SOUNDS] &= ~silenced(blocks)
    return good


def silenced(blocks: Blocks) -> NDArray[np.bool_]:
    """Which blocks of sound hold a sample that the deck gave up: the code 8000h, 800h with 12 bits; (sequences, 9)."""
    samples = blocks[:, SOUNDS, 8:]
    lost = ((samples[..., ::2] == 0x80) & (samples[..., 1::2] == 0)).any(axis=-1)
    if _twelve(blocks):
        triples = samples.reshape(*samples.shape[:2], 24, 3)
        low = triples[..., 2]
        first = (triples[..., 0] == 0x80) & (low & 0xF0 == 0)
        second = (triples[..., 1] == 0x80) & (low & 0x0F == 0)
        lost = (first | second).any(axis=-1)
    return lost


def _twelve(blocks: Blocks) -> bool:
    """Whether the sound has 12 bits, as its source packs (50h) say: quantisation in the lowest three bits."""
    packs = blocks[:, SOUNDS, 3:8].reshape(-1, 5)
    told = packs[packs[:, 0] == 0x50, 4] & 7
    return 2 * int((told == 1).sum()) > len(told)


@lru_cache
def corners(standard: Standard) -> NDArray[np.intp]:
    """Where each picture block's macroblock stands: (sequences, 135, 4) as left, top, width, height in pixels.

    DV deals a picture's macroblocks out over the tape, so that a scratch costs single blocks everywhere. Only for
    standard definition. Source: IEC 61834-2 figures 28 to 31, SMPTE 314M tables 10 to 13.
    """
    each = 12 if standard.pal else 10
    places = [
        _corner(standard, channel, sequence, slot, m, each)
        for channel in range(standard.channels)
        for sequence in range(each)
        for slot in range(27)
        for m in range(5)
    ]
    return np.array(places, np.intp).reshape(standard.sequences, 135, 4)


_SUPERBLOCK: Final = (2, 6, 8, 0, 4)
_COLUMN_411: Final = (9, 4, 13, 0, 18)
_COLUMN: Final = (18, 9, 27, 0, 36)


def _corner(standard: Standard, channel: int, sequence: int, slot: int, m: int, each: int) -> tuple[int, ...]:
    row = (sequence + _SUPERBLOCK[m]) % each
    if standard.chroma == "4:1:1":
        place = slot + (3 if m in (1, 2) else 0)
        column, down = _COLUMN_411[m] + place // 6, _serpent(place, 6)
        if column > 21:  # the rightmost half macroblocks are twice as high
            return column * 32, (row * 6 + 2 * down) * 8, 16, 16
        return column * 32, (row * 6 + down) * 8, 32, 8
    column, down = _COLUMN[m] + slot // 3, _serpent(slot, 3)
    if standard.chroma == "4:2:2":
        return column * 16, ((row * 2 + channel) * 3 + down) * 8, 16, 8
    return column * 16, (row * 3 + down) * 16, 16, 16


def _serpent(place: int, rows: int) -> int:
    """Down one column, up the next."""
    column, row = divmod(place, rows)
    return rows - 1 - row if column % 2 else row


def damage_mask(blocks: Blocks, standard: Standard) -> NDArray[Any]:
    """Where the picture was concealed or lost: uint8 (height, 720), 255 there and 0 elsewhere.

    A block may hold bits of the other four of its segment; they are not counted in.
    """
    return mask_of(spoilt(blocks, placed(blocks)), standard)


def spoilt(blocks: Blocks, here: Marks) -> Marks:
    """Which blocks of picture are not whole: bool (sequences, 135)."""
    return ~whole(blocks, here)[:, PICTURES]


def mask_of(spoilt: Marks, standard: Standard) -> NDArray[Any]:
    """As `damage_mask`, of blocks that are known to be spoilt."""
    mask = np.zeros((standard.height, 720), np.uint8)
    for left, top, width, height in corners(standard)[spoilt]:
        mask[top : top + height, left : left + width] = 255
    return mask
