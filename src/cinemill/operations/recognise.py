"""Sound -> windows that a recogniser can take, and what each of the recognisers hears in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from cinemill.errors import EngineCrashed, EngineTimeout

if TYPE_CHECKING:
    from cinemill.media.cues.types import Cue

Span = tuple[int, int]
"""ms"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a window: cues with words, in ms from its beginning, and sentences about what went wrong."""

    cues: tuple[Cue, ...] = ()
    language: str | None = None
    notes: tuple[str, ...] = ()


class Recogniser(Protocol):
    """`longest`: ms of a window. `note`: what the user should know of it."""

    longest: int
    note: str

    def hear(self, samples: Any) -> Heard:
        """What is said in samples at 16 kHz (int16)."""
        ...


class PocketSphinx:
    """Works at once and offline; English, and rough."""

    longest = 20_000
    note = (
        "PocketSphinx listens: it works offline, knows English only, and is rough. `cinemill engines install whisper` "
        "and `--engine whisper` hear far better."
    )

    def hear(self, samples: Any) -> Heard:
        from cinemill.engines import pocketsphinx
        from cinemill.media.cues.types import Cue, Word

        try:
            found = pocketsphinx.recognise(samples)
        except (EngineTimeout, EngineCrashed) as error:
            return Heard(language="en", notes=(error.sentence,))
        words = tuple(Word(_written(one.text), one.start, one.end, one.confidence) for one in found)
        if not words:
            return Heard(language="en")
        text = " ".join(word.text for word in words)
        return Heard((Cue(words[0].start, words[-1].end, (text,), None, words),), "en")


def _written(word: str) -> str:
    return "I" + word[1:] if word == "i" or word.startswith("i'") else word


_EDGE_MS = 200
"""Silence that a window takes along on both sides, so that no word begins at its very edge."""


def windows(regions: Sequence[Span], levels: Any, longest: int) -> list[Span]:
    """Stretches of speech of at most `longest` ms, in order, apart, cut in pauses; where there is none, where it is
    quietest. `levels` as `voice.levels` gives them."""
    found: list[Span] = []
    end_of_sound = 10 * len(levels)
    for start, end in regions:
        if found and end - found[-1][0] <= longest - 2 * _EDGE_MS:
            found[-1] = found[-1][0], end
        else:
            found += _pieces(start, end, levels, longest - 2 * _EDGE_MS)
    grown: list[Span] = []
    for number, (start, end) in enumerate(found):
        before = found[number - 1][1] if number else 0
        after = found[number + 1][0] if number + 1 < len(found) else end_of_sound
        left = max(start - _EDGE_MS, (start + before) // 2)
        grown.append((left, min(end + _EDGE_MS, (end + after + 1) // 2)))
    return grown


def _pieces(start: int, end: int, levels: Any, longest: int) -> Iterator[Span]:
    from cinemill.measure import voice

    while end - start > longest:
        cut = 10 * voice.quietest(levels, (start + longest // 2) // 10, (start + longest) // 10)
        yield start, cut
        start = cut
    yield start, end


def shifted(heard: Heard, by: int) -> Iterator[Cue]:
    """The cues on the programme's clock."""
    for cue in heard.cues:
        words = tuple(replace(word, start=word.start + by, end=word.end + by) for word in cue.words)
        yield replace(cue, start=cue.start + by, end=cue.end + by, words=words)
