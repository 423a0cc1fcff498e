"""Frames that are made, not read: moving, noisy, of any format, size and clock; and what each filter needs to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import networks
from cinemill.errors import MissingResource
from cinemill.filters import Chain, text
from cinemill.media.colour import Colour
from cinemill.media.formats import layout
from cinemill.media.types import FieldOrder, Frame

TAGGED = Colour("bt709", "bt709", "bt709", "limited")
CUBE = "LUT_3D_SIZE 2\n" + "".join(
    f"{0.1 + 0.8 * r:.2f} {g:.2f} {0.9 * b:.2f}\n" for b in (0, 1) for g in (0, 1) for r in (0, 1)
)
"""A look-up table that raises dark red and lowers bright red and blue."""


@lru_cache(maxsize=64)
def given(folder: Path, flat: bool = False) -> dict[str, dict[str, Any]]:
    """Parameters for the filters that do nothing, or do not run, without. `flat`: ones that draw nothing."""
    cube, srt = folder / "a.cube", folder / ("none.srt" if flat else "a.srt")
    cube.write_text(CUBE)
    cue = "1\n00:00:00,000 --> 00:01:00,000\n{}\n"
    srt.write_text(cue.format("" if flat else "HELLO"))
    grey = {"colour": "#808080"} if flat else {}
    networks.onnx_file(folder / "blur.onnx")
    networks.onnx_file(folder / "double.onnx", scale=2)
    networks.style_file(folder / "style.onnx", None, channels=2)
    networks.rife_file(folder / "rife.safetensors")
    networks.colour_file(folder / "colour.onnx", (100, 0), (-20, 10))
    if has_torch := find_spec("torch") is not None:
        networks.basicvsrpp_file(folder / "vsr.pth", idle=flat)
    networks.yunet_file(folder / "yunet.onnx", side=24)
    networks.face_file(folder / "face.onnx", keep=0.5, add=-0.2, weight=True)
    return {
        "cinematic": {"grain": 0, "vignette": 0} if flat else {},
        "chroma-align": {"x": 1.3, "y": 0.7},
        "chroma-shift": {"cb_x": 3},
        "colorize": {"model": str(folder / "colour.onnx")},
        "comic": {"dots": 0} if flat else {},
        "crop": {"left": 3, "top": 5},
        "denoise.model": {"model": str(folder / "blur.onnx")},
        "faces": {
            "model": str(folder / "face.onnx"),
            "detector": str(folder / "yunet.onnx"),
            "smallest": 4,
        },
        "fit": {"width": 50, "height": 60, **grey},
        "format": {"pix_fmt": "yuv444p16le"},
        "fps": {"rate": 50},
        "grain": {"strength": 0 if flat else 0.3},
        "inpaint": {"left": 20, "top": 10, "width": 12, "height": 8, "window": 3},
        "interpolate.flow": {"rate": 50},
        "interpolate.rife": {"rate": 50, "model": str(folder / "rife.safetensors")},
        "lavfi": {"graph": "unsharp=5:5:1", "halo": 0},
        "levels": {"black": 5, "gamma": 1.2},
        "lut": {"file": cube},
        "mark-fields": {"field_order": "bff"},
        "neural": {"model": str(folder / "style.onnx")},
        "pencil": {"hatching": 0, "paper": 0} if flat else {},
        "pad": {"left": 4, "right": 3, "top": 5, **grey},
        "propainter": {"left": 20, "top": 10, "width": 12, "height": 8, "length": 0.2, "margin": 1},
        "scale": {"height": 24},
        "simulate.digital": {} if flat else {"halo": 0.1, "chroma": "411", "quantiser": 6, "lost": 2},
        "simulate.film": {} if flat else {"weave": 1, "grain": 4, "dirt": 3, "scratches": 1, "flicker": 0.05},
        "simulate.tape": {} if flat else {"passes": 2, "luma_noise": 4, "wander": 1, "dropouts": 3, "head_switch": 4},
        "simulate.telecine": {"rate": 50},
        "subtitles": {"file": srt},
        **(
            {"upscale.basicvsrpp": {"model": str(folder / "vsr.pth"), "length": 0.12, "margin": 1}} if has_torch else {}
        ),
        "upscale.model": {"model": str(folder / "double.onnx")},
        "white-balance": {"temperature": 4000},
    }


def chain(*steps: tuple[str, dict[str, Any]]) -> Chain:
    return text.chain([{"filter": name, "params": params} for name, params in steps])


def run(wanted: Chain | str, frames: Iterable[Frame], threads: int = 1) -> list[Frame]:
    """What comes out of a chain; skips the test where it needs an engine that is not installed."""
    made = text.chain(wanted) if isinstance(wanted, str) else wanted
    with skipping():
        return list(made.run(frames, threads))
    raise AssertionError


@contextmanager
def skipping() -> Iterator[None]:
    try:
        yield
    except MissingResource as missing:
        pytest.skip(str(missing))


@lru_cache(maxsize=512)
def _planes(format: str, width: int, height: int, number: int, noise: float) -> tuple[np.ndarray, ...]:
    plan = layout(format)
    assert plan
    top = (1 << plan.bits) - 1
    dice = np.random.default_rng([number, width, height])
    planes = []
    for place, (shape, (h, v, _)) in enumerate(zip(plan.shapes(width, height), plan.planes)):
        y, x = np.mgrid[: shape[0], : shape[1]]
        value = 0.5 + 0.25 * np.sin(((x << h) + 3 * number) / 9 + place) * np.cos(((y << v) + 2 * number) / 7)
        value = value + dice.normal(0, noise / 255, shape[:2])
        value = np.stack([np.roll(value, 3 * i, 1) for i in range(shape[2])], -1) if len(shape) == 3 else value
        plane = np.rint(np.clip(value, 0.07, 0.92) * top).astype(plan.dtype)
        plane.flags.writeable = False
        planes.append(plane)
    return tuple(planes)


def movie(
    count: int = 12,
    format: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    *,
    noise: float = 4,
    **facts: Any,
) -> list[Frame]:
    """Waves that move a few pixels per frame, with noise, at 25 frames/s."""
    facts = {"time_base": Fraction(1, 25), "duration": 1, "colour": TAGGED, **facts}
    return [Frame(_planes(format, *size, number, noise), format, number, **facts) for number in range(count)]


def spotted(frames: Sequence[Frame]) -> list[Frame]:
    """A speck of dirt and a streak along a line in each, somewhere else every time."""
    dirty: list[Frame] = []
    for number, frame in enumerate(frames):
        dice = np.random.default_rng([number, 9])
        plane = frame.planes[0].copy()
        top, left = dice.integers(0, frame.height - 4), dice.integers(0, frame.width - 4)
        row, start = dice.integers(0, frame.height), dice.integers(0, frame.width - 24)
        plane[top : top + 4, left : left + 3] = plane[row, start : start + 24] = (1 << frame.layout.bits) - 1
        dirty.append(replace(frame, planes=(plane, *frame.planes[1:])))
    return dirty


def dusty(frames: Sequence[Frame]) -> list[Frame]:
    """A picture that stands still, with a speck on each frame, somewhere else every time."""
    dirty: list[Frame] = []
    for number, frame in enumerate(frames):
        plane = frames[0].planes[0].copy()
        top, left = (
            int(3 + (7 * number + 3) * step % (side - 8)) for step, side in ((3, frame.height), (5, frame.width))
        )
        plane[top : top + 3, left : left + 3] = (1 << frame.layout.bits) - 1
        dirty.append(replace(frame, planes=(plane, *frames[0].planes[1:])))
    return dirty


def scratched(frames: Sequence[Frame]) -> list[Frame]:
    """A bright line from top to bottom of each."""
    made: list[Frame] = []
    for frame in frames:
        plane = frame.planes[0].copy()
        plane[:, frame.width // 3 : frame.width // 3 + 2] = (1 << frame.layout.bits) - 1
        made.append(replace(frame, planes=(plane, *frame.planes[1:])))
    return made


def ringing(frames: Sequence[Frame]) -> list[Frame]:
    """A step up in the middle of each, with a darker line before it and a brighter one behind."""
    profile = np.repeat([0.3, 0.22, 0.5, 0.78, 0.7], [12, 2, 1, 2, 12])
    made: list[Frame] = []
    for frame in frames:
        plane = frame.planes[0].copy()
        start = (frame.width - len(profile)) // 2
        values = np.rint(profile * ((1 << frame.layout.bits) - 1))
        plane[:, start : start + len(profile)] = values.reshape(-1, *[1] * (plane.ndim - 2))
        made.append(replace(frame, planes=(plane, *frame.planes[1:])))
    return made


def blocky(frames: Sequence[Frame]) -> list[Frame]:
    """Squares of 8 x 8 that are of one brightness each, all over."""
    made: list[Frame] = []
    for frame in frames:
        plane = frame.planes[0]
        squares = plane[4::8, 4::8].repeat(8, axis=0).repeat(8, axis=1)
        padded = np.pad(squares, [(0, max(0, n - m)) for n, m in zip(plane.shape, squares.shape)], mode="edge")
        made.append(replace(frame, planes=(padded[: frame.height, : frame.width].copy(), *frame.planes[1:])))
    return made


def with_a_face(frames: Sequence[Frame]) -> list[Frame]:
    """A white square of 8 x 8 in each, which the detector of the tests takes for a face."""
    made: list[Frame] = []
    for frame in frames:
        bits, is_yuv = frame.layout.bits, frame.layout.family == "yuv"
        planes = tuple(plane.copy() for plane in frame.planes)
        for number, (plane, (h, v, _)) in enumerate(zip(planes, frame.layout.planes)):
            value = 1 << (bits - 1) if is_yuv and number else 235 << (bits - 8) if is_yuv else (1 << bits) - 1
            plane[16 >> v : 24 >> v, 24 >> h : 32 >> h] = value
        made.append(replace(frame, planes=planes))
    return made


def shaken(frames: Sequence[Frame]) -> list[Frame]:
    """Each a few pixels to the side of where the one before was."""
    made: list[Frame] = []
    for number, frame in enumerate(frames):
        dice = np.random.default_rng([number, 5])
        right, down = (4 * int(by) for by in dice.integers(-1, 2, 2))
        planes = [
            np.roll(plane, (down >> v, right >> h), (0, 1))
            for plane, (h, v, _) in zip(frame.planes, frame.layout.planes)
        ]
        made.append(replace(frame, planes=tuple(planes)))
    return made


SPOILED: dict[str, Callable[[Sequence[Frame]], list[Frame]]] = {
    "deblock": blocky,
    "dehalo": ringing,
    "faces": with_a_face,
    "dirt": dusty,
    "scratches": scratched,
    "stabilise": shaken,
}
"""What a filter repairs, if it is not what `spotted` makes."""


def timed(frames: Sequence[Frame], pts: Sequence[int], time_base: Fraction, last: int) -> list[Frame]:
    """`frames` at other times; each lasts until the next."""
    lengths = [after - before for before, after in pairwise(pts)] + [last]
    return [
        replace(frame, pts=start, time_base=time_base, duration=length)
        for frame, start, length in zip(frames, pts, lengths)
    ]


def ntsc_in_milliseconds(frames: Sequence[Frame]) -> list[Frame]:
    """30000/1001 as Matroska stores it, a while after zero."""
    return timed(frames, [500 + round(n * 1001 / 30) for n in range(len(frames))], Fraction(1, 1000), 33)


def variable(frames: Sequence[Frame]) -> list[Frame]:
    """A variable rate with short and long frames, on a fine clock."""
    steps = np.cumsum([0, *(3600 + 1200 * (n * n % 5) - (2400 if n % 7 == 3 else 0) for n in range(len(frames) - 1))])
    return timed(frames, [9000 + int(step) for step in steps], Fraction(1, 90_000), 3600)


def woven(fields: Sequence[Frame], order: FieldOrder) -> list[Frame]:
    """Interlaced frames at half the rate: every other line from each of two pictures."""
    frames: list[Frame] = []
    for number, (first, second) in enumerate(zip(fields[::2], fields[1::2])):
        upper, lower = (first, second) if order == "tff" else (second, first)
        planes = tuple(plane.copy() for plane in lower.planes)
        for plane, other in zip(planes, upper.planes):
            plane[::2] = other[::2]
        frames.append(replace(first, planes=planes, pts=number, field_order=order))
    return frames


def end(frame: Frame) -> Fraction:
    return (frame.pts + frame.duration) * frame.time_base


def time(frame: Frame) -> Fraction:
    return frame.pts * frame.time_base


def worst(one: Frame, other: Frame) -> int:
    """Largest difference of two code values in the same place."""
    assert (one.format, one.width, one.height) == (other.format, other.width, other.height)
    return max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(one.planes, other.planes))


def psnr(one: Frame, other: Frame) -> float:
    """dB of the first plane; 100 for equal ones."""
    error = np.mean((one.planes[0].astype(float) - other.planes[0].astype(float)) ** 2)
    peak = (1 << one.layout.bits) - 1
    return 100.0 if error == 0 else float(10 * np.log10(peak**2 / error))
