"""Any libavfilter graph as a function from a stream of frames to a stream of frames.

A linear graph whose filters PyAV's FFmpeg has runs in this process on shared memory. Anything else (libass, nnedi,
vidstab, hqdn3d, labels) goes through the FFmpeg program, see `pipe`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import chain

import av
import av.filter
from av import error as averror

from cinemill.errors import InvalidParams
from cinemill.media.formats import HELD, is_rgb
from cinemill.media.native import notes, of_native, to_native
from cinemill.media.pipe import piped
from cinemill.media.types import FieldOrder, Frame
from cinemill.media.words import said


def run(frames: Iterable[Frame], graph: str, field_order: FieldOrder | None = None) -> Iterator[Frame]:
    """`frames` through `graph` (FFmpeg's filter syntax, one video input, one output).

    `field_order` is what the output is; None believes the flags of the pictures. Closing the iterator stops the work.
    Raises InvalidParams when FFmpeg refuses the graph.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        return
    steps = linear(graph)
    source = _Source(chain([first], stream), first)
    out = _inside(source, steps, field_order) if steps else piped(source, first, graph, field_order)
    yield from _lasting(out, source)


def noted(frames: Iterable[Frame], graph: str) -> Iterator[tuple[Frame, dict[str, str]]]:
    """As `run`, each frame with what the filters of `graph` have to say of it, by their names for it."""
    for frame in run(frames, graph):
        yield frame, notes(frame)


class _Source:
    """Frames on their way into a graph; remembers the last one that went."""

    def __init__(self, frames: Iterator[Frame], first: Frame) -> None:
        self._frames = frames
        self.last = self.first = first

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self.last = frame
            yield frame


def _lasting(frames: Iterator[Frame], source: _Source) -> Iterator[Frame]:
    """Each frame lasts until the next. Filters that add or drop frames seldom say so, and a pipe never does."""
    held: Frame | None = None
    gap = 0
    for frame in frames:
        if held is not None:
            gap = frame.pts - held.pts
            yield replace(held, duration=gap)
        held = frame
    if held is None:
        return
    last = source.last
    length = last.duration * last.time_base
    rest = last.pts * last.time_base + length - held.pts * held.time_base
    # Where a graph changes the speed its last frame does not end with the source's.
    end = rest if 0 < rest <= length or not gap else gap * held.time_base
    yield replace(held, duration=max(0, round(end / held.time_base)))


def converted(frames: Iterable[Frame], format: str) -> Iterator[Frame]:
    """`frames` in another pixel format, by their own matrix and range; those that have it pass untouched.

    An RGB frame keeps the matrix and range of the YUV it came from, which is what it goes back with; RGB that never
    was YUV becomes limited range by the rule of `Colour.effective_matrix`.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        return
    stream = chain([first], stream)
    if first.format == format:
        yield from stream
        return
    colour = first.colour
    if crossing := (is_rgb(first.format) != is_rgb(format)):
        colour = replace(colour, matrix=colour.effective_matrix(first.height))
        if colour.range == "unspecified" or first.colour.matrix == "rgb":
            colour = replace(colour, range="limited")
    matrix = colour.effective_matrix(first.height)
    # interl: chroma of interlaced pictures is taken apart by fields.
    swscale = f"scale=in_color_matrix={matrix}:out_color_matrix={matrix}:interl=-1:flags={_EXACT}"
    if crossing and is_rgb(first.format):
        swscale += f":in_range=full:out_range={colour.range}"
    for frame in run(stream, f"{swscale},format={format}"):
        yield replace(frame, colour=colour)


# Without these swscale takes short cuts worth several code values in chroma.
_EXACT = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


def passes(native: av.VideoFrame, condition: str) -> bool:
    """Whether `condition`, in the words of FFmpeg's select, holds for one picture. PyAV does not show all flags."""
    source = f"video_size={native.width}x{native.height}:pix_fmt={native.format.name}:time_base=1/1"
    graph = _build((("select", condition),), source)
    graph.vpush(native)
    try:
        graph.vpull()
    except averror.BlockingIOError:
        return False
    return True


def escape(value: str) -> str:
    """`value` as one option value of one filter in a graph: safe against both levels of FFmpeg's quoting."""
    for special in "\\':":
        value = value.replace(special, "\\" + special)
    return "'" + value.replace("'", "'\\''") + "'"


@lru_cache(maxsize=256)
def linear(graph: str) -> tuple[tuple[str, str], ...] | None:
    """(name, arguments) per filter when `graph` is a plain chain that runs in this process; None otherwise."""
    steps: list[tuple[str, str]] = []
    for text in _split(graph, ","):
        name, _, arguments = text.partition("=")
        if any(c in text for c in "[];") or name.strip() not in av.filter.filters_available:
            return None
        steps.append((name.strip(), _unquote(arguments)))
    return tuple(steps)


def _split(text: str, separator: str) -> list[str]:
    """Split at separators outside quotes and not escaped; quoting is kept (av_get_token's rules)."""
    parts, start, i, quoted = [""], 0, 0, False
    parts.clear()
    while i < len(text):
        if text[i] == "\\" and not quoted:
            i += 1
        elif text[i] == "'":
            quoted = not quoted
        elif text[i] == separator and not quoted:
            parts.append(text[start:i])
            start = i + 1
        i += 1
    return [*parts, text[start:]]


def _unquote(text: str) -> str:
    """Undo the graph level of FFmpeg's quoting, which avfilter_graph_parse would have done."""
    out, i, quoted = "", 0, False
    while i < len(text):
        if text[i] == "\\" and not quoted and i + 1 < len(text):
            i += 1
            out += text[i]
        elif text[i] == "'":
            quoted = not quoted
        else:
            out += text[i]
        i += 1
    return out.strip()


def _source_arguments(first: Frame) -> str:
    matrix, _, _, range = (0, 0, 0, 2) if is_rgb(first.format) else first.colour.codes()
    rate = f":frame_rate={1 / (first.duration * first.time_base)}" if first.duration else ""
    return (
        f"video_size={first.width}x{first.height}:pix_fmt={first.format}:time_base={first.time_base}"
        f":pixel_aspect={first.sar}:colorspace={matrix}:range={range}{rate}"
    )


def _build(steps: tuple[tuple[str, str], ...], source: str) -> av.filter.Graph:
    try:
        return _linked(steps, source)
    except (averror.FFmpegError, ValueError) as error:
        text = ",".join(f"{name}={arguments}" if arguments else name for name, arguments in steps)
        why = said(lambda: _linked(steps, source), error)
        raise InvalidParams(f"FFmpeg refuses the graph {text!r}: {why}") from None


def _linked(steps: tuple[tuple[str, str], ...], source: str) -> av.filter.Graph:
    graph = av.filter.Graph()
    nodes = [graph.add("buffer", source)]
    nodes += [graph.add(name, arguments or None) for name, arguments in steps]
    graph.link_nodes(*nodes, graph.add("format", "|".join(HELD)), graph.add("buffersink")).configure()
    return graph


def _inside(source: _Source, steps: tuple[tuple[str, str], ...], order: FieldOrder | None) -> Iterator[Frame]:
    first = source.first
    graph = _build(steps, _source_arguments(first))
    sar = _output_sar(steps, first)
    interlaced: FieldOrder = first.field_order

    def ready() -> Iterator[Frame]:
        while True:
            try:
                native = graph.vpull()
            except (averror.BlockingIOError, averror.EOFError):
                return
            assert native.time_base
            flagged = interlaced if native.interlaced_frame else "progressive"
            frame = of_native(native, native.time_base, sar, order or flagged)
            yield replace(frame, colour=first.colour) if is_rgb(frame.format) else frame

    setters: dict[FieldOrder, av.filter.Graph] = {}
    for frame in source:
        if frame.field_order != "progressive":
            interlaced = frame.field_order
        graph.vpush(_flagged(frame, setters))
        yield from ready()
    graph.vpush(None)
    yield from ready()


def _flagged(frame: Frame, setters: dict[FieldOrder, av.filter.Graph]) -> av.VideoFrame:
    """A VideoFrame that says it is interlaced if `frame` does; of all libav only a filter can set that flag."""
    native, order = to_native(frame, lend=False), frame.field_order
    if native.interlaced_frame or order == "progressive":
        return native
    if order not in setters:
        setters[order] = _build((("setfield", order),), _source_arguments(frame))
    setters[order].vpush(native)
    return setters[order].vpull()


# Filters that set a new sample aspect ratio, and those whose change of size such a filter looks at.
_RESHAPE = {"scale", "transpose", "setsar", "setdar"}
_RESIZE = {"crop", "pad", "rotate"}


def _output_sar(steps: tuple[tuple[str, str], ...], first: Frame) -> Fraction:
    """The sample aspect ratio after `steps`. PyAV does not tell, but a scale filter's expression may use it.

    Probes scale an empty picture to widths that are three digits, to the base 4096, of the smaller of sar and 1/sar:
    enough to tell all ratios with terms up to 65535 apart.
    """
    if not _RESHAPE & {name for name, _ in steps}:
        return first.sar
    geometry = tuple(step for step in steps if step[0] in _RESHAPE | _RESIZE)
    answers = [_answer(geometry, first, place) for place in (1, 2, 3)]
    digits = (Fraction(answer.width - 8, 4096**place) for place, answer in enumerate(answers, 1))
    small = sum(digits, Fraction(0)).limit_denominator(65535) or Fraction(1)  # all digits of 1 are behind the point
    return 1 / small if answers[0].height == 4 else small


def _answer(geometry: tuple[tuple[str, str], ...], first: Frame, place: int) -> av.VideoFrame:
    width = f"8+mod(floor(min(sar\\,1/sar)*pow(4096\\,{place}))\\,4096)"
    probe = ("scale", f"w={width}:h=if(gt(sar\\,1)\\,4\\,2):flags=neighbor")
    graph = _build((*geometry, probe), _source_arguments(first))
    graph.vpush(av.VideoFrame(first.width, first.height, first.format))
    return graph.vpull()
