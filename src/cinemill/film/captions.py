"""Words on the clock -> what stands in the picture and when, in whole pictures of the film."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from cinemill.film.board import Captions
from cinemill.film.lettering import Lettering, State, escaped
from cinemill.film.timeline import Said
from cinemill.media.cues import emphasis
from cinemill.media.cues.layout import lay_out
from cinemill.media.cues.rules import rules
from cinemill.media.cues.style import ass_colour
from cinemill.media.cues.types import Cue, Transcript, Word

_TITLE_SAFE = (0.05, 0.05)
_PHONE_SAFE = (0.08, 0.18)
"""Sides, and top and bottom: where the names and buttons of apps are."""
_BRIDGED = 250
"""ms of a pause that a single word stays through."""
_LETTER = 0.5
"""Width of a letter in heights of a line, on the average."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in the pictures from `first` up to but not including `stop`."""

    first: int
    stop: int
    state: State


def look_of(captions: Captions, family: str, width: int, height: int) -> Lettering:
    """Sizes and places in pixels."""
    short = min(width, height)
    side, edge = _safe(captions, width, height)
    return Lettering(
        font=family,
        size=size_of(captions, width, height) * short / 100,
        colour=captions.highlight if captions.style == "fill" else captions.colour,
        waiting=captions.colour,
        outline_colour=captions.outline_colour,
        outline=captions.outline * short / 100 * (2 if captions.box else 1),
        shadow=captions.shadow * short / 100,
        box=captions.box,
        bold=captions.bold,
        place=captions.position,
        margins=(round(side * width), round(side * width), round(edge * height)),
    )


def size_of(captions: Captions, width: int, height: int) -> float:
    """Height of a line in percent of the shorter side."""
    if captions.size is not None:
        return captions.size
    usual = 8.0 if height > width else 6.0
    return usual * 1.5 if captions.style == "word" else usual


def cues_of(captions: Captions, words: Sequence[Said], language: str | None, width: int, height: int) -> list[Cue]:
    """Lines that fit the picture, at times that do not overlap. Every word is in one of them."""
    if not words:
        return []
    spelled = [Word(_cased(each.text, captions), each.start, each.end, space=each.space) for each in words]
    if captions.style == "word":
        return list(_single(spelled))
    preset = rules("social" if height > width or captions.length else "netflix", language)
    line = captions.length or min(preset.columns, _columns(captions, width, height))
    laid = replace(preset, columns=line, lines=captions.lines, dialogue=False)
    cue = Cue(spelled[0].start, spelled[-1].end, (), None, tuple(spelled))
    return [cue for cue in lay_out(Transcript((cue,), language), laid).cues if cue.lines and cue.end > cue.start]


def shown(captions: Captions, cues: Sequence[Cue], rate: Fraction, frames: int) -> list[Shown]:
    """What stands where, in order, without overlaps; nothing of it is empty."""
    found: list[Shown] = []
    for cue, after in zip(cues, [*cues[1:], None]):
        last = _frame(min(cue.end, after.start) if after else cue.end, rate)
        first, stop = _frame(cue.start, rate), min(frames, last)
        if stop > first:
            found += _states(captions, cue, first, stop, rate)
    return found


def _frame(ms: int, rate: Fraction) -> int:
    return round(ms * rate / 1000)


def _safe(captions: Captions, width: int, height: int) -> tuple[float, float]:
    area = captions.safe
    if area == "none":
        return 0.01, 0.01
    if area == "phone" or (area == "auto" and height > width):
        return _PHONE_SAFE
    return _TITLE_SAFE


def _columns(captions: Captions, width: int, height: int) -> int:
    """Letters that fit between the margins."""
    side, _ = _safe(captions, width, height)
    letter = size_of(captions, width, height) * min(width, height) / 100 * _LETTER
    return max(4, int(width * (1 - 2 * side) / letter))


def _cased(text: str, captions: Captions) -> str:
    return text.upper() if captions.uppercase else text


def _single(words: Sequence[Word]) -> Iterator[Cue]:
    """A cue for each word, which stays through short pauses."""
    for word, after in zip(words, [*words[1:], None]):
        ahead = after.start if after else word.end + _BRIDGED
        end = ahead if ahead - word.end <= _BRIDGED else word.end
        yield Cue(word.start, end, (word.text,), None, (word,))


def _states(captions: Captions, cue: Cue, first: int, stop: int, rate: Fraction) -> Iterator[Shown]:
    # libass orders each stretch between two changes of colour by itself: words from right to left would change places.
    by_word = captions.level != "sentence" and not _runs_leftwards(cue.text)
    places = emphasis.placed(cue) if by_word else []
    if captions.style in ("classic", "word") or not places:
        yield Shown(first, stop, State(escaped(cue.text)))
        return
    if captions.style == "fill":
        text = _filled(cue, places)
        for frame in range(first, stop):
            yield Shown(frame, frame + 1, State(text, round((frame + Fraction(1, 2)) / rate * 100) - cue.start // 10))
        return
    edges = [min(max(_frame(word.start, rate), first), stop) for word, _, _ in places]
    if edges[0] > first:
        yield Shown(first, edges[0], State(escaped(cue.text)))
    for number, (begin, end) in enumerate(pairwise([*edges, stop])):
        if end > begin:
            since = 0 if captions.style == "karaoke" else number
            yield Shown(begin, end, State(_marked(cue, places, since, number, captions)))


def _runs_leftwards(text: str) -> bool:
    """Whether some of a text is written from right to left."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def _marked(cue: Cue, places: list[tuple[Word, int, int]], since: int, until: int, captions: Captions) -> str:
    """The cue's text with words `since` to `until` in the other colour."""
    start, stop = places[since][1], places[until][2]
    text = cue.text
    on, off = (f"{{\\1c{ass_colour(colour)}&}}" for colour in (captions.highlight, captions.colour))
    return escaped(text[:start]) + on + escaped(text[start:stop]) + off + escaped(text[stop:])


def _filled(cue: Cue, places: list[tuple[Word, int, int]]) -> str:
    """The cue's text with \\kf for each word, pauses included, in hundredths from the cue's beginning."""
    made, at, clock = "", 0, 0
    for word, start, stop in places:
        begin, end = ((time - cue.start) // 10 for time in (word.start, word.end))
        made += escaped(cue.text[at:start])
        made += f"{{\\k{begin - clock}}}" if begin > clock else ""
        begin = max(begin, clock)
        made += f"{{\\kf{max(0, end - begin)}}}" + escaped(cue.text[start:stop])
        at, clock = stop, max(end, begin)
    return made + escaped(cue.text[at:])
