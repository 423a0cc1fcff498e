"""Who speaks: the engines that turn a sentence into sound, each with its voices, as one kind of thing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from cinemill.catalogue import Field, Params
from cinemill.errors import InvalidParams, UnknownName

if TYPE_CHECKING:
    from cinemill.engines.speech import Spoken

ALIASES = ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse")
"""OpenAI's voices. Programs that were written for them get one of ours for each."""


class SpeechOptions(Params):
    """Speech."""

    engine: Literal["auto", "espeak"] = "auto"
    """Who speaks."""
    voice: str | None = None
    """Voice of the engine, such as en-gb or f3 for espeak. Left out, the engine's own for the language."""
    language: str | None = None
    """Language of the text, such as en or pt-BR. Left out, it is guessed from the text."""
    speed: float = Field(1.0, ge=0.25, le=4)
    """How fast it is said; 1 is the voice's own."""
    pitch: float = Field(50.0, ge=0, le=100)
    """How high espeak speaks."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Chance that the engine takes; the same seed says it the same way."""


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
        if wanted in _ESPEAK_VARIANTS:
            return f"{spoken}+{wanted}"
        raise UnknownName("voice of espeak", wanted, [*known, *_ESPEAK_VARIANTS])

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


_ESPEAK_VARIANTS = (*(f"m{n}" for n in range(1, 9)), *(f"f{n}" for n in range(1, 6)), "croak", "whisper", "whisperf")


def speaker(options: SpeechOptions) -> Speaker:
    """The engine that the options ask for. Raises MissingEngine, MissingModel, InvalidParams."""
    return Espeak(options)


def sample_of(options: SpeechOptions) -> Path | None:
    """The sound whose voice is to be taken."""
    return None
