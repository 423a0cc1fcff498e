"""Videos -> planes of a film's size for each of its pictures: cut, sped up, looped, upright, on square pixels.

For each moment the picture that is on screen then, however the video's rate varies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path as File
from typing import Any

import cv2
import numpy as np

from cinemill.errors import InvalidParams
from cinemill.film import paths
from cinemill.film.board import Fit, KenBurns, Scene
from cinemill.film.stills import Planes, flat, warped
from cinemill.film.timeline import exact
from cinemill.kept import kept
from cinemill.media import lavfi, read
from cinemill.media.types import Frame, MediaInfo, VideoTrack


@dataclass(frozen=True)
class Facts:
    """What a video gives to a scene: seconds of the film it lasts, whether it has sound, whether it moves at all."""

    seconds: Fraction
    has_sound: bool
    pictures: int


@dataclass(frozen=True)
class Look:
    """How a video is shown: the film's size and rate, and how it fits in."""

    width: int
    height: int
    rate: Fraction
    fit: Fit
    background: str
    focus: tuple[float, float]
    ken_burns: KenBurns | None = None
    turn: int = 0


def facts(scene: Scene, name: str) -> Facts:
    """A look at a scene's video; `name` is the scene's, for messages. Raises InvalidParams, MediaError."""
    assert scene.video
    info = read.probe(scene.video)
    total = _length(info)
    start, end = exact(scene.start), min(total, exact(scene.end) if scene.end else total)
    if start >= end:
        raise InvalidParams(
            f"{name}: {scene.video.name} lasts {float(total):.3f} s; nothing is left of it from {scene.start:g} s on."
        )
    has_sound = bool(info.of_kind("audio"))
    return Facts((end - start) / exact(scene.speed), has_sound, len(_index(scene.video).pts))


def is_animated(path: File) -> bool:
    """Whether what calls itself a picture moves: a GIF or APNG of several frames."""
    if path.suffix.lower() not in (".gif", ".apng"):
        return False
    return len(_index(path).pts) > 1


def pictures(scene: Scene, look: Look, frames: int, first: int, stop: int) -> Iterator[Planes]:
    """The planes of the scene's pictures `first` to `stop`, of `frames` that it has in all."""
    assert scene.video
    info = read.probe(scene.video)
    video, index = read.picture_of(info), _index(scene.video)
    length = facts(scene, "").seconds
    begins = video.start_pts * video.time_base + exact(scene.start)
    shape = _Shape(video, look)
    made = (
        planes
        for times in _turns(look.rate, length, scene.when_short == "loop", first, stop)
        for planes in _shown(info, index, [begins + time * exact(scene.speed) for time in times], shape)
    )
    if not shape.way.is_still:
        made = (shape.seen(planes, n / max(1, frames - 1)) for n, planes in enumerate(made, first))
    yield from made


def _length(info: MediaInfo) -> Fraction:
    """Seconds from the first picture to the end of the last."""
    video, index = read.picture_of(info), _index(info.path)
    return (index.pts[-1] - index.pts[0] + video.step) * video.time_base if index.pts else Fraction(0)


@kept(16)
def _index(path: File) -> read.Index:
    return read.index(read.probe(path))


def _turns(rate: Fraction, length: Fraction, loops: bool, first: int, stop: int) -> Iterator[list[Fraction]]:
    """Seconds from the clip's beginning of each picture, in runs that go forwards: one for each turn of a loop."""
    run: list[Fraction] = []
    last = -1
    for number in range(first, stop):
        time = number / rate
        turn = int(time // length) if loops else 0
        if turn != last and run:
            yield run
            run = []
        last = turn
        run.append(time - turn * length if loops else min(time, length))
    if run:
        yield run


class _Shape:
    """How pictures of a video become planes of the film."""

    def __init__(self, video: VideoTrack, look: Look) -> None:
        self.look = look
        square = (max(2, round(video.width * video.sar)), video.height)
        aspect = look.width / look.height
        moves = look.ken_burns is not None and look.fit == "cover"
        self.way = paths.path(look.ken_burns if moves else None, *square, aspect, look.focus, look.turn)
        self.square = square
        self.fitted, self.graph = self._sized(square)

    def _sized(self, square: tuple[int, int]) -> tuple[tuple[int, int], str]:
        """The size of a picture before it is laid into the film's, and the graph that makes it so."""
        look = self.look
        if not self.way.is_still:
            near = min(self.way.start.width, self.way.end.width) / look.width
            size = (_even(square[0] / max(1.0, near)), _even(square[1] / max(1.0, near)))
            return size, f"scale={size[0]}:{size[1]}"
        wide, tall = look.width / square[0], look.height / square[1]
        share = max(wide, tall) if look.fit == "cover" else min(wide, tall)
        size = (max(2, _even(square[0] * share)), max(2, _even(square[1] * share)))
        if look.fit != "cover":
            size = (min(size[0], look.width), min(size[1], look.height))
            return size, f"scale={size[0]}:{size[1]}"
        size = (max(size[0], look.width), max(size[1], look.height))
        x, y = _even((size[0] - look.width) * look.focus[0]), _even((size[1] - look.height) * look.focus[1])
        crop = f",crop={look.width}:{look.height}:{x}:{y}" if size != (look.width, look.height) else ""
        return (look.width, look.height), f"scale={size[0]}:{size[1]}{{colour}}{crop}"

    def graph_for(self, frame: Frame) -> str:
        """The graph for a video whose pictures are like `frame`."""
        rgb = frame.layout.family == "rgb"
        matrix = "" if rgb else f":in_color_matrix={frame.colour.effective_matrix(frame.height)}"
        colour = f"{matrix}:out_color_matrix=bt709:out_range=limited:flags=bicubic+accurate_rnd+full_chroma_int"
        graph = self.graph if "{colour}" in self.graph else self.graph + "{colour}"
        return graph.replace("{colour}", colour) + ",format=yuv420p"

    def seen(self, planes: Planes, share: float) -> Planes:
        """What a moving camera sees of a picture."""
        size = (self.look.width, self.look.height)
        scale = (self.fitted[0] / self.square[0], self.fitted[1] / self.square[1])
        view = self.way.at(share)
        made: Any = tuple(
            warped(
                plane,
                view,
                (0, 0),
                (scale[0] / (2 if k else 1), scale[1] / (2 if k else 1)),
                size,
                k > 0,
                cv2.INTER_LINEAR,
            )
            for k, plane in enumerate(planes)
        )
        return made

    def laid(self, planes: Planes) -> Planes:
        """A picture that is smaller than the film's, on what surrounds it."""
        look = self.look
        if not self.way.is_still or self.fitted == (look.width, look.height):
            return planes
        around = flat(look.background, look.width, look.height)
        if look.fit == "blur":
            around = _blurred(planes, look.width, look.height)
        x, y = (look.width - self.fitted[0]) // 4 * 2, (look.height - self.fitted[1]) // 4 * 2
        made: list[Any] = []
        for k, (below, plane) in enumerate(zip(around, planes)):
            step = 2 if k else 1
            whole = below.copy()
            whole[y // step : y // step + plane.shape[0], x // step : x // step + plane.shape[1]] = plane
            made.append(whole)
        one, two, three = made
        return one, two, three


def _even(value: float) -> int:
    return round(value / 2) * 2


def _blurred(planes: Planes, width: int, height: int) -> Planes:
    """The picture itself, filling the film's, out of focus and darker."""
    made: list[Any] = []
    for k, plane in enumerate(planes):
        view = paths.widest(plane.shape[1], plane.shape[0], width / height)
        x, y = round(view.left), round(view.top)
        part = plane[y : y + max(1, round(view.height)), x : x + max(1, round(view.width))]
        small = cv2.resize(part, (max(1, round(96 * width / height)), 96), interpolation=cv2.INTER_AREA)
        soft: Any = cv2.GaussianBlur(small, (0, 0), 4)
        if k == 0:
            soft = cv2.convertScaleAbs(soft, alpha=0.6, beta=16 * 0.4)
        step = 2 if k else 1
        made.append(cv2.resize(soft, (width // step, height // step), interpolation=cv2.INTER_CUBIC))
    one, two, three = made
    return one, two, three


def _shown(info: MediaInfo, index: read.Index, times: list[Fraction], shape: _Shape) -> Iterator[Planes]:
    """The planes on screen at each of `times`, in seconds of the file's clock, rising."""
    video = read.picture_of(info)
    # A little ahead, so that clocks that are rounded do not show a picture twice and skip the next.
    early = (times[1] - times[0]) / 4 if len(times) > 1 else Fraction(0)
    moments = deque(time + early for time in times)
    start = int(moments[0] / video.time_base)
    stream = read.frames(info, start=start, before=1, index=index)
    first = next(stream, None)
    if first is None:
        return
    whole = _chained(first, stream)
    if first.field_order != "progressive":
        whole = lavfi.run(whole, "bwdif=mode=send_frame", "progressive")
    repeats: deque[int] = deque()
    for frame in lavfi.run(_picked(whole, moments, repeats), shape.graph_for(first)):
        planes: Any = shape.laid(
            (np.asarray(frame.planes[0]), np.asarray(frame.planes[1]), np.asarray(frame.planes[2]))
        )
        for _ in range(repeats.popleft()):
            yield planes


def _chained(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _picked(frames: Iterator[Frame], moments: deque[Fraction], repeats: deque[int]) -> Iterator[Frame]:
    """The frames that are on screen at one of `moments` at least, each noting in `repeats` at how many."""
    shown: Frame | None = None
    for frame in frames:
        time = frame.pts * frame.time_base
        count = 0
        while shown is not None and moments and moments[0] < time:
            moments.popleft()
            count += 1
        if shown is not None and count:
            repeats.append(count)
            yield shown
        if not moments:
            return
        shown = frame
    if shown is not None and moments:
        repeats.append(len(moments))
        moments.clear()
        yield shown
