"""Any linear libavfilter graph as a function from a stream of sound to a stream of sound, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain
from typing import Any

import av
import av.filter
import numpy as np
from av import error as averror

from cinemill.errors import InvalidParams
from cinemill.media.lavfi import linear
from cinemill.media.types import Audio
from cinemill.media.words import said

_BLOCK = 48_000
"""Samples that go into a graph at once: long blocks cost memory, short ones time."""


def run(blocks: Iterable[Audio], graph: str) -> Iterator[Audio]:
    """`blocks` through `graph` (FFmpeg's filter syntax, one sound in, one out). All have one rate and layout.

    Raises InvalidParams when FFmpeg refuses the graph.
    """
    for native in _pulled(blocks, f"{graph},aformat=sample_fmts=flt" if graph else "anull"):
        yield of_native(native)


def noted(blocks: Iterable[Audio], graph: str) -> Iterator[tuple[float, Mapping[str, str]]]:
    """Seconds and metadata of each block that comes out of `graph`: what filters that measure have to say."""
    for native in _pulled(blocks, graph):
        yield float((native.pts or 0) * native.time_base), native.metadata


def of_native(native: Any) -> Audio:
    """A float frame of PyAV, its channels in turn, as a value. Of planar ones with eight channels PyAV miscounts."""
    rate, layout = native.sample_rate, native.layout
    pts = round((native.pts or 0) * (native.time_base or Fraction(1, rate)) * rate)
    samples = native.to_ndarray().reshape(-1, layout.nb_channels).T
    # Files that do not say where their channels belong mean the usual places.
    name = str(layout.name)
    usual = _USUAL.get(layout.nb_channels, name) if "channels" in name else name
    return Audio(np.ascontiguousarray(samples, np.float32), rate, pts, usual)


_USUAL = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def to_native(block: Audio) -> Any:
    """A value as a float frame of PyAV, its channels in turn."""
    turns = np.ascontiguousarray(block.samples.T).reshape(1, -1)
    native = av.AudioFrame.from_ndarray(turns, "flt", block.layout)
    native.sample_rate, native.pts, native.time_base = block.sample_rate, block.pts, Fraction(1, block.sample_rate)
    return native


def _pulled(blocks: Iterable[Audio], graph: str) -> Iterator[Any]:
    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        return
    built = _build(graph, first)
    for block in chain([first], stream):
        for piece in _pieces(block):
            built.push(to_native(piece))
            yield from _ready(built)
    built.push(None)
    yield from _ready(built)


def _pieces(block: Audio) -> Iterator[Audio]:
    for at in range(0, block.samples.shape[1], _BLOCK):
        yield Audio(block.samples[:, at : at + _BLOCK], block.sample_rate, block.pts + at, block.layout)


def _ready(built: Any) -> Iterator[Any]:
    while True:
        try:
            yield built.pull()
        except (averror.BlockingIOError, averror.EOFError):
            return


def _build(graph: str, first: Audio) -> Any:
    steps = linear(graph)
    if steps is None:
        raise InvalidParams(f"the graph {graph!r} has labels, or filters that are not here.")
    try:
        return _linked(steps, first)
    except (averror.FFmpegError, ValueError) as error:
        why = said(lambda: _linked(steps, first), error)
        raise InvalidParams(f"FFmpeg refuses the graph {graph!r}: {why}") from None


def _linked(steps: tuple[tuple[str, str], ...], first: Audio) -> Any:
    graph: Any = av.filter.Graph()
    rate = first.sample_rate
    source = f"sample_rate={rate}:sample_fmt=flt:channel_layout={first.layout}:time_base=1/{rate}"
    nodes = [graph.add("abuffer", source), *(graph.add(name, options or None) for name, options in steps)]
    graph.link_nodes(*nodes, graph.add("abuffersink")).configure()
    return graph
