"""Subtitles into the picture, for players and sites that show none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cinemill.catalogue import Field, Params, SubtitleFile
from cinemill.errors import OutputRefused
from cinemill.filters import Chain, text
from cinemill.filters.subtitles import Subtitles, typeface
from cinemill.media import clock
from cinemill.media.output import VideoOutput
from cinemill.operations import Chunk, Decided, Operation, Request, operation
from cinemill.operations.video import VideoOperation

if TYPE_CHECKING:
    from cinemill.media.types import Frame, MediaInfo


class Burn(VideoOutput, Subtitles):
    file: SubtitleFile | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    """Subtitles in any format. Left out, a subtitle track of the video itself is drawn."""


@operation
class BurnOperation(VideoOperation[Burn]):
    """Burn subtitles into the picture, in any style; says which font it takes."""

    name = "burn"
    topic = "Subtitles"
    params = Burn
    example = "cinemill burn film.mp4 --file film.srt -o film-with-subtitles.mp4"

    def chain(self, params: Burn, info: MediaInfo) -> tuple[Chain, list[str]]:
        return drawn(params, info, params.file)


def drawn(params: Params, info: MediaInfo, file: Path | None) -> tuple[Chain, list[str]]:
    """The chain that draws `file`, or the video's own subtitles, and what to say of the font."""
    given = {name: getattr(params, name) for name in Subtitles.model_fields}
    if file and info.video:
        # Their clock begins with the programme, the picture's may begin later.
        given["delay"] += clock.seconds(info.video.start_pts, info.video.time_base)
    given["file"] = file or info.path
    notes = typeface(Subtitles.of(given, "subtitles"))[1] if given["file"].is_file() else []
    return Chain((text.step("subtitles", given),)), notes


class BurnPreview(Subtitles):
    file: SubtitleFile | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    """Subtitles in any format. Left out, a subtitle track of the video itself is drawn."""
    at: float | None = Field(None, ge=0, le=86400, unit="s")
    """Which moment to show. Left out, the middle of the cue with the longest text."""


@operation
class BurnPreviewOperation(Operation[BurnPreview, Decided]):
    """One picture with its subtitles, to judge font, size and place by, as PNG or JPEG."""

    name = "burn-preview"
    topic = "Subtitles"
    params = BurnPreview
    decided = Decided
    unit = "pictures"
    example = "cinemill burn-preview film.mp4 --file film.srt --font 'DejaVu Sans' -o look.png"

    def suffix(self, request: Request[BurnPreview]) -> str:
        return ".png"

    def decide(self, request: Request[BurnPreview]) -> Decided:
        from cinemill.media import read

        assert request.output
        if request.output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            raise OutputRefused(f"{request.output}: a preview becomes .png or .jpg.")
        info = read.probe(request.inputs[0])
        read.picture_of(info)
        return Decided(notes=tuple(drawn(request.params, info, request.params.file)[1]))

    def cut(self, request: Request[BurnPreview], decided: Decided, seconds: float) -> list[Chunk]:
        return []

    def part(self, request: Request[BurnPreview], decided: Decided, chunk: Chunk, path: Path) -> Iterator[int]:
        raise AssertionError("there are no parts")

    def join(
        self, request: Request[BurnPreview], decided: Decided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        assert output
        assert request.output
        _save(_shown(request), output, request.output.suffix.lower())
        yield 1.0


def _shown(request: Request[BurnPreview]) -> Frame:
    """The picture at the moment asked for, drawn on."""
    from cinemill.filters.subtitles import transcript_of
    from cinemill.measure import moments
    from cinemill.media import read

    params, info = request.params, read.probe(request.inputs[0])
    moment = params.at
    if moment is None:
        cues = transcript_of(params.file or info.path, params.track).cues
        longest = max(cues, key=lambda cue: len(cue.text))
        moment = (longest.start + longest.end) / 2000 + params.delay
    chain, _ = drawn(params, info, params.file)
    begins = read.picture_of(info).start_pts * read.picture_of(info).time_base
    frame = moments.frames_at(info.path, [clock.parse(f"{moment:.3f}") + begins])[0]
    return next(iter(chain.run(iter([frame]))))


def _save(frame: Frame, path: Path, suffix: str) -> None:
    from cinemill.measure import sheet

    picture = sheet.picture(frame)
    path.write_bytes(sheet.png(picture) if suffix == ".png" else sheet.jpeg(picture))
