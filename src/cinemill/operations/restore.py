"""A tape or film made presentable: look at it, choose filters and say why, run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.errors import UnsupportedMedia
from cinemill.filters import Chain, text
from cinemill.operations import Request, advice, operation, remedies, tape_sound
from cinemill.operations.advice import Advice
from cinemill.operations.video import VideoDecided, VideoOperation, indexed, middle
from cinemill.operations.wishes import Restore

if TYPE_CHECKING:
    from cinemill.media.read import Index
    from cinemill.media.types import Audio, MediaInfo, VideoTrack


_LOOKS = 500
"""Pictures of a DV tape that are asked for damage."""
_REACH = 5
"""Pictures before and after in which it is looked for what a damaged block hid; damage seldom lasts."""
_WINDOWS, _WINDOW_FRAMES = 8, 40
"""Stretches of the file that are looked at: enough to choose by, in a few seconds."""


class RestoreDecided(VideoDecided):
    sounds: tuple[dict[str, Any], ...] = ()
    """What is done to tracks of sound."""


@operation
class RestoreOperation(VideoOperation[Restore]):
    """Restore a tape or film: analyse it, explain what will be done, do it."""

    name = "restore"
    topic = "Pictures"
    params = Restore
    decided = RestoreDecided
    example = "cinemill restore tape.avi -o tape.mp4"

    def chain(self, params: Restore, info: MediaInfo) -> tuple[Chain, list[str]]:
        from cinemill.measure import analysis
        from cinemill.media import read

        if params.chain is not None:
            return text.chain(params.chain), ["The chain is yours; nothing was analysed."]
        video, index = read.picture_of(info), indexed(info.path)
        # Scenes are of no use here, and looking for them takes long.
        found = analysis.analyse(info, index, windows=_WINDOWS, window_frames=_WINDOW_FRAMES, scan="none")
        return remedies.chosen(params, [*_of_deck(info, video), *advice.advice(found, video)], video)

    def decide(self, request: Request[Restore]) -> VideoDecided:
        from cinemill.media import read

        found = super().decide(request)
        sounds, notes = ([], []) if found.excerpt else tape_sound.looked(request.params, read.probe(request.inputs[0]))
        told: dict[str, Any] = dict(found) | {"notes": (*found.notes, *notes), "sounds": tuple(sounds)}
        return RestoreDecided(**told)

    def sounds(self, request: Request[Restore], decided: VideoDecided, info: MediaInfo) -> dict[int, Iterator[Audio]]:
        records = decided.sounds if isinstance(decided, RestoreDecided) else ()
        return {record["track"]: tape_sound.made(info, record) for record in records}

    def excerpt(self, params: Restore, info: MediaInfo, index: Index) -> tuple[int, int] | None:
        return middle(params.preview, info, index)

    def result(self, request: Request[Restore], decided: VideoDecided, parts: Sequence[Path]) -> dict[str, Any]:
        found = super().result(request, decided, parts)
        if decided.excerpt and request.output:
            found["notes"].append(f"Before and after stand side by side in {sheet_of(request.output).name}.")
        return found

    def join(
        self, request: Request[Restore], decided: VideoDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        yield from super().join(request, decided, parts, output)
        assert output
        if decided.excerpt:
            _write_sheet(request, decided, output)
        if request.params.export_vpy:
            _write_script(request, decided)


def _of_deck(info: MediaInfo, video: VideoTrack) -> list[Advice]:
    """What the deck of a DV tape says of its damage, block by block."""
    from cinemill.media.dv.damage import damage

    if video.codec != "dvvideo":
        return []
    try:
        hurt, looked = damage(info.path).sampled(_LOOKS)
    except UnsupportedMedia:
        return []
    if not hurt:
        return []
    step = text.step("inpaint", {"damage": str(info.path.resolve()), "window": _REACH})
    found = f"The deck could not read some blocks, in {hurt} of {looked} pictures that were looked at."
    return [Advice(found, "They are filled with what is seen there in other pictures.", str(step))]


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
