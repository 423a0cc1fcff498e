"""eSpeak NG: a small robot that speaks a hundred languages, installed with cinemill, so that narration works at once.

Not declared as an engine to install: its package is one of ours. It is GPL-3.0, and runs in a process of its own that
loads it; nothing of the studio is linked with it.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

from cinemill.engines import speech
from cinemill.engines.host import Host
from cinemill.engines.speech import Spoken

_SECONDS = 60.0
"""For a sentence; a hundredth of that is usual."""

_host = Host("espeak", [sys.executable, str(Path(__file__).with_name("serve.py"))])


def speak(text: str, voice: str, speed: float = 1.0, pitch: float = 50.0) -> Spoken:
    """`text` in `voice`: a language (`en-us`, `de`), perhaps with a variant (`en-us+f3`). Raises EngineError."""
    return speech.speak(_host, {"text": text, "voice": voice, "speed": speed, "pitch": pitch}, deadline=_SECONDS)


@lru_cache(maxsize=1)
def voices() -> dict[str, str]:
    """Names of voices by their language. Raises EngineError."""
    return dict(_host.describe()["voices"])


def stop() -> None:
    """Give its memory back now."""
    _host.stop()
