"""What a tape does to sound, found and taken out while its picture is restored; a sentence for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cinemill.errors import UnsupportedMedia
from cinemill.media.types import AudioTrack
from cinemill.operations import clean, sync
from cinemill.operations.advice import Advice
from cinemill.operations.clean import Clean
from cinemill.operations.sound_work import channels

if TYPE_CHECKING:
    from cinemill.measure.hum import Hiss, Tones
    from cinemill.media.types import Audio, MediaInfo
    from cinemill.operations.wishes import Restore

_TAPE = 576
"""Lines above which a picture is no tape's."""
_HISS_DB, _LOUD_DB = -65.0, -30.0
"""dBFS of the quietest moments between which noise is hiss: below it is not heard, above it is the sound itself."""
_FLAT = 0.4
"""Flatness of a spectrum from which on it is noise."""
_ASKED = Clean(method="afftdn", strength=0.5, declick=False)
"""Half of the most, 12 dB, which leaves music as it is. A voice's cleaner would take music for noise."""


def looked(params: Restore, info: MediaInfo) -> tuple[list[dict[str, Any]], list[str]]:
    """What will be done to each track of sound, JSON-safe, and sentences about it. Looks at minutes, not at hours."""
    records: list[dict[str, Any]] = []
    notes: list[str] = []
    tracks = [track for track in info.tracks if isinstance(track, AudioTrack)]
    for number, track in enumerate(tracks if params.sound != "keep" else [], 1):
        record, told = _looked(params, info, track)
        records += [record] if record else []
        notes += [f"Sound{f' {number}' if len(tracks) > 1 else ''}: {one}" for one in told]
    return records, notes


def _looked(params: Restore, info: MediaInfo, track: AudioTrack) -> tuple[dict[str, Any] | None, list[str]]:
    from cinemill.measure import hum

    tones, hiss = hum.tones(channels(info, track)), hum.hiss(channels(info, track))
    found = [*_told(tones, hiss)]
    stretches, drift = _drift(params, info, track)
    is_tape = info.video is not None and info.video.height <= _TAPE
    if params.sound == "auto" and not is_tape:
        left = [f"{one.found} Left, for this is no tape; --sound clean is for that." for one in found]
        return _record(track, [], None, stretches), [*left, *drift]
    steps = [*clean.before(_ASKED, tones, track.sample_rate)]
    return _record(track, steps, hiss if _hisses(hiss) else None, stretches), [*(one.sentence for one in found), *drift]


def _record(track: AudioTrack, steps: list[str], hiss: Hiss | None, stretches: Any) -> dict[str, Any] | None:
    if not steps and not hiss and not stretches:
        return None
    noise = {"method": "afftdn", "floor_db": round(hiss.level_db, 1)} if hiss else {"method": "none"}
    return {"track": track.index, "graph": ",".join(steps), "stretches": stretches, **noise}


def _hisses(hiss: Hiss | None) -> bool:
    return hiss is not None and _HISS_DB <= hiss.level_db <= _LOUD_DB and hiss.flatness >= _FLAT


def _told(tones: Tones, hiss: Hiss | None) -> Iterator[Advice]:
    if tones.mains:
        count = len(tones.harmonics)
        yield Advice(f"the mains hum at {tones.mains:.1f} Hz, in {count} harmonics.", "They are taken out.")
    if tones.whistle:
        name = "PAL" if tones.whistle < 15_700 else "NTSC"
        yield Advice(f"the lines of a {name} television whistle at {tones.whistle:.0f} Hz.", "That is taken out.")
    if hiss and _hisses(hiss):
        yield Advice(f"steady hiss at {hiss.level_db:.0f} dB of full scale.", "It is lowered by 12 dB.")


def _drift(params: Restore, info: MediaInfo, track: AudioTrack) -> tuple[list[list[float]], list[str]]:
    """The track as long as the picture, if that is wished: ends that differ alone do not tell a wrong clock."""
    if not params.sync:
        return [], []
    try:
        found = sync.by_length(info, track)
    except UnsupportedMedia as error:
        return [], [error.sentence]
    return (found["stretches"] if found["drift_ppm"] else []), found["notes"]


def made(info: MediaInfo, record: dict[str, Any]) -> Iterator[Audio]:
    """The track of a record, as it will be."""
    track = next(one for one in info.tracks if isinstance(one, AudioTrack) and one.index == record["track"])

    def cleaned() -> Iterator[Audio]:
        return clean.cleaned(info, track, _ASKED, record)

    return sync.mended(cleaned, record["stretches"]) if record["stretches"] else cleaned()
