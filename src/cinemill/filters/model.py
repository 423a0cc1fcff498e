"""What filters that run a network share: how it is to run, and frames to and from the numbers it works on.

Networks take red, green and blue from 0 to 1. Frames are converted by their own matrix and range and not clipped, so
that 8 and 10 bits go in and out alike. How the work is cut into tiles and batches, and where it is done,
changes results by less than a code value, but not by nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from cinemill.catalogue import Field, Params, Weights
from cinemill.errors import UnsupportedMedia
from cinemill.filters import GBR, GREY, YUV
from cinemill.models.session import Backend, Precision

if TYPE_CHECKING:
    from cinemill.media.types import Frame, Plane
    from cinemill.models.session import Floats, Session
    from cinemill.models.tiles import Tiler

PICTURES = YUV + GREY + GBR + ("rgb24", "rgb48le")
"""Formats that a network's pictures are made of."""


Device = Annotated[
    str,
    Field(
        ...,
        description="Where the network runs: auto, cpu, cuda, cuda:1, mps, and for ONNX files tensorrt, directml, "
        "openvino, coreml, rocm.",
    ),
]
"""A parameter that says where a network runs."""


class Runs(Params):
    """How a network runs. `model` is here so that it comes first, which is where a lone value goes."""

    model: Weights
    """A name of `cinemill models list`, or a file: .safetensors, .pth or .onnx."""
    backend: Backend = "auto"
    """What runs the model: onnx for ONNX files, torch or compiled for the others; auto goes by the file."""
    device: Device = "auto"
    precision: Precision = "auto"
    """fp32, fp16 or bf16. auto is fp16 on GPUs where the model is known to bear it."""
    tile: int = Field(0, ge=0, le=16384, unit="px")
    """Side of the tiles that the picture is cut into. 0 takes what memory allows."""
    batch: int = Field(0, ge=0, le=256, unit="frames")
    """Frames that a GPU is given at once. 0 takes what memory allows."""


def session_for(model: str, p: Runs, partner: tuple[str, float] | None = None) -> Session:
    """The session of a model by name or path. Raises RequestError, MissingResource, OpenFailed."""
    from cinemill.models.session import Wanted
    from cinemill.models.sessions import located, opened

    other = (located(partner[0]), partner[1]) if partner else None
    return opened(Wanted(located(model), p.backend, p.device, p.precision, other))


def check_progressive(p: Params, frame: Frame) -> None:
    """Refuse interlaced pictures. Raises UnsupportedMedia."""
    if frame.field_order != "progressive":
        raise UnsupportedMedia("interlaced pictures hold two moments each; put deinterlace before it.")


def values(frame: Frame) -> Floats:
    """A frame as (3, H, W) float32: red, green and blue, nominally 0 to 1."""
    from cinemill.media.rgb import to_rgb

    return to_rgb(frame)


def pictured(frame: Frame, made: Floats) -> Frame:
    """`frame` with the picture (3, H, W) float32 in its own format; the size may be another."""
    from cinemill.media.rgb import of_rgb

    return replace(frame, planes=of_rgb(made, frame))


def changed(frame: Frame, before: Floats, after: Floats) -> Frame:
    """`frame` with the change from one picture (3, H, W) to another; where there is none it keeps its bits."""
    import numpy as np

    from cinemill.media.rgb import of_rgb

    planes: list[Plane] = []
    for plane, old, new in zip(frame.planes, of_rgb(before, frame), of_rgb(after, frame)):
        moved = plane.astype(np.int32) + new - old
        planes.append(np.clip(moved, 0, 2**frame.layout.bits - 1).astype(plane.dtype))
    return replace(frame, planes=tuple(planes))


def through(
    frames: Iterator[Frame], tiler: Tiler, given: Callable[[Frame], Floats] = values
) -> Iterator[tuple[Frame, Floats]]:
    """Each frame with what the network makes of it, (C, H, W) float32.

    Preparing frames, running the network and what the caller does with results go on at the same time.
    """
    from cinemill.media.flow import ahead

    with closing(ahead(_computed(frames, tiler, given), 1)) as done:
        yield from done


def _computed(
    frames: Iterator[Frame], tiler: Tiler, given: Callable[[Frame], Floats]
) -> Iterator[tuple[Frame, Floats]]:
    from cinemill.media.flow import ahead

    with closing(ahead(_prepared(frames, tiler, given), 1)) as ready:
        for group, pictures in ready:
            yield from zip(group, tiler.run(pictures))


def _prepared(
    frames: Iterator[Frame], tiler: Tiler, given: Callable[[Frame], Floats]
) -> Iterator[tuple[list[Frame], Floats]]:
    import numpy as np

    for first in frames:
        group = [first, *islice(frames, tiler.batch(first.height, first.width) - 1)]
        yield group, np.stack([given(frame) for frame in group])
