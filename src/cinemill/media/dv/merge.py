"""Several takes of one tape into one that is better than each: block by block, what some deck has read whole.

Takes are laid side by side by what is in their blocks; timecode only decides between pictures that look alike, since it
is what tapes lose first. Memory is a window of each take, however long the tape.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cinemill.media.dv import blocks, packs
from cinemill.media.dv.blocks import Blocks, Marks, Standard
from cinemill.media.dv.packs import Timecode
from cinemill.media.dv.tape import Piece

_WINDOW: Final = 250
"""Pictures that one take may lack and another has; beyond that timecode has to say which comes first."""
_ALIKE: Final = 0.5
"""Share of equal blocks, of those whole in both, from which two pictures are the same: noise makes all differ."""
_ENOUGH: Final = 0.02
"""Share of blocks of picture that must be whole in both to judge by."""
_FACTORS: Final = np.random.default_rng(1).integers(1, 1 << 32, blocks.BLOCK // 4, np.uint32) | 1


@dataclass(frozen=True, slots=True)
class _Taken:
    """A picture of one take."""

    take: int
    blocks: Blocks
    placed: Marks
    whole: Marks
    prints: NDArray[np.uint32]
    """A fingerprint a block: (sequences, 150)."""
    timecode: Timecode | None


Group = tuple[_Taken, ...]
"""One picture of the tape, in every take that has it."""


@dataclass
class Merged:
    """What a merge did: pictures of each take, blocks taken from each, and blocks that no take has whole."""

    takes: int
    pictures: int = 0
    present: list[int] = field(default_factory=list[int])
    taken: list[int] = field(default_factory=list[int])
    mended: int = 0
    """Blocks that are whole in the result but not in the first take."""
    hurt: int = 0

    def __post_init__(self) -> None:
        self.present, self.taken = [0] * self.takes, [0] * self.takes


def merged(takes: Sequence[Iterator[Piece]], standard: Standard, record: Merged) -> Iterator[Blocks]:
    """The pictures of all takes; `record` is filled as it goes."""
    groups = [_alone(take, number, standard) for number, take in enumerate(takes)]
    for group in reduce(lambda one, other: _aligned(one, other, 30 if not standard.pal else 25), groups):
        yield _best(group, record)


def _alone(pieces: Iterator[Piece], take: int, standard: Standard) -> Iterator[Group]:
    for piece in pieces:
        whole = blocks.whole(piece.blocks, piece.placed)
        words = np.ascontiguousarray(piece.blocks).view("<u4")
        prints = (words * _FACTORS).sum(axis=-1, dtype=np.uint32)
        timecode = packs.said(piece.blocks, piece.placed, standard.pal).timecode
        yield (_Taken(take, piece.blocks, piece.placed, whole, prints, timecode),)


def _aligned(one: Iterator[Group], other: Iterator[Group], fps: int) -> Iterator[Group]:
    """Groups of both, those of the same picture put together, in the order of the tape."""
    ours, theirs = deque[Group](), deque[Group]()
    while True:
        ours.extend(islice(one, 1 - min(1, len(ours))))
        theirs.extend(islice(other, 1 - min(1, len(theirs))))
        if not ours or not theirs:
            yield from (*ours, *theirs, *one, *other)
            return
        if _likeness(ours[0], theirs[0]) == 2:
            yield ours.popleft() + theirs.popleft()
            continue
        ours.extend(islice(one, _WINDOW - len(ours)))
        theirs.extend(islice(other, _WINDOW - len(theirs)))
        ahead, behind = _first_alone(ours, theirs, fps)
        yield from (ours.popleft() for _ in range(ahead))
        yield from (theirs.popleft() for _ in range(behind))
        if not ahead and not behind:
            yield ours.popleft() + theirs.popleft()


def _first_alone(ours: deque[Group], theirs: deque[Group], fps: int) -> tuple[int, int]:
    """How many pictures of either side come before one that both have; none where the first two are one picture.

    Decks that count for themselves agree on no timecode; only then does it not matter.
    """
    agree = {_timecode(group) for group in ours} & {_timecode(group) for group in theirs} - {None}
    for likeness in (2,) if agree else (2, 1):
        if _likeness(ours[0], theirs[0]) >= likeness:
            return 0, 0
        for offset in range(1, max(len(ours), len(theirs))):
            if offset < len(theirs) and _likeness(ours[0], theirs[offset]) >= likeness:
                return 0, offset
            if offset < len(ours) and _likeness(ours[offset], theirs[0]) >= likeness:
                return offset, 0
    left, right = _timecode(ours[0]), _timecode(theirs[0])
    if left and right:
        return (1, 0) if left.count(fps) < right.count(fps) else (0, 1)
    # Too damaged to tell; if their neighbours go together, so do they.
    following = len(ours) > 1 and len(theirs) > 1 and _likeness(ours[1], theirs[1])
    return (0, 0) if following else (1, 0)


def _timecode(group: Group) -> Timecode | None:
    return next((taken.timecode for taken in group if taken.timecode), None)


def _likeness(one: Group, other: Group) -> int:
    """2 for the same picture, 1 for pictures that look the same but have other timecodes, 0 for others."""
    alike = max((_alike(a, b) for a in one for b in other), key=lambda share: -1.0 if share is None else share)
    left, right = _timecode(one), _timecode(other)
    said = left is not None and left == right
    if alike is None:
        return 2 if said else 0
    if alike < _ALIKE:
        return 0
    return 2 if said or left is None or right is None else 1


def _alike(one: _Taken, other: _Taken) -> float | None:
    """Share of equal blocks of picture among those whole in both; None where these are too few."""
    both = (one.whole & other.whole)[:, blocks.PICTURES]
    count = int(both.sum())
    if count < _ENOUGH * both.size:
        return None
    same = (one.prints == other.prints)[:, blocks.PICTURES]
    return int((same & both).sum()) / count


def _best(group: Group, record: Merged) -> Blocks:
    """One picture of the best blocks: whole before concealed before lost, and of several whole ones what most say."""
    whole = np.stack([taken.whole for taken in group])
    prints = np.stack([taken.prints for taken in group])
    agree = sum((prints == taken.prints) & whole & taken.whole for taken in group)
    score = np.stack([taken.placed for taken in group]) + whole * (1 + agree)
    choice = score.argmax(axis=0)
    _note(group, whole, choice, record)
    first = group[0].blocks
    if not choice.any():
        return first
    picture = first.copy()
    for place, taken in enumerate(group[1:], 1):
        picture[choice == place] = taken.blocks[choice == place]
    return picture


def _note(group: Group, whole: Marks, choice: NDArray[np.intp], record: Merged) -> None:
    record.pictures += 1
    for place, taken in enumerate(group):
        record.present[taken.take] += 1
        record.taken[taken.take] += int((choice == place).sum())
    spoilt = ~whole.any(axis=0)
    record.hurt += int(spoilt.sum())
    in_first = whole[0] if group[0].take == 0 else np.zeros_like(spoilt)
    record.mended += int((~spoilt & ~in_first).sum())
