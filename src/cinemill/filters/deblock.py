"""Blocks of strong compression smoothed: DVD, DV, camcorders and the early web.

The picture is coded and decoded anew in many shifted grids of blocks, and the mean is taken, so that no grid shows.
Frames in which no grid of 8 is seen stay as they are: jumps in luma that stand out from both sides must be larger every
eighth column or line than elsewhere. More than 8 bits are kept: what changes in the upper 8 is added. Interlaced frames
are treated field by field.
Source: A. Nosratinia, Embedded post-processing for enhancement of compressed images, 1999, as FFmpeg's spp by
M. Niedermayer; of FFmpeg's deblock, pp7, fspp and spp it brought pictures of MPEG-2, MPEG-4, H.263, JPEG and unfiltered
H.264 nearest to the original (by 0.2 to 1.3 dB). Wrong for pictures that were scaled after coding, whose blocks are of
another size, and for mosquito noise, which the mean keeps in part.
720x576: 25 frames/s on one core.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params
from cinemill.filters import YUV, stream_filter

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats
    from cinemill.media.types import Frame, Plane

_COARSEST = 16
"""Quantiser, on MPEG's scale to 31, that blocks are coded anew with at full strength."""
_CLEAN, _BLOCKED = 1.3, 1.8
"""How much larger jumps are on a grid of 8 than off it: below, a frame stays; from the second on it is changed fully.

Clean pictures have up to 1.2, MPEG-2 at a quantiser of 12 from 2.
"""
_LARGEST = 24.0
"""Code values of a jump that count, so that outlines of things do not decide."""


class Deblock(Params):
    strength: float = Field(0.5, ge=0, le=1)
    """How strongly: the quantiser that is assumed, 8 at 0.5 and 16 at 1. 0 leaves the picture as it is."""


@stream_filter("deblock", halo=(0, 0), accepts=(*YUV, "gray"))
def deblock(frames: Iterator[Frame], p: Deblock) -> Iterator[Frame]:
    """Smooth the blocks of strong compression."""
    from cinemill.media import lavfi

    waiting: deque[Frame] = deque()

    def sent() -> Iterator[Frame]:
        for frame in frames:
            waiting.append(frame)
            yield _shallow(frame)

    graph = f"spp=quality=4:qp={max(1, round(_COARSEST * p.strength))}"
    for smooth in lavfi.run(sent(), graph):
        yield _mixed(waiting.popleft(), smooth)


def _shallow(frame: Frame) -> Frame:
    """The upper 8 bits, with the fields of an interlaced frame one below the other."""
    import numpy as np

    shift = frame.layout.bits - 8
    planes = [(plane >> shift).astype(np.uint8) for plane in frame.planes]
    if frame.field_order != "progressive":
        planes = [np.concatenate([plane[0::2], plane[1::2]]) for plane in planes]
    return replace(frame, planes=tuple(planes), format=re.sub(r"\d+le$", "", frame.format))


def _mixed(frame: Frame, smooth: Frame) -> Frame:
    """`frame` with what smoothing did to its upper 8 bits, as far as blocks are seen in it."""
    import numpy as np

    before = _shallow(frame)
    share = float(np.clip((_blockiness(before.planes[0]) - _CLEAN) / (_BLOCKED - _CLEAN), 0, 1))
    if not share:
        return frame
    scale, top = share * 2 ** (frame.layout.bits - 8), 2**frame.layout.bits - 1
    planes: list[Plane] = []
    for plane, old, new in zip(frame.planes, before.planes, smooth.planes):
        change = _unstacked(new.astype(np.float32) - old, frame)
        planes.append(np.clip(np.rint(plane + np.float32(scale) * change), 0, top).astype(plane.dtype))
    return replace(frame, planes=tuple(planes))


def _unstacked(values: Floats, frame: Frame) -> Floats:
    import numpy as np

    if frame.field_order == "progressive":
        return values
    woven = np.empty_like(values)
    upper = (len(values) + 1) // 2
    woven[0::2], woven[1::2] = values[:upper], values[upper:]
    return woven


def _blockiness(luma: Plane) -> float:
    """How many times larger the jumps from one column or line to the next are on the worst grid of 8 than off it."""
    import numpy as np

    values = luma.astype(np.float32)
    return max(_on_grid(values), _on_grid(values.T))


def _on_grid(values: Floats) -> float:
    import numpy as np

    if values.shape[1] < 32:
        return 0.0
    steps = np.abs(np.diff(values, axis=1))
    # What is steeper than on either side is a jump; slopes are not.
    jumps = np.clip(steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2, 0, _LARGEST).mean(axis=0)
    phases = np.array([jumps[phase::8].mean() for phase in range(8)])
    others = np.delete(phases, phases.argmax())
    # A trace is added so that a picture without any jump has no blocks.
    return float((phases.max() + 0.02) / (np.median(others) + 0.02))
