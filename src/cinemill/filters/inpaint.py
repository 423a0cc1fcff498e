"""Logos, dates and dirt that stays filled: with what was seen there in other frames, else with something likely.

Where the picture moves, what a logo hides is seen a few frames before or after. The motion around the mask is carried
on into it, and each of its pixels is taken from the nearest frame in which what is there lay outside. What no frame
shows is continued from the rim (M. Bertalmio et al., 2001), or made up by a network (LaMa). The rest keeps its bits.
Wrong where things move behind the mask otherwise than around it; a still picture behind a logo is only guessed at.

What a deck could not read of a DV tape is another place in each picture, and is filled the same way, field by field
where the fields are of two times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, tee
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import model_validator

from cinemill.catalogue import Field, Params, Weights
from cinemill.errors import InvalidParams
from cinemill.filters import Halo, stream_filter
from cinemill.filters.model import PICTURES, Device, check_progressive
from cinemill.filters.neighbours import windows, woven

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
        if not self._says_where:
            raise ValueError("give a mask, a box by left, top, width and height, or box=auto")
        if self.box != AUTO and not all(_BOX.fullmatch(word) for word in self.box.split()):
            raise ValueError(f"box={self.box} must be {AUTO}, or boxes such as 120x40+600+20")
        return self

    @property
    def _says_where(self) -> bool:
        return bool(self.mask or (self.width and self.height) or self.box)

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Left, top, width and height of all boxes."""
        found = [_BOX.fullmatch(word) for word in self.box.split() if self.box != AUTO]
        given = [tuple(map(int, match.groups())) for match in found if match]
        own = [(self.left, self.top, self.width, self.height)] if self.width and self.height else []
        return [*own, *((left, top, width, height) for width, height, left, top in given)]


class Inpaint(Masked):
    damage: Path | None = Field(None, file="video")
    """The tape of DV that the pictures are of: what its deck reports as damaged is filled, block by block."""
    window: int = Field(18, ge=0, le=40, unit="frames")
    """How far before and after each frame it is looked for what is hidden."""
    model: Weights | None = None
    """LaMa, for what no frame shows: a name of `cinemill models list`, or a file. Left out, the rim is continued."""
    device: Device = "auto"

    @property
    def _says_where(self) -> bool:
        if self.damage and super()._says_where:
            raise ValueError("damage says where; leave mask and box out, or make two steps of it")
        return bool(self.damage) or super()._says_where


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
    if p.damage:
        _check_damage(p.damage, frame)
    else:
        check_progressive(p, frame)
        mask_of(p, frame)
    _network(p)


def _check_damage(tape: Path, frame: Frame) -> None:
    """Raises InvalidParams where the pictures cannot be those of the tape, UnsupportedMedia, OpenFailed."""
    from cinemill.media.dv.damage import damage

    if not tape.is_file():
        raise InvalidParams(f"inpaint: damage {tape} is not there.")
    height = damage(tape).standard.height
    if (frame.width, frame.height) != (720, height):
        raise InvalidParams(
            f"inpaint: {tape.name} has pictures of 720x{height}, these are {frame.width}x{frame.height}; damage is "
            "filled before anything changes the size."
        )


@dataclass(frozen=True, eq=False)
class _Shot:
    """A frame or a field, and where it is to be filled, for each plane; what it takes to fill others is made late."""

    frame: Frame
    masks: tuple[Plane, ...]

    @cached_property
    def still(self) -> Still:
        from cinemill.measure.motion import Still

        return Still(self.frame.planes, self.frame.layout.bits)

    @cached_property
    def guide(self) -> Plane:
        """The guide with the masked part continued from its rim, so that a logo does not hold the motion."""
        import cv2
        import numpy as np

        guide = self.still.guide
        hole = cv2.resize(self.masks[0], guide.shape[::-1], interpolation=cv2.INTER_AREA)
        if not hole.any():
            return guide
        wide = cv2.dilate((hole > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
        return np.asarray(cv2.inpaint(guide, wide, _RADIUS, cv2.INPAINT_NS))


@stream_filter("inpaint", halo=_halo, accepts=PICTURES[:-2], check=_check, settle=settled)
def inpaint(frames: Iterator[Frame], p: Inpaint) -> Iterator[Frame]:
    """Fill a part of the picture that is to be seen no more: a logo, a date, a hair in the gate."""
    first = next(frames, None)
    if first is None:
        return
    network, whole = _network(p), chain([first], frames)
    if p.damage is None:
        masks = masks_of(mask_of(p, first), first)
        yield from _through((_Shot(frame, masks) for frame in whole), p.window, network)
    elif first.field_order == "progressive":
        yield from _through(_damaged(whole, p.damage), p.window, network)
    else:
        yield from _by_fields(whole, p.damage, p.window, network)


def _through(shots: Iterable[_Shot], window: int, network: Network | None) -> Iterator[Frame]:
    from cinemill.measure.motion import Motion

    motion = Motion()
    for around, place in windows(shots, window, window):
        yield _filled(around, place, motion, network)


def _by_fields(frames: Iterable[Frame], tape: Path, window: int, network: Network | None) -> Iterator[Frame]:
    """Each field among the fields of the same lines."""
    whole, *copies = tee(frames, 3)
    fields = [_through(_damaged(copy, tape, parity), window, network) for parity, copy in enumerate(copies)]
    for frame, *halves in zip(whole, *fields):
        yield replace(frame, planes=woven([half.planes for half in halves], frame))


def _damaged(frames: Iterable[Frame], tape: Path, parity: int | None = None) -> Iterator[_Shot]:
    """Frames, or the fields of one parity, with what the deck reports as damaged."""
    import numpy as np

    from cinemill.media.dv.damage import damage

    told, lines = damage(tape), slice(parity, None, 1 if parity is None else 2)
    for frame in frames:
        mask = told.at(frame.pts * frame.time_base)
        part = replace(frame, planes=tuple(plane[lines] for plane in frame.planes), field_order="progressive")
        if mask is None:
            yield _Shot(part, tuple(np.zeros(plane.shape[:2], np.uint8) for plane in part.planes))
            continue
        # A block of DV holds its chroma whole, so nothing of it colours what lies beside.
        places = zip(part.planes, frame.layout.planes)
        yield _Shot(part, tuple(_sampled(mask[lines], plane, h, v) for plane, (h, v, _) in places))


def _sampled(mask: Plane, plane: Plane, h: int, v: int) -> Plane:
    import numpy as np

    return np.ascontiguousarray(mask[:: 1 << v, :: 1 << h][: plane.shape[0], : plane.shape[1]])


def _filled(window: Sequence[_Shot], place: int, motion: Motion, network: Network | None) -> Frame:
    import numpy as np

    here = window[place]
    masks = here.masks
    if not any(mask.any() for mask in masks):
        return here.frame
    values = [plane.copy() for plane in here.still.values]
    lacking = [mask > 0 for mask in masks]
    for flow, other in _others(window, place, masks[0], motion):
        for number, plane in enumerate(values):
            seen, there = _fetched(other.still.values[number], other.masks[number], flow)
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
