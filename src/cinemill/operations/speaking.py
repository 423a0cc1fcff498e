"""Text -> speech, utterance by utterance, with the time of every word; heard again and said again where it went wrong.

`narrate` is the whole of it for a text that fits into memory; the operation of that name makes parts of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cinemill.catalogue import Field
from cinemill.errors import EngineError, InvalidParams, MissingResource
from cinemill.operations import saying, script, speakers
from cinemill.operations.speakers import Speaker, SpeechOptions

if TYPE_CHECKING:
    from cinemill.engines.speech import Spoken
    from cinemill.media.cues.types import Word
    from cinemill.media.types import Audio

Samples = NDArray[np.float32]

MOST_CHARACTERS = 20_000_000


class NarrationOptions(SpeechOptions):
    """Speech."""

    verify: Literal["auto", "none", "whisper", "pocketsphinx"] = "auto"
    """Who listens to what was said and compares it with the text. auto takes whisper where it is installed and the
    engine that speaks may err; pocketsphinx hears English only."""
    verify_model: str = "auto"
    """Whisper's model for that: a name, or a folder."""
    max_wer: float = Field(0.25, ge=0, le=1)
    """Share of words that may be heard wrongly before a sentence is said again."""
    tries: int = Field(3, ge=1, le=10)
    """How often a sentence is said at most, each time with another seed. The best one is kept."""
    pause: float = Field(0.35, ge=0, le=10, unit="s")
    """Silence between sentences."""
    paragraph_pause: float = Field(0.7, ge=0, le=10, unit="s")
    """Silence after a paragraph."""
    crossfade: float = Field(0.0, ge=0, le=0.5, unit="s")
    """Let sentences run into each other instead of a pause; where the text asks for a pause there is one."""


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One utterance, said. `samples`: mono float32 at `rate` Hz, trimmed. `words`: as written, ms from its start.

    `wer`: share of words that were heard wrongly, None where nobody listened; `heard`: what was heard. `tries`: how
    often it was said. `pause`: seconds of silence after it, None for what lies between sentences.
    """

    samples: Samples
    rate: int
    words: tuple[Word, ...]
    pause: float | None
    wer: float | None = None
    tries: int = 1
    heard: str = ""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True, eq=False)
class Narration:
    """`samples`: mono float32 at `rate` Hz. `words`: of the whole, in ms. `notes`: sentences for the user."""

    samples: Samples
    rate: int
    words: tuple[Word, ...]
    language: str
    notes: tuple[str, ...]


def narrate(text: str, options: NarrationOptions | None = None) -> Narration:
    """`text`, which may have marks, as speech with words in time. Not levelled: `measure.loudness.levelled` does that.

    Raises InvalidParams for a text without words, MissingEngine, MissingModel, EngineError.
    """
    options = options or NarrationOptions()
    speaker = speakers.speaker(options)
    language = options.language or saying.language_of(text)
    said = utterances(text, options, speaker, language)
    ear = listener(options, speaker, language)
    taken = list(takes(said, options, speaker, language, ear))
    line = Timeline(options)
    starts = [line.place(take) for take in taken]
    blocks = [block.samples[0] for block in sound_of(iter(taken), options)]
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    words = tuple(word for take, start in zip(taken, starts) for word in shifted(take, start))
    notes = doubts(taken, options) if ear is None or understands(ear.name, speaker.name) else []
    return Narration(samples, speaker.rate, words, language, (speaker.note, *notes))


def utterances(text: str, options: NarrationOptions, speaker: Speaker, language: str) -> list[script.Utterance]:
    """What is to be said. Raises InvalidParams when that is nothing, or too much."""
    if len(text) > MOST_CHARACTERS:
        raise InvalidParams(f"a text of {len(text)} characters is too long; {MOST_CHARACTERS} are the most.")
    found = script.utterances(text, language, speaker.longest, speaker.shortest, options.paragraph_pause)
    if not any(any(char.isalnum() for char in one.text) for one in found):
        raise InvalidParams("the text holds nothing that can be said.")
    return found


class Listener(Protocol):
    """Hears what was said: words with times in ms."""

    name: str

    def hear(self, samples: NDArray[np.int16], language: str) -> list[Word]:
        """What is heard in samples at 16 kHz. Raises EngineError."""
        ...


class Recognised:
    """A recogniser of `operations.recognise` as a listener."""

    def __init__(self, recogniser: Any) -> None:
        self.name = recogniser.name
        self._recogniser = recogniser

    def hear(self, samples: NDArray[np.int16], language: str) -> list[Word]:
        (heard,) = self._recogniser.hear([samples], language)
        return [word for cue in heard.cues for word in cue.words]


def listener(options: NarrationOptions, speaker: Speaker, language: str) -> Listener | None:
    """Who listens, if anybody does. Raises MissingEngine, MissingModel, InvalidParams where one was named."""
    from cinemill.operations import recognise

    if options.verify == "none" or (options.verify == "auto" and speaker.is_sure):
        return None
    if options.verify == "pocketsphinx":
        if language[:2] != "en":
            raise InvalidParams(f"pocketsphinx hears English only, and the text is {language}; --verify whisper.")
        return Recognised(recognise.PocketSphinx())
    try:
        asked = recognise.WhisperOptions(model=options.verify_model)
        return Recognised(recognise.Whisper(asked).ready())
    except MissingResource:
        if options.verify == "whisper":
            raise
        return None


def understands(listener: str | None, engine: str) -> bool:
    """Whether a listener hears an engine well enough to judge it.

    PocketSphinx gets half of the words of eSpeak wrong: of four sentences by 17 of its voices, 52 % in the mean.
    """
    return (listener, engine) != ("pocketsphinx", "espeak")


def takes(
    said: Sequence[script.Utterance],
    options: NarrationOptions,
    speaker: Speaker,
    language: str,
    ear: Listener | None,
    first: int = 0,
) -> Iterator[Take]:
    """Each utterance, said. `first`: the number of the first one, which decides its seed. Raises EngineError."""
    if ear and not understands(ear.name, speaker.name):
        options = options.model_copy(update={"tries": 1})
    for number, one in enumerate(said, first):
        yield _take(one, options, speaker, _language(one, language), ear, options.seed + 7919 * number)


def _language(one: script.Utterance, language: str) -> str:
    """As the text says; a sentence in another script is of that one's language."""
    if one.manner.language:
        return one.manner.language
    other = saying.script_of(one.text)
    kin = {"ja": ("zh",), "ru": ("uk", "bg", "sr", "be", "mk"), "ar": ("fa", "ur"), "hi": ("mr", "ne")}
    return language if other is None or language[:2] in (other, *kin.get(other, ())) else other


def _take(
    one: script.Utterance, options: NarrationOptions, speaker: Speaker, language: str, ear: Listener | None, seed: int
) -> Take:
    """The best of a few tries: the first that is understood, else the one that is best understood."""
    spoken_words = one.saying(language)
    text = " ".join(word for word in spoken_words if word)
    if not any(char.isalnum() for char in text):
        return Take(np.zeros(0, np.float32), speaker.rate, (), one.pause)
    voice = speaker.voice(one.manner.voice or options.voice, language)
    speed = options.speed * one.manner.speed
    best: Take | None = None
    failure: EngineError | None = None
    for number in range(options.tries):
        try:
            spoken = speaker.speak(text, voice, language, speed, seed + number)
        except EngineError as error:
            if error.retry == "no":
                raise
            failure = error
            continue
        take = _judged(one, spoken_words, text, spoken, language, ear, number + 1)
        take = replace(take, samples=_at_rate(take.samples, take.rate, speaker.rate), rate=speaker.rate)
        best = take if best is None or _score(take) < _score(best) else best
        if _score(best) <= options.max_wer:
            break
    if best is None:
        assert failure
        raise failure
    return best


def _score(take: Take) -> float:
    return take.wer or 0.0


def _judged(
    one: script.Utterance,
    spoken_words: Sequence[str],
    text: str,
    spoken: Spoken,
    language: str,
    ear: Listener | None,
    tries: int,
) -> Take:
    """What was said, trimmed, timed and scored."""
    wer, heard = _plausible(text, spoken), list[Any]()
    if ear and not wer:
        heard = ear.hear(for_ears(spoken.samples, spoken.rate), language)
        wer = errors(text, " ".join(word.text for word in heard), language)
    start, stop = _extent(spoken, heard[-1].end / 1000 if heard and not wer else None)
    samples = spoken.samples[round(start * spoken.rate) : round(stop * spoken.rate)]
    words = _timed(one, spoken_words, text, spoken, samples, start, language)
    listened = wer if ear or wer else None
    told = " ".join(word.text for word in heard)
    return Take(samples, spoken.rate, tuple(words), one.pause, listened, tries, told)


_FASTEST, _SLOWEST = 0.012, 0.45
"""Seconds that a letter takes at most and at least in any speech; outside it something was dropped, or made up."""
_ROOM = 3.0
"""Seconds beyond that for breath."""


def _plausible(text: str, spoken: Spoken) -> float:
    """0 for sound that may be the text; 1 for silence, and for what is far too short or long."""
    letters = sum(2 if saying.script_of(char) in ("ja", "zh", "ko") else 1 for char in text if char.isalnum())
    if not len(spoken.samples) or float(np.abs(spoken.samples).max()) < 0.003:
        return 1.0
    seconds = spoken.seconds
    return 0.0 if _FASTEST * letters <= seconds <= _SLOWEST * letters + _ROOM else 1.0


def for_ears(samples: Samples, rate: int) -> NDArray[np.int16]:
    """At 16 kHz, as recognisers want it."""
    from cinemill.media import sound
    from cinemill.media.types import Audio

    blocks = sound.resampled([Audio(samples[None], rate, 0, "mono")], 16_000)
    found = [block.samples[0] for block in blocks]
    whole = np.concatenate(found) if found else np.zeros(0, np.float32)
    return (np.clip(whole, -1, 1) * 32767).astype(np.int16)


def errors(text: str, heard: str, language: str) -> float:
    """Word error rate of what was heard, 0 to 1 and more: both as they are said, without case and signs.

    Of characters in scripts that part no words; and where words were only parted otherwise, none.
    """
    said, other = (_bare(one, language) for one in (text, heard))
    if "".join(said) == "".join(other):
        return 0.0
    if saying.script_of(text) in ("ja", "zh", "th"):
        said, other = list("".join(said)), list("".join(other))
    return _distance(said, other) / max(1, len(said))


def _bare(text: str, language: str) -> list[str]:
    spoken = " ".join(saying.said(text.split(), language)).lower().replace("’", "'")
    return ["".join(char for char in word if char.isalnum()) for word in _words_of(spoken)]


def _words_of(text: str) -> list[str]:
    kept = "".join(char if char.isalnum() or char == "'" else " " for char in text)
    return [word for word in kept.split() if any(char.isalnum() for char in word)]


def _distance(said: Sequence[str], heard: Sequence[str]) -> int:
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


_MARGIN = 0.03
"""Seconds kept around speech."""
_TAIL = 0.35
"""Seconds after the last word that may still be its own; what comes later was made up."""
_QUIET_DB = -45.0
"""Below the loudest, what is no speech."""


def _extent(spoken: Spoken, last: float | None) -> tuple[float, float]:
    """From where to where it speaks, in seconds: without silence or hiss around it and what follows the text."""
    size = max(1, spoken.rate // 100)
    count = len(spoken.samples) // size
    if not count:
        return 0.0, spoken.seconds
    levels = np.sqrt(np.square(spoken.samples[: count * size], dtype=np.float64).reshape(count, size).mean(axis=1))
    loud = np.flatnonzero(levels > levels.max() * 10 ** (_QUIET_DB / 20))
    ends = [word[3] for word in spoken.words or ()]
    if not len(loud):
        return 0.0, spoken.seconds
    start = max(0.0, loud[0] / 100 - _MARGIN)
    stop = min(spoken.seconds, (loud[-1] + 1) / 100 + _MARGIN)
    if last is not None and not ends:
        stop = min(stop, _end_of_tail(levels, last))
    return start, max(stop, start + 0.02)


def _end_of_tail(levels: Any, last: float) -> float:
    """Where sound ends that goes on after the last word; the end of all where it never pauses."""
    quiet = levels < levels.max() * 10 ** (-35 / 20)
    first = round(last * 100)
    for at in range(first, min(len(levels), first + round(_TAIL * 100)) - 8):
        if quiet[at : at + 8].all():
            return (at + 4) / 100
    return len(levels) / 100


def _timed(
    one: script.Utterance,
    spoken_words: Sequence[str],
    text: str,
    spoken: Spoken,
    samples: Samples,
    start: float,
    language: str,
) -> list[Word]:
    """Words as they are written, by the engine's own times, else by listening."""
    from cinemill.media.cues.types import Word
    from cinemill.operations import align

    length = round(len(samples) * 1000 / spoken.rate)
    spans = _spans(spoken_words)
    written = [word.text.replace("\u00a0", " ") for word in one.words]
    if spoken.words is None:
        asked = [Word(said, 0, 0) for said in spoken_words if said]
        found = iter(align.timed(for_ears(samples, spoken.rate), asked, language[:2] == "en"))
        times = [(word.start, word.end) if (word := next(found)) else None for said in spoken_words if said]
        given = iter(times)
        known = [next(given) if said else None for said in spoken_words]
    else:
        known = [_time_of(span, spoken.words, start) if said else None for said, span in zip(spoken_words, spans)]
    return _complete(written, known, length)


def _spans(spoken_words: Sequence[str]) -> list[tuple[int, int]]:
    """Where each word stands in the text that was said."""
    spans: list[tuple[int, int]] = []
    at = 0
    for said in spoken_words:
        spans.append((at, at + len(said)))
        at += len(said) + 1 if said else 0
    return spans


def _time_of(span: tuple[int, int], words: Any, start: float) -> tuple[int, int] | None:
    own = [word for word in words if word[0] < span[1] and span[0] < word[1]]
    if not own:
        return None
    return round((own[0][2] - start) * 1000), round((own[-1][3] - start) * 1000)


def _complete(written: Sequence[str], known: Sequence[tuple[int, int] | None], length: int) -> list[Word]:
    """Words with their times inside 0 to `length`; those without share what lies between their neighbours. Scripts
    without blanks fall into characters."""
    from cinemill.media.cues.timing import between
    from cinemill.media.cues.types import Word, spread

    words = [Word(text, *(time or (0, 0))) for text, time in zip(written, known)]
    placed = between(words, [time is not None for time in known], 0, length)
    found: list[Word] = []
    last = 0
    for word in placed:
        begins = min(max(word.start, last), length)
        last = min(max(word.end, begins), length)
        found += spread(word.text, begins, last) if word.text else []
    return [replace(word, confidence=None) for word in found]


class Timeline:
    """Where each take begins: in samples of its rate, one after another."""

    def __init__(self, options: NarrationOptions) -> None:
        self._options = options
        self._at = 0
        self._pause: float | None = 0.0
        self._is_first = True
        self._before = 0

    def place(self, take: Take) -> int:
        """The sample at which the next take begins."""
        pause = self._options.pause if self._pause is None else self._pause
        if self._is_first or not len(take.samples):
            gap = 0
        elif self._pause is None and self._options.crossfade:
            gap = -min(round(self._options.crossfade * take.rate), self._before // 2, len(take.samples) // 2)
        else:
            gap = round(pause * take.rate)
        start = self._at + gap
        self._at = start + len(take.samples)
        if len(take.samples):
            self._is_first, self._pause, self._before = False, take.pause, len(take.samples)
        elif take.pause is not None:
            self._pause = (self._pause or 0.0) + take.pause
        return start


_EDGE = 0.005
"""Seconds over which a take comes and goes, so that it does not click."""


def sound_of(taken: Iterator[Take], options: NarrationOptions) -> Iterator[Audio]:
    """The takes one after another as blocks of mono sound."""
    from cinemill.media.types import Audio

    line = Timeline(options)
    at = 0
    tail: Samples = np.zeros(0, np.float32)
    rate = 0
    for take in taken:
        start = line.place(take)
        if not len(take.samples):
            continue
        rate = take.rate
        samples = _edged(take.samples, round(max(_EDGE, options.crossfade) * rate))
        done = np.zeros(start - at, np.float32)
        done[: len(tail)] = tail[: len(done)]
        if len(done):
            yield Audio(done[None], rate, at, "mono")
        over = tail[len(done) :]
        at, tail = start, samples
        tail[: len(over)] += over
    if len(tail):
        yield Audio(tail[None], rate, at, "mono")


def _at_rate(samples: Samples, rate: int, wanted: int) -> Samples:
    from cinemill.media import sound
    from cinemill.media.types import Audio

    if rate == wanted or not len(samples):
        return samples
    blocks = sound.resampled([Audio(samples[None].copy(), rate, 0, "mono")], wanted)
    return np.concatenate([block.samples[0] for block in blocks])


def _edged(samples: Samples, length: int) -> Samples:
    """A copy that fades in and out over `length` samples."""
    edged = samples.copy()
    size = min(length, len(edged) // 2)
    if size:
        fade = np.sin((np.arange(size) + 0.5) / size * (np.pi / 2)).astype(np.float32)
        edged[:size] *= fade
        edged[-size:] *= fade[::-1]
    return edged


def shifted(take: Take, start: int) -> Iterator[Word]:
    """The take's words on the clock of the whole."""
    by = round(start * 1000 / take.rate)
    for word in take.words:
        yield replace(word, start=word.start + by, end=word.end + by)


def doubts(taken: Sequence[Take], options: NarrationOptions) -> list[str]:
    """A sentence on what was heard wrongly to the last, and one on what had to be said again."""
    bad = [take for take in taken if _score(take) > options.max_wer]
    again = sum(take.tries > 1 and _score(take) <= options.max_wer for take in taken)
    notes = [f"{_sentences(again)} said again until understood."] if again else []
    if bad:
        named = ", ".join(f"“{_short(take.text)}” ({take.wer:.0%} wrong)" for take in bad[:4])
        tries = "one try" if options.tries == 1 else f"{options.tries} tries"
        notes.append(f"{_sentences(len(bad))} not understood after {tries}: {named}.")
    return notes


def _sentences(count: int) -> str:
    return "1 sentence was" if count == 1 else f"{count} sentences were"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39].rstrip()}…"
