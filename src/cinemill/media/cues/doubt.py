"""What a recogniser made up: words over silence, loops, and the closing lines of films it was trained on."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cinemill.media.cues.packed import packed
from cinemill.media.cues.types import Cue, Transcript, Word, spread

Regions = Sequence[tuple[int, int]]
"""Where somebody speaks: ms, in order, apart."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was taken out and why: `silence`, `phrase` or `loop`."""

    start: int
    end: int
    text: str
    why: str


_NEVER_SAID = re.compile(
    r"amara\.?\s?org|subtitles? (by|created by|made by)|captions? by|transcri(bed|ption) by|sous-titr(es|age)|"
    r"untertitel(ung)? (im auftrag|der|von|des)|legendas? (por|pela)|sottotitoli (e|creati|a cura)|"
    r"subtítulos (por|realizados)|субтитры|字幕|ご視聴ありがとうございました|请不吝点赞",
    re.IGNORECASE,
)
"""Credits that Whisper read a thousand times and nobody says."""
_SELDOM_SAID = re.compile(
    r"(thanks? (you )?(so much |very much )?for watching|please (like and )?subscribe|"
    r"see you (in the )?next (video|time)|"
    r"thank you( very much)?|bye( bye)?|you|okay|ok|oh|so|uh|um|music|applause|laughter|foreign|silence|♪+|"
    r"merci d.avoir regardé( cette vidéo)?|vielen dank( fürs zuschauen)?|gracias por ver( el video)?|"
    r"obrigad[oa] por assistir|grazie per la visione)",
    re.IGNORECASE,
)
"""What is said, but often heard where nobody speaks."""

_UNSURE = 0.5
"""A confidence below which a doubt is enough."""
_SPOKEN_SHARE = 0.2
"""Of a word's time, that somebody has to speak in."""
_LONGEST_LOOP = 12
"""Words of a phrase that is looked for."""


def without_doubtful(transcript: Transcript, speech: Regions | None = None) -> tuple[Transcript, list[Dropped]]:
    """The transcript without what was not said, and what that was. `speech` is where a voice was found, if looked for.

    Drops whole cues that are credits; cues of stock phrases where nobody speaks or confidence is low; words outside
    speech whose confidence is low or unknown; and repetitions of a phrase beyond what people say.
    """
    dropped: list[Dropped] = []
    believed = packed(_believed(transcript.cues, speech, dropped))
    cues = _unlooped(believed, dropped)
    return replace(transcript, cues=cues), sorted(dropped, key=lambda one: one.start)


def _believed(cues: Iterable[Cue], speech: Regions | None, dropped: list[Dropped]) -> Iterator[Cue]:
    """The cues without what each by itself makes doubtful, which goes to `dropped`."""
    for cue in cues:
        words = cue.words or tuple(spread(" ".join(cue.lines), cue.start, cue.end, cue.speaker))
        why = _invented(words, speech)
        if why:
            dropped.append(Dropped(cue.start, cue.end, _text(words), why))
            continue
        spoken = [word for word in words if not _over_silence(word, speech)]
        lost = [word for word in words if _over_silence(word, speech)]
        dropped += [Dropped(word.start, word.end, word.text, "silence") for word in lost]
        if spoken:
            yield replace(cue, words=tuple(spoken), lines=cue.lines if not lost else (_text(spoken),))


def _invented(words: Sequence[Word], speech: Regions | None) -> str | None:
    text = _text(words)
    if _NEVER_SAID.search(text) and len(words) <= 12:
        return "phrase"
    if not _SELDOM_SAID.fullmatch(text.strip(" .!?…,")):
        return None
    known = [word.confidence for word in words if word.confidence is not None]
    unsure = bool(known) and sum(known) / len(known) < _UNSURE
    silent = speech is not None and not any(_voiced(word, speech) >= _SPOKEN_SHARE for word in words)
    return "phrase" if unsure or silent else None


def _over_silence(word: Word, speech: Regions | None) -> bool:
    if speech is None or _voiced(word, speech) > 0:
        return False
    return word.confidence is None or word.confidence < _UNSURE


def _voiced(word: Word, speech: Regions) -> float:
    """Share of a word's time in which somebody speaks; a word without time counts by its place."""
    length = max(1, word.end - word.start)
    at = max(0, bisect_right(speech, (word.start, word.start)) - 1)
    total = 0
    for start, end in speech[at:]:
        if start >= word.start + length:
            break
        total += max(0, min(end, word.start + length) - max(start, word.start))
    return total / length


def _text(words: Sequence[Word]) -> str:
    return "".join(" " * (word.space and number > 0) + word.text for number, word in enumerate(words))


def _unlooped(cues: Sequence[Cue], dropped: list[Dropped]) -> Sequence[Cue]:
    """The cues without repetitions, which go to `dropped`."""
    numbers: dict[str, int] = {}
    keys = array("L")
    for cue in cues:
        for word in cue.words:
            keys.append(numbers.setdefault(re.sub(r"\W+", "", word.text).lower(), len(numbers)))
    looped = _loops(keys)
    return packed(_shortened(cues, looped, dropped)) if looped else cues


def _shortened(cues: Iterable[Cue], looped: set[int], dropped: list[Dropped]) -> Iterator[Cue]:
    at = 0
    for cue in cues:
        lost = [word for place, word in enumerate(cue.words, at) if place in looped]
        left = tuple(word for place, word in enumerate(cue.words, at) if place not in looped)
        dropped += [Dropped(word.start, word.end, word.text, "loop") for word in lost]
        at += len(cue.words)
        if not lost:
            yield cue
        elif left:
            yield replace(cue, words=left, lines=(_text(left),), end=max(left[-1].end, cue.start + 1))


def _loops(keys: Sequence[int]) -> set[int]:
    """Places of the repetitions, but for the first saying, of phrases that come too often in a row."""
    gone: set[int] = set()
    at = 0
    while at < len(keys):
        size, times = _longest_loop(keys, at)
        if size:
            gone.update(range(at + size, at + size * times))
        at += max(1, size * times)
    return gone


def _longest_loop(keys: Sequence[int], at: int) -> tuple[int, int]:
    for size in range(1, _LONGEST_LOOP + 1):
        phrase = keys[at : at + size]
        times = 1
        while len(phrase) == size and keys[at + size * times : at + size * (times + 1)] == phrase:
            times += 1
        if times >= _too_often(size):
            return size, times
    return 0, 0


def _too_often(size: int) -> int:
    """How often in a row nobody says a phrase of so many words: `no` six times, a sentence four times."""
    return 7 if size == 1 else 5 if size < 4 else 4
