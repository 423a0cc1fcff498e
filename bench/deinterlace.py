"""Deinterlacers against each other: real clips woven, then taken apart again and compared with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import PAGE, Table, workplace
from bench.real import CLIPS, Score, differences, head, pal, rows, score, speed
from cinemill.engines import engines
from cinemill.engines.install import is_installed
from cinemill.filters import text
from cinemill.hardware import cores
from cinemill.media.types import Frame

SIZES = ("fast", "balanced", "best")
METHODS = {name: f"deinterlace.{name}=field_order:tff" for name in ("yadif", "bwdif", "w3fdif", "estdif")}
METHODS |= {name: f"deinterlace.{name}=field_order:tff" for name in ("nnedi", "qtgmc")}
METHODS |= {f"ours, {size}": f"deinterlace.learned=field_order:tff:size:{size}" for size in SIZES}
_SHOWN, _PICTURE, _BOX = "bunny 10 s", 40, (300, 150, 160, 120)


def table() -> Table:
    methods = {name: chain for name, chain in METHODS.items() if _usable(name)}
    scores: dict[str, list[Score]] = {name: [] for name in methods}
    shown: dict[str, Frame] = {}
    with workplace() as folder:
        for clip in CLIPS:
            true = clip.frames(folder)
            for name, chain in methods.items():
                made = list(text.chain(chain).run(woven(true), cores()))
                scores[name].append(score(true, made))
                if clip.name == _SHOWN:
                    shown[name] = made[_PICTURE]
            if clip.name == _SHOWN:
                differences(PAGE.with_name("deinterlace.webp"), {"as it was": true[_PICTURE]} | shown, _BOX)
        speeds = {name: speed(chain, pal(folder, True)) for name, chain in methods.items()}
    return Table(
        "Deinterlacing",
        "Progressive clips woven to interlaced ones (top field first), deinterlaced at field rate and compared with "
        "themselves: PSNR of luma in dB per clip and in the mean, SSIM, flicker in code values (8 pixels of border and "
        "4 pictures at each end left out), and pictures a second at 720x576 through our chain. A part of a picture by "
        "each: [deinterlace.webp](deinterlace.webp).",
        [head("fps 720x576"), *rows(scores, speeds)],
    )


def woven(true: Sequence[Frame]) -> list[Frame]:
    """Two pictures in each frame, the earlier one in the upper lines."""
    made: list[Frame] = []
    for number, (first, second) in enumerate(zip(true[::2], true[1::2])):
        planes = tuple(plane.copy() for plane in first.planes)
        for plane, other in zip(planes, second.planes):
            plane[1::2] = other[1::2]
        made.append(replace(first, planes=planes, pts=number, duration=1, field_order="tff"))
    return made


def _usable(method: str) -> bool:
    weights = Path(text.__file__).parents[1] / "models" / "weights"
    if method.startswith("ours"):
        return (weights / f"deinterlace-{method.split()[1]}.onnx").exists()
    return method not in ("nnedi", "qtgmc") or is_installed(engines.get("vapoursynth"))
