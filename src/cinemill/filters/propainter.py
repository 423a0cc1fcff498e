"""Logos and other holes filled by ProPainter, which sees what was there before and after, and moves it along.

It runs in the `propainter` engine, in stretches of film; only the part of the picture around the mask is looked at, and
what is not masked keeps its bits. Slow: minutes a second of film without a GPU. Its weights are for non-commercial use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field, Weights
from cinemill.filters import Halo, stream_filter, stretches
from cinemill.filters.inpaint import Masked, mask_of, masks_of, settled
from cinemill.filters.model import PICTURES, Device, check_progressive

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane
    from cinemill.models.session import Floats

_DEADLINE = 3600.0
"""Seconds for a stretch: a second of a large picture takes many minutes without a GPU."""
_LEAST, _MULTIPLE = 128, 8
"""Sides that the networks take."""
_WIDER = 4
"""Pixels by which the networks see the mask grown, as its authors do: rims of logos are soft."""
_FILES = {"flow": "raft-things.pth", "completion": "recurrent_flow_completion.pth"}


class Propainter(Masked):
    length: float = Field(2.0, ge=0.2, le=20, unit="s")
    """Length of a stretch. Longer finds more of what is hidden, and takes memory in proportion."""
    margin: int = Field(10, ge=0, le=40, unit="frames")
    """How many frames more are looked at before and after each stretch."""
    model: Weights = "propainter"
    """A name of `cinemill models list`, or ProPainter.pth with the two other files beside it."""
    device: Device = "auto"


def _halo(p: Propainter) -> Halo:
    return stretches.halo(p.length, p.margin)


def _check(p: Propainter, frame: Frame) -> None:
    from cinemill.engines import engines
    from cinemill.engines.install import command

    check_progressive(p, frame)
    mask_of(p, frame)
    command(engines.get("propainter"))
    _weights(p.model)


@stream_filter("propainter", halo=_halo, accepts=PICTURES[:-2], check=_check, settle=settled)
def propainter(frames: Iterator[Frame], p: Propainter) -> Iterator[Frame]:
    """Fill a part of the picture by ProPainter. Needs `cinemill engines install propainter`."""
    import numpy as np

    for before, now, after in stretches.stretches(stretches.held(frames, p.length), p.margin):
        film = np.stack([one.picture for one in (*before, *now, *after)])
        mask = mask_of(p, now[0].frame)
        masks = masks_of(mask, now[0].frame)
        made = _filled(film, mask, p)[len(before) : len(before) + len(now)]
        for one, picture in zip(now, made):
            yield _within(one.frame, picture, masks)


def _within(frame: Frame, picture: Floats, masks: tuple[Plane, ...]) -> Frame:
    """`frame` with the picture (3, H, W) where it is masked."""
    import numpy as np

    from cinemill.media.rgb import of_rgb

    planes = zip(masks, of_rgb(picture, frame), frame.planes)
    return replace(frame, planes=tuple(np.where(mask > 0, new, old) for mask, new, old in planes))


def _filled(film: Floats, mask: Plane, p: Propainter) -> Floats:
    """Pictures (T, 3, H, W), 0 to 1, with what is masked filled."""
    import numpy as np

    rows, columns = _around(mask)
    part, hole = film[:, :, rows, columns], _grown(mask[rows, columns])
    height, width = hole.shape
    lower, right = (max(_LEAST, -(-side // _MULTIPLE) * _MULTIPLE) - side for side in (height, width))
    part = np.pad(part, ((0, 0), (0, 0), (0, lower), (0, right)), "symmetric")
    hole = np.pad(hole, ((0, lower), (0, right)), "symmetric")
    # One picture has no motion; twice the same one has none either.
    count = max(2, len(part))
    part = part[np.minimum(np.arange(count), len(part) - 1)]
    whole = film.copy()
    whole[:, :, rows, columns] = _asked(part, hole, p)[: len(film), :, :height, :width]
    return whole


def _asked(part: Floats, hole: Plane, p: Propainter) -> Floats:
    import numpy as np

    from cinemill.engines.install import warm

    engine = warm("propainter")
    engine.load({**_weights(p.model), "device": p.device})
    given = np.rint(np.clip(part, 0, 1).transpose(0, 2, 3, 1) * 65535).astype(np.uint16)
    count, height, width, _ = given.shape
    asked = {"count": count, "height": height, "width": width}
    blobs: list[Any] = [np.ascontiguousarray(given), np.ascontiguousarray(hole)]
    made = [answer for _, (answer,) in engine.run(asked, blobs, deadline=_DEADLINE)]
    pictures = np.frombuffer(made[0], np.uint16).reshape(given.shape)
    return pictures.transpose(0, 3, 1, 2).astype(np.float32) / 65535


def _around(mask: Plane) -> tuple[slice, slice]:
    """The mask's bounding box with as much again on each side, 64 px at least, within the picture."""
    import numpy as np

    spans: list[slice] = []
    for axis in (1, 0):
        (there,) = np.nonzero(mask.any(axis=axis))
        first, last = int(there[0]), int(there[-1]) + 1
        around = max(last - first, _LEAST // 2)
        spans.append(slice(max(0, first - around), min(mask.shape[1 - axis], last + around)))
    return spans[0], spans[1]


def _grown(mask: Plane) -> Plane:
    import cv2
    import numpy as np

    return np.asarray(cv2.dilate(np.ascontiguousarray(mask), np.ones((2 * _WIDER + 1, 2 * _WIDER + 1), np.uint8)))


@lru_cache(maxsize=8)
def _weights(model: str) -> dict[str, str]:
    """Files of the three networks. Raises MissingModel."""
    from cinemill.errors import MissingModel
    from cinemill.models.sessions import located

    path = located(model)
    files = {"inpaint": path, **{kind: path.with_name(name) for kind, name in _FILES.items()}}
    for file in files.values():
        if not file.is_file():
            raise MissingModel(f"{file.name} is not beside {path.name}; ProPainter is three networks.")
    return {kind: str(file) for kind, file in files.items()}
