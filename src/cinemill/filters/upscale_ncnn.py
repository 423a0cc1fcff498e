"""More pixels by the program realesrgan-ncnn-vulkan, where it is installed: any GPU that has Vulkan, no torch.

The program takes folders of pictures, so frames go to it in small groups, as PNG of 8 bits, and no more than a group
is on disk. Source: its own help (release 20220424).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal

from cinemill.catalogue import Field, Params
from cinemill.errors import EngineCrashed, InvalidParams, MissingEngine
from cinemill.filters import stream_filter
from cinemill.filters.model import PICTURES, check_progressive, pictured, values

if TYPE_CHECKING:
    from cinemill.media.types import Frame

_PROGRAM: Final = "realesrgan-ncnn-vulkan"
_GROUP: Final = 16
"""Frames that are handed over at once: starting the program takes as long as several of them."""


class Ncnn(Params):
    model: Literal["realesr-animevideov3", "realesrgan-x4plus", "realesrgan-x4plus-anime", "realesrnet-x4plus"] = (
        "realesr-animevideov3"
    )
    """Which of the program's own models. realesr-animevideov3 alone knows other scales than 4."""
    scale: Literal[2, 3, 4] = 4
    """How many times as wide and high the picture gets."""
    tile: int = Field(0, ge=0, le=4096, unit="px")
    """Side of the tiles that the picture is cut into. 0 lets the program choose."""
    gpu: int | None = Field(None, ge=-1, le=64)
    """Which GPU, by its number; left out, the program chooses."""


def _check(p: Ncnn, frame: Frame) -> None:
    check_progressive(p, frame)
    if p.scale != 4 and p.model != "realesr-animevideov3":
        raise InvalidParams(f"{p.model} enlarges by 4 only, not by {p.scale}; realesr-animevideov3 can.")
    _program()


def _program() -> str:
    found = shutil.which(_PROGRAM)
    if found is None:
        raise MissingEngine(f"{_PROGRAM} is not on the PATH; install it, or use upscale.model.")
    return found


@stream_filter("upscale.ncnn", halo=(0, 0), accepts=PICTURES, check=_check)
def ncnn(frames: Iterator[Frame], p: Ncnn) -> Iterator[Frame]:
    """Enlarge the picture by realesrgan-ncnn-vulkan."""
    for first in frames:
        yield from _enlarged([first, *islice(frames, _GROUP - 1)], p)


def _enlarged(group: Sequence[Frame], p: Ncnn) -> Iterator[Frame]:
    import cv2
    import numpy as np

    with TemporaryDirectory(prefix="cinemill-") as folder:
        given, made = Path(folder, "given"), Path(folder, "made")
        for each in (given, made):
            each.mkdir()
        for number, frame in enumerate(group):
            picture = np.clip(np.rint(values(frame)[::-1].transpose(1, 2, 0) * 255), 0, 255).astype(np.uint8)
            cv2.imwrite(str(given / f"{number:04}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        _run(given, made, p)
        for number, frame in enumerate(group):
            picture = cv2.imread(str(made / f"{number:04}.png"), cv2.IMREAD_COLOR)
            if picture is None or picture.shape[:2] != (frame.height * p.scale, frame.width * p.scale):
                raise EngineCrashed(f"{_PROGRAM} gave no picture of the size that was asked for.")
            yield pictured(frame, picture[..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255)


def _run(given: Path, made: Path, p: Ncnn) -> None:
    from cinemill.media import program

    command = [_program(), "-i", str(given), "-o", str(made), "-n", p.model, "-s", str(p.scale), "-t", str(p.tile)]
    command += ["-f", "png"] + ([] if p.gpu is None else ["-g", str(p.gpu)])
    with program.child(command, _PROGRAM) as child:
        assert child.process.stdin
        assert child.process.stdout
        child.process.stdin.close()
        child.process.stdout.read()
        child.finish()
