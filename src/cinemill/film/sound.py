"""What is heard: every recording at its time, music under it, as one mix that ends with the picture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from cinemill.film.board import Music
from cinemill.film.timeline import Sounding, Timeline
from cinemill.measure.loudness import Settled, Target, settle
from cinemill.media import read, sound, soundgraph
from cinemill.media.identity import identify
from cinemill.media.types import Audio, MediaInfo
from cinemill.media.write import encode_sound

RATE = 48_000
_FORM = 1
"""Of the sound that this code makes: another number makes it anew."""
_LAYOUT = "stereo"
_PEAK_DB = -1.0
"""dBTP that nothing passes, as video sites ask."""
_CROSSFADE = 1.0
"""Seconds over which a loop of music runs into its beginning."""
_EDGE = 0.01
"""Seconds of fade where something is cut, so that it does not click."""


def seconds_of(path: Path) -> Fraction:
    """How long a recording lasts: by its header, else by its samples. Raises MediaError."""
    info = read.probe(path)
    track = read.sound_of(info)
    if info.duration is not None and not info.format.startswith(("mp3", "aac")):
        return info.duration
    last = None
    count = 0
    for last in read.audio(info, track):
        count += last.samples.shape[1]
    return Fraction(count, last.sample_rate) if last else Fraction(0)


def digest(line: Timeline, music: Music | None, lufs: float | None, format: str, codec: str) -> str:
    """What the sound of a film is known by, as `codec` stores it in a container of `format`."""
    facts = {
        "form": _FORM,
        "stored": [format, codec],
        "samples": samples(line, music),
        "sounds": [_known(each) for each in line.sounds],
        "music": _known(music) if music else None,
        "lufs": lufs,
    }
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=20).hexdigest()


def _known(heard: Sounding | Music) -> list[Any]:
    return [heard.model_dump(mode="json", exclude={"file"}), identify(heard.file).model_dump()]


def settled(line: Timeline, music: Music | None, lufs: float | None) -> Settled | None:
    """What makes the mix as loud as is wanted; None where nothing is to be made louder or softer."""
    return None if lufs is None else settle(lambda: mix(line, music), Target(lufs, _PEAK_DB))


def write(
    line: Timeline, music: Music | None, how: Settled | None, path: Path, format: str, codec: str
) -> Iterator[float]:
    """Write the mix of a film as a file of sound alone, giving back the seconds that are done."""
    blocks = mix(line, music)
    yield from encode_sound(how.applied(blocks) if how else blocks, path, format, codec=codec, bits=24)


def mix(line: Timeline, music: Music | None) -> Iterator[Audio]:
    """Everything together, from 0 to the end of the picture; a moment of silence where nothing is to be heard."""
    stop = samples(line, music)
    streams = [_placed(each, stop) for each in line.sounds]
    if music:
        streams.append(_music(line, music, stop))
    return sound.mixed(streams, RATE, _LAYOUT, stop)


def is_silent(line: Timeline, music: Music | None) -> bool:
    """Whether there is nothing to be heard in all of the film."""
    return not line.sounds and not music


def samples(line: Timeline, music: Music | None) -> int:
    """How many samples are mixed: as many as the film lasts."""
    return 1 if is_silent(line, music) else round(line.frames / line.rate * RATE)


def _music(line: Timeline, music: Music, stop: int) -> Iterator[Audio]:
    def once() -> Iterator[Audio]:
        return _recording(music.file, music.start, None)

    blocks = sound.looped(once, stop, _CROSSFADE) if music.loop else sound.trimmed(once(), 0, stop)
    blocks = sound.faded(blocks, music.fade_in, max(_EDGE, music.fade_out))
    blocks = _times(blocks, music.volume)
    speech = [each for each in line.sounds if each.speech]
    if not speech or not music.duck:
        return blocks
    key = sound.mixed([_placed(each, stop) for each in speech], RATE, _LAYOUT, stop)
    return sound.ducked(blocks, key, depth_db=music.duck)


def _placed(each: Sounding, stop: int) -> Iterator[Audio]:
    """A recording at its place in the film."""
    blocks = _recording(each.file, each.skip, each.seconds and each.seconds * each.speed)
    if each.speed != 1:
        blocks = soundgraph.run(blocks, _tempo(each.speed))
    blocks = sound.faded(blocks, each.fade_in or _EDGE, each.fade_out or _EDGE)
    blocks = _times(blocks, each.volume)
    return sound.trimmed(sound.shifted(blocks, round(each.start * RATE)), 0, stop)


def _times(blocks: Iterator[Audio], volume: float) -> Iterator[Audio]:
    return blocks if volume == 1 else sound.gained(blocks, sound.decibels(volume) if volume else -120.0)


def _recording(path: Path, skip: float, seconds: float | None) -> Iterator[Audio]:
    """The sound of a file from 0 on, `skip` seconds of it left out, at the mix's rate and layout."""
    info = read.probe(path)
    track = read.sound_of(info)
    begins = _programme_start(info)
    blocks = sound.resampled(sound.even(read.audio(info, track)), RATE, _LAYOUT)
    start = round((begins + Fraction(skip)) * RATE)
    stop = None if seconds is None else start + round(seconds * RATE)
    return sound.shifted(sound.trimmed(blocks, start, stop), -start)


def _programme_start(info: MediaInfo) -> Fraction:
    """Seconds at which the picture begins; for sound alone, its own beginning."""
    return info.video.start_pts * info.video.time_base if info.video else Fraction(0)


def _tempo(speed: float) -> str:
    """Faster or slower at the same pitch; FFmpeg's filter goes from a half to a hundredfold."""
    steps: list[str] = []
    while speed < 0.5:
        steps.append("atempo=0.5")
        speed /= 0.5
    return ",".join([*steps, f"atempo={speed:.6f}"])
