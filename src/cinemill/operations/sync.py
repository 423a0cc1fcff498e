"""Sound that runs away from its picture, put right: a clock that ran wrong, and pieces that were lost or put in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field
from cinemill.errors import UnsupportedMedia
from cinemill.operations import Request, operation
from cinemill.operations.sound_work import SoundOperation, TrackChoice, channels

if TYPE_CHECKING:
    from cinemill.measure.drift import Drift
    from cinemill.media.types import Audio, AudioTrack, MediaInfo


class Sync(TrackChoice):
    reference: Path | None = Field(None, file="audio")
    """Sound that fits the picture: the camera's own, another copy. Left out, the track is only made to end with the
    picture, as a recorder's wrong clock has it."""
    reference_track: int = Field(1, ge=1)
    """Which audio track of that, counted from 1."""
    most_offset: float = Field(60.0, ge=0, le=600, unit="s")
    """How far the two may begin apart."""


_EDGE = 0.008
"""Seconds of fade where a piece was lost or put in."""
_LEAST = 0.02
"""Seconds at the end of the picture below which nothing needs mending."""
_MOST_FACTOR = 0.02
"""A clock that is further off is no clock: the sound is of something else, or ends early."""


@operation
class SyncOperation(SoundOperation[Sync]):
    """Bring sound back to its picture: measure drift and jumps against a sound that fits, and take them out.

    Drift is resampled; where something was lost comes silence, where something was put in it is cut.
    """

    name = "sync"
    topic = "Speech and sound"
    params = Sync
    example = "cinemill sync film.mkv -o film-synced.mkv --reference camera.wav"

    def reads(self, params: Sync) -> tuple[Path, ...]:
        return (params.reference,) if params.reference else ()

    def look(self, request: Request[Sync], info: MediaInfo, track: AudioTrack) -> dict[str, Any]:
        if request.params.reference:
            return self._compared(request, info, track, request.params.reference)
        return by_length(info, track)

    def _compared(self, request: Request[Sync], info: MediaInfo, track: AudioTrack, reference: Path) -> dict[str, Any]:
        from cinemill.measure import drift
        from cinemill.media import read

        other = read.probe(reference)
        theirs = channels(other, read.sound_of(other, request.params.reference_track - 1))
        found = drift.drift(channels(info, track), theirs, request.params.most_offset)
        if found is None:
            raise UnsupportedMedia(
                f"{info.path} and {reference} do not sound alike, or for less than four seconds; nothing can be told "
                "from them."
            )
        stretches = [[one.start, one.offset, one.slope] for one in found.stretches]
        steps = [{"at": round(at, 3), "seconds": round(size, 4)} for at, size in found.steps]
        facts = {"offset": round(found.stretches[0].offset, 4), "drift_ppm": round(found.stretches[0].slope * 1e6, 1)}
        return {"stretches": stretches, **facts, "steps": steps, "sure": round(found.sure, 3), "notes": _notes(found)}

    def made(
        self, request: Request[Sync], info: MediaInfo, track: AudioTrack, record: dict[str, Any]
    ) -> Iterator[Audio]:
        return mended(lambda: channels(info, track), record["stretches"])


def by_length(info: MediaInfo, track: AudioTrack) -> dict[str, Any]:
    """The whole track as long as the picture. Raises UnsupportedMedia where there is none, or it is not the clock."""
    from cinemill.media import read

    if info.video is None:
        raise UnsupportedMedia(f"{info.path} has no picture to go by; name a --reference.")
    index = read.index(info)
    picture = float((index.pts[-1] - index.pts[0] + info.video.step) * info.video.time_base)
    heard, first = 0, 0.0
    for block in channels(info, track):
        first = block.pts / block.sample_rate if not heard else first
        heard += block.samples.shape[1]
    sound = heard / track.sample_rate
    begins = first - float(info.video.start_pts * info.video.time_base)
    slope = (picture - begins) / sound - 1 if sound else 0.0
    if abs(slope) > _MOST_FACTOR:
        raise UnsupportedMedia(
            f"sound of {sound:.1f} s under a picture of {picture:.1f} s is not a wrong clock; name a --reference."
        )
    slope = slope if abs(slope) * sound >= _LEAST else 0.0
    notes = [f"the sound lasts {sound:.3f} s under a picture of {picture:.3f} s: {_clock(slope)}."]
    return {"stretches": [[0.0, 0.0, slope]], "drift_ppm": round(slope * 1e6, 1), "steps": [], "notes": notes}


def _notes(found: Drift) -> list[str]:
    first = found.stretches[0]
    late = f"the sound is {abs(first.offset):.3f} s {'early' if first.offset > 0 else 'late'} at its beginning"
    notes = [f"{late}; {_clock(first.slope)}."]
    notes += [
        f"at {at:.2f} s it jumps by {abs(size) * 1000:.0f} ms: something was {'lost' if size > 0 else 'put in'}."
        for at, size in found.steps
    ]
    if found.sure < 0.5:
        notes.append(f"only {found.sure:.0%} of it could be told for sure; look at the result.")
    return notes


def _clock(slope: float) -> str:
    return f"its clock runs {abs(slope):.4%} {'fast' if slope > 0 else 'slow'}" if slope else "its clock is right"


def mended(make: Any, stretches: list[list[float]]) -> Iterator[Audio]:
    """The sound that `make` gives with each stretch at its place: what is heard at t comes at t + offset, and so on.

    It begins at 0, with silence if need be: not every file can say that its sound begins later.
    """
    from cinemill.media import sound

    return sound.even(_placed(make, stretches), 0)


def _placed(make: Any, stretches: list[list[float]]) -> Iterator[Audio]:
    from cinemill.media import sound
    from cinemill.media.types import Audio

    ends = [start for start, _, _ in stretches[1:]] + [None]
    done: int | None = None
    for (start, offset, slope), end in zip(stretches, ends):
        piece = _piece(make(), start, end, slope)
        piece = sound.faded(piece, _EDGE, _EDGE) if len(stretches) > 1 else piece
        for block in piece:
            place = block.pts + round((start + offset) * block.sample_rate)
            at = max(0, done or 0)
            samples = block.samples[:, max(0, at - place) :]
            place = max(place, at)
            if samples.shape[1]:
                yield Audio(samples, block.sample_rate, place, block.layout)
                done = place + samples.shape[1]


def _piece(blocks: Iterator[Audio], start: float, end: float | None, slope: float) -> Iterator[Audio]:
    """The sound from `start` to `end`, counted from 0, stretched by 1 + slope."""
    from cinemill.media import sound

    first = next(blocks, None)
    if first is None:
        return
    rate = first.sample_rate
    whole = sound.even(chain([first], blocks), 0)
    cut = sound.trimmed(whole, round(start * rate), None if end is None else round(end * rate))
    moved = sound.shifted(cut, -round(start * rate))
    yield from sound.stretched(moved, 1 + slope) if slope else moved
