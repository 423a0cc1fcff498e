"""Pixel formats by FFmpeg's names: how they lie in memory, and which one holds the values of another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Layout:
    """How a pixel format lies in memory. `planes`: per plane (log2 of horizontal, vertical subsampling, channels)."""

    family: Literal["yuv", "grey", "rgb"]
    bits: int
    planes: tuple[tuple[int, int, int], ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        return _BYTES if self.bits <= 8 else _WORDS

    def shapes(self, width: int, height: int) -> tuple[tuple[int, ...], ...]:
        """Array shape of each plane of a `width` x `height` picture; odd sizes round up."""
        return _shapes(self.planes, width, height)


_BYTES, _WORDS = np.dtype(np.uint8), np.dtype(np.uint16)


@lru_cache(maxsize=256)
def _shapes(planes: tuple[tuple[int, int, int], ...], width: int, height: int) -> tuple[tuple[int, ...], ...]:
    sizes = [(-(-height >> v), -(-width >> h), n) for h, v, n in planes]
    return tuple((h, w) if n == 1 else (h, w, n) for h, w, n in sizes)


_CHROMA = {"410": (2, 2), "411": (2, 0), "420": (1, 1), "422": (1, 0), "440": (0, 1), "444": (0, 0)}
_PLANAR = re.compile(r"yuv(a?)(\d{3})p(?:(9|10|12|14|16)le)?")
_GREY = re.compile(r"gray(?:(9|10|12|14|16)le)?")
_GBR = re.compile(r"gbr(a?)p(?:(9|10|12|14|16)le)?")
_PACKED = {"rgb24": (8, 3), "rgba": (8, 4), "rgb48le": (16, 3), "rgba64le": (16, 4)}
_DEPTHS = ("", "9le", "10le", "12le", "14le", "16le")
# All that a graph may give back: those of FFmpeg's formats that have a layout.
HELD = (
    *("yuv410p", "yuv411p", "yuv440p", "yuv440p10le", "yuv440p12le"),
    *(f"yuv{chroma}p{depth}" for chroma in ("420", "422", "444") for depth in _DEPTHS),
    *(f"yuva{chroma}p{depth}" for chroma in ("420", "422", "444") for depth in ("", "9le", "10le", "16le")),
    *(f"gray{depth}" for depth in _DEPTHS),
    *(f"gbrp{depth}" for depth in _DEPTHS),
    *("yuva422p12le", "yuva444p12le"),
    *(f"gbrap{depth}" for depth in ("", "10le", "12le", "14le", "16le")),
    *_PACKED,
)


@lru_cache(maxsize=256)
def layout(format: str) -> Layout | None:
    """The layout of a pixel format by FFmpeg's name, or None if a Frame cannot hold it.

    Held: planar YUV with and without alpha, grey, planar G-B-R, and packed RGB(A) of 8 and 16 bits.
    """
    if match := _PLANAR.fullmatch(format):
        if match[2] not in _CHROMA:
            return None
        chroma = (*_CHROMA[match[2]], 1)
        alpha = ((0, 0, 1),) if match[1] else ()
        return Layout("yuv", int(match[3] or 8), ((0, 0, 1), chroma, chroma, *alpha))
    if match := _GREY.fullmatch(format):
        return Layout("grey", int(match[1] or 8), ((0, 0, 1),))
    if match := _GBR.fullmatch(format):
        return Layout("rgb", int(match[2] or 8), ((0, 0, 1),) * (4 if match[1] else 3))
    if format in _PACKED:
        bits, channels = _PACKED[format]
        return Layout("rgb", bits, ((0, 0, channels),))
    return None


def is_rgb(format: str) -> bool:
    """Whether a pixel format holds red, green and blue rather than light and colour difference."""
    plan = layout(format)
    return plan is not None and plan.family == "rgb"


@lru_cache(maxsize=256)
def nearest(source: str, offered: tuple[str, ...]) -> str | None:
    """The format of `offered` that holds every value of `source` with the least waste; None if none does.

    Holding means no fewer bits, no coarser chroma and no missing plane. YUV and RGB do not hold each other exactly,
    but each is taken for the other, at 4:4:4, when nothing of its own kind is offered.
    """
    if source in offered:
        return source
    kin = [name for name in offered if _holds(source, name)]
    if kin:
        return min(kin, key=lambda name: _waste(source, name))
    plan = _known(source)
    wanted = max(3, _channels(plan))
    others = [
        name for name in offered if (other := layout(name)) and _is_full(other, wanted) and other.bits >= plan.bits
    ]
    strangers = [name for name in others if _known(name).family != plan.family and plan.family != "grey"]
    return min(strangers, key=lambda name: _known(name).bits, default=None)


def _known(name: str) -> Layout:
    plan = layout(name)
    if plan is None:
        raise ValueError(f"a Frame cannot hold pixel format {name!r}")
    return plan


def _channels(plan: Layout) -> int:
    return sum(n for _, _, n in plan.planes)


def _is_full(plan: Layout, channels: int) -> bool:
    return _channels(plan) == channels and all((h, v) == (0, 0) for h, v, _ in plan.planes)


def _holds(source: str, name: str) -> bool:
    have, plan = _known(source), layout(name)
    if plan is None or plan.bits < have.bits:
        return False
    if have.family == "grey":
        return plan.family in ("grey", "yuv")
    if plan.family != have.family:
        return False
    if have.family == "rgb":
        return _channels(plan) >= _channels(have)
    fine = (p[0] <= s[0] and p[1] <= s[1] for p, s in zip(plan.planes, have.planes))
    return len(plan.planes) >= len(have.planes) and all(fine)


def _waste(source: str, name: str) -> tuple[int, int, int]:
    have, plan = _known(source), _known(name)
    finer = sum(h + v for h, v, _ in have.planes) - sum(h + v for h, v, _ in plan.planes)
    return _channels(plan) - _channels(have), finer, plan.bits - have.bits


def as_frames(names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that a Frame can hold."""
    return tuple(name for name in names if layout(name))
