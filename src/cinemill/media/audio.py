"""Sound as samples on the clock: `audio`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av

from cinemill.media import clock, jumps, soundgraph
from cinemill.media.demux import Damage, decoded, opened, packets_of
from cinemill.media.index import clock_shifts
from cinemill.media.types import Audio, AudioTrack, MediaInfo


def audio(info: MediaInfo, track: AudioTrack, damage: Damage | None = None) -> Iterator[Audio]:
    """The sound of a track as blocks of float32 samples, at its own rate and channels, in order."""
    for native in audio_natives(info, track, "flt", damage=damage):
        yield soundgraph.of_native(native)


def audio_natives(
    info: MediaInfo,
    track: AudioTrack,
    format: str | None = None,
    layout: str | None = None,
    rate: int | None = None,
    *,
    shifts: Sequence[Fraction] | None = None,
    damage: Damage | None = None,
) -> Iterator[Any]:
    """PyAV audio frames of a track, for `media` only, their pts counting samples.

    All have one format, layout and rate: those named, else those of the first; broadcasts change them in the middle.
    `shifts` are those of the picture's clock (`Index.shifts`), looked up when left out.
    """
    damage = damage if damage is not None else Damage()
    shifts = clock_shifts(info) if shifts is None else shifts
    with opened(info.path) as container:
        stream = container.streams[track.index]
        natives = decoded(jumps.followed(packets_of(container, stream, damage), shifts), damage)
        even: clock.Even | None = None
        for native in like_first(natives, format, layout, rate):
            unit = Fraction(1, native.sample_rate)
            even = even or clock.Even(track.time_base, unit)
            told = None if native.pts is None else clock.rescale(native.pts, native.time_base, unit)
            native.pts, native.time_base = even.start(told, native.samples), unit
            yield native


def like_first(natives: Iterable[Any], format: str | None, layout: str | None, rate: int | None) -> Iterator[Any]:
    """Samples of one kind: as is said, and where nothing is said, as the first ones are."""
    resampler: Any = None
    kind: tuple[Any, ...] = ()
    for native in natives:
        now = (native.format.name, native.layout.name, native.sample_rate)
        if kind != now:
            yield from resampler.resample(None) if resampler else []
            kind, format, layout, rate = now, format or now[0], layout or now[1], rate or now[2]
            resampler = av.AudioResampler(format, layout, rate)
        yield from resampler.resample(native)
    yield from resampler.resample(None) if resampler else []
