"""Twice or four times the size by a small network of our own: sharper than any kernel, and it invents nothing.

Luma goes through the network, which was trained to undo averaging of two by two pixels, on pictures that a program
draws (`learn/nets.py`); all else is enlarged by Lanczos' kernel. Right for what is clean and sharp at its size; noise
is enlarged with the rest, so denoise before. 720x576 to 1440x1152: see docs/bench.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import tee
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Params, Weights
from cinemill.filters import GREY, YUV, parallel, stream_filter
from cinemill.filters.model import check_progressive

if TYPE_CHECKING:
    from cinemill.media.types import Frame

_STEP, _MARGIN = 4, 8
"""Sides come in multiples of the one; the other is how far a picture is continued beyond its edges."""


class Learned(Params):
    scale: Literal[2, 4] = 2
    """How many times as wide and high the picture gets."""
    model: Weights | None = None
    """A network of your own, as `cinemill train` makes them: a name of `cinemill models list`, or a file."""


def _check(p: Learned, frame: Frame) -> None:
    import numpy as np

    from cinemill.models.weights import network, refuse_others

    check_progressive(p, frame)
    if p.model:
        refuse_others(network("", p.model), np.zeros((1, 1, 16, 16), np.float32), (1, 1, 32, 32), p.model)


@stream_filter("upscale.learned", halo=(0, 0), accepts=YUV + GREY, check=_check)
def learned(frames: Iterator[Frame], p: Learned) -> Iterator[Frame]:
    """Enlarge with a network of our own: fast, sharp and true to the picture."""
    frames = _enlarged(frames, p.model)
    return frames if p.scale == 2 else _enlarged(frames, p.model)


def doubled(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Frames of twice the size by Lanczos' kernel."""
    from cinemill.media import lavfi

    return lavfi.run(frames, "scale=w=2*iw:h=2*ih:flags=lanczos+accurate_rnd+full_chroma_inp")


def _enlarged(frames: Iterator[Frame], model: str | None) -> Iterator[Frame]:
    from cinemill.hardware import cores
    from cinemill.models.weights import network

    small, other = tee(frames)
    return parallel(zip(small, doubled(other)), partial(_sharp, network=network("upscale-balanced", model)), cores())


def _sharp(pair: tuple[Frame, Frame], network: Callable[[Any], Any]) -> Frame:
    """The larger frame with luma from the network."""
    import cv2
    import numpy as np

    small, large = pair
    luma, top = small.planes[0], 2**small.layout.bits - 1
    height, width = luma.shape
    low, right = (_MARGIN + -length % _STEP for length in (height, width))
    wide = cv2.copyMakeBorder(luma, _MARGIN, low, _MARGIN, right, cv2.BORDER_REPLICATE)
    made = network((wide * np.float32(1 / top))[None, None])[0, 0]
    inner = made[2 * _MARGIN :][: 2 * height, 2 * _MARGIN : 2 * (_MARGIN + width)]
    values = np.rint(inner * np.float32(top)).clip(0, top).astype(luma.dtype)
    return replace(large, planes=(values, *large.planes[1:]))
