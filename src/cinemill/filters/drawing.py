"""What filters that draw share: a frame as they see it, what they drew as a frame again, and paper to draw on.

Drawings are made in 8 bits whatever the depth of the stream, from black 0 to white 255: paper, flats and dots have no
finer tones. What is mixed in of the picture itself keeps its depth. Sizes are given for pictures of 1080 lines and grow
with the picture, so that 4K looks the same; smooth things are worked out on about 540 lines, where they cost little.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane

_LINES = 540
"""Lines, about, of the picture that smooth things are worked out on."""
_COARSEST = 1 / 3
TILE = 512
"""Side of a tile of paper; it repeats without a seam."""


def unit(frame: Frame) -> float:
    """Pixels of the frame that are one in a picture of 1080 lines; on few lines, things are drawn larger than that."""
    return max(_COARSEST, frame.height / 1080)


def seen(frame: Frame) -> tuple[Plane, ...]:
    """Luma from 0 to 255 and colour differences around 128 as of full range; uint8, each plane at its own size."""
    import cv2

    bits = frame.layout.bits
    planes: list[Plane] = []
    for plane, (zero, size, middle) in zip(frame.planes, ranges(frame)):
        if bits == 8:
            same = zero == middle and size == 255
            planes.append(plane if same else scaled(plane, 255 / size, middle - zero * 255 / size))
        else:
            # Blacker than black would come back as its opposite.
            floor = round(zero - middle * size / 255)
            held = at_least(plane, max(0, floor))
            planes.append(cv2.convertScaleAbs(held, None, 255 / size, middle - zero * 255 / size))
    return tuple(planes)


def drawn(frame: Frame, planes: tuple[Plane, ...], strength: float) -> Frame:
    """`frame` with what was drawn, as `seen` gives it, in its own depth and range; mixed in by `strength`."""
    import cv2
    import numpy as np

    top = (1 << frame.layout.bits) - 1
    made: list[Plane] = []
    for own, new, (zero, size, middle) in zip(frame.planes, planes, ranges(frame)):
        table = np.clip(np.rint((np.arange(256) - middle) * (size / 255) + zero), 0, top).astype(own.dtype)
        same = own.dtype == np.uint8 and zero == middle and size == 255
        made.append(new if same else np.asarray(cv2.LUT(new, table)))
    return mixed(frame, tuple(made), strength)


def scaled(plane: Plane, gain: float, offset: float = 0.0) -> Plane:
    """gain * plane + offset, rounded and kept within what its type holds."""
    import cv2

    return cv2.addWeighted(plane, gain, plane, 0, offset)


def at_least(plane: Plane, floor: int) -> Plane:
    """`plane` with what is below `floor` raised to it."""
    import cv2
    import numpy as np

    bound: Any = float(floor)
    # Several times as fast, but a few values are taken for one of many channels.
    return cv2.max(plane, bound) if plane.size > 4 else np.maximum(plane, plane.dtype.type(floor))


def mixed(frame: Frame, planes: tuple[Plane, ...], strength: float) -> Frame:
    """`frame` with other planes of its format, by `strength`."""
    import cv2

    if strength < 1:
        both = zip(frame.planes, planes)
        planes = tuple(cv2.addWeighted(own, 1 - strength, new, strength, 0) for own, new in both)
    return replace(frame, planes=planes)


def ranges(frame: Frame) -> list[tuple[float, float, float]]:
    """For each plane the code value that is 0 or 128 to a drawing, how many are 255 steps, and that 0 or 128."""
    bits = frame.layout.bits
    grey = frame.layout.family == "grey"
    middle = 2.0 ** (bits - 1)
    if frame.colour.range == "full" or (grey and frame.colour.range != "limited"):
        top = 2.0**bits - 1
        return [(0.0, top, 0.0), (middle, top, 128.0), (middle, top, 128.0)]
    step = 2.0 ** (bits - 8)
    return [(16 * step, 219 * step, 0.0), (middle, 224 * step, 128.0), (middle, 224 * step, 128.0)]


def differences(frame: Frame) -> tuple[float, float]:
    """How much red and blue count in luma, by the frame's matrix."""
    matrix = frame.colour.effective_matrix(frame.height)
    return {"bt709": (0.2126, 0.0722), "bt2020nc": (0.2627, 0.0593), "bt2020c": (0.2627, 0.0593)}.get(
        matrix, (0.299, 0.114)
    )


def rgb_of_yuv(red: float, blue: float) -> Any:
    """(3, 3) of full-range luma and differences, for the weights of red and blue in luma."""
    import numpy as np

    green = 1 - red - blue
    by_blue, by_red = 2 - 2 * blue, 2 - 2 * red
    return np.array([[1, 0, by_red], [1, -by_blue * blue / green, -by_red * red / green], [1, by_blue, 0]])


def work_size(frame: Frame) -> tuple[int, int]:
    """Width and height of the reduced picture: the frame's, divided by a whole number."""
    fold = max(1, round(frame.height / _LINES))
    return -(-frame.width // fold), -(-frame.height // fold)


def resized(plane: Any, size: tuple[int, int]) -> Any:
    """A plane at another (width, height): averaged down, linear up."""
    import cv2

    width, height = size
    if plane.shape[:2] == (height, width):
        return plane
    smaller = width <= plane.shape[1] and height <= plane.shape[0]
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def shape_of(frame: Frame) -> tuple[int, int]:
    """(width, height), as OpenCV wants it."""
    return frame.width, frame.height


@lru_cache(maxsize=4)
def paper(height: int, width: int, grain: float, seed: int = 0) -> Plane:
    """(height, width) uint8: how high paper is, evenly from 0 to 255, in bumps `grain` px wide; read-only."""
    return tiled(_bumps(grain, seed), height, width)


def tiled(tile: Plane, height: int, width: int) -> Plane:
    """A tile repeated over a plane; read-only."""
    import numpy as np

    down, across = -(-height // tile.shape[0]), -(-width // tile.shape[1])
    plane = np.ascontiguousarray(np.tile(tile, (down, across))[:height, :width])
    plane.flags.writeable = False
    return plane


@lru_cache(maxsize=4)
def _bumps(grain: float, seed: int) -> Plane:

    values = noise(TILE, grain, seed) + 0.6 * noise(TILE, 3 * grain, seed + 1)
    return levelled(values)


def noise(side: int, width: float, seed: int) -> Any:
    """(side, side) float32 Gaussian noise of unit variance in grains `width` px wide, without a seam."""
    import numpy as np

    dice = np.random.default_rng(seed)
    waves = np.fft.rfft2(dice.standard_normal((side, side)))
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    waves *= np.exp(-((np.pi * width / 2) ** 2) * (down**2 + across**2))
    values = np.fft.irfft2(waves, (side, side))
    return (values / values.std()).astype(np.float32)


def levelled(values: Any) -> Plane:
    """Numbers as uint8 by their rank: each code value as often as any other."""
    import numpy as np

    ranks = np.empty(values.size, np.float64)
    ranks[np.argsort(values, axis=None, kind="stable")] = np.arange(values.size)
    return (ranks * (256 / values.size)).astype(np.uint8).reshape(values.shape)
