"""PocketSphinx: small English models that are installed with cinemill, so that speech works at once and offline.

Not declared as an engine to install: its package is one of ours. It has a process of its own all the same, because a
decode may never end (each has a deadline) and a crash must cost no more than its request.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinemill.engines.host import Host

SECONDS_PER_SECOND = 12.0
"""How much longer than its sound a decode may take; half of it is usual on a slow machine."""
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A word with its times in ms and how sure the decoder is, 0 to 1."""

    text: str
    start: int
    end: int
    confidence: float | None


_host = Host("pocketsphinx", [sys.executable, str(Path(__file__).with_name("serve.py"))])


def recognise(samples: Any) -> list[Heard]:
    """What is said in samples at 16 kHz (int16). Raises EngineError; EngineTimeout when it takes too long."""
    return _run({"task": "recognise"}, samples)


def align(samples: Any, words: Sequence[tuple[str, str]]) -> list[Heard] | None:
    """When each word is said: words in lower case, each with phones for when no dictionary has it.

    None when the text does not fit the sound at all. Raises EngineError.
    """
    heard = _run({"task": "align", "words": list(words)}, samples)
    return heard if len(heard) == len(words) else None


def _run(params: dict[str, Any], samples: Any) -> list[Heard]:
    deadline = _PATIENCE + SECONDS_PER_SECOND * len(samples) / 16_000
    pieces = [piece for piece, _ in _host.run(params, [samples], deadline=deadline)]
    return [Heard(*word) for piece in pieces for word in piece]


def stop() -> None:
    """Give its memory back now."""
    _host.stop()
