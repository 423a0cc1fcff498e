"""One scene into the next: planes of both and a share from 0 to 1 -> planes. Motions start and stop gently."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from cinemill.film.stills import Planes, flat

Mix = Callable[[Planes, Planes, float], Planes]


def mixed(name: str, before: Planes, after: Planes, share: float) -> Planes:
    """What is seen when `share` of the transition has passed."""
    return _MIXES[name](before, after, min(1.0, max(0.0, share)))


def _gently(share: float) -> float:
    return share * share * (3 - 2 * share)


def _each(function: Callable[[Any, Any, int], Any], one: Planes, two: Planes) -> Planes:
    made: Any = tuple(function(a, b, 2 if k else 1) for k, (a, b) in enumerate(zip(one, two)))
    return made


def _fade(one: Planes, two: Planes, share: float) -> Planes:
    def both(a: Any, b: Any, k: int) -> Any:
        return cv2.addWeighted(a, 1 - share, b, share, 0)

    return _each(both, one, two)


def _through(colour: str) -> Mix:
    def mix(one: Planes, two: Planes, share: float) -> Planes:
        between = flat(colour, one[0].shape[1], one[0].shape[0])
        return _fade(one, between, share * 2) if share < 0.5 else _fade(between, two, share * 2 - 1)

    return mix


def _masked(mask_of: Callable[[int, int, float], Any]) -> Mix:
    """`mask_of(width, height, share)` is 0 where the scene before is seen and 255 where the next one is."""

    def mix(one: Planes, two: Planes, share: float) -> Planes:
        height, width = one[0].shape
        mask = mask_of(width, height, share)
        small = cv2.resize(mask, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        return _each(lambda a, b, k: blended(a, b, mask if k == 1 else small), one, two)

    return mix


def blended(below: Any, above: Any, mask: Any) -> Any:
    """`above` where `mask` is 255, `below` where it is 0."""
    return cv2.add(cv2.multiply(below, cv2.bitwise_not(mask), scale=1 / 255), cv2.multiply(above, mask, scale=1 / 255))


def _wipe(dx: int, dy: int) -> Mix:
    """A soft edge that runs across, towards (dx, dy)."""

    def mask_of(width: int, height: int, share: float) -> Any:
        at = np.linspace(0, 1, width if dx else height, dtype=np.float32)
        at = at if dx + dy > 0 else 1 - at
        soft = 0.04
        line = np.clip((_gently(share) * (1 + soft) - at) / soft, 0, 1) * 255
        row = line.astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(row if dx else row[:, None], (height, width)))

    return _masked(mask_of)


def _slide(dx: int, dy: int) -> Mix:
    """The next scene pushes the one before out, towards (dx, dy), by whole pairs of pixels."""

    def mix(one: Planes, two: Planes, share: float) -> Planes:
        height, width = one[0].shape
        way = round((width if dx else height) * _gently(share) / 2) * 2

        def moved(a: Any, b: Any, k: int) -> Any:
            by = way // k
            if by == 0:
                return a
            axis = 1 if dx else 0
            a, b = (a, b) if dx + dy < 0 else (b, a)
            cut = by if dx + dy < 0 else a.shape[axis] - by
            parts = (a[:, cut:], b[:, :cut]) if dx else (a[cut:], b[:cut])
            return np.concatenate(parts, axis)

        return _each(moved, one, two)

    return mix


def _circle(opens: bool) -> Mix:
    def mask_of(width: int, height: int, share: float) -> Any:
        far = _distance(width, height)
        radius = (_gently(share) if opens else 1 - _gently(share)) * (math.hypot(width, height) / 2 + 12)
        inside = np.clip((radius - far) / 6 + 0.5, 0, 1)
        return ((inside if opens else 1 - inside) * 255).astype(np.uint8)

    return _masked(mask_of)


@lru_cache(maxsize=4)
def _distance(width: int, height: int) -> Any:
    y, x = np.ogrid[:height, :width]
    return np.hypot(x - (width - 1) / 2, y - (height - 1) / 2).astype(np.float32)


@lru_cache(maxsize=4)
def _grain(width: int, height: int) -> Any:
    small = np.random.default_rng(1).random((height // 4 + 1, width // 4 + 1), np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _dissolve() -> Mix:
    def mask_of(width: int, height: int, share: float) -> Any:
        return (np.clip((share * 1.2 - _grain(width, height)) / 0.2, 0, 1) * 255).astype(np.uint8)

    return _masked(mask_of)


def _zoom(one: Planes, two: Planes, share: float) -> Planes:
    """The scene before comes closer and goes; the next one settles."""
    eased = _gently(share)
    return _fade(_scaled(one, 1 + 0.6 * eased), _scaled(two, 1.3 - 0.3 * eased), eased)


def _scaled(planes: Planes, by: float) -> Planes:
    def closer(a: Any, _: Any, k: int) -> Any:
        height, width = a.shape
        cx, cy = (width - 1) / 2, (height - 1) / 2
        matrix = np.array([[1 / by, 0, cx - cx / by], [0, 1 / by, cy - cy / by]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(a, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)

    return _each(closer, planes, planes)


def _blur(one: Planes, two: Planes, share: float) -> Planes:
    """Out of focus, over, and back into focus."""
    height = one[0].shape[0]
    sigma = math.sin(math.pi * share) * height / 40

    def soft(a: Any, b: Any, k: int) -> Any:
        both = cv2.addWeighted(a, 1 - _gently(share), b, _gently(share), 0)
        if sigma < 0.5:
            return both
        small = 1 / max(1.0, sigma / 3)
        size = (max(8, round(a.shape[1] * small)), max(8, round(a.shape[0] * small)))
        tiny = cv2.GaussianBlur(cv2.resize(both, size, interpolation=cv2.INTER_AREA), (0, 0), sigma * small / k)
        return cv2.resize(tiny, (a.shape[1], a.shape[0]), interpolation=cv2.INTER_CUBIC)

    return _each(soft, one, two)


_MIXES: dict[str, Mix] = {
    "cut": lambda one, two, share: two,
    "fade": _fade,
    "fade-black": _through("#000000"),
    "fade-white": _through("#ffffff"),
    "dissolve": _dissolve(),
    "wipe-left": _wipe(-1, 0),
    "wipe-right": _wipe(1, 0),
    "wipe-up": _wipe(0, -1),
    "wipe-down": _wipe(0, 1),
    "slide-left": _slide(-1, 0),
    "slide-right": _slide(1, 0),
    "slide-up": _slide(0, -1),
    "slide-down": _slide(0, 1),
    "circle-open": _circle(True),
    "circle-close": _circle(False),
    "zoom": _zoom,
    "blur": _blur,
}
