"""What an engine that speaks gives, whichever it is: sound, and when each word of the text is said in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.engines.host import Host
from cinemill.errors import ProtocolError

_LONGEST_SECONDS = 600
"""Of sound for one text; more is not speech."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """`samples`: mono float32 at `rate` Hz. `words`: (first character, one past the last, start s, end s) of runs of
    the text in order, or None where the engine does not know."""

    samples: NDArray[np.float32]
    rate: int
    words: tuple[tuple[int, int, float, float], ...] | None

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def speak(host: Host, params: dict[str, Any], blobs: Any = (), *, deadline: float) -> Spoken:
    """What `host` says for `params`, whose `text` it is. Raises EngineError; ProtocolError for what cannot be sound."""
    pieces = list(host.run(params, blobs, deadline=deadline))
    if len(pieces) != 1 or len(pieces[0][1]) != 1:
        raise ProtocolError(f"engine {host.name} gave {len(pieces)} pieces of sound where one was asked for.")
    said, (blob,) = pieces[0]
    try:
        return _checked(said, blob, len(params["text"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"engine {host.name} gave no sound that can be used: {error}.") from None


def _checked(said: dict[str, Any], blob: bytearray, length: int) -> Spoken:
    rate = int(said["rate"])
    if not 4000 <= rate <= 384_000:
        raise ValueError(f"{rate} Hz")
    if said.get("format", "int16") == "float32":
        samples = np.frombuffer(blob, np.float32)
    else:
        samples = np.frombuffer(blob, np.int16).astype(np.float32) / np.float32(32768)
    if len(samples) > rate * _LONGEST_SECONDS:
        raise ValueError(f"{len(samples) / rate:.0f} s for a sentence")
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
    words = said.get("words")
    return Spoken(samples, rate, None if words is None else _words(words, length, len(samples) / rate))


def _words(words: list[list[float]], length: int, seconds: float) -> tuple[tuple[int, int, float, float], ...]:
    found: list[tuple[int, int, float, float]] = []
    last = 0.0
    for first, stop, start, end in words:
        if not 0 <= first <= stop <= length:
            raise ValueError(f"a word from character {first} to {stop} of {length}")
        begins = min(max(start / 1000, last), seconds)
        last = min(max(end / 1000, begins), seconds)
        found.append((int(first), int(stop), begins, last))
    return tuple(found)
