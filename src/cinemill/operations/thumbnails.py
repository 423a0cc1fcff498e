"""A video at a glance: moments of it as one sheet, or one of them alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cinemill.catalogue import Field, Params
from cinemill.errors import OutputRefused
from cinemill.operations import Chunk, Decided, Operation, Request, operation

_SUFFIXES = (".png", ".jpg", ".jpeg")


class Thumbnails(Params):
    count: int = Field(12, ge=1, le=400)
    """How many moments, spread evenly; 1 gives one picture without a frame around it."""
    columns: int = Field(4, ge=1, le=20)
    """How many stand beside each other."""
    width: int = Field(400, ge=16, le=8192, unit="px")
    """Of each picture."""
    at: float | None = Field(None, ge=0, unit="s")
    """One picture of this moment instead."""


class ThumbnailsDecided(Decided):
    times: tuple[str, ...]
    """Of the moments, in seconds, as fractions."""


@operation
class ThumbnailsOperation(Operation[Thumbnails, ThumbnailsDecided]):
    """Make a contact sheet of a video, or a picture of one moment, as PNG or JPEG."""

    name = "thumbnails"
    topic = "Films"
    params = Thumbnails
    decided = ThumbnailsDecided
    unit = "pictures"
    example = "cinemill thumbnails film.mp4 -o sheet.jpg --count 16 --columns 4"

    def suffix(self, request: Request[Thumbnails]) -> str:
        return ".jpg"

    def decide(self, request: Request[Thumbnails]) -> ThumbnailsDecided:
        from cinemill.film.timeline import exact
        from cinemill.measure import moments
        from cinemill.media import read

        assert request.output
        if request.output.suffix.lower() not in _SUFFIXES:
            raise OutputRefused(f"{request.output}: thumbnails become {', '.join(_SUFFIXES)}.")
        video = read.picture_of(read.probe(request.inputs[0]))
        if request.params.at is not None:
            times = [exact(request.params.at) + video.start_pts * video.time_base]
        else:
            times = moments.spread(request.inputs[0], request.params.count)
        return ThumbnailsDecided(times=tuple(map(str, times)))

    def cut(self, request: Request[Thumbnails], decided: ThumbnailsDecided, seconds: float) -> list[Chunk]:
        return []

    def part(self, request: Request[Thumbnails], decided: ThumbnailsDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        raise AssertionError("there are no parts")

    def join(
        self, request: Request[Thumbnails], decided: ThumbnailsDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from fractions import Fraction

        from cinemill.measure import moments, sheet
        from cinemill.media import clock

        assert output
        assert request.output
        cells: list[tuple[str, Any]] = []
        for number, text in enumerate(decided.times, 1):
            (frame,) = moments.frames_at(request.inputs[0], [Fraction(text)])
            lines = round(request.params.width * frame.height / max(1, round(frame.width * frame.sar)))
            cells.append((clock.show(float(Fraction(text))), sheet.picture(frame, max(1, lines))))
            yield number / (len(decided.times) + 1)
        one = len(cells) == 1
        whole = cells[0][1] if one else sheet.gallery(cells, request.inputs[0].name, request.params.columns)
        output.write_bytes(sheet.png(whole) if request.output.suffix.lower() == ".png" else sheet.jpeg(whole))
        yield 1.0
