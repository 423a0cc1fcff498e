"""Outlines as drawn with a pen: where brightness bends, along the edge and not across it, as wide everywhere.

A difference of Gaussians across the edge, averaged along it, on about 540 lines; the direction comes from the smoothed
structure tensor. Averaging joins what belongs to one line and drops specks. Sources: H. Kang, S. Lee, C. K. Chui,
Flow-based image abstraction, 2009; H. Winnemöller, J. E. Kyprianidis, S. C. Olsen, XDoG, 2012.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cinemill.filters.drawing import scaled

if TYPE_CHECKING:
    from cinemill.media.types import Plane

_RATIO = 1.6
"""Of the two Gaussians: the value at which their difference is nearest to the Laplacian."""
_STRIDE = 2.0
"""Pixels along an edge, to either side, to the places that each is averaged with."""
_THINNEST = 0.8
"""Sigma, in pixels, below which a line would fall between them."""


def outlines(luma: Plane, width: float, detail: float) -> Plane:
    """How black a pen makes each pixel of `luma`, (H, W) uint8, 0 to 255.

    `width` of the lines is in pixels of this picture; `detail` from 0 to 1 says how faint an edge may be.
    """
    import cv2
    import numpy as np

    sigma = max(_THINNEST, 0.5 * width)
    fine = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), sigma)
    bend = fine - cv2.GaussianBlur(fine, (0, 0), sigma * float(np.sqrt(_RATIO**2 - 1)))
    along = _averaged_along(bend, *_tangents(fine))
    faintest = 6.0 * (1 - detail) ** 2 + 0.5
    return np.asarray(cv2.convertScaleAbs(np.minimum(along + np.float32(faintest), 0), None, 70))


def _tangents(luma: Any) -> tuple[Any, Any]:
    """A step along the edge at each pixel: columns and rows, (H, W) float32 each."""
    import cv2
    import numpy as np

    height, width = luma.shape
    small = (max(1, width // 2), max(1, height // 2))
    low = cv2.resize(luma, small, interpolation=cv2.INTER_AREA)
    across, down = cv2.Sobel(low, cv2.CV_32F, 1, 0), cv2.Sobel(low, cv2.CV_32F, 0, 1)
    even = cv2.GaussianBlur(across * across - down * down, (0, 0), 2)
    odd = cv2.GaussianBlur(2 * across * down, (0, 0), 2)
    angle = cv2.phase(even, odd) / 2 + np.float32(np.pi / 2)
    cosine, sine = cv2.polarToCart(np.full_like(angle, _STRIDE), angle)
    return cv2.resize(cosine, (width, height)), cv2.resize(sine, (width, height))


def _averaged_along(values: Any, right: Any, down: Any) -> Any:
    """The mean of each value and of those a step away to either side."""
    import cv2

    columns, rows = _places(*values.shape)
    total = values.copy()
    for x, y in ((columns + right, rows + down), (columns - right, rows - down)):
        cv2.add(total, cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), total)
    return total / 3


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> tuple[Any, Any]:
    """The column and the row of every pixel, (H, W) float32 each."""
    import numpy as np

    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return columns, rows


def enlarged(lines: Plane, size: tuple[int, int]) -> Plane:
    """Lines at another (width, height), with edges as sharp as that allows."""
    import cv2

    if lines.shape[:2] == (size[1], size[0]):
        return lines
    wide = cv2.resize(lines, size, interpolation=cv2.INTER_LINEAR)
    return scaled(wide, 1.9, -114)


def inked(plane: Plane, black: Plane, number: int) -> Plane:
    """Plane `number` under black ink of its size: luma goes to 0, colour differences to 128."""
    import cv2

    under = cv2.multiply(plane, cv2.bitwise_not(black), scale=1 / 255)
    return cv2.addWeighted(under, 1, black, 128 / 255, 0) if number else under
