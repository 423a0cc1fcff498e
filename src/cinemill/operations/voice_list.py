"""The voices that a text may be spoken in: of every engine that speaks, those that are here or can be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cinemill.errors import EngineError
from cinemill.operations import speakers

ENGINES = ("espeak", "kokoro", "piper", "chatterbox")


@dataclass(frozen=True, slots=True)
class Listed:
    """A voice as `--voice` takes it. `language`: a BCP 47 tag, empty for any; `is_here`: its engine is installed."""

    engine: str
    voice: str
    language: str
    about: str
    is_here: bool


def voices(engine: str | None = None, language: str | None = None, folder: Path | None = None) -> list[Listed]:
    """Those of one engine, or of all; of one language and its kin. `folder`: of Piper's voices."""
    names = (engine,) if engine else ENGINES
    found = [one for name in names for one in _of(name, folder)]
    wanted = (language or "").lower().replace("_", "-")
    return [one for one in found if not wanted or not one.language or _speaks(one.language.lower(), wanted)]


def _speaks(language: str, wanted: str) -> bool:
    return language == wanted or wanted.startswith(f"{language}-") or language.startswith(f"{wanted}-")


def _of(engine: str, folder: Path | None) -> Iterator[Listed]:
    if engine == "espeak":
        yield from _espeak()
    elif engine == "kokoro":
        yield from _kokoro()
    elif engine == "piper":
        yield from _piper(folder)
    else:
        about = "any voice, by a sample of it: --sample voice.wav"
        yield Listed("chatterbox", "default", "", about, _is_here("chatterbox"))


def _is_here(engine: str) -> bool:
    from cinemill.engines import engines
    from cinemill.engines.install import is_installed

    return is_installed(engines.get(engine))


def _espeak() -> Iterator[Listed]:
    from cinemill.engines import espeak

    try:
        known = espeak.voices()
    except EngineError as error:
        yield Listed("espeak", "", "", error.sentence, False)
        return
    for code, name in known.items():
        tag = {"cmn": "zh", "yue": "zh-yue", "nb": "no"}.get(code, code)
        yield Listed("espeak", code, tag, name, True)
    for variant in speakers.ESPEAK_VARIANTS:
        kind = {"m": "a man", "f": "a woman"}.get(variant[0], variant) if variant[1:].isdigit() else variant
        yield Listed("espeak", variant, "", f"{kind}, in any language; also as en-us+{variant}", True)


def _kokoro() -> Iterator[Listed]:
    from cinemill.engines import kokoro

    here = _is_here("kokoro")
    tags = {letter: tag for tag, letter in reversed(kokoro.LANGUAGES.items())} | {"a": "en-us", "p": "pt-br"}
    for voice in kokoro.ALL_VOICES:
        who = "a woman" if voice[1] == "f" else "a man"
        own = ", the one for its language" if kokoro.VOICES[voice[0]] == voice else ""
        yield Listed("kokoro", voice, tags[voice[0]], f"{voice[3:].capitalize()}, {who}{own}", here)


def _piper(folder: Path | None) -> Iterator[Listed]:
    from cinemill.engines import piper

    here = _is_here("piper")
    for name, voice in piper.voices(folder or piper.folder()).items():
        for speaker in voice.speakers or ("",):
            called = f"{name}#{speaker}" if speaker else name
            yield Listed("piper", called, voice.language, f"{voice.rate} Hz", here)
