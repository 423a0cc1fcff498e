"""Film-like grain: soft noise, strongest in the middle tones, never the same twice.

It gives a texture again to what was denoised or upscaled, and keeps encoders from banding. The noise of a frame is
drawn from its time and the seed, so that a picture gets the same grain however the stream was cut. Put it last, and
expect the file to grow. Source: the variance follows the silver's coverage x as x(1 - x), as in the Boolean model of
A. Newson, J. Delon, B. Galerne, A stochastic film grain model for resolution-independent rendering, 2017.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field, Params
from cinemill.filters import GREY, YUV, frame_filter

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats
    from cinemill.media.types import Frame, Plane

_STRONGEST = 16.0
"""Standard deviation in middle grey at full strength, in 8-bit code values."""


class Grain(Params):
    strength: float = Field(0.3, ge=0, le=1)
    """Standard deviation of the grain in middle grey, of 16 code values at 1. 0 leaves the picture as it is."""
    size: float = Field(1.4, ge=0.5, le=16, unit="px")
    """Width of a grain."""
    colour: float = Field(0.3, ge=0, le=1)
    """Grain in the colours, as a share of that in luma. 0 is black-and-white grain."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Another number gives another grain."""


@frame_filter("grain", accepts=YUV + GREY)
def grain(frame: Frame, p: Grain) -> Frame:
    """Add grain as of film."""
    import cv2
    import numpy as np

    time = frame.pts * frame.time_base
    dice = np.random.default_rng([p.seed, time.numerator % 2**63, time.denominator])
    scale = 2 ** (frame.layout.bits - 8)
    visible = _weights(frame.layout.bits, frame.colour.range == "full")[frame.planes[0]]
    planes: list[Plane] = []
    for number, (plane, (h, v, _)) in enumerate(zip(frame.planes, frame.layout.planes)):
        sigma = scale * _STRONGEST * p.strength * (p.colour if number else 1)
        weight = cv2.resize(visible, plane.shape[::-1], interpolation=cv2.INTER_AREA) if number else visible
        noise = _noise(dice, plane.shape, p.size / (1 << h), p.size / (1 << v)) if sigma else 0
        values = plane + np.float32(sigma) * weight * noise
        planes.append(np.clip(np.rint(values), 0, 2**frame.layout.bits - 1).astype(plane.dtype))
    return replace(frame, planes=tuple(planes))


@lru_cache(maxsize=8)
def _weights(bits: int, full: bool) -> Floats:
    """How much of the grain each code value of luma shows: 1 in the middle, 0 in black and white."""
    import numpy as np

    top = (1 << bits) - 1
    low, high = (0, top) if full else (16 << (bits - 8), 235 << (bits - 8))
    value = np.clip((np.arange(top + 1) - low) / (high - low), 0, 1)
    return np.sqrt(4 * value * (1 - value)).astype(np.float32)


def _noise(dice: Any, shape: tuple[int, ...], width: float, height: float) -> Floats:
    """Noise of unit variance, in grains of a width and a height in samples."""
    import cv2
    import numpy as np

    kernels = [cv2.getGaussianKernel(2 * int(1.5 * size) + 3, size / 2, cv2.CV_32F) for size in (width, height)]
    along, down = (kernel / np.sqrt((kernel * kernel).sum()) for kernel in kernels)
    white = dice.standard_normal(shape, np.float32)
    return np.asarray(cv2.sepFilter2D(white, -1, along, down, borderType=cv2.BORDER_REFLECT_101), np.float32)
