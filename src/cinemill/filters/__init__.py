"""What a filter is: a stream of frames in, a stream of frames out. And chains of them.

Three rules: never write into a frame's planes; the same frames in give the same frames out; refuse parameters and
media before the first frame. Flushing is the code after the loop, cancelling is closing the generator, and chunks
are none of a filter's business: it says how many neighbours it needs (`halo`) and the planner provides them.
A `strength` of 0 means that every frame stays as it is; a chain leaves such a step out.
"""

from __future__ import annotations

import inspect
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain as joined
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

from cinemill.catalogue import Params, file_kinds, filters
from cinemill.errors import UnsupportedMedia
from cinemill.media.flow import parallel

if TYPE_CHECKING:
    from cinemill.media.types import FieldOrder, Frame

P = TypeVar("P", bound=Params)
T = TypeVar("T")
Halo = tuple[int, int] | None
"""Frames needed before and after; None when a stream cannot be cut."""
Formats = tuple[str, ...] | None
"""Pixel formats that are taken, and given back; None takes the stream's own, and may change it."""
Of = T | Callable[[Any], T]
"""A fact, or how it follows from the parameters."""
RateOf = Callable[[Any, Fraction], Fraction]
"""Frame rate out for parameters and the frame rate in."""
Check = Callable[[Any, "Frame"], None]
"""Looks at parameters and the first frame that arrives. Raises RequestError."""

GREY = tuple(f"gray{b}" for b in ("", "10le", "12le", "16le"))
YUV8 = tuple(f"yuv{c}p" for c in ("420", "422", "444", "411", "440", "410"))
YUV_DEEP = tuple(f"yuv{c}p{b}le" for c in ("420", "422", "444") for b in (10, 12, 16))
YUV = YUV8 + YUV_DEEP
GBR = ("gbrp", "gbrp10le", "gbrp12le", "gbrp16le")
ALPHA = (*(f"yuva{c}p{b}" for c in ("420", "422", "444") for b in ("", "10le", "16le")), *(f"gbra{f[3:]}" for f in GBR))
DRAWABLE = YUV + GREY + GBR + ALPHA + ("rgb24", "rgb48le", "rgba")
"""What libavfilter can draw on."""


Sampled = Callable[[], "Sequence[Frame]"]
"""Pictures from all over the film, as they reach a filter."""
Settle = Callable[[Any, Sampled], "tuple[Params, str] | None"]
"""Parameters that must be the same for the whole film and follow from it, and a sentence; None: there are none."""


@dataclass(frozen=True)
class Filter:
    """A declared filter.

    Exactly one of `one` (frame to frame, no memory), `stream` and `graph` (the text of a libavfilter graph for the
    parameters) is set. `field_order` is what comes out, None for what went in.
    """

    name: str
    params: type[Params]
    summary: str
    accepts: Of[Formats]
    halo: Of[Halo]
    rate: RateOf
    check: Check | None
    field_order: Of[FieldOrder | None] = None
    default: bool = False
    settle: Settle | None = None
    one: Callable[[Frame, Any], Frame] | None = None
    stream: Callable[[Iterator[Frame], Any], Iterator[Frame]] | None = None
    graph: Callable[[Any], str] | None = None


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
    name: str,
    *,
    accepts: Of[Formats] = None,
    check: Check | None = None,
    field_order: Of[FieldOrder | None] = None,
    default: bool = False,
) -> Callable[[Callable[[Frame, P], Frame]], Callable[[Frame, P], Frame]]:
    """Declare `(frame, p) -> frame`: no memory, so it runs on all cores, in order, and can be cut anywhere."""

    def declare(function: Callable[[Frame, P], Frame]) -> Callable[[Frame, P], Frame]:
        facts: dict[str, Any] = {"accepts": accepts, "halo": (0, 0), "rate": _same_rate, "check": check}
        _register(name, function, one=function, field_order=field_order, default=default, **facts)
        return function

    return declare


def stream_filter(
    name: str,
    *,
    halo: Of[Halo],
    accepts: Of[Formats] = None,
    rate: RateOf = _same_rate,
    check: Check | None = None,
    field_order: Of[FieldOrder | None] = None,
    default: bool = False,
    settle: Settle | None = None,
) -> Callable[[Callable[[Iterator[Frame], P], Iterator[Frame]]], Callable[[Iterator[Frame], P], Iterator[Frame]]]:
    """Declare `(frames, p) -> frames`: needs neighbours or changes the rate. It says itself what `field_order` is."""

    def declare(
        function: Callable[[Iterator[Frame], P], Iterator[Frame]],
    ) -> Callable[[Iterator[Frame], P], Iterator[Frame]]:
        facts: dict[str, Any] = {"accepts": accepts, "halo": halo, "rate": rate, "check": check, "settle": settle}
        _register(name, function, stream=function, field_order=field_order, default=default, **facts)
        return function

    return declare


def lavfi_filter(
    name: str,
    *,
    halo: Of[Halo] = (0, 0),
    accepts: Of[Formats] = YUV,
    rate: RateOf = _same_rate,
    check: Check | None = None,
    field_order: Of[FieldOrder | None] = None,
    default: bool = False,
) -> Callable[[Callable[[P], str]], Callable[[P], str]]:
    """Declare `(p) -> graph`: libavfilter does the work; neighbours are fused."""

    def declare(function: Callable[[P], str]) -> Callable[[P], str]:
        facts: dict[str, Any] = {"accepts": accepts, "halo": halo, "rate": rate, "check": check}
        _register(name, function, graph=function, field_order=field_order, default=default, **facts)
        return function

    return declare


@dataclass(frozen=True)
class Step:
    """A filter with its parameters, and what follows from them."""

    filter: Filter
    params: Params

    @property
    def accepts(self) -> Formats:
        return _told(self.filter.accepts, self.params)

    @property
    def halo(self) -> Halo:
        return _told(self.filter.halo, self.params)

    @property
    def field_order(self) -> FieldOrder | None:
        return _told(self.filter.field_order, self.params)

    @property
    def models(self) -> tuple[str, ...]:
        """The models it runs, by name or file: what its parameters say (`models`), or else the values of those that
        are declared as weights."""
        if (said := getattr(self.params, "models", None)) is not None:
            return said
        fields = type(self.params).model_fields
        named = (getattr(self.params, name) for name, field in fields.items() if "weights" in file_kinds(field))
        return tuple(dict.fromkeys(filter(None, named)))

    @property
    def is_idle(self) -> bool:
        """Whether it leaves every frame as it is, bit for bit."""
        return getattr(self.params, "strength", None) == 0

    def check(self, frame: Frame) -> None:
        """Refuse a stream that begins with `frame`. Raises RequestError."""
        if self.filter.check:
            self.filter.check(self.params, frame)

    def as_data(self) -> dict[str, Any]:
        return {"filter": self.filter.name, "params": self.params.model_dump(mode="json", exclude_defaults=True)}

    def __str__(self) -> str:
        values = self.as_data()["params"]
        pairs = ":".join(f"{key}:{_quoted(value)}" for key, value in values.items())
        return f"{self.filter.name}={pairs}" if pairs else self.filter.name


def _told(fact: Any, params: Params) -> Any:
    return fact(params) if callable(fact) else fact


def _quoted(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if text and not set(text) & set(",:='\"\\") and text == text.strip():
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Chain:
    """Steps one after another. An empty chain changes nothing."""

    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return ",".join(map(str, self.steps))

    def as_data(self) -> list[dict[str, Any]]:
        return [step.as_data() for step in self.steps]

    @property
    def models(self) -> tuple[str, ...]:
        """The models that its steps need."""
        return tuple(dict.fromkeys(model for step in self._working for model in step.models))

    @property
    def _working(self) -> list[Step]:
        return [step for step in self.steps if not step.is_idle]

    def rate(self, rate: Fraction) -> Fraction:
        """Frame rate out for the frame rate in."""
        for step in self._working:
            rate = step.filter.rate(step.params, rate)
        return rate

    def halo(self, rate: Fraction) -> Halo:
        """Source frames needed before and after a cut at frame rate `rate`; None when a step cannot be cut."""
        before = after = 0
        now = rate
        for step in self._working:
            halo = step.halo
            if halo is None:
                return None
            # A step's neighbours are counted at the rate that reaches it.
            before += ceil(halo[0] * rate / now)
            after += ceil(halo[1] * rate / now)
            now = step.filter.rate(step.params, now)
        return before, after

    def settled(self, sampled: Sampled) -> tuple[Chain, list[str]]:
        """The chain with what is looked for in the whole film, and sentences about it.

        `sampled` gives pictures from all over the film. Raises RequestError where what is looked for is not there.
        """
        steps: list[Step] = []
        notes: list[str] = []
        for step in self.steps:
            reaching = partial(Chain(tuple(steps)).each, sampled)
            found = step.filter.settle and step.filter.settle(step.params, reaching)
            steps.append(replace(step, params=found[0]) if found else step)
            notes += [found[1]] if found else []
        return Chain(tuple(steps)), notes

    def each(self, sampled: Sampled) -> list[Frame]:
        """Pictures, each by itself through the chain, as far as something comes out."""
        made = (next(self.run([frame]), None) for frame in sampled())
        return [frame for frame in made if frame is not None]

    def run(self, frames: Iterable[Frame], threads: int = 1) -> Generator[Frame, None, None]:
        """`frames` through every step. `threads` serve the filters that take one frame at a time.

        What comes out has the pixel format of what goes in: a step that works in another gets it, and the stream is
        brought back when no step needs that any more. Only a step that takes anything may change it for good.
        Raises RequestError before the first frame when a step cannot treat what reaches it.
        """
        from cinemill.media import lavfi

        stream = iter(frames)
        first = next(stream, None)
        own = now = first.format if first else ""
        steps = deque(self._working)
        while steps and first:
            work = _format_for(steps[0], now, own)
            group = _group(steps, work, own)
            for step in group:
                step.check(first)
            after = _through(lavfi.converted(joined([first], stream), work), group, threads)
            first, stream = _stated(after, first)
            now = first.format if first else now
            own = now if now != work else own
        if first:
            yield from lavfi.converted(joined([first], stream), own)


def _format_for(step: Step, now: str, own: str) -> str:
    """The format a step works in, in a stream that is in `now` and was in `own`."""
    from cinemill.media.formats import nearest

    accepts = step.accepts
    if accepts is None or now in accepts:
        return own if accepts is None else now
    found = nearest(own, accepts)
    if found is None:
        raise UnsupportedMedia(
            f"{step.filter.name} cannot work on {own} without a loss; "
            f"put format={_lesser(own, accepts)} before it to accept that."
        )
    return found


def _lesser(own: str, accepts: tuple[str, ...]) -> str:
    """Which of `accepts` is left when `own` gives up its alpha, then its depth."""
    from cinemill.media.formats import nearest

    opaque = {"rgba": "rgb24", "rgba64le": "rgb48le"}.get(own, own.replace("yuva", "yuv").replace("gbrap", "gbrp"))
    shallow = re.sub(r"(?<=[py])\d+le$", "", opaque)
    return next((found for name in (opaque, shallow) if (found := nearest(name, accepts))), accepts[0])


def _group(steps: deque[Step], format: str, own: str) -> list[Step]:
    """Take the steps that run as one: the first, and graphs after a graph as long as what they meet is known.

    A graph alone is one that may change the pixel format, or that goes by the flags of each frame: these do not
    reach the FFmpeg program, which a neighbour may need. For the rest, one trip through it is faster than several.
    """
    group = [steps.popleft()]
    while steps and _fuses(group[-1]) and _fuses(steps[0]) and _format_for(steps[0], format, own) == format:
        group.append(steps.popleft())
    return group


def _fuses(step: Step) -> bool:
    return step.filter.graph is not None and step.accepts is not None and step.field_order is None


def _through(frames: Iterator[Frame], group: list[Step], threads: int) -> Iterator[Frame]:
    from cinemill.media import lavfi

    filter, params = group[0].filter, group[0].params
    if filter.stream:
        return filter.stream(frames, params)
    if one := filter.one:
        return parallel(frames, lambda frame: one(frame, params), threads)
    graphs = [step.filter.graph(step.params) for step in group if step.filter.graph]
    return lavfi.run(frames, ",".join(graphs), group[0].field_order)


def _stated(frames: Iterator[Frame], source: Frame) -> tuple[Frame | None, Iterator[Frame]]:
    """The first frame and the rest. A matrix that nobody stated is, once the height would make people guess another."""
    first = next(frames, None)
    matrix = source.colour.effective_matrix(source.height)
    if first is None or first.colour.matrix != "unspecified" or first.colour.effective_matrix(first.height) == matrix:
        return first, frames
    colour = replace(first.colour, matrix=matrix)
    return replace(first, colour=colour), (replace(frame, colour=colour) for frame in frames)
