"""Upscalers against each other: clips averaged down by two, enlarged again and compared with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench import PAGE, Table, workplace
from bench.real import CLIPS, Score, differences, head, pal, rows, score, speed
from cinemill.engines import engines
from cinemill.engines.install import is_installed
from cinemill.filters import text
from cinemill.hardware import cores
from cinemill.media.types import Frame, Plane

_SHOWN, _PICTURE, _BOX = "bunny 10 s", 40, (300, 150, 160, 120)


def table() -> Table:
    scores: dict[str, list[Score]] = {name: [] for name in _methods(CLIPS[0].frame_size)}
    shown: dict[str, Frame] = {}
    with workplace() as folder:
        for clip in CLIPS:
            true = clip.frames(folder)
            small = halved(true)
            for name, chain in _methods(clip.frame_size).items():
                made = list(text.chain(chain).run(small, cores()))
                scores[name].append(score(true, made))
                if clip.name == _SHOWN:
                    shown[name] = made[_PICTURE]
            if clip.name == _SHOWN:
                differences(PAGE.with_name("upscale.webp"), {"as it was": true[_PICTURE]} | shown, _BOX)
        speeds = {name: speed(chain, pal(folder, False)) for name, chain in _methods((1440, 1152)).items()}
    return Table(
        "Upscaling",
        "Clips whose pictures are averaged down by two by two pixels, enlarged to twice that and compared with "
        "themselves: PSNR of luma in dB per clip and in the mean, SSIM, flicker in code values (8 pixels of border and "
        "4 pictures at each end left out), and pictures a second from 720x576. A part of a picture by each: "
        "[upscale.webp](upscale.webp).",
        [head("fps from 720x576"), *rows(scores, speeds)],
    )


def _methods(size: tuple[int, int]) -> dict[str, str]:
    """Chains that lead to a size."""
    to = f"scale=width:{size[0]}:height:{size[1]}:kernel:"
    kernels = {kernel: f"{to}{kernel}" for kernel in ("bicubic", "lanczos", "spline")}
    znedi3 = {"znedi3": "upscale.znedi3"} if is_installed(engines.get("vapoursynth")) else {}
    return kernels | znedi3 | {"ours": "upscale.learned"}


def halved(frames: Sequence[Frame]) -> list[Frame]:
    return [replace(frame, planes=tuple(map(_halved, frame.planes))) for frame in frames]


def _halved(plane: Plane) -> Plane:
    height, width = plane.shape
    return np.rint(plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))).astype(plane.dtype)
