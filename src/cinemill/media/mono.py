"""Sound as recognisers want it: one channel of 16-bit samples at 16 kHz, any stretch of it, without holes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cinemill.media import audio, jumps
from cinemill.media.demux import Damage, decoded, opened, packets_of
from cinemill.media.index import clock_shifts
from cinemill.media.types import AudioTrack, MediaInfo

RATE = 16_000
Samples = NDArray[np.int16]

_RUN_UP = Fraction(1)
"""Seconds before a stretch from which on its sound is decoded, so that a decoder has found its feet."""
_SLACK = RATE // 20
"""Samples that a block may be off its place before it counts as a gap: containers round."""


def mono(
    info: MediaInfo, track: AudioTrack, start: int = 0, stop: int | None = None, damage: Damage | None = None
) -> Iterator[Samples]:
    """Blocks of samples from `start` to `stop`, counted at RATE from where the programme begins (`origin`).

    Where the track has no sound there is silence, so counting samples tells the time. A stretch costs its own length
    to decode, wherever it is, unless the file's clock jumps.
    """
    damage = damage if damage is not None else Damage()
    at = start
    for place, block in _placed(info, track, start, damage):
        if stop is not None and place >= stop:
            break
        if place > at:
            yield from _silence(min(place, stop or place) - at)
            at = place
        block = block[max(0, at - place) : None if stop is None else stop - place]
        if len(block):
            at += len(block)
            yield block
    if stop is not None:
        yield from _silence(stop - at)


def origin(info: MediaInfo, track: AudioTrack) -> Fraction:
    """When the programme begins, in seconds of the file's clock: with the first picture, else with the sound."""
    if info.video:
        return info.video.start_pts * info.video.time_base
    with opened(info.path) as container:
        stream = container.streams[track.index]
        for packet in packets_of(container, stream, Damage()):
            if packet.pts is not None:
                return max(Fraction(0), packet.pts * packet.time_base)
    return Fraction(0)


def length(info: MediaInfo, track: AudioTrack) -> int:
    """Samples from the programme's beginning to its end. Decodes all of it where the file says no duration."""
    if info.duration:
        return max(1, round(info.duration * RATE))
    return sum(map(len, mono(info, track)))


def _silence(count: int) -> Iterator[Samples]:
    while count > 0:
        yield np.zeros(min(count, RATE), np.int16)
        count -= RATE


def _placed(info: MediaInfo, track: AudioTrack, start: int, damage: Damage) -> Iterator[tuple[int, Samples]]:
    """Blocks with their places, which follow one another but for gaps."""
    begins = origin(info, track)
    shifts = clock_shifts(info)
    with opened(info.path) as container:
        stream = container.streams[track.index]
        wanted = begins + Fraction(start, RATE) - _RUN_UP
        if wanted > 0 and not any(shifts):
            container.seek(int(wanted / track.time_base), stream=stream)
        due: int | None = None
        natives = decoded(jumps.followed(packets_of(container, stream, damage), shifts), damage)
        for native in audio.like_first(natives, "s16", "mono", RATE):
            told = None if native.pts is None else round((native.pts * native.time_base - begins) * RATE)
            place = due if due is not None and (told is None or abs(told - due) <= _SLACK) else told or 0
            samples = native.to_ndarray()[0]
            due = place + len(samples)
            yield place, samples
