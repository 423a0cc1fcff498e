"""A tape or film made presentable: look at it, choose filters and say why, run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Field
from cinemill.filters import Chain, Step, text
from cinemill.media.output import VideoOutput
from cinemill.operations import Request, operation
from cinemill.operations.video import VideoDecided, VideoOperation, indexed

if TYPE_CHECKING:
    from cinemill.measure.fields import Fields
    from cinemill.media.read import Index
    from cinemill.media.types import MediaInfo


class Restore(VideoOutput):
    fields: Literal["auto", "tff", "bff", "progressive", "telecine"] = "auto"
    """What the picture is made of. auto looks at several places of the file and weighs what the file claims."""
    deinterlace: Literal["bwdif", "w3fdif", "yadif", "qtgmc"] = "bwdif"
    """How interlaced pictures become full ones. qtgmc is the steadiest, slow, and an engine to be installed."""
    denoise: float = Field(0.3, ge=0, le=1)
    """How much noise is taken away; 0 for none."""
    deflicker: bool = False
    """Even out brightness that changes from frame to frame, as old film does."""
    height: int | None = Field(None, ge=16, le=8192, unit="px")
    """Scale to this height, with square pixels."""
    preview: float | None = Field(None, gt=0, le=600, unit="s")
    """Make only so many seconds from the middle, without sound, and a sheet of before and after beside them."""
    export_vpy: str | None = None
    """Save the deinterlacing as a VapourSynth script under this name too; for interlaced material."""
    chain: str | None = None
    """Filters to run instead of those that the analysis chooses."""


@operation
class RestoreOperation(VideoOperation[Restore]):
    """Restore a tape or film: analyse it, explain what will be done, do it."""

    name = "restore"
    params = Restore
    example = "cinemill restore tape.avi -o tape.mp4"

    def chain(self, params: Restore, info: MediaInfo) -> tuple[Chain, list[str]]:
        if params.chain is not None:
            return text.chain(params.chain), ["The chain is yours; nothing was analysed."]
        steps, notes = _motion(params, info)
        if params.deflicker:
            steps.append(text.step("deflicker", {}))
            notes.append("Brightness is evened out over a few frames.")
        if params.denoise:
            steps.append(text.step("denoise", {"strength": params.denoise}))
            notes.append(f"Noise is reduced in the picture and in time, at strength {params.denoise:g}.")
        if params.height:
            steps.append(text.step("scale", {"height": params.height, "square": True}))
            notes.append(f"The picture is scaled to {params.height} lines with square pixels.")
        return Chain(tuple(steps)), notes

    def excerpt(self, params: Restore, info: MediaInfo, index: Index) -> tuple[int, int] | None:
        if params.preview is None or not index.pts:
            return None
        assert info.video
        length = round(Fraction(params.preview) / info.video.time_base)
        middle = index.pts[len(index.pts) // 2]
        start = max(index.pts[0], middle - length // 2)
        return start, start + length

    def join(
        self, request: Request[Restore], decided: VideoDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        yield from super().join(request, decided, parts, output)
        assert output
        if decided.excerpt:
            _write_sheet(request, decided, output)
        if request.params.export_vpy:
            _write_script(request, decided)


def sheet_of(output: Path) -> Path:
    """Where the before/after sheet of a preview goes; one from an earlier preview is replaced."""
    return output.with_suffix(".before-after.png")


def _write_sheet(request: Request[Restore], decided: VideoDecided, made: Path) -> None:
    from cinemill.measure import moments, sheet
    from cinemill.media import read

    assert decided.excerpt
    assert request.output
    source = request.inputs[0]
    start = decided.excerpt[0] * read.picture_of(read.probe(source)).time_base
    times = moments.spread(made, 4)
    rows = [
        ("before", moments.frames_at(source, [start + time for time in times])),
        ("after", moments.frames_at(made, times)),
    ]
    sheet.contact_sheet(rows, sheet_of(request.output), title=f"{source.name} restored")


def _write_script(request: Request[Restore], decided: VideoDecided) -> None:
    from cinemill.engines.vapoursynth import qtgmc

    steps = [step for step in decided.chain if step["filter"].startswith("deinterlace.")]
    order = steps[0]["params"].get("field_order", "tff") if steps else "tff"
    preset = steps[0]["params"].get("preset", "slow") if steps else "slow"
    script = qtgmc.script(str(request.inputs[0].resolve()), preset, order == "tff")
    Path(request.params.export_vpy or "").write_text(script, "utf-8")


def _motion(params: Restore, info: MediaInfo) -> tuple[list[Step], list[str]]:
    """The step that gives every moment its own full picture, and why it was chosen."""
    verdict: str = params.fields
    notes: list[str] = []
    cadence: dict[str, str] = {}
    if verdict == "auto":
        found = _analysed(info)
        notes = found.describe()
        verdict = found.field_order if found.verdict == "unknown" else found.verdict
        cadence = {"field_order": found.field_order} if found.field_order != "progressive" else {}
    if verdict in ("tff", "bff"):
        step = text.step(f"deinterlace.{params.deinterlace}", {"field_order": verdict})
        return [step], [*notes, f"Every field becomes a full picture ({params.deinterlace}); the frame rate doubles."]
    if verdict == "telecine":
        return [text.step("ivtc", cadence)], [*notes, "Film frames are put together again and repeats dropped (ivtc)."]
    if verdict == "mixed":
        step = text.step(f"deinterlace.{params.deinterlace}", {"output": "frame"})
        return [step], [*notes, "Frames that are marked interlaced are deinterlaced, the others pass."]
    return [], [*notes, "The pictures are whole; nothing is deinterlaced."]


def _analysed(info: MediaInfo) -> Fields:
    from cinemill.measure import fields

    return fields.analyse(info, indexed(info))
