"""A libavfilter graph in the FFmpeg program: raw pictures in NUT through pipes, so that every pts survives.

What does not get through: side data of frames, such as closed captions, and flags of single frames; all count as
interlaced there if the first one is.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import av
from av import error as averror

from cinemill.errors import EngineCrashed, InvalidParams
from cinemill.media import program
from cinemill.media.colour import Colour
from cinemill.media.formats import HELD, is_rgb
from cinemill.media.native import of_native, to_native
from cinemill.media.types import FieldOrder, Frame

_IN: Final = ("-f", "nut", "-i", "pipe:0")
_OUT: Final = ("-c:v", "rawvideo", "-f", "nut", "pipe:1")
_TAGGED: Final = ("-c:v", "rawvideo", "-allow_raw_vfw", "1", "-f", "matroska", "-")
_TIMES: Final = ("-copyts", "-fps_mode", "passthrough", "-enc_time_base", "filter")


def piped(frames: Iterable[Frame], first: Frame, graph: str, order: FieldOrder | None) -> Iterator[Frame]:
    """`frames`, the first of them `first`, through `graph`; durations are left out.

    Closing the iterator ends the program. Raises InvalidParams when FFmpeg refuses the graph, EngineCrashed when it
    dies later, and whatever making the frames raises.
    """
    feeder: _Feeder | None = None
    begun = False
    try:
        colour = _output_colour(first, graph)
        with program.running([*_IN, *_TIMES, "-vf", _told(graph, first), *_OUT]) as child:
            feeder = _Feeder(frames, first, child)
            try:
                for frame in _drain(child, order or first.field_order):
                    begun = True
                    yield replace(frame, colour=colour)
            except averror.FFmpegError:
                feeder.check()
                child.finish()  # its own words say more than a broken pipe
                raise
            feeder.check()
            child.finish()
    except EngineCrashed as crash:
        if begun or crash.facts["returncode"] < 0:
            raise
        raise InvalidParams(f"FFmpeg refuses the graph {graph!r}: {crash.facts['cause']}") from None
    finally:
        if feeder:
            feeder.join()


def _told(graph: str, first: Frame) -> str:
    """`graph` between filters: what NUT does not say of the pictures in it, or PyAV not to NUT; what a Frame holds."""
    matrix, primaries, transfer, range = first.colour.codes()
    if is_rgb(first.format):
        matrix, range = 0, 2
    field_mode = "prog" if first.field_order == "progressive" else first.field_order
    told = f"setsar={first.sar}:max=65535,setparams=field_mode={field_mode}:range={range}"
    told += f":color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
    held = f"format={'|'.join(HELD)}"
    first_label, last_label = graph.partition("]")[0] + "]", "[" + graph.rpartition("[")[2]
    before = f"{told}{first_label};" if graph.startswith("[") else f"{told},"
    after = f";{last_label}{held}" if graph.endswith("]") else f",{held}"
    return before + graph + after


def _output_colour(first: Frame, graph: str) -> Colour:
    """The colour tags after `graph`, by a run over two pictures into Matroska, which unlike NUT has a place for them.

    They go there as they are: before encoders that know one range only, FFmpeg converts to it. RGB keeps the tags of
    the YUV it came from.
    """
    pictures = io.BytesIO()
    _write(pictures, first, [first, replace(first, pts=first.pts + max(1, first.duration))])
    arguments = [*_IN, "-vf", _told(graph, first), "-frames:v", "1", *_TAGGED]
    written = program.answer(arguments, pictures.getvalue())
    try:
        with av.open(io.BytesIO(written)) as container:
            context = container.streams.video[0].codec_context
    except averror.FFmpegError:
        return first.colour  # a graph that gives no picture for two
    codes = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
    colour = Colour.of_codes(*codes)
    return first.colour if colour.matrix == "rgb" else colour


def _write(target: Any, first: Frame, frames: Iterable[Frame]) -> None:
    with av.open(target, "w", format="nut") as container:
        stream = container.add_stream("rawvideo", time_base=first.time_base)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format
        for frame in frames:
            container.mux(stream.encode(to_native(frame)))


def _drain(child: program.Child, order: FieldOrder) -> Iterator[Frame]:
    stdout = child.process.stdout
    assert stdout
    with av.open(f"pipe:{stdout.fileno()}", format="nut") as container:
        stream = container.streams.video[0]
        sar, time_base = stream.sample_aspect_ratio or Fraction(1), stream.time_base
        assert time_base
        for native in container.decode(stream):
            native.duration = 0  # NUT has none, and the rate that FFmpeg makes one of is a guess
            yield of_native(native, time_base, sar, order)


class _Feeder:
    """Writes frames into the program's stdin from a thread of its own, so that neither side waits in a circle."""

    def __init__(self, frames: Iterable[Frame], first: Frame, child: program.Child) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._feed, args=(frames, first, child), daemon=True)
        self._thread.start()

    def _feed(self, frames: Iterable[Frame], first: Frame, child: program.Child) -> None:
        stdin = child.process.stdin
        assert stdin
        try:
            _write(f"pipe:{stdin.fileno()}", first, self._made(frames))
        except (averror.FFmpegError, OSError):
            pass  # the program closed its end: it has had enough, or says why itself
        finally:
            try:
                stdin.close()
            except OSError:
                pass

    def _made(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, up to an error in making them, which is kept for `check`."""
        try:
            yield from frames
        except GeneratorExit:
            raise
        except BaseException as error:
            self._error = error

    def join(self) -> None:
        """Wait for the end of the feed."""
        self._thread.join()

    def check(self) -> None:
        """Wait for the end of the feed. Raises what went wrong upstream of the program."""
        self.join()
        if self._error:
            raise self._error
