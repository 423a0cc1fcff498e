"""What a filter is: a stream of frames in, a stream of frames out. And chains of them.

Three rules: never write into a frame's planes; the same frames in give the same frames out; refuse parameters and
media before the first frame. Flushing is the code after the loop, cancelling is closing the generator, and chunks
are none of a filter's business: it says how many neighbours it needs (`halo`) and the planner provides them.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain as joined
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

from cinemill.catalogue import Params, filters
from cinemill.errors import UnsupportedMedia

if TYPE_CHECKING:
    from cinemill.media.types import FieldOrder, Frame, VideoTrack

P = TypeVar("P", bound=Params)
Halo = tuple[int, int] | None
"""Frames needed before and after; None when a stream cannot be cut."""
HaloOf = Halo | Callable[[Any], Halo]
RateOf = Callable[[Any, Fraction], Fraction]
"""Frame rate out for parameters and the frame rate in."""
Check = Callable[[Any, "VideoTrack"], None]

GREY = tuple(f"gray{b}" for b in ("", "10le", "12le", "16le"))
YUV8 = tuple(f"yuv{c}p" for c in ("420", "422", "444", "411", "440", "410"))
YUV_DEEP = tuple(f"yuv{c}p{b}le" for c in ("420", "422", "444") for b in (10, 12, 16))
YUV = YUV8 + YUV_DEEP
GBR = ("gbrp", "gbrp10le", "gbrp12le", "gbrp16le")


@dataclass(frozen=True)
class Filter:
    """A declared filter. `accepts` names pixel formats, or is None for any.

    Exactly one of `one` (frame to frame, no memory), `stream` and `graph` (a libavfilter graph's text from the
    parameters and, if it takes two arguments, the first frame) is set. `field_order` is what comes out, None for
    what went in.
    """

    name: str
    params: type[Params]
    summary: str
    accepts: tuple[str, ...] | None
    halo: HaloOf
    rate: RateOf
    check: Check | None
    field_order: FieldOrder | None = None
    default: bool = False
    one: Callable[[Frame, Any], Frame] | None = None
    stream: Callable[[Iterator[Frame], Any], Iterator[Frame]] | None = None
    graph: Callable[..., str] | None = None

    def halo_of(self, params: Params) -> Halo:
        return self.halo(params) if callable(self.halo) else self.halo


def _same_rate(params: Any, rate: Fraction) -> Fraction:
    return rate


def _register(name: str, function: Callable[..., Any], **facts: Any) -> None:
    hints = inspect.get_annotations(function, eval_str=False)
    declared = next(v for k, v in hints.items() if k == "p")
    params = function.__globals__[declared] if isinstance(declared, str) else declared
    summary = inspect.getdoc(function) or inspect.getdoc(params) or ""
    module = function.__module__
    filters.add(name, Filter(name=name, params=params, summary=summary, **facts), f"{module}.{function.__name__}")


def frame_filter(
    name: str, *, accepts: tuple[str, ...] | None = None, check: Check | None = None, default: bool = False
) -> Callable[[Callable[[Frame, P], Frame]], Callable[[Frame, P], Frame]]:
    """Declare `(frame, p) -> frame`: no memory, so it runs on all cores, in order, and can be cut anywhere."""

    def declare(function: Callable[[Frame, P], Frame]) -> Callable[[Frame, P], Frame]:
        facts = {"accepts": accepts, "halo": (0, 0), "rate": _same_rate, "check": check, "default": default}
        _register(name, function, one=function, **facts)
        return function

    return declare


def stream_filter(
    name: str,
    *,
    halo: HaloOf,
    accepts: tuple[str, ...] | None = None,
    rate: RateOf = _same_rate,
    check: Check | None = None,
    field_order: FieldOrder | None = None,
    default: bool = False,
) -> Callable[[Callable[[Iterator[Frame], P], Iterator[Frame]]], Callable[[Iterator[Frame], P], Iterator[Frame]]]:
    """Declare `(frames, p) -> frames`: needs neighbours or changes the rate."""

    def declare(
        function: Callable[[Iterator[Frame], P], Iterator[Frame]],
    ) -> Callable[[Iterator[Frame], P], Iterator[Frame]]:
        facts: dict[str, Any] = {"accepts": accepts, "halo": halo, "rate": rate, "check": check}
        _register(name, function, stream=function, field_order=field_order, default=default, **facts)
        return function

    return declare


def lavfi_filter(
    name: str,
    *,
    halo: HaloOf = (0, 0),
    accepts: tuple[str, ...] | None = YUV,
    rate: RateOf = _same_rate,
    check: Check | None = None,
    field_order: FieldOrder | None = None,
    default: bool = False,
) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Declare `(p) -> graph` or `(p, first frame) -> graph`: libavfilter does the work; neighbours are fused."""

    def declare(function: Callable[..., str]) -> Callable[..., str]:
        facts: dict[str, Any] = {"accepts": accepts, "halo": halo, "rate": rate, "check": check}
        _register(name, function, graph=function, field_order=field_order, default=default, **facts)
        return function

    return declare


@dataclass(frozen=True)
class Step:
    """A filter with its parameters."""

    filter: Filter
    params: Params

    def as_data(self) -> dict[str, Any]:
        return {"filter": self.filter.name, "params": self.params.model_dump(mode="json", exclude_defaults=True)}

    def __str__(self) -> str:
        values = self.as_data()["params"]
        pairs = ":".join(f"{key}:{_quoted(value)}" for key, value in values.items())
        return f"{self.filter.name}={pairs}" if pairs else self.filter.name


def _quoted(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace('"', '\\"') + '"' if any(c in text for c in ",:='\" ") else text


@dataclass(frozen=True)
class Chain:
    """Steps one after another. An empty chain changes nothing."""

    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return ",".join(map(str, self.steps))

    def as_data(self) -> list[dict[str, Any]]:
        return [step.as_data() for step in self.steps]

    def check(self, video: VideoTrack) -> None:
        """Refuse media that a step cannot treat. Raises UnsupportedMedia."""
        for step in self.steps:
            if step.filter.check:
                step.filter.check(step.params, video)
            if step.filter.field_order:
                video = replace(video, field_order=step.filter.field_order)

    def rate(self, rate: Fraction) -> Fraction:
        """Frame rate out for the frame rate in."""
        for step in self.steps:
            rate = step.filter.rate(step.params, rate)
        return rate

    def halo(self, rate: Fraction) -> Halo:
        """Source frames needed before and after a cut at frame rate `rate`; None when a step cannot be cut."""
        before = after = 0
        now = rate
        for step in self.steps:
            halo = step.filter.halo_of(step.params)
            if halo is None:
                return None
            # A step's neighbours are counted at the rate that reaches it.
            before += ceil(halo[0] * rate / now)
            after += ceil(halo[1] * rate / now)
            now = step.filter.rate(step.params, now)
        return before, after

    def run(self, frames: Iterable[Frame], threads: int = 1) -> Generator[Frame, None, None]:
        """`frames` through every step. `threads` serve the filters that take one frame at a time."""
        stream = iter(frames)
        for group in self._groups():
            drawn = group[0].filter.graph is not None
            stream = _through_graphs(stream, group) if drawn else _through(stream, group[0], threads)
        yield from stream

    def _groups(self) -> list[list[Step]]:
        """Steps that run as one: neighbouring graphs, as long as none needs to see a frame first."""
        groups: list[list[Step]] = []
        for step in self.steps:
            fuses = step.filter.graph and not _looks_at_frame(step)
            if fuses and groups and groups[-1][-1].filter.graph:
                groups[-1].append(step)
            else:
                groups.append([step])
        return groups


def _looks_at_frame(step: Step) -> bool:
    return step.filter.graph is not None and len(inspect.signature(step.filter.graph).parameters) == 2


def _through(frames: Iterator[Frame], step: Step, threads: int) -> Iterator[Frame]:
    frames = _acceptable(frames, step)
    if step.filter.stream:
        return step.filter.stream(frames, step.params)
    one, params = step.filter.one, step.params
    assert one
    return parallel(frames, lambda frame: one(frame, params), threads)


def _acceptable(frames: Iterator[Frame], step: Step) -> Iterator[Frame]:
    """Frames in a format the filter takes, converted only if theirs is not."""
    from cinemill.media import lavfi

    first = next(frames, None)
    if first is None:
        return iter(())
    return lavfi.converted(joined([first], frames), _format_for(first, step))


def _format_for(frame: Frame, step: Step) -> str:
    from cinemill.media.formats import nearest

    if step.filter.accepts is None:
        return frame.format
    found = nearest(frame.format, step.filter.accepts)
    if found is None:
        raise UnsupportedMedia(
            f"{step.filter.name} works on {', '.join(step.filter.accepts)} and cannot hold {frame.format} without "
            f"a loss; put format=pix_fmt:{step.filter.accepts[0]} before it to accept that."
        )
    return found


def _through_graphs(frames: Iterator[Frame], steps: list[Step]) -> Iterator[Frame]:
    """Neighbouring graphs as one graph, cut only where a pixel format has to change between them."""
    from cinemill.media import lavfi

    frames = _acceptable(frames, steps[0])
    first = next(frames, None)
    if first is None:
        return
    graphs: list[str] = []
    order: FieldOrder | None = None
    rest: list[Step] = []
    format = first.format
    for place, step in enumerate(steps):
        if _format_for(first, step) != format:
            rest = steps[place:]
            break
        assert step.filter.graph
        graphs.append(
            step.filter.graph(step.params, first) if _looks_at_frame(step) else step.filter.graph(step.params)
        )
        order = step.filter.field_order or order
    out = lavfi.run(joined([first], frames), ",".join(graphs), order)
    yield from _through_graphs(out, rest) if rest else out


def parallel(frames: Iterable[Frame], work: Callable[[Frame], Frame], threads: int) -> Iterator[Frame]:
    """`work` on each frame, `threads` at a time, results in order; holds at most `threads` + 1 frames."""
    if threads <= 1:
        yield from map(work, frames)
        return
    waiting: deque[Future[Frame]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for frame in frames:
                waiting.append(pool.submit(work, frame))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
