"""Where a moving camera looks: pure geometry, in fractions of a picture.

Zooming is exponential in time, so that it looks even, and the view moves so that one point of the picture stays where
it is seen: a straight line for every point, and no jitter at any speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from cinemill.film.board import Direction, Ease, KenBurns

TURNS: tuple[Direction, ...] = ("in", "right", "out", "left", "in", "up", "out", "down")
"""What `auto` does, scene by scene."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of a picture in its own pixels: left, top, width and height, not necessarily whole."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Path:
    """The camera's way from one view to another."""

    start: View
    end: View
    ease: Ease = "linear"

    @property
    def is_still(self) -> bool:
        return self.start == self.end

    def at(self, share: float) -> View:
        """The view when `share` of the time, from 0 to 1, has passed."""
        eased = _EASES[self.ease](min(1.0, max(0.0, share)))
        one, two = self.start, self.end
        ratio = two.width / one.width
        if abs(ratio - 1) < 1e-9:
            way, width, height = eased, one.width, one.height
        else:
            scale = ratio**eased
            way = (scale - 1) / (ratio - 1)
            width, height = one.width * scale, one.height * scale
        return View(
            one.left + (two.left - one.left) * way,
            one.top + (two.top - one.top) * way,
            width,
            height,
        )


_EASES: dict[Ease, Callable[[float], float]] = {
    "linear": lambda x: x,
    "in": lambda x: 1 - math.cos(x * math.pi / 2),
    "out": lambda x: math.sin(x * math.pi / 2),
    "in-out": lambda x: (1 - math.cos(x * math.pi)) / 2,
}


def widest(width: int, height: int, aspect: float, focus: tuple[float, float] = (0.5, 0.5)) -> View:
    """The largest view of a shape (width / height) in a picture of `width` x `height`, as near `focus` as it can be."""
    w, h = (width, width / aspect) if width / height <= aspect else (height * aspect, height)
    return View((width - w) * focus[0], (height - h) * focus[1], w, h)


def path(
    ken_burns: KenBurns | None, width: int, height: int, aspect: float, focus: tuple[float, float], turn: int
) -> Path:
    """The way of the camera over a picture of `width` x `height`; `turn` counts the scenes, for `auto`."""
    base = widest(width, height, aspect, focus)
    if ken_burns is None:
        return Path(base, base)
    if ken_burns.start or ken_burns.end:
        whole = (0.0, 0.0, 1.0, 1.0)
        one = _shaped(ken_burns.start or whole, width, height, aspect, focus if not ken_burns.start else None)
        two = _shaped(ken_burns.end or whole, width, height, aspect, focus if not ken_burns.end else None)
        return Path(one, two, ken_burns.ease)
    move = TURNS[turn % len(TURNS)] if ken_burns.move == "auto" else ken_burns.move
    if move == "none":
        return Path(base, base)
    if move in ("in", "out"):
        near = _closer(base, ken_burns.zoom, focus)
        return Path(base, near, ken_burns.ease) if move == "in" else Path(near, base, ken_burns.ease)
    return _pan(move, base, ken_burns, width, height)


def _shaped(
    rect: tuple[float, float, float, float],
    width: int,
    height: int,
    aspect: float,
    focus: tuple[float, float] | None,
) -> View:
    """A rectangle in fractions as a view of the shape asked for: the largest inside it."""
    left, top, w, h = rect[0] * width, rect[1] * height, rect[2] * width, rect[3] * height
    inner = widest(1, 1, aspect * h / w, focus or (0.5, 0.5))
    return View(left + inner.left * w, top + inner.top * h, inner.width * w, inner.height * h)


def _closer(view: View, zoom: float, focus: tuple[float, float]) -> View:
    w, h = view.width / zoom, view.height / zoom
    return View(view.left + (view.width - w) * focus[0], view.top + (view.height - h) * focus[1], w, h)


def _pan(move: str, base: View, ken_burns: KenBurns, width: int, height: int) -> Path:
    """Along the picture, over what cover cuts off where there is enough of it."""
    rights = ("right" in move) - ("left" in move)
    downs = ("down" in move) - ("up" in move)
    room = (width - base.width if rights else math.inf, height - base.height if downs else math.inf)
    enough = min(room) >= 0.15 * min(base.width, base.height)
    view = base if enough else _closer(base, ken_burns.zoom, (0.5, 0.5))
    span_x, span_y = width - view.width, height - view.height
    if enough and rights and downs:
        span_x, span_y = min(span_x, span_y), min(span_x, span_y)

    def ends(span: float, size: float, room: float, sense: int, own: float) -> tuple[float, float]:
        if not sense:
            return own, own
        span = min(span, size * 0.5)  # farther than half a picture is a rush
        middle = room / 2
        return middle - sense * span / 2, middle + sense * span / 2

    own_left = base.left + (base.width - view.width) / 2
    own_top = base.top + (base.height - view.height) / 2
    left0, left1 = ends(span_x, view.width, width - view.width, rights, own_left)
    top0, top1 = ends(span_y, view.height, height - view.height, downs, own_top)
    return Path(View(left0, top0, view.width, view.height), View(left1, top1, view.width, view.height), ken_burns.ease)
