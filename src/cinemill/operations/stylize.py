"""A video in the manner of a drawing, a print, a film or a painting; or one sheet of a picture in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cinemill.catalogue import Field, presets
from cinemill.errors import InvalidParams, OutputRefused
from cinemill.filters import Chain, text
from cinemill.media.output import VideoOutput
from cinemill.operations import Chunk, Request, operation
from cinemill.operations.video import VideoDecided, VideoOperation, middle

if TYPE_CHECKING:
    from cinemill.media.read import Index
    from cinemill.media.types import Frame, MediaInfo

Style = Literal["pencil", "cartoon", "comic", "cinematic", "neural"]

SHIMMERS: Final[tuple[Style, ...]] = ("neural",)
"""Styles that draw each frame by itself and anew."""
_STEADIED: Final[dict[str, dict[str, Any]]] = {
    "pencil": {"anchor": "scene", "paper": 0.1},
    "comic": {"anchor": "scene", "finest": 10, "edge": 2.5, "dots": 0.65},
}
"""What is set so that strokes and dots belong to what moves instead of to the paper, and rough paper does not shine
through. Large, soft and fainter dots can move by parts of a pixel without a change.
"""
_SHEETS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}
_VARIANTS: Final = (
    ("pencil", "pencil"),
    ("pencil, in colour", "pencil=colour:1"),
    ("cartoon", "cartoon"),
    ("comic", "comic"),
    ("comic, coarse", "comic=dot:14:offset:4:levels:4:panel:2.5"),
    ("cinematic: film", "cinematic=letterbox:2.39"),
    *((f"cinematic: {look}", f"cinematic=look:{look}") for look in ("teal-orange", "bleach", "noir", "vintage")),
    ("cinematic: moonlight", "cinematic=look:moonlight"),
)
"""What a gallery shows beside the networks that are here and the presets."""


class Stylize(VideoOutput):
    style: Style = "cartoon"
    """The manner. neural takes a network, which `cinemill models get style-mosaic` fetches."""
    strength: float = Field(1.0, ge=0, le=1)
    """How far the style replaces the picture."""
    values: str = ""
    """Values of the style's own parameters, as in dot:9:offset:3; `cinemill filters comic` lists them."""
    temporal: Literal["auto", "on", "off"] = "auto"
    """Whether the result is steadied along the motion, as the filter temporal does it, and dots and strokes go along
    with what moves. auto does so where a style shimmers: with neural."""
    preview: float | None = Field(None, gt=0, le=600, unit="s")
    """Make only so much from the middle."""
    gallery: bool = False
    """Make one sheet (.jpg or .png) of a picture from the middle in all styles and presets, instead of a video."""


@operation
class StylizeOperation(VideoOperation[Stylize]):
    """Draw, print, grade or paint a video: pencil, cartoon, comic, cinematic, neural. --gallery shows them all."""

    name = "stylize"
    topic = "Pictures"
    params = Stylize
    example = "cinemill stylize clip.mp4 -o comic.mp4 --style comic"

    def chain(self, params: Stylize, info: MediaInfo) -> tuple[Chain, list[str]]:
        steps, notes = styled(params), [_says(params)]
        if info.video and info.video.field_order != "progressive":
            steps = Chain((text.step("deinterlace", {}), *steps.steps))
            notes.append("The source is interlaced; each of its fields becomes a picture first.")
        return steps, notes

    def excerpt(self, params: Stylize, info: MediaInfo, index: Index) -> tuple[int, int] | None:
        return middle(params.preview, info, index)

    def suffix(self, request: Request[Stylize]) -> str:
        return ".jpg" if request.params.gallery else super().suffix(request)

    def decide(self, request: Request[Stylize]) -> VideoDecided:
        from cinemill.media import read

        if not request.params.gallery:
            return super().decide(request)
        assert request.output
        format = _SHEETS.get(request.output.suffix.lower())
        if format is None:
            raise OutputRefused(f"{request.output}: a gallery becomes .jpg or .png.")
        read.picture_of(read.probe(request.inputs[0]))
        return VideoDecided(format=format)

    def steps(self, decided: VideoDecided) -> tuple[str, ...]:
        return super().steps(decided) if decided.spec else ("one picture in every style",)

    def cut(self, request: Request[Stylize], decided: VideoDecided, seconds: float) -> list[Chunk]:
        if not request.params.gallery:
            return super().cut(request, decided, seconds)
        return [Chunk(index=0, size=len(manners()))]

    def part(self, request: Request[Stylize], decided: VideoDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        if not request.params.gallery:
            yield from super().part(request, decided, chunk, path)
            return
        from cinemill.measure import sheet

        source = request.inputs[0]
        cells = [("source", _middle_picture(source))]
        yield 0
        for count, (label, chain) in enumerate(manners(), 1):
            cells.append((label, next(chain.run([cells[0][1]]))))
            yield count
        made = sheet.gallery([(label, sheet.picture(frame, _CELL)) for label, frame in cells], source.name)
        path.write_bytes(sheet.png(made) if decided.format == "png" else sheet.jpeg(made))

    def whole(self, path: Path) -> bool:
        return path.is_file() and (_is_sheet(path) or super().whole(path))

    def join(
        self, request: Request[Stylize], decided: VideoDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if not request.params.gallery:
            yield from super().join(request, decided, parts, output)
            return
        assert output
        output.write_bytes(parts[0].read_bytes())
        yield 1.0


_CELL = 360
"""Lines of a picture in a gallery."""


def styled(params: Stylize) -> Chain:
    """The filters of a style. Raises InvalidParams when `values` do not fit it."""
    steady = params.temporal == "on" or (params.temporal == "auto" and params.style in SHIMMERS)
    steadied = _STEADIED.get(params.style, {}) if steady else {}
    given = {"strength": params.strength, **steadied, **_values(params)}
    step = text.step(params.style, given)
    return Chain((step, text.step("temporal", {})) if steady and params.strength else (step,))


def _values(params: Stylize) -> dict[str, Any]:
    """What `values` says. Raises InvalidParams."""
    steps = text.chain(f"{params.style}={params.values}").steps if params.values.strip() else ()
    if len(steps) > 1:
        raise InvalidParams(f"values={params.values!r} is refused: they come in pairs name:value, joined by colons.")
    return steps[0].params.model_dump(exclude_unset=True) if steps else {}


def _says(params: Stylize) -> str:
    steps = styled(params).steps
    steadied = ", steadied along the motion" if len(steps) > 1 else ""
    return f"Style {params.style} at strength {params.strength:g}{steadied}."


def manners() -> list[tuple[str, Chain]]:
    """Every style with its variants, the networks that are here, presets of a style; by their names in a gallery."""
    found = [(label, text.chain(written)) for label, written in _VARIANTS]
    found += [(f"neural: {name}", text.chain(f"neural=model:{name}")) for name in _networks()]
    for one in presets().values():
        if one.operation == "stylize" and "style" in one.params:
            params = Stylize.of(one.params, f"preset {one.name}")
            found.append((f"preset {one.name}", styled(params)))
    return found


def _networks() -> list[str]:
    from cinemill.errors import MissingModel
    from cinemill.filters.neural import STYLES
    from cinemill.models import sessions

    here: list[str] = []
    for name in STYLES:
        try:
            sessions.located(f"style-{name}")
        except MissingModel:
            continue
        here.append(name)
    return here


def _middle_picture(source: Path) -> Frame:
    from cinemill.measure import moments

    (time,) = moments.spread(source, 1)
    (frame,) = moments.frames_at(source, [Fraction(time)])
    return frame


def _is_sheet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) in (b"\x89PN", b"\xff\xd8\xff")
