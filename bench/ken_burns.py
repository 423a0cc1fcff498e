"""How far a camera over a picture is from where it should be: ours, and FFmpeg's zoompan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import Table, run_ffmpeg, workplace
from cinemill.film import paths, stills
from cinemill.film.board import KenBurns
from cinemill.media import read

_PICTURE = (2560, 1440)
_SIZE = (1280, 720)
_FRAMES = 150
_ZOOM = 1.2
_DOT = (1130.0, 790.0)
"""Where the dot is in the picture: off the middle, so that it moves."""

Spots = list[tuple[float, float]]


def table() -> Table:
    with workplace() as folder:
        picture = _dotted()
        cv2.imwrite(str(folder / "dot.png"), picture)
        rows = [["", "farthest from its path, px", "most between two pictures, px", "most against the motion, px"]]
        for name, made in (
            ("cinemill, coming closer", lambda: _ours(picture, KenBurns(move="in", zoom=_ZOOM, ease="linear"))),
            ("cinemill, moving across", lambda: _ours(picture, KenBurns(move="right", zoom=_ZOOM, ease="linear"))),
            ("zoompan, coming closer", lambda: _zoompan(folder, "")),
            ("zoompan, of the picture four times as large", lambda: _zoompan(folder, "scale=iw*4:-1:flags=bicubic,")),
        ):
            rows.append([name, *_apart(made)])
    return Table(
        "Smoothness of a moving camera",
        f"A soft dot in a picture of {_PICTURE[0]}x{_PICTURE[1]} pixels, seen at {_SIZE[0]}x{_SIZE[1]} for {_FRAMES} "
        f"pictures while the camera comes closer by {_ZOOM}: its middle against where the formula has it; by how much "
        "that changes from one picture to the next, which is what shakes; and how far it goes backwards. Target: 0.1.",
        rows,
    )


def _dotted() -> Any:
    rows, columns = np.mgrid[: _PICTURE[1], : _PICTURE[0]] + 0.5
    light = 255 * np.exp(-((columns - _DOT[0]) ** 2 + (rows - _DOT[1]) ** 2) / (2 * 12.0**2))
    return np.dstack([light.astype(np.uint8)] * 3)


def _middle(plane: Any) -> tuple[float, float]:
    light = np.clip(plane.astype(float) - 18, 0, None)
    rows, columns = np.mgrid[: plane.shape[0], : plane.shape[1]] + 0.5
    return float((light * columns).sum() / light.sum()), float((light * rows).sum() / light.sum())


def _ours(picture: Any, moves: KenBurns) -> tuple[Spots, Spots]:
    """Where the dot is, and where it should be."""
    way = paths.path(moves, *_PICTURE, _SIZE[0] / _SIZE[1], (0.5, 0.5), 0)
    camera = stills.Still(picture, way, *_SIZE)
    shares = [number / (_FRAMES - 1) for number in range(_FRAMES)]
    views = [way.at(share) for share in shares]
    return [_middle(camera.at(share)[0]) for share in shares], [
        ((_DOT[0] - view.left) * _SIZE[0] / view.width, (_DOT[1] - view.top) * _SIZE[1] / view.height) for view in views
    ]


def _zoompan(folder: Path, before: str) -> tuple[Spots, Spots]:
    made = folder / "zoompan.mkv"
    step = (_ZOOM - 1) / (_FRAMES - 1)
    graph = (
        f"{before}zoompan=z='1+{step}*on':x='iw/2-(iw/zoom/2)':y='ih/2-(ih/zoom/2)'"
        f":d={_FRAMES}:s={_SIZE[0]}x{_SIZE[1]}:fps=30,format=yuv444p"
    )
    run_ffmpeg("-i", folder / "dot.png", "-vf", graph, "-c:v", "ffv1", made)
    found = [_middle(frame.planes[0]) for frame in read.frames(read.probe(made))]
    zooms = [1 + step * number for number in range(_FRAMES)]
    centre = _PICTURE[0] / 2, _PICTURE[1] / 2
    scale = _SIZE[0] / _PICTURE[0]
    wanted = [
        (_SIZE[0] / 2 + (_DOT[0] - centre[0]) * scale * z, _SIZE[1] / 2 + (_DOT[1] - centre[1]) * scale * z)
        for z in zooms
    ]
    return found, wanted


def _apart(make: Callable[[], tuple[Spots, Spots]]) -> Iterator[str]:
    found, wanted = (np.array(spots) for spots in make())
    # Where the middle of a picture lies is a matter of half a pixel; what does not change is no motion.
    apart = found - wanted
    apart -= np.median(apart, axis=0)
    steps, due = np.diff(found, axis=0), np.diff(wanted, axis=0)
    yield f"{np.abs(apart).max():.3f}"
    yield f"{np.abs(np.diff(apart, axis=0)).max():.3f}"
    yield f"{max(0.0, float((-steps * np.sign(due)).max())):.3f}"
