"""Words -> cues that a broadcaster would accept: where to part them, and where their lines end.

Of all ways to part the words the cheapest is found by dynamic programming. A way costs something for each cue; for
parting what belongs together (`grammar`), less where the speaker pauses; for lines that are uneven or heavier above
than below; for text that cannot be read in the time that there is; for pauses and ends of sentences inside a cue; and
for two speakers in one. A line that is too long, or a third speaker, is not an option at any cost.

Hours are laid out a run of words at a time, with the same result as at once: where all ways that go on share a place,
the cheapest goes through it, and what is before it is settled. In speech that is some words ago.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from math import inf

from cinemill.media.cues import grammar as grammars
from cinemill.media.cues import timing
from cinemill.media.cues.packed import packed
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
    run: int = 400,
) -> Transcript:
    """The transcript's words as cues by `rules`, on the frames of `frame_rate` where there is a picture.

    `cuts` are times of shot changes in ms. `labels` names a speaker wherever the speaker changes. Every word comes out
    again, in order; one that is wider than a line comes in pieces. Where the transcript did not time its words, the
    cues do not either: what they were laid out by is a guess. `run`: words that are looked at together, or more where
    these settle nothing; the result is the same.
    """
    grid = Grid(frame_rate)
    setting = _Setting(rules, grid, Limits.of(rules, grid), _labels(transcript.words(), rules) if labels else {})
    cues = _cues(transcript, setting, sorted(map(grid.at, cuts)), run)
    if not all(cue.words for cue in transcript.cues if cue.lines):
        cues = (replace(cue, words=()) for cue in cues)
    return Transcript(packed(cues), transcript.language, frame_rate or transcript.frame_rate)


def _cues(transcript: Transcript, setting: _Setting, cuts: Sequence[int], size: int) -> Iterator[Cue]:
    """Cues one after another; held are those whose times what comes may still change."""
    first = next((word.speaker for word in transcript.words() if word.speaker), None)
    found = atoms(transcript.words(), setting.rules, setting.widest, first)
    held: deque[tuple[_Table, _Piece]] = deque()

    def spans() -> Iterator[Span]:
        for table, piece in _parted(found, setting, size):
            held.append((table, piece))
            yield table.span(piece)

    for start, end in timing.streamed(spans(), setting.limits, cuts):
        table, piece = held.popleft()
        yield table.cue(piece, start, end)


_MOST = 3000
"""Words that may settle nothing: so many without a sentence's end or a pause are no speech, and the cheapest way to
them is taken as it is."""


def _parted(source: Iterator[Atom], setting: _Setting, size: int) -> Iterator[tuple[_Table, _Piece]]:
    """The cheapest way of all, piece by piece."""
    run: list[Atom] = []
    edge = _Edge()
    more = size
    while True:
        known = len(run)
        run += islice(source, more)
        is_last = len(run) < known + more
        table = _Table(run, setting, edge, is_last)
        done = 0
        for piece in table.parted():
            yield table, piece
            done = piece.stop
        if is_last:
            return
        edge, run = table.edge(done), run[done:]
        more = size if done else 2 * more


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


@dataclass(frozen=True, slots=True)
class _Setting:
    """What holds for the whole text. `labels`: what stands before a speaker's words."""

    rules: Rules
    grid: Grid
    limits: Limits
    labels: Mapping[str, str]

    @property
    def widest(self) -> float:
        """Columns of an atom."""
        taken = (columns(label, self.rules.half_width) for label in self.labels.values())
        return self.rules.columns - max(taken, default=0.0)


@dataclass(frozen=True, slots=True)
class _Edge:
    """What is before a run of atoms: the last one, whether it begins a sentence, and all sums up to it."""

    before: Atom | None = None
    first: bool = True
    cost: float = 0.0
    reach: float = 0.0
    inside: float = 0.0
    changes: int = 0
    spoken: int = 0


class _Table:
    """Sums over a run of atoms, so that the cost of any part of them takes little. `is_last`: no atom follows."""

    def __init__(self, atoms: list[Atom], setting: _Setting, edge: _Edge, is_last: bool = True) -> None:
        self.atoms, self.before, self.is_last = atoms, edge.before, is_last
        self.rules, self.limits, self.grid, self.labels = setting.rules, setting.limits, setting.grid, setting.labels
        self.blank = self._columns(" ")
        count = len(self.atoms)
        self.best = [edge.cost] + [inf] * count
        """Cost of the cheapest way to an atom."""
        self.reach = [edge.reach] * (count + 1)
        self.inside = [edge.inside] * (count + 1)
        """Cost of standing through the boundaries before an atom."""
        self.changes = [edge.changes] * (count + 1)
        """How often the speaker has changed before an atom, the change at it counted."""
        self.spoken = [edge.spoken] * (count + 1)
        """Words before an atom."""
        self.ties, self.firsts = self._ties(edge.first)
        self.pauses = [max(0, b.start - a.end) if a else 0 for a, b in zip([edge.before, *atoms], atoms)] + [0]
        for k, atom in enumerate(self.atoms):
            before = self._behind(k)
            self.reach[k + 1] = self.reach[k] + atom.width + self.blank * atom.space
            self.spoken[k + 1] = self.spoken[k] + (atom.space or before is None)
            self.changes[k + 1] = self.changes[k] + (before is not None and atom.speaker != before.speaker)
            sentence = _SENTENCE_INSIDE * (before is not None and self.ties[k] == grammars.SENTENCE)
            self.inside[k + 1] = self.inside[k] + sentence + max(0, self.pauses[k] - _PAUSE_MS) / _STANDING_MS

    def _behind(self, k: int) -> Atom | None:
        return self.atoms[k - 1] if k else self.before

    def edge(self, k: int) -> _Edge:
        """What is before atom `k`, to which the cheapest way goes."""
        sums = self.reach[k], self.inside[k], self.changes[k], self.spoken[k]
        return _Edge(self._behind(k), self.firsts[k], self.best[k], *sums)

    def _columns(self, text: str) -> float:
        return columns(text, self.rules.half_width)

    def _ties(self, first: bool) -> tuple[list[float], list[bool]]:
        """Cost of parting before each atom; and whether the atom before it begins a sentence."""
        rules = grammars.grammar(self.rules.language)
        costs: list[float] = []
        firsts = [first]
        for before, after in zip([self.before, *self.atoms], self.atoms):
            costs.append(rules.cost(before.text, after.text, firsts[-1]) if before else 0.0)
            firsts.append(before is None or grammars.ends_sentence(before.text))
        return [*costs, 0.0], firsts

    def parted(self) -> list[_Piece]:
        """The cheapest way, as far as it is settled."""
        count = len(self.atoms)
        came: list[_Piece | None] = [None] * (count + 1)
        going_on: list[int] = []
        for i in range(count):
            if self.best[i] == inf:
                continue
            for piece, cost in self._from(i):
                total = self.best[i] + cost
                if total < self.best[piece.stop]:
                    self.best[piece.stop], came[piece.stop] = total, piece
                elif cost == inf:
                    going_on.append(i)
        if self.is_last:
            return _way(came, count)
        shared = set.intersection(*({0, *(piece.stop for piece in _way(came, at))} for at in going_on))
        if max(shared) == 0 and count >= _MOST:
            return _way(came, min(going_on, key=lambda at: self.best[at]))
        return _way(came, max(shared))

    def _from(self, i: int) -> Iterator[tuple[_Piece, float]]:
        """Every cue that may begin at atom `i`, with its cost; infinite for one that may go on behind the run."""
        most = self.rules.columns * self.rules.lines
        for j in range(i + 1, len(self.atoms) + 1):
            too_long = self.grid.up(self.atoms[j - 1].end) - self.grid.at(self.atoms[i].start) > self.limits.longest
            if j > i + 1 and (too_long or self.pauses[j - 1] > _LONGEST_PAUSE_MS or self._width(i, j) > most):
                return
            changes = self.changes[j] - self.changes[i + 1]
            if changes > 1 or (changes and not (self.rules.dialogue and self.rules.lines > 1)):
                return
            if j == len(self.atoms) and not self.is_last:
                yield _Piece(i, j, (), False), inf  # what it costs, the next atom decides
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
        before = self._behind(i)
        known = before and before.speaker == speaker
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
        said = _ordered(words, min(begins, words[0].start), ends)
        return Cue(begins, ends, self.shown(piece), speaker, tuple(said))

    def shown(self, piece: _Piece) -> tuple[str, ...]:
        edges = [piece.start, *piece.breaks, piece.stop]
        lines: list[str] = []
        for i, j in pairwise(edges):
            dash = self.rules.dash if piece.dialogue else ""
            label = self._label(i) if i == piece.start or piece.dialogue else ""
            text = "".join(" " * (atom.space and number > 0) + atom.text for number, atom in enumerate(self.atoms[i:j]))
            lines.append(dash + label + text)
        return tuple(lines)


def _way(came: Sequence[_Piece | None], at: int) -> list[_Piece]:
    """The pieces that lead to atom `at`."""
    pieces: list[_Piece] = []
    while at:
        piece = came[at]
        assert piece
        pieces.append(piece)
        at = piece.start
    return pieces[::-1]


def _ordered(words: Sequence[Word], start: int, end: int) -> Iterator[Word]:
    """The words in order and none after its cue. One before it stays there: the cue may come late, the word did not."""
    last = start
    for word in words:
        begins = min(max(word.start, last), end)
        last = min(max(word.end, begins), end)
        same = (word.start, word.end) == (begins, last)
        yield word if same else replace(word, start=begins, end=last)


def _labels(words: Iterable[Word], rules: Rules) -> dict[str, str]:
    """`[name] ` for each speaker, cut where it would take more than its share of a line."""
    labels: dict[str, str] = {}
    for name in {word.speaker for word in words if word.speaker}:
        most = int(rules.columns * _LABEL_SHARE / (0.5 if rules.half_width else 1)) - 3
        text = name.upper() if rules.labels == "upper" else name
        while columns(f"[{text}] ", rules.half_width) > rules.columns * _LABEL_SHARE and text:
            text = text[:most]
            most -= 1
        labels[name] = f"[{text.strip()}] "
    return labels


def atoms(words: Iterable[Word], rules: Rules, widest: float, speaker: str | None = None) -> Iterator[Atom]:
    """The words as what a line may be broken between, each at most `widest` columns. `speaker`: the first known."""
    group: list[Word] = []
    for word in _tidy(words, speaker):
        last = group[-1] if group else word
        if group and (word.space or word.speaker != last.speaker or may_part(last.text, word.text)):
            yield from (_atom(one, rules) for one in _cut(group, rules, widest))
            group = []
        group.append(word)
    if group:
        yield from (_atom(one, rules) for one in _cut(group, rules, widest))


def _tidy(words: Iterable[Word], speaker: str | None) -> Iterator[Word]:
    """Words without blanks inside or around them, in order of time, each with a speaker if any is known."""
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
                same = {"letters": word.letters if bare == word.text else ()}
                end = max(clock, word.end)
                yield replace(word, text=bare, start=clock, end=end, speaker=speaker, space=space, **same)


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
        yield replace(word, text=word.text[i:j], start=begins, end=ends, space=word.space and i == 0, letters=())


def _fused(letters: Sequence[Word]) -> Word:
    return replace(letters[0], text="".join(one.text for one in letters), end=letters[-1].end)


def relined(text: str, rules: Rules) -> tuple[str, ...] | None:
    """One cue's text in the lines that `lay_out` would give it; None where it does not fit."""
    words = [Word(piece, 0, 0, space=space) for piece, space in tokens(text)]
    setting = _Setting(rules, Grid(), Limits.of(rules, Grid()), {})
    table = _Table(list(atoms(words, rules, setting.widest)), setting, _Edge())
    found = table.lines(0, len(table.atoms), rules.columns, rules.lines) if table.atoms else (0.0, ())
    if found is None:
        return None
    return table.shown(_Piece(0, len(table.atoms), found[1], False))
