"""Many cues in little memory: packed by the block, one block unpacked at a time. What goes in comes out equal.

A word as objects takes some 300 bytes, packed a few; the words of three hours are 26,000 of them.
"""

from __future__ import annotations

import marshal
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, overload

from cinemill.media.cues.types import Character, Cue, Mark, Word

_BLOCK = 256
"""Words, or cues without any, that are packed together."""
_FEW = 4 * _BLOCK
"""Words that stay as they are."""


def packed(cues: Iterable[Cue]) -> Sequence[Cue]:
    """The cues, which are taken one after another: a tuple where they are few."""
    source = iter(cues)
    first = _taken(source, _FEW)
    following = next(source, None)
    return tuple(first) if following is None else Packed(first, [following], source)


def _taken(source: Iterator[Cue], words: int) -> list[Cue]:
    """The next cues, until there are so many words."""
    taken: list[Cue] = []
    while words > 0 and (cue := next(source, None)):
        taken.append(cue)
        words -= max(1, len(cue.words))
    return taken


class Packed(Sequence[Cue]):
    """Cues that are made anew whenever they are looked at."""

    __slots__ = ("_blocks", "_starts")

    def __init__(self, *runs: Iterable[Cue]) -> None:
        self._blocks: list[bytes] = []
        self._starts = [0]
        source = chain.from_iterable(runs)
        while block := [_plain(cue) for cue in _taken(source, _BLOCK)]:
            self._blocks.append(zlib.compress(marshal.dumps(block), 1))
            self._starts.append(self._starts[-1] + len(block))

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Cue]:
        for number in range(len(self._blocks)):
            yield from map(_cue, self._block(number))

    @overload
    def __getitem__(self, at: int) -> Cue: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Cue]: ...

    def __getitem__(self, at: int | slice) -> Cue | Sequence[Cue]:
        if isinstance(at, slice):
            return packed(self[number] for number in range(*at.indices(len(self))))
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        place = at % len(self)
        number = bisect_right(self._starts, place) - 1
        return _cue(self._block(number)[place - self._starts[number]])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other))

    __hash__ = None  # type: ignore[assignment]

    def _block(self, number: int) -> list[Any]:
        return marshal.loads(zlib.decompress(self._blocks[number]))


def _plain(cue: Cue) -> tuple[Any, ...]:
    """The cue as what `marshal` writes."""
    marks = [(mark.kind, mark.start, mark.stop) for mark in cue.marks]
    return cue.start, cue.end, cue.lines, cue.speaker, [_told(word) for word in cue.words], marks


def _told(word: Word) -> tuple[Any, ...]:
    letters = [(one.text, one.start, one.end, one.confidence) for one in word.letters]
    return word.text, word.start, word.end, word.confidence, word.speaker, word.space, letters


def _cue(plain: tuple[Any, ...]) -> Cue:
    start, end, lines, speaker, words, marks = plain
    return Cue(start, end, lines, speaker, tuple(map(_word, words)), tuple(Mark(*mark) for mark in marks))


def _word(plain: tuple[Any, ...]) -> Word:
    text, start, end, confidence, speaker, space, letters = plain
    return Word(text, start, end, confidence, speaker, space, tuple(Character(*one) for one in letters))
