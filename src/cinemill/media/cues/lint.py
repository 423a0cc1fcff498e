"""What a broadcaster would send back: every rule of a preset, checked over cues as they are.

A rule that the words make impossible to keep is still broken where it says so in numbers (reading speed), and is not
where keeping it would break another (a cut that no cue can move to).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise, zip_longest
from typing import Any, Literal

from cinemill.media import clock
from cinemill.media.cues import grammar as grammars
from cinemill.media.cues import timing
from cinemill.media.cues.layout import relined
from cinemill.media.cues.rules import Rules
from cinemill.media.cues.timing import Grid, Limits
from cinemill.media.cues.types import Cue, Transcript, tokens
from cinemill.media.cues.width import columns

Severity = Literal["error", "warning"]

RULES: dict[str, tuple[Severity, str]] = {
    "empty": ("error", "a cue shows nothing"),
    "order": ("error", "cues come in the order of their times"),
    "negative": ("error", "no cue begins before the programme"),
    "backwards": ("error", "a cue ends after it begins"),
    "overlap": ("error", "a cue ends before the next begins"),
    "gap": ("error", "cues are apart by the smallest gap"),
    "flicker": ("warning", "a gap is the smallest one, or long enough to be seen"),
    "short": ("error", "a cue stays long enough to be noticed"),
    "long": ("error", "a cue does not outstay"),
    "speed": ("error", "text can be read in its time"),
    "columns": ("error", "lines fit"),
    "lines": ("error", "no more lines than allowed"),
    "one-line": ("warning", "what fits on one line stands on one"),
    "break": ("warning", "lines end where the sentence allows it"),
    "cut": ("warning", "cues come and go with the picture's cuts"),
    "late": ("warning", "a cue comes with its words"),
    "speakers": ("error", "each speaker of a dialogue has a dash, and nobody speaks in another's line"),
    "labels": ("warning", "labels are written as the preset asks"),
    "italics": ("warning", "no italics in scripts that have none"),
    "blanks": ("warning", "single blanks, none at the ends of a line"),
    "characters": ("error", "no characters that a player cannot show, no markup left over"),
    "repeat": ("warning", "no cue says again what the last one said"),
}
"""Rule -> how bad a breach is, and what it asks for."""

_ON_SCREEN = re.compile(r"^\s*[-–‐]\s*")


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach: of which rule, in which cue (counted from 1), when in ms, and what was found against what is asked."""

    rule: str
    cue: int
    time: int
    found: str
    severity: Severity

    def __str__(self) -> str:
        return f"cue {self.cue} at {clock.show(Fraction(self.time, 1000))}: {self.found}"

    def record(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "severity": self.severity,
            "cue": self.cue,
            "time": self.time / 1000,
            "found": self.found,
        }


def lint(
    transcript: Transcript, rules: Rules, *, frame_rate: Fraction | None = None, cuts: Sequence[int] = ()
) -> list[Finding]:
    """Every breach, in order of the cues. `cuts` are times of shot changes in ms."""
    grid = Grid(frame_rate or transcript.frame_rate)
    cues = transcript.cues
    found = [
        Finding(rule, number + 1, cue.start, said, RULES[rule][0])
        for number, (cue, ahead) in enumerate(zip_longest(cues, islice(cues, 1, None)))
        for rule, said in (*_of_cue(cue, ahead, rules, grid), *_late(cue, rules, grid, bool(cuts)))
    ]
    between = [*_between(cues, Limits.of(rules, grid), grid), *_moved(cues, rules, grid, cuts)]
    found += [Finding(rule, number + 1, cues[number].start, said, RULES[rule][0]) for number, rule, said in between]
    return sorted(found, key=lambda one: (one.cue, list(RULES).index(one.rule)))


def _of_cue(cue: Cue, ahead: Cue | None, rules: Rules, grid: Grid) -> Iterator[tuple[str, str]]:
    if not any(line.strip() for line in cue.lines):
        yield "empty", "it shows nothing"
    if cue.start < 0:
        yield "negative", f"it begins {-cue.start} ms before the programme"
    if cue.end <= cue.start:
        yield (
            "backwards",
            f"it ends {cue.start - cue.end} ms before it begins" if cue.end < cue.start else "it has no time",
        )
    else:
        yield from _lengths(cue, ahead, rules, grid)
    yield from _layout(cue, rules)
    yield from _speakers(cue, rules)
    yield from _text(cue, rules)


def _lengths(cue: Cue, ahead: Cue | None, rules: Rules, grid: Grid) -> Iterator[tuple[str, str]]:
    limits = Limits.of(rules, grid)
    length = grid.at(cue.end) - grid.at(cue.start)
    seconds = (cue.end - cue.start) / 1000
    if length < limits.shortest:
        yield "short", f"it stays {seconds:.3f} s; {rules.shortest / 1000:.3f} s is the least"
    if length > limits.longest:
        yield "long", f"it stays {seconds:.3f} s; {rules.longest / 1000:g} s is the most"
    need = need_of(cue, rules)
    if need - grid.ms(length) > 1 and grid.up(need) > length:
        room = grid.at(ahead.start) - limits.gap - grid.at(cue.end) if ahead else limits.longest
        longer = min(room, limits.longest - length)
        yield "speed", f"{_hurry(cue, rules, seconds)}; {_why(cue, rules, need, grid.ms(longer))}"


def _late(cue: Cue, rules: Rules, grid: Grid, moved: bool) -> Iterator[tuple[str, str]]:
    """Cues may be further from their words where they come with a cut."""
    if not cue.words:
        return
    most = grid.frames(rules.late_frames) + moved * grid.frames(rules.clear_frames)
    late = cue.start - cue.words[0].start
    if abs(grid.at(cue.start) - grid.at(cue.words[0].start)) > most:
        yield "late", f"it comes {abs(late)} ms {'after' if late > 0 else 'before'} its first word"


def need_of(cue: Cue, rules: Rules) -> float:
    """How long the cue's text takes to read, in ms."""
    return rules.reading_ms(_shown(cue, rules), sum(len(line.split()) for line in cue.lines))


def _shown(cue: Cue, rules: Rules) -> float:
    return sum(columns(line, rules.half_width) for line in cue.lines)


def _hurry(cue: Cue, rules: Rules, seconds: float) -> str:
    if rules.cps:
        return f"{_shown(cue, rules) / seconds:.1f} characters a second; {rules.cps:g} is the most"
    words = sum(len(line.split()) for line in cue.lines)
    return f"{words / seconds * 60:.0f} words a minute; {rules.wpm:g} is the most"


def _why(cue: Cue, rules: Rules, need: float, longer: int) -> str:
    """What stands in the way of reading it in time. `longer`: ms that it could stay longer."""
    if longer > 0:
        return f"it could stay {longer / 1000:.3f} s longer"
    if need > rules.longest:
        return f"it takes {need / 1000:.1f} s to read and may stay {rules.longest / 1000:g} s: part it"
    said = cue.words[-1].end - cue.words[0].start if cue.words else 0
    spoken = "it is spoken that fast, and " if 0 < said < need else ""
    return f"{spoken}the next one leaves no room"


def _layout(cue: Cue, rules: Rules) -> Iterator[tuple[str, str]]:
    if len(cue.lines) > rules.lines:
        yield "lines", f"{len(cue.lines)} lines; {rules.lines} is the most"
    for line in cue.lines:
        wide = columns(line, rules.half_width)
        if wide > rules.columns:
            yield "columns", f"{wide:g} columns in {line!r}; {rules.columns:g} is the most"
    if len(cue.lines) < 2 or _is_dialogue(cue):
        return
    better = relined(" ".join(cue.lines), rules)
    if better and len(better) == 1:
        yield "one-line", "its lines fit on one"
    elif better and _worst_break(cue.lines, rules) >= grammars.TIED > _worst_break(better, rules):
        yield (
            "break",
            f"a line ends on {cue.lines[0].split()[-1]!r}; {' / '.join(better)} parts nothing that belongs together",
        )


def _worst_break(lines: Sequence[str], rules: Rules) -> float:
    known = grammars.grammar(rules.language)
    words = [[piece for piece, _ in tokens(line)] for line in lines]
    return max((known.cost(a[-1], b[0]) for a, b in pairwise(words) if a and b), default=0.0)


def _is_dialogue(cue: Cue) -> bool:
    return sum(bool(_ON_SCREEN.match(line)) for line in cue.lines) > 1


def _speakers(cue: Cue, rules: Rules) -> Iterator[tuple[str, str]]:
    spoken = {word.speaker for word in cue.words if word.speaker}
    if len(spoken) > 1 and not _is_dialogue(cue):
        yield "speakers", f"{', '.join(sorted(spoken))} speak in it and no dash parts them"
    if len(spoken) > 2 or (_is_dialogue(cue) and not rules.dialogue):
        yield "speakers", f"{max(2, len(spoken))} speakers in one cue"
    for line in cue.lines:
        label = _LABEL.match(_ON_SCREEN.sub("", line))
        if label and rules.labels == "upper" and label[1] != label[1].upper():
            yield "labels", f"{label[0]!r} is not in capitals"
        elif label and rules.labels == "lower" and _ROUND.match(label[0]):
            yield "labels", f"{label[0]!r} stands in round brackets; square ones are asked for"


_LABEL = re.compile(r"[\[(]([^\])]+)[\])]")
_ROUND = re.compile(r"\(")
_LEFT_OVER = re.compile(r"</?[a-zA-Z][^>]*>|\{\\[^}]*\}|&(?:amp|lt|gt|nbsp|#\d+);")


def _text(cue: Cue, rules: Rules) -> Iterator[tuple[str, str]]:
    if not rules.italics and any(mark.kind == "i" for mark in cue.marks):
        yield "italics", "it is in italics"
    for line in cue.lines:
        if line != line.strip() or "  " in line:
            yield "blanks", f"blanks too many in {line!r}"
        odd = {char for char in line if char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cs", "Co")}
        if odd:
            yield "characters", f"{', '.join(sorted(f'U+{ord(char):04X}' for char in odd))} in {line!r}"
        elif left := _LEFT_OVER.search(line):
            yield "characters", f"{left[0]!r} is left over in {line!r}"


def _between(cues: Sequence[Cue], limits: Limits, grid: Grid) -> Iterator[tuple[int, str, str]]:
    for number, (cue, ahead) in enumerate(pairwise(cues)):
        gap = grid.at(ahead.start) - grid.at(cue.end)
        if ahead.start < cue.start:
            yield number + 1, "order", f"it begins {cue.start - ahead.start} ms before the one above it"
        elif cue.end > ahead.start and gap < 0:
            yield number, "overlap", f"it stays {cue.end - ahead.start} ms into the next"
        elif gap < limits.gap:
            yield number, "gap", f"the next comes after {_time(gap, grid)}; {_time(limits.gap, grid)} is the least"
        if cue.lines == ahead.lines and cue.lines and ahead.start - cue.end < 1000:
            yield number + 1, "repeat", f"it says {cue.text!r} again"


def _time(places: int, grid: Grid) -> str:
    return f"{places} frames" if grid.rate else f"{places} ms"


def _moved(cues: Sequence[Cue], rules: Rules, grid: Grid, cuts: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    """Gaps that could be closed and cuts that could be met."""
    limits = Limits.of(rules, grid)
    now = [(grid.at(cue.start), grid.at(cue.end)) for cue in cues]
    if any(end <= start for start, end in now) or any(b[0] < a[1] for a, b in pairwise(now)):
        return
    needs = [grid.up(need_of(cue, rules)) for cue in cues]
    for number, (is_, could) in enumerate(zip(now, timing.closed(now, limits))):
        if is_ != could:
            gap = now[number + 1][0] - is_[1]
            yield (
                number,
                "flicker",
                f"a gap of {_time(gap, grid)} to the next is seen as flicker; {_time(limits.gap, grid)} is asked for",
            )
    places = sorted(map(grid.at, cuts))
    for number, (is_, could) in enumerate(zip(now, timing.settled(now, needs, limits, places)) if places else ()):
        if is_[0] != could[0]:
            yield number, "cut", f"it comes {_time(abs(is_[0] - timing.nearest(places, is_[0])), grid)} from a cut"
        elif is_[1] != could[1] and abs(is_[1] - timing.nearest(places, is_[1])) < limits.clear:
            yield number, "cut", f"it goes {_time(abs(is_[1] - timing.nearest(places, is_[1])), grid)} from a cut"
