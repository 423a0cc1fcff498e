"""Who speaks: the engines that turn a sentence into sound, each with its voices, as one kind of thing."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from cinemill.catalogue import Field, Params
from cinemill.errors import EngineRefused, InvalidParams, UnknownName
from cinemill.kept import kept

if TYPE_CHECKING:
    from cinemill.engines.host import Host
    from cinemill.engines.speech import Spoken

ALIASES = ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse")
"""OpenAI's voices. Programs that were written for them get one of ours for each."""


class SpeechOptions(Params):
    """Speech."""

    engine: Literal["auto", "espeak", "kokoro", "piper", "chatterbox"] = "auto"
    """Who speaks. auto takes chatterbox where a --sample is given, else kokoro where it is installed and knows the
    language, else espeak, which always is."""
    voice: str | None = None
    """Voice of the engine: en-gb or f3 for espeak, af_heart or a mixture, af_bella(2)+af_sky, for kokoro, a file's name
    for piper. Left out, the engine's own for the language. `cinemill voices` lists them."""
    sample: Path | None = Field(None, file="audio")
    """Some five to fifteen seconds of a voice that chatterbox is to speak in. Ask whose voice it is."""
    language: str | None = None
    """Language of the text, such as en or pt-BR. Left out, it is guessed from the text."""
    speed: float = Field(1.0, ge=0.25, le=4)
    """How fast it is said; 1 is the voice's own."""
    pitch: float = Field(50.0, ge=0, le=100)
    """How high espeak speaks."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Chance that the engine takes; the same seed says it the same way."""
    variant: Literal["auto", "english", "multilingual", "turbo"] = "auto"
    """Chatterbox' model; auto goes by the language."""
    exaggeration: float = Field(0.5, ge=0.25, le=2)
    """How much feeling chatterbox puts into it."""
    cfg_weight: float = Field(0.5, ge=0, le=1)
    """How closely chatterbox keeps to the sample's pace."""
    temperature: float = Field(0.8, ge=0.05, le=5)
    """How freely chatterbox speaks."""
    weights: Path | None = Field(None, file="any")
    """Folder of kokoro's or chatterbox' weights, or of piper's voices, instead of what was fetched."""
    download: bool = False
    """Fetch the engine's weights if they are not here. HF_HOME says where to."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs."""


class Speaker(Protocol):
    """`name` of the engine; `rate` of its sound in Hz; `longest` and `shortest` text in characters; `note`: what the
    user should know; `is_sure`: it says what it is told, so nobody has to listen again."""

    name: str
    rate: int
    longest: int
    shortest: int
    note: str
    is_sure: bool

    def voice(self, wanted: str | None, language: str) -> str:
        """The engine's name of a voice. Raises UnknownName, InvalidParams for a language it does not speak."""
        ...

    def speak(self, text: str, voice: str, language: str, speed: float, seed: int) -> Spoken:
        """Raises EngineError."""
        ...


class Espeak:
    """Works at once and offline, in a hundred languages; a robot."""

    name = "espeak"
    rate = 22_050
    longest = 280
    shortest = 0
    note = (
        "eSpeak speaks: it works offline in many languages, and is a robot. kokoro and chatterbox sound human: "
        "`cinemill engines install kokoro`."
    )
    is_sure = True
    _OWN: ClassVar[dict[str, str]] = {"en": "en-us", "zh": "cmn", "pt-br": "pt-br", "no": "nb"}
    _VARIANTS: ClassVar[dict[str, str]] = dict(
        zip(ALIASES, ("", "+m3", "+f1", "+f2", "+m2", "+m4", "+f3", "+m1", "+f4", "+f5", "+m7"))
    )

    def __init__(self, options: SpeechOptions) -> None:
        self.options = options

    def voice(self, wanted: str | None, language: str) -> str:
        from cinemill.engines import espeak

        known = espeak.voices()
        base, _, variant = (wanted or "").partition("+")
        if base.lower() in known:
            return wanted.lower() if wanted and not variant else f"{base.lower()}+{variant}"
        spoken = self._spoken(language, known)
        if not wanted or base == "":
            return spoken + (f"+{variant}" if variant else "")
        if wanted in self._VARIANTS:
            return spoken + self._VARIANTS[wanted]
        if wanted in ESPEAK_VARIANTS:
            return f"{spoken}+{wanted}"
        raise UnknownName("voice of espeak", wanted, [*known, *ESPEAK_VARIANTS])

    def _spoken(self, language: str, known: dict[str, str]) -> str:
        lowered = language.lower().replace("_", "-")
        base = lowered.partition("-")[0]
        for name in (lowered, self._OWN.get(lowered), self._OWN.get(base), base):
            if name in known:
                return name
        near = next((name for name in known if name.partition("-")[0] == base), None)
        if near is None:
            raise InvalidParams(f"espeak does not speak {language}.")
        return near

    def speak(self, text: str, voice: str, language: str, speed: float, seed: int) -> Spoken:
        from cinemill.engines import espeak

        return espeak.speak(text, voice, speed, self.options.pitch)


ESPEAK_VARIANTS = (*(f"m{n}" for n in range(1, 9)), *(f"f{n}" for n in range(1, 6)), "croak", "whisper", "whisperf")


_LOADING, _FETCHING, _SAYING = 300.0, 7200.0, 600.0
"""Seconds that a model may take to load, to be fetched first, and to say a sentence on a slow machine."""


def _loaded(name: str, options: SpeechOptions, **more: str) -> Host:
    """The engine with its weights. Raises MissingEngine; EngineRefused where the weights are not here."""
    from cinemill.engines import install
    from cinemill.settings import settings

    fetch = options.download and not settings().offline
    folder = str(options.weights.resolve()) if options.weights else ""
    host = install.warm(name)
    try:
        host.load(
            {"device": options.device, "folder": folder, "download": fetch, **more}, _FETCHING if fetch else _LOADING
        )
    except EngineRefused as error:
        hint = "" if options.download or options.weights else " Its weights may not be here: --download fetches them."
        raise EngineRefused(f"{error.sentence}{hint}") from None
    return host


class Kokoro:
    """Sounds human, in nine languages; tells when each English word is said."""

    name = "kokoro"
    rate = 24_000
    longest = 280
    shortest = 12
    note = "Kokoro speaks."
    is_sure = False

    def __init__(self, options: SpeechOptions) -> None:
        self.options = options

    def voice(self, wanted: str | None, language: str) -> str:
        from cinemill.engines import kokoro

        letter = self.letter(language)
        if wanted is None or wanted in ALIASES:
            return self._alias(wanted, letter) or kokoro.VOICES[letter]
        if not re.fullmatch(r"[a-z]{2}_[\w-]+(\([\d.]+\))?(\+[a-z]{2}_[\w-]+(\([\d.]+\))?)*", wanted):
            raise UnknownName("voice of kokoro", wanted, [*kokoro.VOICES.values(), *self._ALIASED.values()])
        return wanted

    _ALIASED: ClassVar[dict[str, str]] = {
        **{"alloy": "af_alloy", "ash": "am_adam", "ballad": "am_liam", "coral": "af_bella", "echo": "am_echo"},
        **{"fable": "bm_fable", "nova": "af_nova", "onyx": "am_onyx", "sage": "af_sarah", "shimmer": "af_sky"},
        **{"verse": "am_michael"},
    }

    def _alias(self, wanted: str | None, letter: str) -> str | None:
        return self._ALIASED.get(wanted or "") if letter in "ab" else None

    @staticmethod
    def letter(language: str) -> str:
        """Kokoro's letter for a language. Raises InvalidParams."""
        from cinemill.engines import kokoro

        lowered = language.lower().replace("_", "-")
        letter = kokoro.LANGUAGES.get(lowered) or kokoro.LANGUAGES.get(lowered.partition("-")[0])
        if letter is None:
            raise InvalidParams(f"kokoro does not speak {language}; it knows {', '.join(kokoro.LANGUAGES)}.")
        return letter

    def speak(self, text: str, voice: str, language: str, speed: float, seed: int) -> Spoken:
        from cinemill.engines import speech

        letter = voice[0] if self.letter(language) in "ab" and voice[:1] in "ab" else self.letter(language)
        asked = {"text": text, "voice": voice, "language": letter, "speed": speed, "seed": seed}
        return speech.speak(_loaded("kokoro", self.options), asked, deadline=_SAYING)


class Piper:
    """Small voices that sound human, of files in a folder."""

    name = "piper"
    rate = 22_050
    longest = 280
    shortest = 0
    note = "Piper speaks."
    is_sure = False

    def __init__(self, options: SpeechOptions) -> None:
        from cinemill.engines import piper

        self.options = options
        self.folder = options.weights or piper.folder()
        self.known = piper.voices(self.folder)

    def voice(self, wanted: str | None, language: str) -> str:
        if not self.known:
            raise InvalidParams(
                f"{self.folder} holds no voice of Piper: a voice is NAME.onnx with NAME.onnx.json beside it, and "
                "--weights names their folder.",
            )
        if wanted is None or wanted in ALIASES:
            return self._of(language)
        name, _, speaker = wanted.partition("#")
        if name not in self.known:
            raise UnknownName("voice of piper", name, self.known)
        if speaker and speaker not in self.known[name].speakers:
            raise UnknownName(f"speaker of {name}", speaker, self.known[name].speakers)
        return wanted

    def _of(self, language: str) -> str:
        """The first voice of a language, of the same country if there is one."""
        lowered = language.lower().replace("_", "-")
        own = {name: voice.language.lower() for name, voice in self.known.items()}
        exact = [name for name, code in own.items() if code == lowered]
        near = [name for name, code in own.items() if code.partition("-")[0] == lowered.partition("-")[0]]
        if not near:
            raise InvalidParams(f"no voice of Piper in {self.folder} speaks {language}.")
        return (exact or near)[0]

    def speak(self, text: str, voice: str, language: str, speed: float, seed: int) -> Spoken:
        from cinemill.engines import install, speech

        name, _, speaker = voice.partition("#")
        asked = {"text": text, "path": str(self.known[name].path.resolve()), "speaker": speaker}
        host = install.warm("piper")
        host.load({"device": self.options.device}, _LOADING)
        return speech.speak(host, {**asked, "speed": speed, "seed": seed}, deadline=_SAYING)


class Chatterbox:
    """Speaks in the voice of a sample."""

    name = "chatterbox"
    rate = 24_000
    longest = 280
    shortest = 40
    note = "Chatterbox speaks; all that it says carries an inaudible watermark."
    is_sure = False

    def __init__(self, options: SpeechOptions) -> None:
        self.options = options

    def voice(self, wanted: str | None, language: str) -> str:
        from cinemill.engines import chatterbox

        if language[:2].lower() not in chatterbox.LANGUAGES.split():
            raise InvalidParams(f"chatterbox does not speak {language}; it knows {chatterbox.LANGUAGES}.")
        if wanted is not None and wanted not in (*ALIASES, "default"):
            raise InvalidParams(f"chatterbox has no voice {wanted}: name a sound with --sample.")
        if self.options.sample:
            _long_enough(voice_sample(self.options.sample), self._variant(language))
        return "default"

    def _variant(self, language: str) -> str:
        if self.options.variant != "auto":
            return self.options.variant
        return "english" if language[:2].lower() == "en" else "multilingual"

    def speak(self, text: str, voice: str, language: str, speed: float, seed: int) -> Spoken:
        from cinemill.engines import speech

        options = self.options
        host = _loaded("chatterbox", options, variant=self._variant(language))
        asked = {name: getattr(options, name) for name in ("exaggeration", "cfg_weight", "temperature")}
        asked |= {"text": text, "language": language[:2].lower(), "seed": seed}
        asked["sample"] = str(voice_sample(options.sample)) if options.sample else ""
        return speech.speak(host, asked, deadline=_SAYING)


_LEAST_SAMPLE, _MOST_SAMPLE = 2.0, 30.0
"""Seconds of a voice: with less there is nothing to take, more is not listened to."""


_LEAST_TURBO = 5.0
"""Seconds that chatterbox' variant turbo wants more than."""


def _long_enough(sample: Path, variant: str) -> None:
    """Raises InvalidParams."""
    from cinemill.media import read

    seconds = float(read.probe(sample).duration or 0)
    if variant == "turbo" and seconds <= _LEAST_TURBO:
        raise InvalidParams(f"the sample lasts {seconds:.2f} s; turbo wants more than {_LEAST_TURBO:g} s of a voice.")


@kept(8)
def voice_sample(path: Path) -> Path:
    """The sound of a voice as a WAV of one channel that any engine reads, kept by what is in it.

    Raises MediaError, InvalidParams for one that is silent or too short.
    """
    import numpy as np

    from cinemill.media import read, sound, write
    from cinemill.settings import settings

    info = read.probe(path)
    blocks = sound.resampled(sound.even(read.audio(info, read.sound_of(info)), 0), 24_000, "mono")
    taken = list(sound.trimmed(blocks, 0, round(_MOST_SAMPLE * 24_000)))
    samples = np.concatenate([block.samples for block in taken], axis=1) if taken else np.zeros((1, 0), np.float32)
    seconds = samples.shape[1] / 24_000
    if seconds < _LEAST_SAMPLE:
        raise InvalidParams(f"{path} lasts {seconds:.2f} s; a voice wants {_LEAST_SAMPLE:g} s, better ten.")
    if float(np.abs(samples).max()) < 0.005:
        raise InvalidParams(f"{path} is silent; there is no voice in it.")
    folder = settings().cache_dir / "voices"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{hashlib.blake2b(samples.tobytes(), digest_size=8).hexdigest()}.wav"
    if not kept.is_file():
        passing = kept.with_suffix(f".{os.getpid()}.tmp")
        for _ in write.encode_sound(iter(taken), passing, "wav"):
            pass
        passing.replace(kept)
    return kept


def speaker(options: SpeechOptions) -> Speaker:
    """The engine that the options ask for. Raises MissingEngine, InvalidParams."""
    from cinemill.engines import engines, install

    name = options.engine
    if name == "auto":
        knows = options.language is None or _knows(options.language)
        kokoro = knows and not options.voice and install.is_installed(engines.get("kokoro"))
        name = "chatterbox" if options.sample else "kokoro" if kokoro else "espeak"
    if options.sample and name != "chatterbox":
        raise InvalidParams(f"{name} cannot take the voice of a sample; that takes the engine chatterbox.")
    if name == "espeak":
        return Espeak(options)
    install.command(engines.get(name))
    return {"kokoro": Kokoro, "piper": Piper, "chatterbox": Chatterbox}[name](options)


def _knows(language: str) -> bool:
    try:
        return bool(Kokoro.letter(language))
    except InvalidParams:
        return False
