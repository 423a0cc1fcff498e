"""Logos, dates and dirt that stays filled: with what was seen there in other frames, else with something likely.

Where the picture moves, what a logo hides is seen a few frames before or after. The motion around the mask is carried
on into it, and each of its pixels is taken from the nearest frame in which what is there lay outside. What no frame
shows is continued from the rim (M. Bertalmio et al., 2001), or made up by a network (LaMa). The rest keeps its bits.
Wrong where things move behind the mask otherwise than around it; a still picture behind a logo is only guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import model_validator

from cinemill.catalogue import Field, Params, Weights
from cinemill.errors import InvalidParams
from cinemill.filters import Halo, stream_filter
from cinemill.filters.model import PICTURES, Device, check_progressive
from cinemill.filters.neighbours import windows

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Flow, Motion, Still
    from cinemill.media.types import Frame, Plane
    from cinemill.models.lama import Network

AUTO = "auto"
_BOX = re.compile(r"(\d+)x(\d+)\+(\d+)\+(\d+)")
_STEPS = (1, 2, 3, 5, 8, 12, 18, 27, 40)
"""Distances in frames at which others are asked: what is uncovered soon after is uncovered a little later too."""
_RADIUS = 4
"""Pixels around a place that continue it from the rim."""


class Masked(Params):
    """Where a film is to be filled."""

    mask: Path | None = Field(None, file="image")
    """A picture of the frame's size, or to be scaled to it, that is bright where the film is to be filled."""
    left: int = Field(0, ge=0, unit="px")
    """Where the box begins that is filled when there is no mask."""
    top: int = Field(0, ge=0, unit="px")
    """Where the box begins, from above."""
    width: int = Field(0, ge=0, unit="px")
    """Width of the box."""
    height: int = Field(0, ge=0, unit="px")
    """Height of the box."""
    box: str = ""
    """Boxes as WIDTHxHEIGHT+LEFT+TOP, several with spaces between; auto finds what stays while the picture moves."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.mask is None and not (self.width and self.height) and not self.box:
            raise ValueError("give a mask, a box by left, top, width and height, or box=auto")
        if self.box != AUTO and not all(_BOX.fullmatch(word) for word in self.box.split()):
            raise ValueError(f"box={self.box} must be {AUTO}, or boxes such as 120x40+600+20")
        return self

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Left, top, width and height of all boxes."""
        found = [_BOX.fullmatch(word) for word in self.box.split() if self.box != AUTO]
        given = [tuple(map(int, match.groups())) for match in found if match]
        own = [(self.left, self.top, self.width, self.height)] if self.width and self.height else []
        return [*own, *((left, top, width, height) for width, height, left, top in given)]


class Inpaint(Masked):
    window: int = Field(18, ge=0, le=40, unit="frames")
    """How far before and after each frame it is looked for what is hidden."""
    model: Weights | None = None
    """LaMa, for what no frame shows: a name of `cinemill models list`, or a file. Left out, the rim is continued."""
    device: Device = "auto"


M = TypeVar("M", bound=Masked)


def settled(p: M, sampled: Callable[[], Sequence[Frame]]) -> tuple[M, str] | None:
    """Where `auto` is, by pictures from all over the film. Raises InvalidParams where nothing is found."""
    if p.box != AUTO:
        return None
    from cinemill.measure.overlay import overlays

    found = overlays(sampled())
    if not found:
        raise InvalidParams(
            "inpaint: box=auto finds nothing that stays while the picture moves; give a box by left, top, width and "
            "height, or a mask."
        )
    said = " ".join(f"{width}x{height}+{left}+{top}" for left, top, width, height in found)
    return p.model_copy(update={"box": said}), f"What stays while the picture moves, and is filled: {said}."


def _halo(p: Inpaint) -> Halo:
    return p.window, p.window


def _check(p: Inpaint, frame: Frame) -> None:
    check_progressive(p, frame)
    mask_of(p, frame)
    _network(p)


@dataclass(frozen=True, eq=False)
class _Shot:
    """A frame, and its guide with the masked part continued from its rim, so that a logo does not hold the motion."""

    frame: Frame
    still: Still
    guide: Plane


@stream_filter("inpaint", halo=_halo, accepts=PICTURES[:-2], check=_check, settle=settled)
def inpaint(frames: Iterator[Frame], p: Inpaint) -> Iterator[Frame]:
    """Fill a part of the picture that is to be seen no more: a logo, a date, a hair in the gate."""
    from cinemill.measure.motion import Motion

    first = next(frames, None)
    if first is None:
        return
    motion, network = Motion(), _network(p)
    masks = masks_of(mask_of(p, first), first)
    for window, place in windows(_shots(first, frames, masks[0]), p.window, p.window):
        yield _filled(window, place, masks, motion, network)


def _shots(first: Frame, rest: Iterable[Frame], mask: Plane) -> Iterator[_Shot]:
    from itertools import chain

    import cv2
    import numpy as np

    from cinemill.measure.motion import Still

    for frame in chain([first], rest):
        still = Still(frame.planes, frame.layout.bits)
        hole = cv2.resize(mask, still.guide.shape[::-1], interpolation=cv2.INTER_AREA)
        wide = cv2.dilate((hole > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
        yield _Shot(frame, still, np.asarray(cv2.inpaint(still.guide, wide, _RADIUS, cv2.INPAINT_NS)))


def _filled(
    window: Sequence[_Shot], place: int, masks: Sequence[Plane], motion: Motion, network: Network | None
) -> Frame:
    import numpy as np

    here = window[place]
    values = [plane.copy() for plane in here.still.values]
    lacking = [mask > 0 for mask in masks]
    for flow, other in _others(window, place, masks[0], motion):
        for number, plane in enumerate(values):
            seen, there = _fetched(other.still.values[number], masks[number], flow)
            usable = lacking[number] & there
            plane[usable] = seen[usable]
            lacking[number] &= ~usable
        if not any(hole.any() for hole in lacking):
            break
    made = tuple(here.still.rounded(number, plane) for number, plane in enumerate(values))
    planes = _continued(made, lacking) if network is None else _invented(here.frame, made, lacking, network)
    # What is not masked keeps its bits; where nothing is rounded that is so already, but for depths beyond float32.
    kept = tuple(np.where(mask > 0, new, old) for mask, new, old in zip(masks, planes, here.frame.planes))
    return replace(here.frame, planes=kept)


def _others(window: Sequence[_Shot], place: int, mask: Plane, motion: Motion) -> Iterator[tuple[Flow, _Shot]]:
    """Frames of the scene, the nearest first, with the motion to them carried on into the mask."""
    from cinemill.measure.motion import Match

    here = window[place]
    ends = [False, False]
    for step in _STEPS:
        for side, at in enumerate((place - step, place + step)):
            if ends[side] or not 0 <= at < len(window):
                continue
            other = window[at]
            flow = motion.flow(here.guide, other.guide)
            if Match(other.still, flow).is_other_scene(here.still):
                ends[side] = True
                continue
            yield _carried_on(flow, mask), other


def _carried_on(flow: Flow, mask: Plane) -> Flow:
    """`flow` with what it is around the mask continued inside: averaged over ever wider surroundings that know."""
    import cv2
    import numpy as np

    hole = cv2.resize(mask, flow.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    known = (~cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)).astype(np.float32)
    made = flow * known[..., None]
    done = known > 0
    for size in (9, 17, 33, 65, 129, 257):
        share = cv2.blur(known, (size, size))
        fresh = ~done & (share > 0.05)
        around = cv2.blur(flow * known[..., None], (size, size))
        made[fresh] = around[fresh] / share[fresh][:, None]
        done |= fresh
        if done.all():
            break
    return made


def _fetched(values: Floats, mask: Plane, flow: Flow) -> tuple[Floats, Plane]:
    """A plane of another frame moved here, and where it is neither masked nor beyond its borders."""
    import cv2
    import numpy as np

    from cinemill.measure.motion import moved, places

    height, width = values.shape
    free = moved((mask == 0).astype(np.float32), flow) > 0.999
    wide = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    columns, rows = places(height, width)
    x = columns + wide[..., 0] * np.float32(width / flow.shape[1])
    y = rows + wide[..., 1] * np.float32(height / flow.shape[0])
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return moved(values, flow, sharp=True), free & inside


def _continued(planes: Sequence[Plane], lacking: Sequence[Plane]) -> tuple[Plane, ...]:
    """Planes with what is still lacking continued from its rim."""
    import cv2
    import numpy as np

    made: list[Plane] = []
    for plane, hole in zip(planes, lacking):
        if hole.any():
            # OpenCV takes one channel of 8 bits, 16 bits or float32.
            soft = cv2.inpaint(plane.astype(np.float32), hole.astype(np.uint8), _RADIUS, cv2.INPAINT_NS)
            plane = np.rint(np.clip(soft, 0, np.iinfo(plane.dtype).max)).astype(plane.dtype)
        made.append(plane)
    return tuple(made)


def _invented(frame: Frame, planes: tuple[Plane, ...], lacking: Sequence[Plane], network: Network) -> tuple[Plane, ...]:
    """Planes with what is still lacking made up by the network."""
    import cv2
    import numpy as np

    from cinemill.media.rgb import of_rgb, to_rgb
    from cinemill.models.lama import filled

    size = (frame.width, frame.height)
    parts = [cv2.resize(part.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) for part in lacking]
    hole = np.max(parts, axis=0)
    if not hole.any():
        return planes
    so_far = replace(frame, planes=_continued(planes, lacking))
    made = of_rgb(filled(to_rgb(so_far), hole, network), frame)
    return tuple(np.where(part, new, old) for part, new, old in zip(lacking, made, planes))


def mask_of(p: Masked, frame: Frame) -> Plane:
    """(H, W) uint8, 1 where the frame is to be filled. Raises InvalidParams."""
    import cv2
    import numpy as np

    if p.box == AUTO:
        raise InvalidParams("inpaint: box=auto is looked for in a whole file; a stream of pictures alone has none.")
    size = (frame.width, frame.height)
    if p.mask is None:
        mask = np.zeros(size[::-1], np.uint8)
        for left, top, width, height in p.boxes:
            mask[top : top + height, left : left + width] = 1
    else:
        picture = cv2.imread(str(p.mask), cv2.IMREAD_GRAYSCALE) if p.mask.is_file() else None
        if picture is None:
            raise InvalidParams(f"inpaint: mask {p.mask} is not there, or no picture that can be read.")
        mask = (cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR) > 127).astype(np.uint8)
    if not mask.any() or mask.all():
        lot = "nothing" if not mask.any() else "everything"
        raise InvalidParams(f"inpaint: the mask covers {lot} of a {size[0]}x{size[1]} picture.")
    return mask


def masks_of(mask: Plane, frame: Frame) -> tuple[Plane, ...]:
    """The mask for each plane: chroma is filled where any of its luma is."""
    import cv2
    import numpy as np

    made: list[Plane] = []
    for plane, (h, v, _) in zip(frame.planes, frame.layout.planes):
        # A sample of chroma colours the luma on both of its sides.
        wide = cv2.dilate(mask, np.ones((1 + 2 * v, 1 + 2 * h), np.uint8)) if h or v else mask
        made.append(np.ascontiguousarray(wide[:: 1 << v, :: 1 << h][: plane.shape[0], : plane.shape[1]]))
    return tuple(made)


def _network(p: Inpaint) -> Network | None:
    if p.model is None:
        if p.device != "auto":
            raise InvalidParams(
                f"inpaint: device={p.device} says where a model runs; give a model too, or leave it out."
            )
        return None
    from cinemill.models import lama
    from cinemill.models.session import Wanted
    from cinemill.models.sessions import located

    return lama.network(Wanted(located(p.model), device=p.device))
