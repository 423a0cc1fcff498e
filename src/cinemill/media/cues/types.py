"""What is said and shown, and when: `Word`, `Cue`, `Transcript`.

Times are whole milliseconds from the start of the programme, which is what SRT, VTT and players count in and finer than
a frame of any rate there is. Nothing is checked when a value is made: files hold cues that end before they begin, and
`lint` has to be able to say so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

Emphasis = Literal["i", "b", "u"]


@dataclass(frozen=True, slots=True)
class Character:
    """A character of the text on the clock, in ms; `confidence` from 0 to 1."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its punctuation and no blanks around it.

    `space`: whether a blank stands before it; in Chinese and Japanese none does. `confidence` from 0 to 1, None where
    nobody said. `letters`: those of its characters whose times are known, in order.
    """

    text: str
    start: int
    end: int
    confidence: float | None = None
    speaker: str | None = None
    space: bool = True
    letters: tuple[Character, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Emphasis of the characters `start` to `stop` of a cue's text, counted with one character per line break."""

    kind: Emphasis
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines shown from `start` to `end`. `words` are those on the clock, if they are known.

    `speaker` is None when nobody said, and in a dialogue, whose words tell.
    """

    start: int
    end: int
    lines: tuple[str, ...] = ()
    speaker: str | None = None
    words: tuple[Word, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Transcript:
    """Cues in order: a tuple, or many of them `packed`. `language` is a BCP 47 tag (`en`, `pt-BR`), `frame_rate` that
    of the clock it was timed to."""

    cues: Sequence[Cue] = ()
    language: str | None = None
    frame_rate: Fraction | None = None

    def words(self) -> Iterator[Word]:
        """Every word; those of a cue without any are spread over its time by their length."""
        for cue in self.cues:
            yield from cue.words or spread(" ".join(cue.lines), cue.start, cue.end, cue.speaker)


def joined(words: Sequence[Word]) -> str:
    """The words as text on one line."""
    return "".join(" " * (word.space and number > 0) + word.text for number, word in enumerate(words))


def spread(text: str, start: int, end: int, speaker: str | None = None) -> list[Word]:
    """The words of `text` over `start` to `end`, each for as long as it is wide."""
    pieces = list(tokens(text))
    total = sum(len(piece) for piece, _ in pieces) or 1
    length = max(0, end - start)
    words: list[Word] = []
    done = 0
    for piece, space in pieces:
        begins = start + length * done // total
        done += len(piece)
        words.append(Word(piece, begins, start + length * done // total, speaker=speaker, space=space))
    return words


def tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Words and whether a blank stands before each. Scripts without blanks fall into characters."""
    for word in text.split():
        space = True
        for piece in _pieces(word):
            yield piece, space
            space = False


def _pieces(word: str) -> Iterator[str]:
    piece = ""
    for char in word:
        apart = piece and (unspaced(piece[-1]) or unspaced(char)) and not unicodedata.combining(char)
        if apart and may_part(piece, char):
            yield piece
            piece = ""
        piece += char
    yield piece


_SOUTH_EAST_ASIAN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


def unspaced(char: str) -> bool:
    """Whether a character belongs to a script that writes no blanks between words."""
    if "\uac00" <= char <= "\ud7af" or "\u1100" <= char <= "\u11ff":
        return False  # Korean has blanks
    return unicodedata.east_asian_width(char) in "WF" or bool(_SOUTH_EAST_ASIAN.match(char))


# Japanese line breaking (JIS X 4051), which Chinese shares in what matters here.
_NEVER_FIRST = frozenset(
    "、。，．・：；？！）］｝〕〉》」』】〙〗”’ー々…‥,.:;?!)]}%ぁぃぅぇぉっゃゅょゎ" + "ァィゥェォッャュョヮ"
)
_NEVER_LAST = frozenset("（［｛〔〈《「『【〘〖“‘([{")


def may_part(before: str, after: str) -> bool:
    """Whether a line may end on `before` and the next begin with `after` where no blank stands between them."""
    if not before or not after:
        return False
    last, first = before[-1], after[0]
    if not (unspaced(last) or unspaced(first)):
        return False
    is_mark = unicodedata.category(first) in ("Mn", "Mc", "Me", "Cf", "Sk")
    return not (is_mark or first in _NEVER_FIRST or last in _NEVER_LAST)


def shifted(transcript: Transcript, offset: Fraction | int, scale: Fraction | int = 1) -> Transcript:
    """Every time t becomes t * scale + offset milliseconds, rounded once; times before 0 stay negative."""

    def moved(time: int) -> int:
        return round(time * Fraction(scale) + offset)

    def letter(one: Character) -> Character:
        return replace(one, start=moved(one.start), end=moved(one.end))

    def move(cue: Cue) -> Cue:
        words = tuple(
            replace(word, start=moved(word.start), end=moved(word.end), letters=tuple(map(letter, word.letters)))
            for word in cue.words
        )
        return replace(cue, start=moved(cue.start), end=moved(cue.end), words=words)

    return replace(transcript, cues=tuple(map(move, transcript.cues)))


def within_programme(cues: Iterable[Cue]) -> Iterator[Cue]:
    """Without those that end before the programme begins; one that began before it begins with it."""
    for cue in cues:
        if cue.end > 0:
            words = tuple(replace(word, start=max(0, word.start), end=max(0, word.end)) for word in cue.words)
            yield replace(cue, start=max(0, cue.start), words=words)
