"""Successive frames of one stretch -> everything that is measured on them, as evidence that can be added up.

Every frame is asked for combing and brightness; one in a few, with its neighbours, for what takes longer. Five frames
are held. Of pictures wider than a tape's only the middle columns are asked where that says the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cinemill.measure import (
    bars,
    cadence,
    chroma,
    defects,
    edges,
    fields,
    flicker,
    headswitch,
    levels,
    noise,
    scratches,
    shake,
)
from cinemill.measure.idet import combing
from cinemill.measure.scenes import Glance, glance, starts
from cinemill.media.types import Frame

Floats = NDArray[Any]
"""float32, in 8-bit code values."""

_EVERY = 6
"""Frames from one close look to the next."""
_COLUMNS = 1024
"""Pixels of a line that are enough to tell noise, edges and combing."""


@dataclass
class Evidence:
    """What close looks found; the modules of those names say what each is, and add it up."""

    luma_noise: list[noise.Votes] = field(default_factory=list[noise.Votes])
    chroma_noise: list[noise.Votes] = field(default_factory=list[noise.Votes])
    extents: list[bars.Extent] = field(default_factory=list[bars.Extent])
    unrest: list[Floats] = field(default_factory=list[Floats])
    across: list[Floats] = field(default_factory=list[Floats])
    down: list[Floats] = field(default_factory=list[Floats])
    steps: list[Floats] = field(default_factory=list[Floats])
    defects: list[defects.Defects] = field(default_factory=list[defects.Defects])
    scratches: list[int] = field(default_factory=list[int])
    jolts: list[float] = field(default_factory=list[float])
    unevenness: list[float] = field(default_factory=list[float])
    blocking: list[float] = field(default_factory=list[float])
    histograms: list[levels.Histogram] = field(default_factory=list[levels.Histogram])


@dataclass(frozen=True)
class Look:
    """One stretch of so many `frames`. `start` is a pts, `time` the same in seconds; `brightness` is the mean of luma.

    `flicker`: the median of the stretch's scenes, None where all are too short.
    """

    start: int
    time: float
    frames: int
    window: fields.Window
    pace: cadence.Pace
    brightness: float
    flicker: float | None
    evidence: Evidence


def look(frames: Iterable[Frame], start: int, stop: int | None = None) -> Look | None:
    """Look at YUV or grey frames with start <= pts < stop; one may precede and one follow. None if there are none."""
    close = _Close()
    glances: list[Glance] = []

    def passing() -> Iterator[Frame]:
        for frame in frames:
            close.take(frame)
            if frame.pts >= start and (stop is None or frame.pts < stop):
                glances.append(glance(frame))
            yield _narrow(frame)

    seen = list(combing(passing()))
    if not glances:
        return None
    window = fields.counted(seen, glances[0].time)
    evidence = close.evidence()
    return Look(
        start=glances[0].pts,
        time=glances[0].time,
        frames=len(glances),
        window=window,
        pace=cadence.pace(window, seen, evidence.unevenness, (noise.sigma(evidence.luma_noise) or 0.0) * close.scale),
        brightness=float(np.mean([one.luma.mean() for one in glances])),
        flicker=_flicker(glances, close.black),
        evidence=evidence,
    )


def _narrow(frame: Frame) -> Frame:
    """The middle of a wide frame's luma."""
    if frame.width <= _COLUMNS:
        return frame
    return replace(frame, planes=(_middle(frame.planes[0], _COLUMNS),), format=_grey(frame))


def _grey(frame: Frame) -> str:
    return "gray" if frame.layout.bits == 8 else f"gray{frame.layout.bits}le"


def _middle(plane: NDArray[Any], columns: int) -> NDArray[Any]:
    left = max(0, plane.shape[1] - columns) // 2
    return plane[:, left : left + columns]


def _flicker(glances: list[Glance], black: float) -> float | None:
    """The median of the scenes in the stretch."""
    begins = {one.pts for one in starts(glances)}
    scenes: list[list[Glance]] = []
    for one in glances:
        if one.pts in begins:
            scenes.append([])
        scenes[-1].append(one)
    found = [value for scene in scenes if (value := flicker.flicker(scene, black)) is not None]
    return float(np.median(found)) if found else None


class _Close:
    """Close looks at every few frames of a stream, each with its neighbours."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque(maxlen=5)
        self._number = 0
        self._found = Evidence()
        self._extents: list[bars.Extent] = []
        self._pairs: list[tuple[chroma.Pair | None, chroma.Pair | None]] = []
        self.black = 16.0
        self.scale = 1.0
        """Code values of the frames' depth per 8-bit one."""

    def take(self, frame: Frame) -> None:
        self._frames.append(frame)
        if self._number % _EVERY == 4:
            self._measure(list(self._frames))
        self._number += 1

    def evidence(self) -> Evidence:
        """All that was found."""
        found = self._found
        found.extents += [bars.together(self._extents)] if self._extents else []
        for place, (reach, parts) in enumerate(((chroma.ACROSS, found.across), (chroma.DOWN, found.down))):
            pairs = [pair for both in self._pairs if (pair := both[place])]
            parts += chroma.curves(pairs, reach) if pairs else []
        return found

    def _measure(self, frames: list[Frame]) -> None:
        before, now, after = frames[1:4]
        found, bits = self._found, now.layout.bits
        self.black = 0.0 if now.colour.range == "full" else 16.0
        self.scale = 2.0 ** (bits - 8)
        luma = [_values(frame, 0) for frame in (before, now, after)]
        narrow = [_middle(plane, _COLUMNS) for plane in luma]
        distinct = noise.distinct([_middle(_values(frame, 0), _COLUMNS) for frame in frames])
        votes = noise.votes(*distinct)
        found.jolts.append(shake.shake(*distinct))
        sigma = noise.sigma([votes]) or 0.0
        found.luma_noise.append(votes)
        if now.layout.family == "yuv":
            for plane in (1, 2):
                found.chroma_noise.append(_votes([_values(frame, plane) for frame in frames]))
        self._extents.append(bars.extent(luma[1]))
        if (unrest := headswitch.unrest(luma[0], luma[1])) is not None:
            found.unrest.append(unrest)
        if counted := defects.defects([frame.planes[0] for frame in frames], bits, sigma):
            found.defects.append(counted)
        if (uneven := cadence.unevenness(narrow[0], narrow[1])) is not None:
            found.unevenness.append(uneven)
        found.scratches.append(scratches.scratches(luma[1]))
        found.blocking.append(levels.blocking(narrow[1]))
        found.histograms.append(levels.histogram(now))
        if len(found.blocking) % 2:
            self._pairs.append((chroma.across(now), chroma.down(now)))
            found.steps.append(edges.steps(narrow[1], sigma))


def _votes(planes: list[Floats]) -> noise.Votes:
    return noise.votes(*noise.distinct(planes))


def _values(frame: Frame, plane: int) -> Floats:
    """A plane in 8-bit code values."""
    return frame.planes[plane].astype(np.float32) * np.float32(2.0 ** (8 - frame.layout.bits))
