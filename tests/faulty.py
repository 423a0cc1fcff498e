"""A speaker that goes wrong on purpose."""

from __future__ import annotations

import sys
from pathlib import Path

from cinemill.engines import speech
from cinemill.engines.host import Host


class Faulty:
    """A speaker whose engine is `fake_voice.py`: wrong in one manner until the `good`th try of a sentence."""

    name, rate, longest, shortest, note, is_sure = "fake voice", 22_050, 280, 0, "", False

    def __init__(self, fault: str, good: int) -> None:
        script = Path(__file__).parent / "engines" / "fake_voice.py"
        self.host = Host("fake voice", [sys.executable, str(script), fault, str(good)])

    def voice(self, wanted: str | None, language: str) -> str:
        return "en-us"

    def speak(self, text: str, voice: str, language: str, speed: float, seed: int) -> speech.Spoken:
        return speech.speak(self.host, {"text": text, "seed": seed}, deadline=30)
