"""What lies over the picture: premultiplied planes that cover a part of it, laid on without touching the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.film.stills import TO_YUV, Planes


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A part of the picture at (`left`, `top`), even numbers. `planes` are Y, Cb, Cr times how much they cover;
    `through` says, for light and for colour, how much of what is below comes through (255 all of it)."""

    left: int
    top: int
    planes: tuple[NDArray[np.uint8], ...]
    through: tuple[NDArray[np.uint8], ...]


def of_rgba(rgba: NDArray[np.uint8], left: int, top: int, opacity: float = 1.0) -> Layer | None:
    """A layer from premultiplied RGBA (H, W, 4) at a place in the picture; None where it covers nothing."""
    x0, y0, wide, tall = cv2.boundingRect(cv2.extractChannel(rgba, 3))
    if not wide:
        return None
    y1, x1 = y0 + tall, x0 + wide
    # Whole pairs of pixels of the picture, since two share a colour.
    y0, x0 = y0 - (y0 + top) % 2, x0 - (x0 + left) % 2
    height, width = -(-(y1 - y0) // 2) * 2, -(-(x1 - x0) // 2) * 2
    part = np.zeros((height, width, 4), np.uint8)
    inner = rgba[max(0, y0) : y1, max(0, x0) : x1]
    part[max(0, -y0) : max(0, -y0) + inner.shape[0], max(0, -x0) : max(0, -x0) + inner.shape[1]] = inner
    if opacity < 1:
        part = cv2.convertScaleAbs(part, alpha=opacity)
    # Premultiplied: what is added to each value, 16 or 128, counts as much as the pixel covers.
    matrix = np.zeros((4, 4))
    matrix[:3, :3] = TO_YUV[:, :3]
    matrix[:3, 3] = TO_YUV[:, 3] / 255
    matrix[3, 3] = 1
    yuva = cv2.transform(part, matrix)
    small = cv2.resize(yuva, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    y, a = cv2.extractChannel(yuva, 0), cv2.extractChannel(yuva, 3)
    _, u, v, half = cv2.split(small)
    planes: Any = (y, u, v)
    through: Any = (cv2.bitwise_not(a), cv2.bitwise_not(half))
    return Layer(x0 + left, y0 + top, planes, through)


def of_picture(rgb: NDArray[np.uint8], opacity: Any, width: int) -> NDArray[np.uint8]:
    """A picture as premultiplied RGBA, `width` pixels wide."""
    alpha = np.full(rgb.shape[:2], 255, np.uint8) if opacity is None else opacity
    height = max(1, round(rgb.shape[0] * width / rgb.shape[1]))
    share = alpha[:, :, None].astype(np.uint16)
    premultiplied = np.dstack([((rgb * share + 127) // 255).astype(np.uint8), alpha])
    how = cv2.INTER_AREA if width <= rgb.shape[1] else cv2.INTER_CUBIC
    made: Any = cv2.resize(premultiplied, (width, height), interpolation=how)
    return made


def laid(planes: Planes, layers: list[Layer]) -> Planes:
    """`planes` under `layers`, the last of them on top. Planes that can be written into are."""
    if not layers:
        return planes
    made: Any = tuple(plane if plane.flags.writeable else plane.copy() for plane in planes)
    for layer in layers:
        for k, plane in enumerate(made):
            step = 2 if k else 1
            y, x = layer.top // step, layer.left // step
            source, through = layer.planes[k], layer.through[min(k, 1)]
            y0, x0 = max(0, -y), max(0, -x)
            room = plane[y + y0 : y + source.shape[0], x + x0 : x + source.shape[1]]
            if not room.size:
                continue
            source = source[y0 : y0 + room.shape[0], x0 : x0 + room.shape[1]]
            through = through[y0 : y0 + room.shape[0], x0 : x0 + room.shape[1]]
            room[:] = cv2.add(cv2.multiply(room, through, scale=1 / 255), source)
    return made
