"""Moving pictures without photographs, as clean progressive frames: the original that a demo damages and restores."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.learn.scenery import SCENES, title
from cinemill.learn.stage import Scene
from cinemill.learn.textures import Image
from cinemill.media.colour import Colour
from cinemill.media.types import Frame

# Kr and Kb of ITU-R BT.601 and BT.709.
_WEIGHTS = {"smpte170m": (0.299, 0.114), "bt470bg": (0.299, 0.114), "bt709": (0.2126, 0.0722)}


def cuts(seconds: float, seed: int) -> tuple[Fraction, ...]:
    """When each scene starts, in seconds: 0 first, then every 2.4 to 3.6 s, on multiples of 0.2 s."""
    rng = np.random.default_rng([seed, 1])
    starts = [Fraction(0)]
    while True:
        following = starts[-1] + Fraction(int(rng.integers(12, 19)), 5)
        if following > Fraction(seconds) - Fraction(6, 5):
            return tuple(starts)
        starts.append(following)


def scenes(
    width: int, height: int, rate: Fraction, seconds: float, seed: int, sar: Fraction = Fraction(1)
) -> Iterator[Frame]:
    """Progressive yuv420p frames, `rate` per second (a tape's field rate), limited range, time_base 1/rate.

    A title card, then scenes in an order that the seed decides, cut at `cuts(seconds, seed)`. BT.601 below 720
    lines, BT.709 from there on; circles are round on pixels of shape `sar`. The same arguments give the same pixels.
    """
    colour = _colour(height)
    starts = cuts(seconds, seed)
    shown, scene = -1, None
    for pts in range(ceil(Fraction(seconds) * rate)):
        time = pts / rate
        number = bisect_right(starts, time) - 1
        if scene is None or number != shown:
            shown, scene = number, _scene(number, seed, float(width * sar / height), height)
        rgb = scene.picture(float(time - starts[number]), width, height, float(sar))
        yield Frame(yuv420p(rgb, colour), "yuv420p", pts, 1 / Fraction(rate), 1, colour, sar)


def _scene(number: int, seed: int, aspect: float, height: int) -> Scene:
    rng = np.random.default_rng([seed, 2, number])
    if number == 0:
        return title(rng, aspect, height)
    order = np.random.default_rng([seed, 3]).permutation(len(SCENES))
    return SCENES[order[(number - 1) % len(SCENES)]](rng, aspect, height)


def _colour(height: int) -> Colour:
    if height >= 720:
        return Colour("bt709", "bt709", "bt709", "limited")
    if height == 576:
        return Colour("bt470bg", "bt470bg", "bt709", "limited")
    return Colour("smpte170m", "smpte170m", "smpte170m", "limited")


def yuv420p(rgb: Image, colour: Colour) -> tuple[NDArray[np.uint8], ...]:
    """R'G'B' (H, W, 3) uint8 as (Y', Cb, Cr) uint8, limited range; chroma sits left, as in MPEG-2.

    Source: ITU-R BT.601-7 §2.5.2 and BT.709-6 §3.4: Y' = 16 + 219 E'y, C = 128 + 224 E'c.
    """
    kr, kb = _WEIGHTS[colour.matrix]
    luma = np.array([kr, 1 - kr - kb, kb])
    blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - kb))
    red = (np.array([1, 0, 0]) - luma) / (2 * (1 - kr))
    gains = np.stack([219 * luma, 224 * blue, 224 * red]) / 255
    matrix = np.column_stack([gains, [16, 128, 128]]).astype(np.float32)
    y, cb, cr = cv2.split(cv2.transform(rgb.astype(np.float32), matrix))
    return _whole(y), _whole(_halved(cb)), _whole(_halved(cr))


def _halved(plane: NDArray[Any]) -> NDArray[Any]:
    """Half as many columns by (1 2 1)/4 around every other one, half as many lines by the mean of two."""
    height, width = plane.shape
    even = cv2.copyMakeBorder(plane, 0, height % 2, 1, 1 + width % 2, cv2.BORDER_REPLICATE)
    lines = even[::2] + even[1::2]
    left, middle, right = (lines[:, at : at + width + width % 2 : 2] for at in range(3))
    return (left + 2 * middle + right) / 8


def _whole(plane: NDArray[Any]) -> NDArray[np.uint8]:
    return np.rint(plane).astype(np.uint8)
