"""How much more styles change from picture to picture than what they show, with and without the stabiliser."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

import numpy as np

from bench import MEDIA, Table
from cinemill.filters import Chain
from cinemill.hardware import cores
from cinemill.measure.warping import Follower
from cinemill.media import read
from cinemill.media.types import Frame
from cinemill.operations.stylize import Stylize, styled

_CLIPS = {"chaplin": ("chaplin.mp4", (2,)), "big_buck_bunny": ("big_buck_bunny_0_30.webm", (4, 24))}
"""Files, and the seconds at which stretches of them begin."""
_LENGTH = 16
_STYLES = ("pencil", "cartoon", "comic", "cinematic")


def table() -> Table:
    rows: list[list[str]] = []
    for style in _STYLES:
        for temporal in ("off", "on"):
            chain = styled(Stylize(style=style, temporal=temporal))
            rows.append([f"{style}, {'steadied' if temporal == 'on' else 'as it is'}", *_ratios(chain)])
    return Table(
        "Steadiness of styles",
        "Warping error (what changes in luma from a picture to the next beyond what moved, mean over "
        f"{_LENGTH} pictures from each place) less that of the source, as a multiple of the source's own; with "
        "`--temporal off` and `on`. Below 0 it is calmer than the source. Target with the stabiliser: at most 1.2. "
        "Halftone dots, a few pixels wide and in full contrast, cannot move by parts of a pixel without a change; "
        "steadied, they are larger, soft and fainter, and go along with what moves.",
        [["", *_CLIPS], *rows],
    )


def _ratios(chain: Chain) -> Iterator[str]:
    for name, starts in _CLIPS.values():
        errors = np.concatenate([_errors(chain, stretch) for stretch in _stretches(name, starts)])
        source, made = errors.mean(axis=0)
        yield f"{(made - source) / source:.2f}"


def _stretches(name: str, starts: tuple[int, ...]) -> Iterator[list[Frame]]:
    info = read.probe(MEDIA / name)
    video, index = read.picture_of(info), read.index(info)
    for start in starts:
        frames = read.frames(info, start=round(Fraction(start) / video.time_base), index=index)
        yield list(islice(frames, _LENGTH))


def _errors(chain: Chain, frames: list[Frame]) -> np.ndarray:
    """(N, 2): of the source and of what the chain makes of it."""
    follower, made = Follower(), chain.run(frames, cores())
    found = (follower.errors(_luma(one), _luma(other)) for one, other in zip(frames, made))
    return np.array([pair for pair in found if pair])


def _luma(frame: Frame) -> np.ndarray:
    return frame.planes[0].astype(np.float32)
