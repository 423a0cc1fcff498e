"""QTGMC: motion-compensated deinterlacing through VapourSynth, the film scene's reference.

Source: vs-jetpack's QTempGaussMC after V. Grunzweig's QTGMC and Didée's TempGaussMC. Runs in the `vapoursynth` engine.
Its temporal filters see a bounded neighbourhood, so a stream can be cut; the halo below is where results no longer
differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from queue import Queue
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Params
from cinemill.filters import stream_filter

if TYPE_CHECKING:
    from cinemill.media.types import Frame

_HALO = 12
_DEADLINE = 120.0
"""Seconds without a frame after which the engine counts as stuck; placebo at 1080p takes seconds a frame."""
_FORMATS = tuple(f"yuv{c}p{b}" for c in ("420", "422", "444") for b in ("", "10le", "16le"))


class Qtgmc(Params):
    preset: Literal["placebo", "veryslow", "slow", "medium", "fast", "veryfast", "draft"] = "slow"
    """Care against speed."""
    field_order: Literal["tff", "bff"] | None = None
    """Which field is earlier in time. Left out, the frames' flag is believed."""
    output: Literal["field", "frame"] = "field"
    """A frame per field, or every second of them."""


def _rate(p: Qtgmc, rate: Fraction) -> Fraction:
    return rate * 2 if p.output == "field" else rate


def _check(p: Qtgmc, frame: Frame) -> None:
    from cinemill.engines import engines
    from cinemill.engines.install import command

    command(engines.get("vapoursynth"))


@stream_filter(
    "deinterlace.qtgmc", halo=(_HALO, _HALO), accepts=_FORMATS, rate=_rate, check=_check, field_order="progressive"
)
def qtgmc(frames: Iterator[Frame], p: Qtgmc) -> Iterator[Frame]:
    """Deinterlace with QTGMC: steady, clean, slow. Needs `cinemill engines install vapoursynth`."""
    first = next(frames, None)
    if first is None:
        return
    order = p.field_order or first.field_order
    frames = chain([first], frames)
    if order == "progressive":
        yield from frames
        return
    yield from _bobbed(frames, first, p, order == "tff")


def _bobbed(frames: Iterator[Frame], first: Frame, p: Qtgmc, tff: bool) -> Iterator[Frame]:
    """Two frames for each; the second is half way to the next frame's time."""
    from cinemill.engines.install import warm

    spans: Queue[tuple[Frame, int]] = Queue()
    answers = warm("vapoursynth").run(_settings(first, p, tff), stream=_sent(frames, spans), deadline=_DEADLINE)
    frame, length = first, 0
    for number, (_, planes) in enumerate(answers):
        second = number % 2
        if not second:
            frame, length = spans.get(timeout=_DEADLINE)
        if second and p.output == "frame":
            continue
        made = tuple(_array(data, plane) for data, plane in zip(planes, frame.planes))
        half = {"pts": 2 * frame.pts + length * second, "time_base": frame.time_base / 2, "duration": length}
        whole = {"duration": length} if p.output == "frame" else half
        yield replace(frame, planes=made, field_order="progressive", **whole)


def _settings(first: Frame, p: Qtgmc, tff: bool) -> dict[str, Any]:
    chroma = first.layout.planes[1]
    matrix = replace(first.colour, matrix=first.colour.effective_matrix(first.height)).codes()[0]
    return {
        "width": first.width,
        "height": first.height,
        "bits": first.layout.bits,
        "subsampling": chroma[:2],
        "tff": tff,
        "preset": p.preset,
        "matrix": matrix,
    }


def _sent(frames: Iterator[Frame], spans: Queue[tuple[Frame, int]]) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """Frames as messages; beside them, each with the time until the next, which the answers are dated by."""
    import numpy as np

    held: Frame | None = None
    length = 0
    for frame in frames:
        if held is not None:
            length = frame.pts - held.pts
            spans.put((held, length))
        held = frame
        yield {}, [np.ascontiguousarray(plane) for plane in frame.planes]
    if held is not None:
        spans.put((held, held.duration or length or 1))


def _array(data: Any, like: Any) -> Any:
    import numpy as np

    return np.frombuffer(data, like.dtype).reshape(like.shape)
