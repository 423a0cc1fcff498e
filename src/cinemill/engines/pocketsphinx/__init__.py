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
_FRAME = 320
"""Samples whose loudness is looked at."""
_FLOOR = 0.01
"""Of the loudness of all, -40 dB. Of four sentences by three voices of espeak it halves the words got wrong; of ten by
four, nine words in ten are aligned to 27 ms instead of 45."""


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
    import numpy as np

    # In silence alone it hears words too.
    return _run({"task": "recognise"}, _with_a_floor(samples)) if np.any(samples) else []


def _with_a_floor(samples: Any) -> Any:
    """The samples with as much noise as the rooms have that PocketSphinx knows, where they have less.

    It hears little or nothing of voices that are made, or cut by a gate: the logarithm of digital silence outweighs all
    else in what it takes for the mean of an utterance. The same samples get the same noise.
    """
    import numpy as np

    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float32)
    if not len(frames):
        return samples
    power = np.square(frames).mean(axis=1)
    lacking = _FLOOR**2 * float(power.mean()) - float(np.percentile(power, 1))
    if lacking <= 0:
        return samples
    noise = np.random.default_rng(0).normal(0, lacking**0.5, len(samples))
    return np.clip(np.rint(samples + noise), -32768, 32767).astype(np.int16)


def align(samples: Any, words: Sequence[tuple[str, str]]) -> list[Heard] | None:
    """When each word is said: words in lower case, each with phones for when no dictionary has it.

    None when the text does not fit the sound at all. Raises EngineError.
    """
    heard = _run({"task": "align", "words": list(words)}, _with_a_floor(samples))
    return heard if len(heard) == len(words) else None


def _run(params: dict[str, Any], samples: Any) -> list[Heard]:
    deadline = _PATIENCE + SECONDS_PER_SECOND * len(samples) / 16_000
    pieces = [piece for piece, _ in _host.run(params, [samples], deadline=deadline)]
    return [Heard(*word) for piece in pieces for word in piece]


def stop() -> None:
    """Give its memory back now."""
    _host.stop()
