"""Camera shake taken out: the picture follows a smooth path; borders this uncovers are filled from frames around it.

The motion of the whole picture (shift, turn, zoom) from frame to frame is the similarity that most of the optical flow
agrees on. Within a window each frame is moved to where a straight line through the path of its neighbours has it, the
nearer counting more, so that steady pans stay pans. Windows end at cuts. Borders that come into view are filled from
neighbours, softly, and beyond these mirrored. Frames keep their bits where most of those around them are not jolted,
and where they are steady already.
Sources: path smoothing by local linear regression, W. Cleveland, 1979, in the place of the moving average of vidstab by
G. Martius; the fit is by iterative reweighting. Wrong for rolling shutter, for pictures that a moving thing fills, and
for shake slower than the window, which counts as intended.
720x576: 25 frames/s on one core.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field, Params
from cinemill.errors import UnsupportedMedia
from cinemill.filters import GREY, YUV, Halo, stream_filter
from cinemill.filters.neighbours import windows

if TYPE_CHECKING:
    from cinemill.measure.motion import Floats, Flow, Still
    from cinemill.media.types import Frame, Plane

Move = Any
"""(4,) float64: shift right and down in luma pixels of square shape, natural logarithm of the zoom, turn in radians.

All about the middle of the picture. Shakes are small, so that moves are added and subtracted number by number.
"""
_STEADY = 0.1
"""Luma pixels at the corner of the picture that are not worth an interpolation."""
_JOLTED = 0.6
"""Share of the frames around one that must be steady for it to be left as it is."""
_HELPERS = 8
"""How many neighbours are asked for what a border lacks."""
_SEAM = 9
"""Width in samples of the seam between a frame and what fills its border."""


class Stabilise(Params):
    strength: float = Field(1.0, ge=0, le=1)
    """How much of the shake is taken out. 0 leaves the picture as it is."""
    window: int = Field(15, ge=2, le=120, unit="frames")
    """How far before and after each frame its path is looked at. Longer takes out slower shake."""
    zoom: float = Field(0.0, ge=0, le=50, unit="%")
    """How much the picture is enlarged, which hides borders that neighbours cannot fill."""
    limit: float = Field(10.0, gt=0, le=50, unit="%")
    """How far a frame is moved at most, of the picture's height; for turn and zoom, of one."""


def _halo(p: Stabilise) -> Halo:
    # A jolt is told by three frames.
    return p.window + 2, p.window


def _check(p: Stabilise, frame: Frame) -> None:
    if frame.field_order != "progressive":
        raise UnsupportedMedia("the two fields of an interlaced picture shake apart; put deinterlace before stabilise.")


@dataclass(frozen=True, eq=False)
class _Tracked:
    """A frame; how the picture moved since the one before, None where a scene begins; by how many luma pixels it was
    jolted then, None where that is not known."""

    frame: Frame
    still: Still
    step: Move | None
    jolt: float | None


@stream_filter("stabilise", halo=_halo, accepts=YUV + GREY, check=_check)
def stabilise(frames: Iterator[Frame], p: Stabilise) -> Iterator[Frame]:
    """Take out the shake of a hand-held camera, or of film in its gate."""
    import numpy as np

    for window, place in windows(_tracked(frames), p.window, p.window):
        path = _path(window, place)
        frame = window[place].frame
        if not p.zoom and _is_calm([window[place + at].jolt for at in path]):
            yield frame
            continue
        most = p.limit / 100 * np.array([frame.height, frame.height, 1, 1])
        move = np.clip(p.strength * _smooth(path, p.window), -most, most)
        move[2] += np.log1p(p.zoom / 100)
        if _reach(move, frame) < _STEADY:
            yield frame
        else:
            yield replace(frame, planes=_placed(window, place, path, move))


def _is_calm(jolts: Sequence[float | None]) -> bool:
    """Whether hardly any of these jolts is worth an interpolation of pictures."""
    import numpy as np

    from cinemill.measure.shake import CALM

    known = [jolt for jolt in jolts if jolt is not None]
    return not known or float(np.quantile(known, _JOLTED)) < CALM


def _tracked(frames: Iterable[Frame]) -> Iterator[_Tracked]:
    from cinemill.measure.motion import Motion, Still
    from cinemill.measure.shake import jolt

    motion = Motion()
    last: Still | None = None
    before: Flow | None = None
    for frame in frames:
        still = Still(frame.planes, frame.layout.bits)
        match = motion.match(last.guide, still) if last else None
        if last is None or match is None or match.is_other_scene(last):
            yield _Tracked(frame, still, None, None)
            before = None
        else:
            scale = still.planes[0].shape[0] / still.guide.shape[0]
            jolted = None if before is None else scale * jolt(before, match.flow, last.guide)
            yield _Tracked(frame, still, _step(last, match.flow, float(frame.sar)), jolted)
            before = match.flow
        last = still


def _step(before: Still, flow: Flow, sar: float) -> Move:
    """How the whole picture moved from one still to the next."""
    import cv2
    import numpy as np

    guide = before.guide
    # Not cv2.magnitude: its last bit depends on where in memory the planes lie.
    slope = np.abs(cv2.Sobel(guide, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(guide, cv2.CV_32F, 0, 1))
    across, down, zoom, turn = _similarity(flow, np.minimum(slope, 60), sar)
    scale = before.planes[0].shape[0] / guide.shape[0]
    return np.array([scale * across, scale * down, np.log(np.hypot(1 + zoom, turn)), np.arctan2(turn, 1 + zoom)])


def _similarity(flow: Flow, trust: Floats, sar: float) -> Move:
    """(x, y, zoom - 1, turn) of the similarity that most of `flow` agrees on, in square pixels of the guide.

    Iteratively reweighted least squares with Geman and McClure's weights; `trust` is where there is something to see.
    """
    import numpy as np

    height, width = trust.shape
    rows, columns = np.mgrid[:height:3, :width:3].astype(np.float64)
    x, y = (columns.ravel() - (width - 1) / 2) * sar, rows.ravel() - (height - 1) / 2
    u, v = (flow[::3, ::3, i].ravel().astype(np.float64) * (1 if i else sar) for i in range(2))
    trusts = trust[::3, ::3].ravel().astype(np.float64) + 1e-3
    found = np.array([np.median(u), np.median(v), 0, 0])
    for _ in range(8):
        across = u - (found[0] + found[2] * x - found[3] * y)
        down = v - (found[1] + found[2] * y + found[3] * x)
        error = np.hypot(across, down)
        weight = trusts / (1 + (error / max(0.05, 1.5 * float(np.median(error)))) ** 2) ** 2
        n, sx, sy, ss = (float((weight * part).sum()) for part in (1, x, y, x * x + y * y))
        normal = np.array([[n, 0, sx, -sy], [0, n, sy, sx], [sx, sy, ss, 0], [-sy, sx, 0, ss]])
        seen = [u, v, x * u + y * v, x * v - y * u]
        found = np.linalg.solve(normal, np.array([(weight * part).sum() for part in seen]))
    return found


def _path(window: Sequence[_Tracked], place: int) -> dict[int, Move]:
    """Where the picture is in each frame of the scene, by distance in frames, from where it is in this one."""
    import numpy as np

    path: dict[int, Move] = {0: np.zeros(4)}
    for at in range(place + 1, len(window)):
        step = window[at].step
        if step is None:
            break
        path[at - place] = path[at - place - 1] + step
    for at in range(place, 0, -1):
        step = window[at].step
        if step is None:
            break
        path[at - 1 - place] = path[at - place] - step
    return path


def _smooth(path: dict[int, Move], window: int) -> Move:
    """Where a line through the path has this frame; nearer frames count more."""
    import numpy as np

    distance = np.array(list(path), np.float64)
    moves = np.array(list(path.values()))
    weight = np.exp(-0.5 * (2.5 * distance / window) ** 2)
    n, s, ss = weight.sum(), (weight * distance).sum(), (weight * distance**2).sum()
    if n * ss - s * s < 1e-9:
        return np.zeros(4)
    return (weight * (ss - s * distance)) @ moves / (n * ss - s * s)


def _reach(move: Move, frame: Frame) -> float:
    """How far `move` takes a corner of the picture, in luma pixels."""
    import numpy as np

    return float(np.hypot(*move[:2]) + np.abs(move[2:]).sum() * (frame.width + frame.height) / 2)


def _placed(window: Sequence[_Tracked], place: int, path: dict[int, Move], move: Move) -> tuple[Plane, ...]:
    """The planes of a frame moved by `move`, with borders filled from the frames of `path`."""
    import cv2
    import numpy as np

    now = window[place]
    sar = float(now.frame.sar)
    helpers = sorted((at for at in path if at), key=abs)[:_HELPERS]
    planes: list[Plane] = []
    for number, (h, v, _) in enumerate(now.frame.layout.planes):
        pixel = (sar * (1 << h), float(1 << v))
        made, seen = _warped(now.still.values[number], move, pixel)
        if not seen.all():
            inside = cv2.erode(seen.astype(np.float32), np.ones((_SEAM + 1, _SEAM + 1), np.uint8))
            soft = cv2.blur(inside, (_SEAM, _SEAM))
            fill, lacking = made.copy(), soft < 1
            for at in helpers:
                other, there = _warped(window[place + at].still.values[number], move - path[at], pixel)
                np.copyto(fill, other, where=lacking & there)
                lacking &= ~there
                if not lacking.any():
                    break
            made = made * soft + fill * (1 - soft)
        planes.append(now.still.rounded(number, made))
    return tuple(planes)


def _warped(values: Floats, move: Move, pixel: tuple[float, float]) -> tuple[Floats, Any]:
    """`values` moved, mirrored beyond its borders, and where it is not mirrored.

    `pixel`: width and height of a sample in square luma pixels.
    """
    import cv2
    import numpy as np

    height, width = values.shape
    across, down = pixel
    zoom, middle = float(np.exp(move[2])), np.array([(width - 1) / 2, (height - 1) / 2])
    cosine, sine = zoom * np.cos(move[3]), zoom * np.sin(move[3])
    turn = np.array([[cosine, -sine * down / across], [sine * across / down, cosine]])
    shift = middle - turn @ middle + [move[0] / across, move[1] / down]
    matrix = np.column_stack([turn, shift])
    size = (width, height)
    made = cv2.warpAffine(values, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    whole = np.full(values.shape, 255, np.uint8)
    seen = cv2.warpAffine(whole, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(made), np.asarray(seen) == 255
