"""Looks against what tutorials do with OpenCV and NumPy, without a codec; whole operations against a transcode."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import CINEMILL, Table, clip, in_turns, workplace
from cinemill.filters import text
from cinemill.hardware import cores
from cinemill.media import heap, lavfi, read
from cinemill.media.types import Frame

_SECONDS, _FPS = 10, 24
_OURS, _ROUNDS = 96, 2
"""Pictures that our filters are timed on, and turns of the whole operations."""

_ALIKE = {"pencil": "pencil=hatching:0:shading:0:paper:0"}
"""What looks as the textbook's does, where that does not hatch, nor draws on paper."""

Picture = np.ndarray[Any, Any]
"""uint8 (H, W, 3), B, G, R."""


def table() -> Table:
    with workplace() as folder:
        source = clip(folder, _SECONDS)
        frames = list(islice(read.frames(read.probe(source)), 24))
        whole = _operations(source, folder)
    pictures = [_bgr(frame) for frame in frames[:: len(frames) // 4]]
    rows: list[list[str]] = []
    for style, (textbook, count) in _TEXTBOOKS.items():
        plain, ours = _paced(textbook, pictures, count), _pace(_ALIKE.get(style, style), frames)
        share = whole["plain"] / whole[style]
        figures = (f"{plain:.2f}", f"{ours:.1f}", f"{ours / plain:.1f}", f"{_SECONDS * _FPS / whole[style]:.1f}")
        rows.append([style, *figures, f"{share:.2f}"])
    rows.append(["no filter", "", "", "", f"{_SECONDS * _FPS / whole['plain']:.1f}", "1.00"])
    return Table(
        "Stylising",
        "1080p. Pictures a second without a codec, by the textbook's OpenCV and NumPy (`bench/stylize.py` has it) and "
        "by our filters with their defaults (pencil: outlines alone, as the textbook's); and `cinemill stylize` as a "
        "whole, with decoding, H.264 at veryfast and sound, against the same transcode without a filter. Targets: 20 "
        "times the textbook (pencil: not slower), half of the transcode's speed.",
        [["", "textbook fps", "ours fps", "times", "operation fps", "of the transcode"], *rows],
    )


def _operations(source: Path, folder: Path) -> dict[str, float]:
    """Wall seconds of a transcode and of each style."""
    encode = ["--speed", "veryfast", "--crf", 20, "--encoder", "libx264", "--overwrite"]
    rivals: dict[str, Sequence[object]] = {
        "plain": [CINEMILL, "process", source, "-o", folder / "plain.mp4", *encode],
    }
    for style in _TEXTBOOKS:
        rivals[style] = [CINEMILL, "stylize", source, "-o", folder / f"{style}.mp4", "--style", style, *encode]
    return {name: run.seconds for name, run in in_turns(rivals, _ROUNDS).items()}


def _pace(style: str, frames: list[Frame]) -> float:
    heap.return_large_buffers(False)
    chain = text.chain(style)
    many = (replace(frame, pts=number) for number, frame in enumerate(islice(cycle(frames), _OURS + 8)))
    made = chain.run(many, cores())
    for _ in range(8):  # screens and tables are made once
        next(made)
    started = time.perf_counter()
    count = sum(1 for _ in made)
    return count / (time.perf_counter() - started)


def _paced(textbook: Callable[[Picture], Picture], pictures: list[Picture], count: int) -> float:
    textbook(pictures[0])
    started = time.perf_counter()
    for picture in islice(cycle(pictures), count):
        textbook(picture)
    return count / (time.perf_counter() - started)


def _bgr(frame: Frame) -> Picture:
    (rgb,) = lavfi.converted([frame], "rgb24")
    return np.ascontiguousarray(rgb.planes[0][..., ::-1])


def pencil(picture: Picture) -> Picture:
    """Grey, invert, blur, colour dodge."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    blurred = cv2.GaussianBlur(255 - grey, (21, 21), 0)
    return cv2.divide(grey, 255 - blurred, scale=256)


def cartoon(picture: Picture) -> Picture:
    """Two bilateral filters, k-means over the pixels, edges by adaptive threshold."""
    smooth = cv2.bilateralFilter(cv2.bilateralFilter(picture, 9, 75, 75), 9, 75, 75)
    points = smooth.reshape(-1, 3).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    _, labels, centres = cv2.kmeans(points[::16].copy(), 12, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    del labels
    apart = np.stack([np.square(points - centre).sum(1) for centre in centres], 1)
    flat = centres[apart.argmin(1)].astype(np.uint8).reshape(picture.shape)
    grey = cv2.medianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), 5)
    edges = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return cv2.bitwise_and(flat, flat, mask=edges)


def comic(picture: Picture, pitch: int = 7) -> Picture:
    """Four inks on rotated grids, a circle drawn for each dot."""
    height, width = picture.shape[:2]
    rgb = picture[..., ::-1] / 255.0
    black = 1 - rgb.max(axis=2)
    inks = [*((1 - rgb[..., i] - black) / np.maximum(1 - black, 1e-6) for i in range(3)), black]
    plates: list[Picture] = []
    for ink, angle in zip(inks, (15, 75, 0, 45)):
        tone = cv2.blur(ink, (pitch, pitch))
        plate = np.zeros((height, width), np.uint8)
        cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        reach = int(np.hypot(height, width) / pitch) + 1
        for row in range(-reach, reach):
            for column in range(-reach, reach):
                x = width / 2 + pitch * (column * cosine - row * sine)
                y = height / 2 + pitch * (column * sine + row * cosine)
                if 0 <= x < width and 0 <= y < height:
                    radius = pitch * 0.7 * np.sqrt(max(0.0, tone[int(y), int(x)]))
                    cv2.circle(plate, (int(x), int(y)), int(radius), 255, -1, cv2.LINE_AA)
        plates.append(plate)
    cyan, magenta, yellow, key = (1 - plate / 255.0 for plate in plates)
    made = np.stack([yellow * key, magenta * key, cyan * key], -1)
    edges = cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), 80, 160)
    made[cv2.dilate(edges, np.ones((2, 2), np.uint8)) > 0] = 0
    return (255 * made).astype(np.uint8)


def cinematic(picture: Picture, side: int = 33) -> Picture:
    """A 3-D table by trilinear interpolation, bloom, an S-curve, grain and a vignette, in NumPy."""
    axis = np.linspace(0, 1, side)
    cube = np.stack(np.meshgrid(axis, axis**1.05, axis**0.95, indexing="ij"), -1)
    rgb = picture[..., ::-1] / 255.0
    places = rgb * (side - 1)
    low = np.minimum(places.astype(int), side - 2)
    rest = places - low
    made = np.zeros_like(rgb)
    for corner in np.ndindex(2, 2, 2):
        at = low + np.array(corner)
        share = np.prod(np.where(np.array(corner) == 1, rest, 1 - rest), axis=-1, keepdims=True)
        made += share * cube[at[..., 0], at[..., 1], at[..., 2]]
    bright = np.where(made.mean(axis=2, keepdims=True) > 0.75, made, 0)
    made = made + 0.3 * cv2.GaussianBlur(bright, (0, 0), 25)
    made = 0.65 * made + 0.35 * made * made * (3 - 2 * made)
    made += np.random.default_rng().normal(0, 0.02, (*made.shape[:2], 1))
    y, x = np.mgrid[-1 : 1 : made.shape[0] * 1j, -1 : 1 : made.shape[1] * 1j]
    made *= (1 - 0.25 * (x * x + y * y) / 2)[..., None]
    return (255 * np.clip(made, 0, 1)).astype(np.uint8)[..., ::-1]


_TEXTBOOKS: dict[str, tuple[Callable[[Picture], Picture], int]] = {
    "pencil": (pencil, 60),
    "cartoon": (cartoon, 3),
    "comic": (comic, 2),
    "cinematic": (cinematic, 3),
}
"""And how many pictures each is timed on."""
