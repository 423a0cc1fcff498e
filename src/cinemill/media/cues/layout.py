"""Words -> cues that a broadcaster would accept: where to part them, and where their lines end.

Of all ways to part the words the cheapest is found by dynamic programming. A way costs something for each cue; for
parting what belongs together (`grammar`), less where the speaker pauses; for lines that are uneven or heavier above
than below; for text that cannot be read in the time that there is; for pauses and ends of sentences inside a cue; and
for two speakers in one. A line that is too long, or a third speaker, is not an option at any cost.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import inf

from cinemill.media.cues import grammar as grammars
from cinemill.media.cues import timing
from cinemill.media.cues.rules import Rules
from cinemill.media.cues.timing import Grid, Limits, Span
from cinemill.media.cues.types import Cue, Transcript, Word, may_part, tokens
from cinemill.media.cues.width import columns

_CUE = 22.0
"""What another cue costs: more than parting words that nothing holds together, so that cues are full."""
_LINE = 8.0
"""What another line costs: less than another cue."""
_IN_LINE = 0.7
"""A line's end is seen together with what follows, so it weighs less than a cue's."""
_UNEVEN, _TOP_HEAVY = 6.0, 3.0
_DIALOGUE = 6.0
_SENTENCE_INSIDE = 10.0
_HURRY = 30.0
"""For taking a whole reading time too little."""
_PAUSE_MS = 250
"""A pause that nobody notices."""
_STANDING_MS = 40.0
"""So much more of a pause that a cue stands through costs 1."""
_PARTING_PAUSE_MS = 40.0
"""So much of a pause takes 1 off the cost of parting what is before and after it."""
_LONGEST_PAUSE_MS = 3000
"""No cue stands through a longer one."""
_WORD_MS, _COLUMN_MS = 800, 150
"""The longest that a word can last by its width: recognisers let the last one before a pause run on."""
_LABEL_SHARE = 0.5
"""Of a line, for the name of who speaks."""


def lay_out(
    transcript: Transcript,
    rules: Rules,
    *,
    frame_rate: Fraction | None = None,
    cuts: Sequence[int] = (),
    labels: bool = False,
) -> Transcript:
    """The transcript's words as cues by `rules`, on the frames of `frame_rate` where there is a picture.

    `cuts` are times of shot changes in ms. `labels` names a speaker wherever the speaker changes. Every word comes out
    again, in order; one that is wider than a line comes in pieces. Where the transcript did not time its words, the
    cues do not either: what they were laid out by is a guess.
    """
    grid = Grid(frame_rate)
    table = _Table(list(transcript.words()), rules, Limits.of(rules, grid), grid, labels)
    pieces = table.parted()
    found = timing.times([table.span(piece) for piece in pieces], table.limits, sorted(map(grid.at, cuts)))
    cues = tuple(table.cue(piece, start, end) for piece, (start, end) in zip(pieces, found))
    if not all(cue.words for cue in transcript.cues if cue.lines):
        cues = tuple(replace(cue, words=()) for cue in cues)
    return Transcript(cues, transcript.language, frame_rate or transcript.frame_rate)


@dataclass(frozen=True, slots=True)
class Atom:
    """What no line is broken inside of. `space`: a blank stands before it; `start` and `end` in ms."""

    text: str
    width: float
    words: tuple[Word, ...]
    space: bool
    start: int
    end: int
    speaker: str | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Atoms `start` to `stop` as one cue, whose lines begin at `breaks` after the first."""

    start: int
    stop: int
    breaks: tuple[int, ...]
    dialogue: bool


class _Table:
    """Sums over the atoms, so that the cost of any run of them takes little."""

    def __init__(self, words: list[Word], rules: Rules, limits: Limits, grid: Grid, labels: bool) -> None:
        self.rules, self.limits, self.grid = rules, limits, grid
        self.labels = _labels(words, rules) if labels else {}
        widest = rules.columns - max((self._columns(label) for label in self.labels.values()), default=0.0)
        self.atoms = atoms(words, rules, widest)
        self.blank = self._columns(" ")
        count = len(self.atoms)
        self.reach = [0.0] * (count + 1)
        self.inside = [0.0] * (count + 1)
        """Cost of standing through the boundaries before an atom."""
        self.changes = [0] * (count + 1)
        """How often the speaker has changed before an atom, the change at it counted."""
        self.spoken = [0] * (count + 1)
        """Words before an atom."""
        self.ties = self._ties()
        self.pauses = [0] + [max(0, b.start - a.end) for a, b in zip(self.atoms, self.atoms[1:])] + [0]
        for k, atom in enumerate(self.atoms):
            self.reach[k + 1] = self.reach[k] + atom.width + self.blank * atom.space
            self.spoken[k + 1] = self.spoken[k] + (atom.space or not k)
            change = k > 0 and atom.speaker != self.atoms[k - 1].speaker
            self.changes[k + 1] = self.changes[k] + change
            sentence = _SENTENCE_INSIDE * (k > 0 and self.ties[k] == grammars.SENTENCE)
            self.inside[k + 1] = self.inside[k] + sentence + max(0, self.pauses[k] - _PAUSE_MS) / _STANDING_MS

    def _columns(self, text: str) -> float:
        return columns(text, self.rules.half_width)

    def _ties(self) -> list[float]:
        rules = grammars.grammar(self.rules.language)
        costs = [0.0]
        first = True
        for before, after in zip(self.atoms, self.atoms[1:]):
            costs.append(rules.cost(before.text, after.text, first))
            first = grammars.ends_sentence(before.text)
        return [*costs, 0.0][: len(self.atoms) + 1]

    def parted(self) -> list[_Piece]:
        """The cheapest way."""
        count = len(self.atoms)
        best = [0.0] + [inf] * count
        came: list[_Piece | None] = [None] * (count + 1)
        for i in range(count):
            if best[i] == inf:
                continue
            for piece, cost in self._from(i):
                total = best[i] + cost
                if total < best[piece.stop]:
                    best[piece.stop], came[piece.stop] = total, piece
        pieces: list[_Piece] = []
        at = count
        while at:
            piece = came[at]
            assert piece
            pieces.append(piece)
            at = piece.start
        return pieces[::-1]

    def _from(self, i: int) -> Iterator[tuple[_Piece, float]]:
        """Every cue that may begin at atom `i`, with its cost."""
        most = self.rules.columns * self.rules.lines
        for j in range(i + 1, len(self.atoms) + 1):
            too_long = self.grid.up(self.atoms[j - 1].end) - self.grid.at(self.atoms[i].start) > self.limits.longest
            if j > i + 1 and (too_long or self.pauses[j - 1] > _LONGEST_PAUSE_MS or self._width(i, j) > most):
                return
            changes = self.changes[j] - self.changes[i + 1]
            if changes > 1 or (changes and not (self.rules.dialogue and self.rules.lines > 1)):
                return
            found = self._dialogue(i, j) if changes else self.lines(i, j, self._room(i), self.rules.lines)
            if found:
                cost, breaks = found
                yield _Piece(i, j, breaks, bool(changes)), cost + self._cost(i, j)

    def _width(self, i: int, j: int) -> float:
        return self.reach[j] - self.reach[i] - self.blank * self.atoms[i].space

    def _room(self, i: int) -> float:
        """Columns of the first line of a cue that begins at `i`."""
        return self.rules.columns - self._columns(self._label(i))

    def _label(self, i: int) -> str:
        speaker = self.atoms[i].speaker
        known = i and self.atoms[i - 1].speaker == speaker
        return "" if known or speaker is None else self.labels.get(speaker, "")

    def _cost(self, i: int, j: int) -> float:
        parting = max(0.0, self.ties[j] - self.pauses[j] / _PARTING_PAUSE_MS) if j < len(self.atoms) else 0.0
        return _CUE + parting + self.inside[j] - self.inside[i + 1] + _HURRY * self._hurry(i, j)

    def _hurry(self, i: int, j: int) -> float:
        """How much reading time is missing, as a share of what there is."""
        start = self.atoms[i].start
        need = max(self.rules.shortest, self.rules.reading_ms(self._width(i, j), self.spoken[j] - self.spoken[i]))
        if j == len(self.atoms):
            return max(0.0, need / self.rules.longest - 1)
        there = min(self.atoms[j].start - start - self.grid.ms(self.limits.gap), self.rules.longest)
        return min(20.0, max(0.0, need / max(there, 20) - 1))

    def lines(self, i: int, j: int, room: float, left: int) -> tuple[float, tuple[int, ...]] | None:
        """The best lines for atoms `i` to `j`: as few as can be, even, the upper ones shorter."""
        width = self._width(i, j)
        if width <= room:
            return 0.0, ()
        if left == 1:
            return None
        best: tuple[float, tuple[int, ...]] | None = None
        for k in range(j - 1, i, -1):
            top = self._width(i, k)
            if top > room:
                continue
            if width - top > self.rules.columns * (left - 1) + self.blank:
                break
            rest = self.lines(k, j, self.rules.columns, left - 1)
            if rest is None:
                continue
            below = self._width(k, rest[1][0] if rest[1] else j)
            slope = (below - top) / self.rules.columns
            shape = _UNEVEN * abs(slope) + _TOP_HEAVY * max(0.0, -slope)
            cost = _LINE + _IN_LINE * self.ties[k] + shape + rest[0]
            if best is None or cost < best[0]:
                best = cost, (k, *rest[1])
        return best

    def _dialogue(self, i: int, j: int) -> tuple[float, tuple[int, ...]] | None:
        """Two speakers, a line each, if they fit."""
        turn = next(k for k in range(i + 1, j) if self.changes[k + 1] > self.changes[i + 1])
        dash = self._columns(self.rules.dash)
        upper = self._width(i, turn) + dash + self._columns(self._label(i))
        lower = self._width(turn, j) + dash + self._columns(self._label(turn))
        return (_DIALOGUE, (turn,)) if max(upper, lower) <= self.rules.columns else None

    def span(self, piece: _Piece) -> Span:
        """What a cue asks of the clock."""
        run = self.atoms[piece.start : piece.stop]
        lines = self.shown(piece)
        shown = sum(map(self._columns, lines))
        need = self.rules.reading_ms(shown, sum(len(line.split()) for line in lines))
        end = self.grid.up(max(atom.end for atom in run))
        return Span(self.grid.at(run[0].start), end, self.grid.up(need))

    def cue(self, piece: _Piece, start: int, end: int) -> Cue:
        begins, ends = self.grid.ms(start), self.grid.ms(end)
        words = [word for atom in self.atoms[piece.start : piece.stop] for word in atom.words]
        speaker = None if piece.dialogue else self.atoms[piece.start].speaker
        return Cue(begins, ends, self.shown(piece), speaker, tuple(_clamped(words, begins, ends)))

    def shown(self, piece: _Piece) -> tuple[str, ...]:
        edges = [piece.start, *piece.breaks, piece.stop]
        lines: list[str] = []
        for i, j in pairwise(edges):
            dash = self.rules.dash if piece.dialogue else ""
            label = self._label(i) if i == piece.start or piece.dialogue else ""
            text = "".join(" " * (atom.space and number > 0) + atom.text for number, atom in enumerate(self.atoms[i:j]))
            lines.append(dash + label + text)
        return tuple(lines)


def _clamped(words: Sequence[Word], start: int, end: int) -> Iterator[Word]:
    """The words inside their cue, in order: karaoke has to end with its cue."""
    last = start
    for word in words:
        begins = min(max(word.start, last), end)
        last = min(max(word.end, begins), end)
        same = (word.start, word.end) == (begins, last)
        yield word if same else replace(word, start=begins, end=last)


def _labels(words: Sequence[Word], rules: Rules) -> dict[str, str]:
    """`[name] ` for each speaker, cut where it would take more than its share of a line."""
    most = int(rules.columns * _LABEL_SHARE / (0.5 if rules.half_width else 1)) - 3
    labels: dict[str, str] = {}
    for name in {word.speaker for word in words if word.speaker}:
        text = name.upper() if rules.labels == "upper" else name
        while columns(f"[{text}] ", rules.half_width) > rules.columns * _LABEL_SHARE and text:
            text = text[:most]
            most -= 1
        labels[name] = f"[{text.strip()}] "
    return labels


def atoms(words: Sequence[Word], rules: Rules, widest: float) -> list[Atom]:
    """The words as what a line may be broken between, each at most `widest` columns."""
    groups: list[list[Word]] = []
    for word in _tidy(words):
        last = groups[-1][-1] if groups else word
        if groups and not word.space and word.speaker == last.speaker and not may_part(last.text, word.text):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [_atom(group, rules) for run in groups for group in _cut(run, rules, widest)]


def _tidy(words: Sequence[Word]) -> Iterator[Word]:
    """Words without blanks inside or around them, in order of time, each with a speaker if any is known."""
    speaker = next((word.speaker for word in words if word.speaker), None)
    clock = 0
    for word in words:
        speaker = word.speaker or speaker
        is_tidy = word.text and not any(map(str.isspace, word.text)) and clock <= word.start <= word.end
        if is_tidy and word.speaker == speaker:
            clock = word.start
            yield word
            continue
        for number, (text, space) in enumerate(tokens(word.text) if " " in word.text.strip() else [(word.text, True)]):
            bare = text.strip()
            if bare:
                clock = max(clock, word.start)
                space = word.space if number == 0 else space
                yield replace(word, text=bare, start=clock, end=max(clock, word.end), speaker=speaker, space=space)


def _atom(group: Sequence[Word], rules: Rules) -> Atom:
    text = "".join(word.text for word in group)
    width = columns(text, rules.half_width)
    start = group[0].start
    end = min(max(word.end for word in group), start + int(max(_WORD_MS, _COLUMN_MS * width)))
    return Atom(text, width, tuple(group), group[0].space, start, end, group[0].speaker)


def _cut(group: list[Word], rules: Rules, widest: float) -> Iterator[list[Word]]:
    """The group itself, or pieces of it that are no wider than a line."""
    if columns("".join(word.text for word in group), rules.half_width) <= widest:
        yield group
        return
    piece: list[Word] = []
    room = widest
    for word in (part for one in group for part in _letters(one)):
        width = columns(word.text, rules.half_width)
        if piece and width > room:
            yield [_fused(piece)]
            piece, room = [], widest
        piece.append(word)
        room -= width
    if piece:
        yield [_fused(piece)]


def _letters(word: Word) -> Iterator[Word]:
    """A word letter by letter, marks with their letter, its time shared out."""
    starts = [i for i, char in enumerate(word.text) if i == 0 or unicodedata.category(char) not in ("Mn", "Me", "Cf")]
    length = word.end - word.start
    for i, j in zip(starts, [*starts[1:], len(word.text)]):
        begins, ends = (word.start + length * k // len(word.text) for k in (i, j))
        yield replace(word, text=word.text[i:j], start=begins, end=ends, space=word.space and i == 0)


def _fused(letters: Sequence[Word]) -> Word:
    return replace(letters[0], text="".join(one.text for one in letters), end=letters[-1].end)


def relined(text: str, rules: Rules) -> tuple[str, ...] | None:
    """One cue's text in the lines that `lay_out` would give it; None where it does not fit."""
    words = [Word(piece, 0, 0, space=space) for piece, space in tokens(text)]
    table = _Table(words, rules, Limits.of(rules, Grid()), Grid(), False)
    found = table.lines(0, len(table.atoms), rules.columns, rules.lines) if table.atoms else (0.0, ())
    if found is None:
        return None
    return table.shown(_Piece(0, len(table.atoms), found[1], False))
