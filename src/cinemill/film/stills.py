"""Photographs and drawings -> planes of a film's size, seen by a camera that moves by fractions of a pixel.

A picture is kept as a few copies, each without the detail that would be too fine for the film at one distance and with
twice as many pixels as the film has: sampling those linearly neither jumps from pixel to pixel nor flickers on fine
patterns (L. Williams, Pyramidal parametrics, 1983, with the steps between levels blended only where they meet). A
camera that only moves across needs no sampling: the picture lies ready at quarters of a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path as File
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cinemill.errors import DecodeFailed, OpenFailed
from cinemill.film.board import Fit
from cinemill.film.paths import Path, View, widest

Scale = tuple[float, float]
Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
"""Light (H, W) and the two colour differences (H/2, W/2): yuv420p, BT.709, limited range. Not to be written into."""
Rgb = NDArray[np.uint8]

_OVERSAMPLING = 2.0
"""Pixels that are kept for each of the film's: linear interpolation then costs no sharpness that anyone sees."""
_STEP = 1.25
"""Between the distances of two copies."""
_MIXES = 8
"""Steps from one copy to the next: less than anyone sees of sharpness in each."""
_PHASES = 4
"""Pictures for one that moves by a pixel; two each way where it moves both ways."""
_STANDS = 1e-6
"""Pixels that are no motion."""
_MOST_PIXELS = 1 << 27
"""Of a picture as it is decoded; larger JPEGs are decoded smaller."""
_HEAD = 1 << 16
"""Bytes of a file among which it says whether it holds opacity."""
_LEAST_SIDE = 32
"""Pixels: what is smaller is enlarged before it is framed, so that its frame has a shape."""
# RGB of 0 … 255 to limited Y, Cb, Cr (ITU-R BT.709-6).
_LUMA = np.array([0.2126, 0.7152, 0.0722])
TO_YUV = np.array(
    [
        [*_LUMA * 219 / 255, 16],
        [*(np.array([0, 0, 1]) - _LUMA) / (2 * (1 - 0.0722)) * 224 / 255, 128],
        [*(np.array([1, 0, 0]) - _LUMA) / (2 * (1 - 0.2126)) * 224 / 255, 128],
    ]
)


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def flat(colour: str, width: int, height: int) -> Planes:
    """Nothing but a colour."""
    values = np.rint(TO_YUV @ np.array([*rgb_of(colour), 1.0])).astype(np.uint8)
    half = (height // 2, width // 2)
    return np.full((height, width), values[0]), np.full(half, values[1]), np.full(half, values[2])


def read_rgb(path: File) -> tuple[Rgb, NDArray[np.uint8] | None]:
    """A picture upright, (H, W, 3), and its opacity (H, W) where it has one. Raises OpenFailed, DecodeFailed."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise OpenFailed(f"{path} cannot be read: {error.strerror}.") from None
    if not data.size:
        raise DecodeFailed(f"{path} is empty.")
    picture = _decoded(data, cv2.IMREAD_UNCHANGED) if _may_be_transparent(bytes(data[:_HEAD])) else None
    if picture is not None and picture.ndim == 3 and picture.shape[2] == 4:
        deep = picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8)
        return np.ascontiguousarray(deep[:, :, 2::-1]), np.ascontiguousarray(deep[:, :, 3])
    shrink, flag = _reduction(data)
    picture = _decoded(data, flag)
    if picture is None:
        return _by_libav(path), None
    return (picture if shrink == 1 else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)), None


def _may_be_transparent(head: bytes) -> bool:
    """Whether a file that begins like this may hold opacity; a PNG says so before its pixels (ISO 15948)."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return head[25:26] in (b"\4", b"\6") or b"tRNS" in head.partition(b"IDAT")[0]
    return not head.startswith(b"\xff\xd8\xff")


def _decoded(data: NDArray[np.uint8], flags: int) -> Any:
    try:
        return cv2.imdecode(data, flags)
    except cv2.error:
        return None


def _reduction(data: NDArray[np.uint8]) -> tuple[int, int]:
    """How to decode: JPEGs of more pixels than anyone sees at a half, a quarter or an eighth; then B, G, R."""
    size = _jpeg_size(bytes(data[: 1 << 20]))
    pixels = size[0] * size[1] if size else 0
    for shrink, flag in ((1, cv2.IMREAD_COLOR_RGB), (2, cv2.IMREAD_REDUCED_COLOR_2), (4, cv2.IMREAD_REDUCED_COLOR_4)):
        if pixels <= _MOST_PIXELS * shrink * shrink:
            return shrink, flag
    return 8, cv2.IMREAD_REDUCED_COLOR_8


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height as a JPEG's frame header says (ITU-T T.81, B.2.2)."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        kind = data[at + 1]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 if kind == 0xFF or 0xD0 <= kind <= 0xD8 else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _by_libav(path: File) -> Rgb:
    """What OpenCV cannot read and FFmpeg can: AVIF, HEIC, JPEG XL."""
    from cinemill.errors import CinemillError
    from cinemill.measure import sheet
    from cinemill.media import read

    try:
        frame = next(iter(read.frames(read.probe(path))))
    except CinemillError as error:
        raise DecodeFailed(f"{path} is no picture that can be read here: {error.sentence}") from None
    return np.ascontiguousarray(sheet.picture(frame))


class _Level:
    """A part of a picture for views of `near` to `far` of its pixels to one of the film's, or of `near` alone.

    `planes[k]` holds what begins at (`left`, `top`) of the picture, `scales[k]` times as large, without what is too
    fine at `near`; `coarser[k]` the same without what is too fine at `far`.
    """

    def __init__(
        self, near: float, far: float, left: int, top: int, scales: Sequence[Scale], planes: Any, coarser: Any
    ) -> None:
        self.near, self.far, self.left, self.top, self.scales = near, far, left, top, scales
        self._made: dict[int, Any] = {0: planes, _MIXES: coarser}
        self._last = 0

    def at(self, ratio: float) -> Any:
        """The planes for a view of `ratio`: of a few mixtures of both the one that is nearest."""
        share = math.log(ratio / self.near) / math.log(self.far / self.near) if self.far > self.near else 0.0
        step = round(_MIXES * min(1.0, max(0.0, (share - 0.25) * 2)))
        found = self._made.get(step)
        if found is None:
            one, two, part = self._made[0], self._made[_MIXES], step / _MIXES
            found = tuple(a if a is b else cv2.addWeighted(a, 1 - part, b, part, 0) for a, b in zip(one, two))
            # The one before may be drawn from at this moment, those earlier are done with.
            self._made = {0: one, _MIXES: two, self._last: self._made.get(self._last, one), step: found}
            self._last = step
        return found


class _Phases:
    """A picture as large as the film has it, once for each of a few fractions of a pixel.

    What a camera sees that moves across without coming closer is a mixture of two of them.
    """

    def __init__(self, level: _Level, way: Path, width: int, height: int) -> None:
        self.size = width, height
        self.pixel = way.start.width / width, way.start.height / height
        self.left, self.top = min(way.start.left, way.end.left), min(way.start.top, way.end.top)
        far = way.end.left - way.start.left, way.end.top - way.start.top
        spans = [abs(span) / pixel for span, pixel in zip(far, self.pixel)]
        moves = [span > _STANDS for span in spans]
        self.counts = [(_PHASES // sum(moves) if move else 1) for move in moves]
        room = [side + 2 * math.ceil(span / 2) + 4 for side, span in zip((width, height), spans)]
        planes = level.at(level.near)
        self._planes = [
            [
                [self._phase(level, planes, k, (x, y), (room[0], room[1])) for x in range(self.counts[0])]
                for y in range(self.counts[1])
            ]
            for k in range(3)
        ]

    def _phase(self, level: _Level, planes: Any, k: int, at: tuple[int, int], size: tuple[int, int]) -> Any:
        step = 2 if k else 1
        left, top = (
            first + step * n / count * pixel
            for first, n, count, pixel in zip((self.left, self.top), at, self.counts, self.pixel)
        )
        view = View(left, top, size[0] * self.pixel[0], size[1] * self.pixel[1])
        made = warped(planes[k], view, (level.left, level.top), level.scales[k], size, k > 0, cv2.INTER_CUBIC)
        made.flags.writeable = False
        return made

    def at(self, view: View) -> Planes:
        """What is seen of the picture in `view`."""
        planes: Any = tuple(self._seen(k, view) for k in range(3))
        return planes

    def _seen(self, k: int, view: View) -> Any:
        step = 2 if k else 1
        width, height = self.size[0] // step, self.size[1] // step
        across = _placed((view.left - self.left) / self.pixel[0] / step, self.counts[0])
        down = _placed((view.top - self.top) / self.pixel[1] / step, self.counts[1])
        rows = [
            _both([(self._planes[k][j][i][y : y + height, x : x + width], share) for i, x, share in across])
            for j, y, _ in down
        ]
        return _both([(row, share) for row, (_, _, share) in zip(rows, down)])


def _placed(way: float, count: int) -> list[tuple[int, int, float]]:
    """Where to look for what lies `way` pixels on: phases, whole pixels, and how much each counts."""
    first = math.floor(way * count + _STANDS)
    part = max(0.0, way * count - first)
    places = [(first, 1 - part), (first + 1, part)] if count > 1 and part > _STANDS else [(first, 1.0)]
    return [(phase % count, phase // count, share) for phase, share in places]


def _both(parts: list[tuple[Any, float]]) -> Any:
    if len(parts) == 1:
        return parts[0][0]
    (one, share), (two, rest) = parts
    return cv2.addWeighted(one, share, two, rest, 0)


class Still:
    """A picture under a moving camera."""

    def __init__(self, picture: Rgb, way: Path, width: int, height: int) -> None:
        self.way, self.width, self.height = way, width, height
        levels = _levels(picture, way, width, height)
        self._only: Planes | None = None
        self._phases: _Phases | None = None
        self._levels: list[_Level] = []
        if way.is_still:
            self._only = self._sampled(levels[0], way.start, cv2.INTER_LANCZOS4)
            for plane in self._only:
                plane.flags.writeable = False
        elif way.start.width == way.end.width:
            self._phases = _Phases(levels[0], way, width, height)
        else:
            self._levels = levels

    def at(self, share: float) -> Planes:
        """What is seen when `share` of the time, from 0 to 1, has passed. Planes that others see too cannot be
        written into."""
        if self._only:
            return self._only
        view = self.way.at(share)
        if self._phases:
            return self._phases.at(view)
        ratio = view.width / self.width
        level = next((one for one in self._levels if ratio <= one.far), self._levels[-1])
        return self._sampled(level, view, cv2.INTER_LINEAR)

    def _sampled(self, level: _Level, view: View, how: int) -> Planes:
        planes: Any = tuple(
            warped(plane, view, (level.left, level.top), scale, (self.width, self.height), k > 0, how)
            for k, (plane, scale) in enumerate(zip(level.at(view.width / self.width), level.scales))
        )
        return planes


def warped(
    plane: NDArray[np.uint8],
    view: View,
    origin: tuple[int, int],
    scale: tuple[float, float],
    size: tuple[int, int],
    is_chroma: bool,
    how: int,
) -> NDArray[np.uint8]:
    """`view` of a plane that begins at `origin` of its picture and is `scale` times as large, as a plane of the film.

    Chroma lies where H.264 has it: left in a pair of columns, between two rows.
    """
    width, height = size
    step, first_x, first_y = (2, 0.5, 1.0) if is_chroma else (1, 0.5, 0.5)
    across, down = view.width / width, view.height / height
    matrix = np.array(
        [
            [step * across * scale[0], 0, (view.left + first_x * across - origin[0]) * scale[0] - 0.5],
            [0, step * down * scale[1], (view.top + first_y * down - origin[1]) * scale[1] - 0.5],
        ]
    )
    out: Any = cv2.warpAffine(
        plane,
        matrix,
        (width // step, height // step),
        flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return out


def _levels(picture: Rgb, way: Path, width: int, height: int) -> list[_Level]:
    ends = sorted((way.start.width / width, way.end.width / width))
    count = math.ceil(math.log(ends[1] / ends[0]) / math.log(_STEP) - 1e-6) if ends[1] > ends[0] else 0
    ratios = [ends[0] * (ends[1] / ends[0]) ** (k / max(1, count)) for k in range(count + 1)]
    # Below 1 there is no detail to take away, and the picture itself does for all.
    ratios = [ratio for ratio, after in zip(ratios, [*ratios[1:], math.inf]) if after > 1 or math.isinf(after)]
    views = [way.at(k / 64) for k in range(65)]
    if len(ratios) == 1:
        return [_level(picture, ratios[0], ratios[0], views)]
    step = ratios[1] / ratios[0]
    return [
        _level(picture, near, far, [view for view in views if view.width / width <= far * step] or views)
        for near, far in pairwise(ratios)
    ]


def _level(picture: Rgb, near: float, far: float, views: Sequence[View]) -> _Level:
    rows, columns = picture.shape[:2]
    spare = 4 * max(1.0, far)
    x0 = max(0, math.floor(min(v.left for v in views) - spare))
    y0 = max(0, math.floor(min(v.top for v in views) - spare))
    x1 = min(columns, math.ceil(max(v.left + v.width for v in views) + spare))
    y1 = min(rows, math.ceil(max(v.top + v.height for v in views) + spare))
    part = picture[y0:y1, x0:x1]
    wanted = min(_OVERSAMPLING, _OVERSAMPLING / near)
    finer: list[Any] = []
    coarser: list[Any] = []
    scales: list[Scale] = []
    # Smaller first, while there are three channels in one go; then colour differences.
    if wanted < 0.5:
        size = (max(1, round(part.shape[1] * wanted * 2)), max(1, round(part.shape[0] * wanted * 2)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    for k, plane in enumerate(cv2.split(cv2.transform(part, TO_YUV))):
        share = wanted / 2 if k else wanted
        size = (max(1, round((x1 - x0) * share)), max(1, round((y1 - y0) * share)))
        smaller = size[0] <= plane.shape[1] and size[1] <= plane.shape[0]
        made = cv2.resize(plane, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
        scale = (size[0] / (x1 - x0), size[1] / (y1 - y0))
        pixels = scale[0] * (2 if k else 1)
        beyond = far / near
        coarser.append(_smoothed(made, far * pixels, beyond))
        # Of colour nobody sees the difference.
        finer.append(_smoothed(made, near * pixels) if beyond > 1 and k == 0 else coarser[-1])
        scales.append(scale)
    return _Level(near, far, x0, y0, scales, finer, coarser)


def _smoothed(plane: Any, kept: float, beyond: float = 1.0) -> Any:
    """Without detail finer than one pixel in `kept`: a windowed sinc (Lanczos of two lobes).

    What is kept `beyond` times as many pixels as it needs loses less to linear sampling, and is a little softer here.
    """
    if kept < 1.05:
        return plane
    kernel = _kernel(round(kept, 3), round(beyond, 3))
    return cv2.sepFilter2D(plane, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=64)
def _kernel(kept: float, beyond: float) -> NDArray[np.float32]:
    reach = math.ceil(2 * kept)
    at = np.arange(-reach, reach + 1) / kept
    taps = np.sinc(at) * np.sinc(at / 2) * (np.abs(at) < 2)
    # A wave of t radians a sample keeps 1 - (1 - cos t) / 3 of its power, whatever its place.
    side = (beyond**2 - 1) / 12
    taps = np.convolve(taps, [side, 1 - 2 * side, side])
    return (taps / taps.sum()).astype(np.float32)


def smaller(picture: Any, shrink: int) -> Any:
    """A picture or its opacity, `shrink` times smaller by averaging."""
    rows, columns = picture.shape[:2]
    size = (max(1, columns // shrink), max(1, rows // shrink))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def framed(picture: Rgb, opacity: Any, fit: Fit, aspect: float, background: str) -> Rgb:
    """The picture on what is seen where it is transparent, and with what surrounds it where all of it is shown."""
    colour = np.array(rgb_of(background), np.uint8)
    if opacity is not None and fit != "blur":
        picture = _over(picture, opacity, np.broadcast_to(colour, picture.shape))
    if fit == "cover":
        return picture
    if (grow := _LEAST_SIDE // min(picture.shape[:2])) > 1:
        size = (picture.shape[1] * grow, picture.shape[0] * grow)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        opacity = None if opacity is None else cv2.resize(opacity, size, interpolation=cv2.INTER_CUBIC)
    rows, columns = picture.shape[:2]
    if abs(columns / rows / aspect - 1) < 0.002:
        return picture if opacity is None else _over(picture, opacity, _blurred(picture, columns, rows, aspect))
    width, height = (columns, round(columns / aspect)) if columns / rows > aspect else (round(rows * aspect), rows)
    width, height = max(1, width), max(1, height)
    canvas: Any = np.empty((height, width, 3), np.uint8)
    canvas[:] = colour if fit == "contain" else _blurred(picture, width, height, aspect)
    x, y = (width - columns) // 2, (height - rows) // 2
    inside = canvas[y : y + rows, x : x + columns]
    inside[:] = picture if opacity is None else _over(picture, opacity, inside)
    return canvas


def _over(picture: Any, opacity: Any, below: Any) -> Rgb:
    share = opacity[:, :, None].astype(np.uint16)
    return ((picture * share + below * (255 - share) + 127) // 255).astype(np.uint8)


def _blurred(picture: Any, width: int, height: int, aspect: float) -> Any:
    """The picture itself, filling `width` x `height`, out of focus and darker."""
    rows, columns = picture.shape[:2]
    view = widest(columns, rows, aspect)
    x, y = round(view.left), round(view.top)
    part = picture[y : y + max(1, round(view.height)), x : x + max(1, round(view.width))]
    small = cv2.resize(part, (max(1, round(96 * aspect)), 96), interpolation=cv2.INTER_AREA)
    soft = cv2.convertScaleAbs(cv2.GaussianBlur(small, (0, 0), 4), alpha=0.6)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)
