"""Sound -> windows that a recogniser can take, and what each of the recognisers hears in one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import field_validator

from cinemill.catalogue import Field, Params
from cinemill.errors import EngineCrashed, EngineTimeout, MissingModel, UnsupportedMedia
from cinemill.operations import Offer

if TYPE_CHECKING:
    from cinemill.media.cues.types import Cue, Word
    from cinemill.media.types import AudioTrack, MediaInfo

Span = tuple[int, int]
"""ms"""
_TAKEN = "in HF_TOKEN"


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a window: cues with words, in ms from its beginning, and sentences about what went wrong."""

    cues: tuple[Cue, ...] = ()
    language: str | None = None
    notes: tuple[str, ...] = ()


class WhisperOptions(Params):
    """Whisper."""

    model: str = "auto"
    """tiny, base, small, medium, large-v3, turbo, distil-large-v3 or their like, or a folder. auto goes by memory."""
    download: bool = False
    """Fetch the model if it is not here. HF_HOME says where to, HF_TOKEN who you are."""
    model_cache_only: Literal[True, False] | None = None
    """True fetches nothing, as without --download; False is --download."""
    model_dir: str | None = None
    """Folder that models are fetched to and looked for in, instead of the hub's cache."""
    hf_token: str | None = None
    """Your token for the hub. It is kept nowhere; better set HF_TOKEN, for others see what a command is given."""
    task: Literal["transcribe", "translate"] = "transcribe"
    """Write what is said, or what it means in English."""
    multilingual: bool = False
    """The language changes inside the file: find it again for every stretch."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs."""
    device_index: int = Field(0, ge=0, le=64)
    """Which graphics processor."""
    compute_type: Literal["auto", "default", "float32", "float16", "bfloat16", "int8", "int8_float16"] = "auto"
    """Numbers that are reckoned with; auto takes float16 on a graphics processor and int8 elsewhere."""
    batch_size: int = Field(8, ge=1, le=128)
    """Stretches that are heard at once. What looks lost in a batch is heard again alone."""
    beam_size: int = Field(5, ge=1, le=100)
    """Guesses that are followed at a time."""
    patience: float = Field(1.0, gt=0, le=10)
    """How long a beam goes on."""
    length_penalty: float = Field(1.0, ge=-10, le=10)
    """Below 1 favours short guesses, above it long ones."""
    best_of: int = Field(5, ge=1, le=100)
    """Guesses to choose from where the temperature is above 0."""
    temperature: float = Field(0.0, ge=0, le=1)
    """How freely it guesses at first."""
    temperature_increment_on_fallback: float | None = Field(0.2, gt=0, le=1)
    """How much more freely it guesses anew where the result is doubtful; None never guesses anew."""
    condition_on_previous_text: Literal[False] = False
    """Stretches are heard each by itself: what went wrong in one does not spread."""
    compression_ratio_threshold: float = Field(2.4, ge=0, le=100)
    """Text that compresses better repeats itself, and is guessed anew."""
    logprob_threshold: float = Field(-1.0, ge=-100, le=0)
    """Text that is less likely is guessed anew."""
    no_speech_threshold: float = Field(0.6, ge=0, le=1)
    """From how likely it is that nobody speaks, unlikely text is dropped."""
    initial_prompt: str | None = None
    """Text in the style of what is said: spelling, names, punctuation."""
    hotwords: str | None = None
    """Words that are to be expected."""
    suppress_tokens: str = "-1"
    """Numbers of tokens that are never written, with commas; -1 for the signs that nobody says, empty for none."""
    suppress_numerals: bool = False
    """Write numbers in words."""
    threads: int = Field(0, ge=0, le=256)
    """Cores that the model may use; 0 for all that this process may."""

    @field_validator("temperature_increment_on_fallback", mode="before")
    @classmethod
    def _nothing(cls, value: Any) -> Any:
        return None if value == "None" else value

    @field_validator("hf_token")
    @classmethod
    def _unwritten(cls, token: str | None) -> str | None:
        """The engines' processes take it from the environment; parameters are written into the plan."""
        if token and token != _TAKEN:
            os.environ["HF_TOKEN"] = token
        return _TAKEN if token else None

    @property
    def may_fetch(self) -> bool:
        from cinemill.models import download

        return (self.download or self.model_cache_only is False) and not download.is_offline()

    @field_validator("suppress_tokens")
    @classmethod
    def _numbers(cls, tokens: str) -> str:
        if not re.fullmatch(r"\s*(-?\d+\s*(,\s*-?\d+\s*)*)?", tokens):
            raise ValueError("write numbers with commas between them")
        return tokens


class Recogniser(Protocol):
    """`name` of the engine; `longest` ms of a window; `most` windows at once; `note`: what the user should know."""

    name: str
    longest: int
    most: int
    note: str

    def language(self, samples: Sequence[Any]) -> str | None:
        """The language of a few windows."""
        ...

    def hear(self, samples: Sequence[Any], language: str | None) -> list[Heard]:
        """What is said in each window: samples at 16 kHz (int16)."""
        ...


class PocketSphinx:
    """Works at once and offline; English, and rough."""

    name = "pocketsphinx"
    longest = 20_000
    most = 1

    def __init__(self) -> None:
        from cinemill.engines import engines
        from cinemill.engines.install import is_installed

        here = is_installed(engines.get("whisper"))
        how = (
            "--download gets its model" if here else "`cinemill engines install whisper`, then --download for its model"
        )
        self.note = (
            "PocketSphinx listens: it works offline, knows English only, and is rough. The engine whisper hears far "
            f"better: {how}."
        )

    def language(self, samples: Sequence[Any]) -> str | None:
        return "en"

    def hear(self, samples: Sequence[Any], language: str | None) -> list[Heard]:
        return [self._heard(one) for one in samples]

    def _heard(self, samples: Any) -> Heard:
        from cinemill.engines import pocketsphinx
        from cinemill.media.cues.types import Cue, Word

        try:
            found = pocketsphinx.recognise(samples)
        except (EngineTimeout, EngineCrashed) as error:
            return Heard(notes=(error.sentence,))
        words = tuple(Word(_written(one.text), one.start, one.end, one.confidence) for one in found)
        if not words:
            return Heard()
        text = " ".join(word.text for word in words)
        return Heard((Cue(words[0].start, words[-1].end, (text,), None, words),), "en")


class Whisper:
    """faster-whisper in its own environment. Raises MissingEngine, MissingModel when it is made."""

    name = "whisper"
    longest = 28_000
    """Whisper hears 30 s at a time; a little of that stays for what it gets wrong at the end."""

    def __init__(self, options: WhisperOptions) -> None:
        self.options = options
        self.called = auto_model() if options.model == "auto" else options.model
        self.model = _stored(self.called) or self.called
        self.most = options.batch_size
        self.note = f"Whisper listens, model {self.called}."

    def is_here(self) -> bool:
        # To its end: an answer that is left early ends the process.
        ((here, _),) = self._run({"task": "has", "model": self.model, "folder": self.options.model_dir}, [])
        return here

    def fetched(self) -> Iterator[str]:
        """Fetch the model, saying so."""
        yield f"fetching the model {self.called}"
        self._load()
        yield f"the model {self.called} is here"

    def ready(self) -> Whisper:
        """Itself, once it is known that the model is here or may be fetched."""
        from cinemill.engines.whisper import SIZES_MB

        if not self.is_here() and not self.options.may_fetch:
            size = f" ({SIZES_MB[self.called]} MB)" if self.called in SIZES_MB else ""
            raise MissingModel(
                f"Whisper's model {self.called}{size} is not here; add --download to fetch it, or name a folder with "
                "--model.",
                wanted="download",
            )
        return self

    def language(self, samples: Sequence[Any]) -> str | None:
        self._load()
        (found, _), *_ = self._run({"task": "language"}, samples)
        likely: dict[str, float] = {}
        for code, probability in found:
            likely[code] = likely.get(code, 0.0) + probability
        return max(likely, key=lambda code: likely[code], default=None)

    def speech(self, samples: Any, onset: float | None, offset: float | None) -> list[Span]:
        """Where somebody speaks, by Silero, which comes with the engine; in ms."""
        (found, _), *_ = self._run({"task": "speech", "onset": onset, "offset": offset}, [samples])
        return [(start, end) for start, end in found]

    def hear(self, samples: Sequence[Any], language: str | None) -> list[Heard]:
        self._load()
        asked = {"task": "transcribe", "batch_size": self.most, "options": self._asked(language)}
        pieces = sorted((piece for piece, _ in self._run(asked, samples)), key=lambda piece: piece["window"])
        return [_of_segments(piece["segments"], piece.get("language") or language) for piece in pieces]

    def _asked(self, language: str | None) -> dict[str, Any]:
        given = self.options
        same = ("task", "beam_size", "best_of", "patience", "length_penalty", "compression_ratio_threshold")
        same = (*same, "no_speech_threshold", "initial_prompt", "hotwords", "multilingual")
        asked = {name: getattr(given, name) for name in same}
        asked |= {"log_prob_threshold": given.logprob_threshold, "language": language}
        asked["suppress_tokens"] = [int(token) for token in given.suppress_tokens.split(",") if token.strip()]
        asked |= {"suppress_numerals": True} if given.suppress_numerals else {}
        return asked | {"temperature": self._temperatures()}

    def _temperatures(self) -> list[float]:
        first, step = self.options.temperature, self.options.temperature_increment_on_fallback
        count = 1 if step is None else int((1 - first) / step + 1e-6) + 1
        return [round(first + (step or 0) * number, 4) for number in range(count)]

    def _where(self) -> dict[str, Any]:
        """What decides where and how a model is loaded."""
        from cinemill.hardware import cores

        given = self.options
        how = {name: getattr(given, name) for name in ("device", "device_index", "compute_type")}
        how |= {"download": given.may_fetch, "folder": given.model_dir}
        return {"model": self.model, "threads": given.threads or cores(), **how}

    def _load(self) -> None:
        from cinemill.engines import install

        install.warm(self.name).load(self._where(), _FETCHING if self.options.may_fetch else _LOADING)

    def _run(self, asked: dict[str, Any], samples: Sequence[Any]) -> Iterator[Any]:
        import numpy as np

        from cinemill.engines import install

        edges = [0]
        for one in samples:
            edges.append(edges[-1] + len(one))
        windows = [list(pair) for pair in pairwise(edges)]
        blob = np.concatenate(samples) if samples else np.zeros(0, np.int16)
        deadline = _LOADING + _SECONDS_PER_SECOND * edges[-1] / 16_000
        return install.warm(self.name).run({**asked, "windows": windows}, [blob], deadline=deadline)


class WhisperX(Whisper):
    """whisperX in its own environment: its recognition, and its wav2vec2 alignment of every word."""

    name = "whisperx"

    def __init__(self, options: WhisperOptions, aligning: dict[str, Any] | None, vad: dict[str, Any] | None) -> None:
        super().__init__(options)
        self.aligning = aligning
        self.vad = vad
        """Onset and offset where whisperX itself is to find speech in a window, by pyannote; else None."""
        self.longest = 600_000 if vad else Whisper.longest
        self.most = 1 if vad else options.batch_size
        self.note = f"whisperX listens, model {self.called}."

    def hear(self, samples: Sequence[Any], language: str | None) -> list[Heard]:
        self._load()
        task = self.options.task
        asked: dict[str, Any] = {"task": "transcribe", "batch_size": self.options.batch_size}
        asked |= {"language": language, "translate": task}
        asked["align"] = None if task == "translate" else self.aligning
        pieces = sorted((piece for piece, _ in self._run(asked, samples)), key=lambda piece: piece["window"])
        return [_of_segments(one["segments"], one["language"], one["notes"]) for one in pieces]

    def _where(self) -> dict[str, Any]:
        asked = self._asked(None)
        renamed = {"temperatures": asked.pop("temperature"), "suppress_numerals": self.options.suppress_numerals}
        for name in ("task", "language", "multilingual"):
            del asked[name]
        return super()._where() | {"options": asked | renamed, "vad": self.vad}


def _stored(model: str) -> str | None:
    """The folder of a model that `cinemill models get` fetched."""
    from cinemill.models import registry, store

    name = f"whisper-{'turbo' if model == 'large-v3-turbo' else 'large-v3' if model == 'large' else model}"
    known = registry.ours().get(name)
    return str(store.place(known)) if known and store.is_here(known) else None


_LOADING, _FETCHING = 300.0, 7200.0
"""Seconds that a model may take to load, and to be fetched first."""
_SECONDS_PER_SECOND = 60.0
"""How much longer than its sound a piece may take: large models on old machines."""


def offers(options: WhisperOptions, engine: str) -> Iterator[Offer]:
    """The engine, where it is not installed, and its model, where that is not here and nobody has allowed it yet."""
    from cinemill.engines import engines
    from cinemill.engines.install import install, is_installed
    from cinemill.engines.whisper import SIZES_MB

    one = engines.get(engine)
    asked = options.model_copy(update={"download": True})
    hearing = Whisper(asked) if engine == "whisper" else WhisperX(asked, None, None)
    size = f" ({SIZES_MB[hearing.called]} MB)" if hearing.called in SIZES_MB else ""
    if not is_installed(one):
        better = "The engine whisper hears far better than PocketSphinx" if engine == "whisper" else one.summary
        yield Offer(engine, f"{better.rstrip('.')}; it takes {one.size_mb} MB.", lambda: install(one))
    if is_installed(one) and not options.may_fetch and not hearing.is_here():
        yield Offer(f"{engine}-{hearing.called}", f"Its model {hearing.called}{size} is not here.", hearing.fetched)


def auto_model() -> str:
    """The best model for this machine: by the memory of its graphics processor, else small."""
    from cinemill.hardware import gpus

    most = max((gpu.memory_mib or 0 for gpu in gpus() if gpu.vendor == "nvidia"), default=0)
    return "large-v3" if most > 9000 else "turbo" if most > 5000 else "small"


def _of_segments(segments: Sequence[dict[str, Any]], language: str | None, notes: Sequence[str] = ()) -> Heard:
    """Segments as cues. A blank before a word is Whisper's way to say that one stands there."""
    from cinemill.media.cues.types import Cue

    cues: list[Cue] = []
    for one in segments:
        words = _of_words(one["words"], one.get("start", 0.0), one.get("end", 0.0))
        words = tuple(_lettered(words, one["letters"])) if one.get("letters") else words
        if words:
            cues.append(Cue(words[0].start, words[-1].end, (one["text"].strip(),), None, words))
    return Heard(tuple(cues), language, tuple(notes))


def _of_words(stored: Sequence[Sequence[Any]], start: float, end: float) -> tuple[Word, ...]:
    """Words in ms; those without times share what their neighbours leave them."""
    from cinemill.measure.ctc import between
    from cinemill.media.cues.types import Word

    words: list[Word] = []
    known: list[bool] = []
    for text, begins, ends, sure in stored:
        if text.strip():
            known.append(begins is not None and ends is not None)
            times = round((begins or 0) * 1000), round((ends or 0) * 1000)
            confidence = None if sure is None else round(sure, 4)
            words.append(Word(text.strip(), *times, confidence, None, text[:1].isspace()))
    return tuple(between(words, known, round(start * 1000), round(end * 1000)))


def _lettered(words: Sequence[Word], stored: Sequence[Sequence[Any]]) -> Iterator[Word]:
    """The words with their letters, which stand in `stored` one after another with blanks between them, in seconds."""
    from cinemill.media.cues.types import Character

    source = iter(one for one in stored if one[0].strip())
    for word in words:
        own = [one for _, one in zip(word.text.replace(" ", ""), source)]
        timed = [one for one in own if one[1] is not None and one[2] is not None]
        letters = (Character(a, round(1000 * b), round(1000 * c), round(d or 0.0, 4)) for a, b, c, d in timed)
        yield replace(word, letters=tuple(letters))


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


def aligned(heard: Heard, samples: Any, params: Any, engine: str) -> Heard:
    """What was heard with its words on the clock anew, by `params.align_model`; as it was, with a note, where not."""
    from cinemill.errors import CinemillError

    if params.align_model is None or engine == "whisperx" or params.task == "translate":
        return heard
    words = [word for cue in heard.cues for word in cue.words]
    if not words:
        return heard
    try:
        timed = iter(_on_the_clock(words, samples, params.align_model, params.return_char_alignments))
    except CinemillError as error:
        return replace(heard, notes=(*heard.notes, f"words keep the recogniser's times: {error.sentence}"))
    cues: list[Cue] = []
    for cue in heard.cues:
        own = tuple(next(timed) for _ in cue.words)
        cues.append(replace(cue, start=own[0].start, end=own[-1].end, words=own) if own else cue)
    return replace(heard, cues=tuple(cues))


def _on_the_clock(words: Sequence[Word], samples: Any, model: str, letters: bool) -> list[Word]:
    from cinemill.measure import ctc, emissions
    from cinemill.models import sessions
    from cinemill.operations.align import heard as by_pocketsphinx

    if model == "pocketsphinx":
        timed = by_pocketsphinx(samples, words)
        if timed is None:
            raise UnsupportedMedia("PocketSphinx does not find the text in the sound.")
        return [replace(new, confidence=old.confidence) for new, old in zip(timed, words)]
    heard = emissions.heard(samples, sessions.located(model))
    timed, own = ctc.words(heard.emissions, words, heard.vocabulary, heard.step_ms, blank=heard.blank)
    return [replace(word, letters=tuple(run)) for word, run in zip(timed, own)] if letters else timed


def samples_of(info: MediaInfo, track: AudioTrack, window: Span) -> Any:
    """The sound of a window as recognisers want it."""
    import numpy as np

    from cinemill.media import mono

    per_ms = mono.RATE // 1000
    blocks = list(mono.mono(info, track, window[0] * per_ms, window[1] * per_ms))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


def shifted(heard: Heard, by: int) -> Iterator[Cue]:
    """The cues on the programme's clock."""
    from cinemill.media.cues.types import Transcript
    from cinemill.media.cues.types import shifted as moved

    yield from moved(Transcript(heard.cues), by).cues
