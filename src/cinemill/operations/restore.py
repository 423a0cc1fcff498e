"""A tape or film made presentable: look at it, choose filters and say why, run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cinemill.catalogue import Field
from cinemill.filters import Chain, Step, text
from cinemill.media.output import VideoOutput
from cinemill.operations import operation
from cinemill.operations.video import VideoOperation, indexed

if TYPE_CHECKING:
    from cinemill.measure.fields import Fields
    from cinemill.media.types import MediaInfo


class Restore(VideoOutput):
    fields: Literal["auto", "tff", "bff", "progressive", "telecine"] = "auto"
    """What the picture is made of. auto looks at several places of the file and weighs what the file claims."""
    deinterlace: Literal["bwdif", "w3fdif", "yadif"] = "bwdif"
    """How interlaced pictures become full ones."""
    denoise: float = Field(0.3, ge=0, le=1)
    """How much noise is taken away; 0 for none."""
    deflicker: bool = False
    """Even out brightness that changes from frame to frame, as old film does."""
    height: int | None = Field(None, ge=16, le=8192, unit="px")
    """Scale to this height, with square pixels."""
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
            return text.chain(params.chain), ["the chain is yours; nothing was analysed."]
        steps, notes = _motion(params, info)
        if params.deflicker:
            steps.append(text.step("deflicker", {}))
            notes.append("brightness is evened out over a few frames.")
        if params.denoise:
            steps.append(text.step("denoise", {"strength": params.denoise}))
            notes.append(f"noise is reduced in the picture and in time, at strength {params.denoise:g}.")
        if params.height:
            steps.append(text.step("scale", {"height": params.height, "square": True}))
            notes.append(f"the picture is scaled to {params.height} lines with square pixels.")
        return Chain(tuple(steps)), notes


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
        return [step], [*notes, f"every field becomes a full picture ({params.deinterlace}); the frame rate doubles."]
    if verdict == "telecine":
        return [text.step("ivtc", cadence)], [*notes, "film frames are put together again and repeats dropped (ivtc)."]
    if verdict == "mixed":
        step = text.step(f"deinterlace.{params.deinterlace}", {"output": "frame"})
        return [step], [*notes, "frames that are marked interlaced are deinterlaced, the others pass."]
    return [], [*notes, "the pictures are whole; nothing is deinterlaced."]


def _analysed(info: MediaInfo) -> Fields:
    from cinemill.measure import fields

    return fields.analyse(info, indexed(info))
