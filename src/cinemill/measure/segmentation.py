"""Sound -> which of up to three speakers speak at each moment of ten seconds, by a segmentation model as ONNX.

pyannote's segmentation 3.0 as it is exported: samples (1, 1, n) float32 in; (1, frames, 7) out, a score for each set of
speakers: nobody, 1, 2, 3, 1+2, 1+3, 2+3. Who is 1 in one stretch may be 2 in the next: voices tell. Stretches overlap,
and each moment is decided by all that hold it. Source: H. Bredin and A. Plaquet, Interspeech 2023.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.errors import ModelRefused
from cinemill.measure import emissions
from cinemill.media.cues.speakers import Turn
from cinemill.media.mono import RATE, Samples

Flags = NDArray[np.bool_]
Floats = NDArray[Any]

SECONDS, HOP_SECONDS = 10, 5
"""Of a stretch, and from one to the next."""
_SETS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], bool)
SPEAKERS = 3


@dataclass(frozen=True, slots=True)
class Local:
    """A stretch from `start` ms: `speaks` (frames, 3) says who of its own speakers speaks in each `step_ms`."""

    start: int
    step_ms: float
    speaks: Flags
    samples: Samples

    def alone(self, speaker: int) -> Samples:
        """What one of its speakers says while nobody else does; all of it, where that is less than half a second."""
        others = self.speaks.sum(axis=1) > 1
        for flags in (self.speaks[:, speaker] & ~others, self.speaks[:, speaker]):
            picked = np.repeat(flags, -(-len(self.samples) // len(flags)))[: len(self.samples)]
            if picked.sum() >= RATE // 2:
                break
        return self.samples[picked]


def local(blocks: Iterable[Samples], model: Path) -> Iterator[Local]:
    """Who speaks in each stretch. Holds ten seconds of sound. Raises MissingModel, ModelRefused."""
    session = emissions.session(model)
    rest, at = np.zeros(0, np.int16), 0
    size, hop = SECONDS * RATE, HOP_SECONDS * RATE
    for block in blocks:
        rest = np.concatenate([rest, block])
        while len(rest) >= size:
            yield _one(session, rest[:size], at, model)
            rest, at = rest[hop:], at + hop
    if len(rest) > (size - hop if at else 0):
        yield _one(session, rest, at, model)


def _one(session: Any, samples: Samples, at: int, model: Path) -> Local:
    whole = np.pad(samples, (0, SECONDS * RATE - len(samples)))
    given = (whole.astype(np.float32) / 32768)[None, None]
    try:
        (scores, *_) = session.run(None, {session.get_inputs()[0].name: given})
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelRefused(f"{model} does not take samples as (1, 1, n): {str(error).splitlines()[0]}") from None
    if np.ndim(scores) != 3 or np.shape(scores)[-1] != len(_SETS):
        raise ModelRefused(f"{model} gives {np.shape(scores)} and not (1, frames, {len(_SETS)}).")
    speaks = _SETS[np.argmax(scores[0], axis=1)]
    step_ms = SECONDS * 1000 / len(speaks)
    return Local(at * 1000 // RATE, step_ms, speaks[: max(1, round(len(samples) * 1000 / RATE / step_ms))], samples)


def together(found: list[Local], groups: list[dict[int, int]], length_ms: int, step_ms: int = 20) -> Floats:
    """How surely each speaker of the whole speaks in each step, (speakers, steps): the mean over all that heard it.

    `groups` says, for each stretch, which of its own speakers is which of the whole.
    """
    steps = -(-length_ms // step_ms)
    speakers = 1 + max((number for one in groups for number in one.values()), default=0)
    said, heard = np.zeros((speakers, steps), np.float32), np.zeros(steps, np.float32)
    for one, numbers in zip(found, groups):
        span = round(len(one.speaks) * one.step_ms)
        first, last = one.start // step_ms, min(steps, -(-(one.start + span) // step_ms))
        places = ((np.arange(first, last) * step_ms - one.start) / one.step_ms).astype(int).clip(0, len(one.speaks) - 1)
        heard[first:last] += 1
        for own, number in numbers.items():
            said[number, first:last] += one.speaks[places, own]
    return said / np.maximum(heard, 1)


_SHORTEST_MS, _PAUSE_MS = 200, 300
"""Of a turn, and of a pause in one."""


def turns(sure: Floats, step_ms: int = 20) -> list[Turn]:
    """When each speaker speaks, by more than half of what heard it, in order; two may at a time."""
    found: list[Turn] = []
    for number, row in enumerate(sure):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (row >= 0.5).view(np.int8), [0]])))
        own: list[tuple[int, int]] = []
        for start, stop in zip(edges[::2] * step_ms, edges[1::2] * step_ms):
            if own and start - own[-1][1] < _PAUSE_MS:
                own[-1] = own[-1][0], int(stop)
            else:
                own.append((int(start), int(stop)))
        name = f"speaker {number + 1}"
        found += [Turn(start, stop, name) for start, stop in own if stop - start >= _SHORTEST_MS]
    return sorted(found, key=lambda turn: (turn.start, turn.end))
