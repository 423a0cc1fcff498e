"""The film scene's deinterlacers, through VapourSynth: QTGMC, its reference, and NNEDI3, which enlarges too.

Sources: vs-jetpack's QTempGaussMC after V. Grunzweig's QTGMC and Didée's TempGaussMC; znedi3 after tritical's NNEDI3.
They run in the `vapoursynth` engine. QTGMC's temporal filters see a bounded neighbourhood, so a stream can be cut; its
halo is where results no longer differ, found by cutting. NNEDI3 looks at one field only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain, tee
from queue import Queue
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Params
from cinemill.errors import UnsupportedMedia
from cinemill.filters import stream_filter
from cinemill.filters.model import check_progressive
from cinemill.filters.upscale_learned import doubled

if TYPE_CHECKING:
    from cinemill.media.types import Frame

_HALO = 12
_DEADLINE = 120.0
"""Seconds without a frame after which the engine counts as stuck; placebo at 1080p takes seconds a frame."""
_FORMATS = tuple(f"yuv{c}p{b}" for c in ("420", "422", "444") for b in ("", "10le", "16le"))


class Bob(Params):
    field_order: Literal["tff", "bff"] | None = None
    """Which field is earlier in time. Left out, the frames' flag is believed."""
    output: Literal["field", "frame"] = "field"
    """A frame per field, or every second of them."""


class Qtgmc(Bob):
    preset: Literal["placebo", "veryslow", "slow", "medium", "fast", "veryfast", "draft"] = "slow"
    """Care against speed."""


def _rate(p: Bob, rate: Fraction) -> Fraction:
    return rate * 2 if p.output == "field" else rate


def _check(p: Params, frame: Frame) -> None:
    from cinemill.engines import engines
    from cinemill.engines.install import command

    command(engines.get("vapoursynth"))


def _check_fields(p: Params, frame: Frame) -> None:
    """Both fields must have whole lines in every plane."""
    across, down = (1 << max(plane[way] for plane in frame.layout.planes) for way in (0, 1))
    if frame.width % across or frame.height % (2 * down):
        raise UnsupportedMedia(
            f"this deinterlacer takes {frame.format} in multiples of {across}x{2 * down} pixels, and this is "
            f"{frame.width}x{frame.height}; crop or pad it, or use another method."
        )
    _check(p, frame)


@stream_filter(
    "deinterlace.qtgmc",
    halo=(_HALO, _HALO),
    accepts=_FORMATS,
    rate=_rate,
    check=_check_fields,
    field_order="progressive",
)
def qtgmc(frames: Iterator[Frame], p: Qtgmc) -> Iterator[Frame]:
    """Deinterlace with QTGMC: steady, clean, slow. Needs `cinemill engines install vapoursynth`."""
    return _bob(frames, p, {"method": "qtgmc", "preset": p.preset})


@stream_filter(
    "deinterlace.nnedi", halo=(1, 1), accepts=_FORMATS, rate=_rate, check=_check_fields, field_order="progressive"
)
def nnedi(frames: Iterator[Frame], p: Bob) -> Iterator[Frame]:
    """Deinterlace with NNEDI3: fine edges from one field, flickers at rest. Needs the same engine as qtgmc."""
    return _bob(frames, p, {"method": "nnedi"})


class Znedi3(Params):
    """NNEDI3 has nothing to choose here."""


def _check_upscale(p: Znedi3, frame: Frame) -> None:
    check_progressive(p, frame)
    _check(p, frame)


@stream_filter("upscale.znedi3", halo=(0, 0), accepts=_FORMATS, check=_check_upscale)
def znedi3(frames: Iterator[Frame], p: Znedi3) -> Iterator[Frame]:
    """Enlarge twice with NNEDI3, colour by Lanczos' kernel. Needs the same engine as qtgmc."""
    import numpy as np

    from cinemill.engines.install import warm

    first = next(frames, None)
    if first is None:
        return
    small, other = tee(chain([first], frames))
    asked = {"method": "double"} | _facts(first, None) | {"subsampling": ()}
    luma: Iterator[tuple[dict[str, Any], list[Any]]] = (({}, [np.ascontiguousarray(f.planes[0])]) for f in small)
    answers = warm("vapoursynth").run(asked, stream=luma, deadline=_DEADLINE)
    for (_, (data,)), frame in zip(answers, doubled(other)):
        yield replace(frame, planes=(_array(data, frame.planes[0]), *frame.planes[1:]))


def _bob(frames: Iterator[Frame], p: Bob, how: dict[str, Any]) -> Iterator[Frame]:
    first = next(frames, None)
    if first is None:
        return
    order = p.field_order or first.field_order
    frames = chain([first], frames)
    if order == "progressive":
        yield from frames
        return
    yield from _bobbed(frames, first, p.output, how | _facts(first, order == "tff"))


def _bobbed(frames: Iterator[Frame], first: Frame, output: str, asked: dict[str, Any]) -> Iterator[Frame]:
    """Two frames for each; the second is half way to the next frame's time."""
    from cinemill.engines.install import warm

    spans: Queue[tuple[Frame, int]] = Queue()
    answers = warm("vapoursynth").run(asked, stream=_sent(frames, spans), deadline=_DEADLINE)
    frame, length = first, 0
    for number, (_, planes) in enumerate(answers):
        second = number % 2
        if not second:
            frame, length = spans.get(timeout=_DEADLINE)
        if second and output == "frame":
            continue
        made = tuple(_array(data, plane) for data, plane in zip(planes, frame.planes))
        half = {"pts": 2 * frame.pts + length * second, "time_base": frame.time_base / 2, "duration": length}
        whole = {"duration": length} if output == "frame" else half
        yield replace(frame, planes=made, field_order="progressive", **whole)


def _facts(first: Frame, tff: bool | None) -> dict[str, Any]:
    chroma = first.layout.planes[1]
    matrix = replace(first.colour, matrix=first.colour.effective_matrix(first.height)).codes()[0]
    return {
        "width": first.width,
        "height": first.height,
        "bits": first.layout.bits,
        "subsampling": chroma[:2],
        "tff": tff,
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
