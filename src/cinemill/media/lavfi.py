"""Any libavfilter graph as a function from a stream of frames to a stream of frames.

A linear graph whose filters PyAV's FFmpeg has runs in this process on shared memory. Anything else (libass, nnedi,
vidstab, hqdn3d, labels) goes through the FFmpeg program: raw pictures in NUT through pipes, so that every pts
survives. What a pipe cannot carry there: side data of frames, such as closed captions.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import chain

import av
import av.filter
from av import error as averror

from cinemill.errors import InvalidParams
from cinemill.media import program
from cinemill.media.formats import layout
from cinemill.media.native import of_native, to_native
from cinemill.media.types import FieldOrder, Frame


def run(frames: Iterable[Frame], graph: str, field_order: FieldOrder | None = None) -> Iterator[Frame]:
    """`frames` through `graph` (FFmpeg's filter syntax, one video input, one output).

    `field_order` is what the output is; None keeps the input's. Closing the iterator stops the work.
    Raises InvalidParams when FFmpeg refuses the graph.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        return
    in_process = linear(graph)
    order = field_order or first.field_order
    stream = chain([first], stream)
    yield from (_inside(stream, first, in_process, order) if in_process else _piped(stream, first, graph, order))


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
    if crossing := (_is_rgb(first.format) != _is_rgb(format)):
        colour = replace(colour, matrix=colour.effective_matrix(first.height))
        if colour.range == "unspecified" or first.colour.matrix == "rgb":
            colour = replace(colour, range="limited")
    matrix = colour.effective_matrix(first.height)
    swscale = f"scale=in_color_matrix={matrix}:out_color_matrix={matrix}:flags={_EXACT}"
    if crossing and _is_rgb(first.format):
        swscale += f":in_range=full:out_range={colour.range}"
    for frame in run(stream, f"{swscale},format={format}"):
        yield replace(frame, colour=colour)


# Without these swscale takes short cuts worth several code values in chroma.
_EXACT = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


def _is_rgb(format: str) -> bool:
    plan = layout(format)
    return plan is not None and plan.family == "rgb"


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
    matrix, _, _, range = (0, 0, 0, 2) if _is_rgb(first.format) else first.colour.codes()
    rate = f":frame_rate={1 / (first.duration * first.time_base)}" if first.duration else ""
    return (
        f"video_size={first.width}x{first.height}:pix_fmt={first.format}:time_base={first.time_base}"
        f":pixel_aspect={first.sar}:colorspace={matrix}:range={range}{rate}"
    )


def _build(steps: tuple[tuple[str, str], ...], source: str) -> av.filter.Graph:
    graph = av.filter.Graph()
    try:
        nodes = [graph.add("buffer", source)]
        nodes += [graph.add(name, arguments or None) for name, arguments in steps]
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    except (averror.FFmpegError, ValueError) as error:
        text = ",".join(f"{name}={arguments}" if arguments else name for name, arguments in steps)
        raise InvalidParams(f"FFmpeg refuses the graph {text!r}: {_reason(error)}") from None
    return graph


def _reason(error: Exception) -> str:
    log = getattr(error, "log", None)
    return str(log[2]).strip() if log else str(error)


def _inside(
    frames: Iterator[Frame], first: Frame, steps: tuple[tuple[str, str], ...], order: FieldOrder
) -> Iterator[Frame]:
    sar = _output_sar(steps, first)
    graph = _build(steps, _source_arguments(first))

    def ready() -> Iterator[Frame]:
        while True:
            try:
                native = graph.vpull()
            except (averror.BlockingIOError, averror.EOFError):
                return
            assert native.time_base
            frame = of_native(native, native.time_base, sar, order)
            yield replace(frame, colour=first.colour) if _is_rgb(frame.format) else frame

    for frame in frames:
        graph.vpush(to_native(frame))
        yield from ready()
    graph.vpush(None)
    yield from ready()


# Filters that set a new sample aspect ratio, and those whose change of size such a filter looks at.
_RESHAPE = {"scale", "transpose", "setsar", "setdar"}
_RESIZE = {"crop", "pad", "rotate"}


def _output_sar(steps: tuple[tuple[str, str], ...], first: Frame) -> Fraction:
    """The sample aspect ratio after `steps`. PyAV does not tell, but a scale filter's expression may use it.

    A probe scales an empty picture to a width of 16384 times the smaller of sar and 1/sar, which tells ratios
    with terms up to 127 apart; the input's own ratio and its inverse are recognised before that.
    """
    if not _RESHAPE & {name for name, _ in steps}:
        return first.sar
    geometry = tuple(step for step in steps if step[0] in _RESHAPE | _RESIZE)
    probe = ("scale", "w=round(16384*min(sar\\,1/sar)):h=if(gt(sar\\,1)\\,4\\,2):flags=neighbor")
    graph = _build((*geometry, probe), _source_arguments(first))
    graph.vpush(av.VideoFrame(first.width, first.height, first.format))
    answer = graph.vpull()
    near = [c for c in (first.sar, 1 / first.sar) if abs(16384 * min(c, 1 / c) - answer.width) <= 1]
    ratio = near[0] if near else Fraction(answer.width, 16384).limit_denominator(127)
    small = min(ratio, 1 / ratio)
    return 1 / small if answer.height == 4 else small


def _piped(frames: Iterator[Frame], first: Frame, graph: str, order: FieldOrder) -> Iterator[Frame]:
    arguments = ["-f", "nut", "-i", "pipe:0", "-copyts", "-fps_mode", "passthrough"]
    arguments += ["-enc_time_base", "filter", "-vf", graph]
    arguments += ["-c:v", "rawvideo", "-f", "nut", "pipe:1"]
    with program.running(arguments) as child:
        feeder = _Feeder(frames, first, child)
        try:
            yield from _with_durations(_drain(child, order), first)
        except (averror.FFmpegError, StopIteration):
            feeder.check()
            child.finish()  # its own words say more than a broken pipe
            raise
        feeder.check()
        child.finish()


class _Feeder:
    """Writes frames into the program's stdin from a thread of its own, so that neither side waits in a circle."""

    def __init__(self, frames: Iterator[Frame], first: Frame, child: program.Child) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._feed, args=(frames, first, child), daemon=True)
        self._thread.start()

    def _feed(self, frames: Iterator[Frame], first: Frame, child: program.Child) -> None:
        stdin = child.process.stdin
        assert stdin
        try:
            with av.open(f"pipe:{stdin.fileno()}", "w", format="nut") as pipe:
                stream = pipe.add_stream("rawvideo", time_base=first.time_base)
                stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format
                stream.codec_context.sample_aspect_ratio = first.sar
                for frame in frames:
                    pipe.mux(stream.encode(to_native(frame)))
        except (averror.FFmpegError, OSError):
            pass  # the program closed its end: it has had enough, or says why itself
        except BaseException as error:
            self._error = error
        finally:
            try:
                stdin.close()
            except OSError:
                pass

    def check(self) -> None:
        """Wait for the end of the feed. Raises what went wrong upstream of the program."""
        self._thread.join()
        if self._error:
            raise self._error


def _drain(child: program.Child, order: FieldOrder) -> Iterator[Frame]:
    stdout = child.process.stdout
    assert stdout
    with av.open(f"pipe:{stdout.fileno()}", format="nut") as pipe:
        stream = pipe.streams.video[0]
        sar, time_base = stream.sample_aspect_ratio or Fraction(1), stream.time_base
        assert time_base
        for native in pipe.decode(stream):
            yield of_native(native, time_base, sar, order)


def _with_durations(frames: Iterator[Frame], first: Frame) -> Iterator[Frame]:
    """NUT carries neither durations nor colour: a frame lasts until the next, the last as long as the one before."""
    held: Frame | None = None
    length = 0
    for frame in frames:
        frame = replace(frame, colour=first.colour)
        if held is not None:
            length = frame.pts - held.pts
            yield replace(held, duration=length)
        held = frame
    if held is not None:
        yield replace(held, duration=length or round(first.duration * first.time_base / held.time_base))
