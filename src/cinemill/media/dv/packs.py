"""What a picture of DV says of itself: timecode, date, start of a recording, aspect, sound, captions.

The same pack of five bytes stands in many blocks; what most whole ones say is taken. Sources: IEC 61834-4, SMPTE 314M.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from cinemill.media.dv.blocks import SOUNDS, Blocks, Marks

_TIMECODE, _SOUND, _SOUND_CONTROL, _PICTURE_CONTROL = 0x13, 0x50, 0x51, 0x61
_DATES, _TIMES = (0x62, 0x52), (0x63, 0x53)
_CAPTIONS: Final = 0x65
_RATES: Final = (48_000, 44_100, 32_000)
_FEWEST: Final = {False: (1580, 1452, 1053), True: (1896, 1742, 1264)}
"""Samples of the shortest picture, by 625 lines or not, for each rate."""

Votes = dict[int, list[bytes]]
"""Packs by their kind, what is said most often first."""


@dataclass(frozen=True, slots=True)
class Timecode:
    """Hours, minutes, seconds and pictures; `drop` where two numbers are left out each minute but the tenth."""

    hours: int
    minutes: int
    seconds: int
    frames: int
    drop: bool = False

    def count(self, fps: int) -> int:
        """Pictures since midnight, of which a second counts `fps`."""
        minutes = 60 * self.hours + self.minutes
        count = (60 * minutes + self.seconds) * fps + self.frames
        return count - 2 * (minutes - minutes // 10) if self.drop else count

    @classmethod
    def of_count(cls, count: int, fps: int) -> Timecode:
        """The code without drops, `count` pictures after midnight."""
        seconds, frames = divmod(count, fps)
        minutes, seconds = divmod(seconds, 60)
        return cls(minutes // 60 % 24, minutes % 60, seconds, frames)

    def __str__(self) -> str:
        mark = ";" if self.drop else ":"
        return f"{self.hours:02}:{self.minutes:02}:{self.seconds:02}{mark}{self.frames:02}"


@dataclass(frozen=True, slots=True)
class Sound:
    """How the sound of a picture is kept: Hz, channels, bits, whether its clock is that of the picture, samples."""

    rate: int
    channels: int
    bits: int
    locked: bool
    samples: int


@dataclass(frozen=True, slots=True)
class Said:
    """What one picture says; None where it says nothing that makes sense."""

    timecode: Timecode | None = None
    recorded: datetime | None = None
    starts: bool = False
    """Whether it is marked as the first of a recording."""
    wide: bool | None = None
    sound: Sound | None = None
    captions: tuple[bytes, bytes] | None = None
    """Line 21 of either field, two bytes each, with parity."""


def said(blocks: Blocks, good: Marks, pal: bool) -> Said:
    """What a picture says, by its blocks that are `good`."""
    votes = _votes(blocks, good)
    control = next(iter(votes.get(_PICTURE_CONTROL, [])), None)
    return Said(
        timecode=next(_timecodes(votes, 25 if pal else 30), None),
        recorded=next(_moments(votes), None),
        starts=control is not None and not control[2] & 0x80,
        wide=None if control is None else control[2] & 7 in (2, 7),
        sound=_sound(votes, pal),
        captions=next(((pack[1:3], pack[3:5]) for pack in votes.get(_CAPTIONS, [])), None),
    )


def stamp(blocks: Blocks, timecode: Timecode | None, moment: datetime | None) -> None:
    """Write timecode and date into a picture in place of those that it has, or take them out."""
    told = dict.fromkeys((_TIMECODE, *_DATES, *_TIMES), b"\xff" * 5)
    if timecode:
        numbers = (timecode.frames, timecode.seconds, timecode.minutes, timecode.hours)
        frames, *rest = map(_digits, numbers)
        told[_TIMECODE] = bytes([_TIMECODE, frames | 0x40 * timecode.drop, *rest])
    if moment:
        day = (0xFF, 0xC0 | _digits(moment.day), _digits(moment.month), _digits(moment.year % 100))
        clock = (0xFF, 0x80 | _digits(moment.second), 0x80 | _digits(moment.minute), 0xC0 | _digits(moment.hour))
        told |= {kind: bytes([kind, *day]) for kind in _DATES} | {kind: bytes([kind, *clock]) for kind in _TIMES}
    subcode = blocks[:, 1:3, 3:51].reshape(-1, 8)
    vaux = blocks[:, 3:6, 3:78].reshape(-1, 5)
    sound = blocks[:, SOUNDS, 3:8].reshape(-1, 5)
    for packs in (subcode[:, 3:], vaux, sound):
        for kind, pack in told.items():
            packs[packs[:, 0] == kind] = np.frombuffer(pack, np.uint8)
    blocks[:, 1:3, 3:51] = subcode.reshape(-1, 2, 48)
    blocks[:, 3:6, 3:78] = vaux.reshape(-1, 3, 75)
    blocks[:, SOUNDS, 3:8] = sound.reshape(-1, len(SOUNDS), 5)


def _digits(number: int) -> int:
    """Two digits of four bits each."""
    return number // 10 << 4 | number % 10


def _votes(blocks: Blocks, good: Marks) -> Votes:
    subcode = blocks[:, 1:3][good[:, 1:3]][:, 3:51].reshape(-1, 8)[:, 3:]
    vaux = blocks[:, 3:6][good[:, 3:6]][:, 3:78].reshape(-1, 5)
    sound = blocks[:, SOUNDS, 3:8][good[:, SOUNDS]]
    packs = np.concatenate([subcode, vaux, sound])
    data = packs[(packs[:, 0] != 0xFF)].tobytes()
    counted = Counter(data[at : at + 5] for at in range(0, len(data), 5))
    votes: Votes = {}
    for pack, _ in counted.most_common():
        votes.setdefault(pack[0], []).append(pack)
    return votes


def _timecodes(votes: Votes, fps: int) -> Iterator[Timecode]:
    for pack in votes.get(_TIMECODE, []):
        numbers = [_decimal(byte & mask) for byte, mask in zip(pack[1:], (0x3F, 0x7F, 0x7F, 0x3F))]
        if None not in numbers:
            frames, seconds, minutes, hours = (number or 0 for number in numbers)
            if frames < fps and seconds < 60 and minutes < 60 and hours < 24:
                yield Timecode(hours, minutes, seconds, frames, drop=fps == 30 and bool(pack[1] & 0x40))


def _moments(votes: Votes) -> Iterator[datetime]:
    """When it was recorded, by the camera's clock; the zone is not known."""
    for kinds in zip(_DATES, _TIMES):
        for date in votes.get(kinds[0], []):
            for time in votes.get(kinds[1], []):
                numbers = [_decimal(byte & mask) for byte, mask in zip(date[2:], (0x3F, 0x1F, 0xFF))]
                numbers += [_decimal(byte & mask) for byte, mask in zip(time[2:], (0x7F, 0x7F, 0x3F))]
                if None in numbers:
                    continue
                day, month, year, seconds, minutes, hours = (number or 0 for number in numbers)
                try:
                    # Two digits of a year: DV began in 1995.
                    yield datetime(year + (1900 if year > 74 else 2000), month, day, hours, minutes, seconds)
                except ValueError:
                    continue


def _sound(votes: Votes, pal: bool) -> Sound | None:
    source = next(iter(votes.get(_SOUND, [])), None)
    if source is None or source[4] >> 3 & 7 > 2:
        return None
    place = source[4] >> 3 & 7
    pairs = 2 if source[4] & 7 == 1 else 1
    return Sound(
        rate=_RATES[place],
        channels=2 * pairs,
        bits={0: 16, 1: 12}.get(source[4] & 7, 20),
        locked=not source[1] & 0x80,
        samples=_FEWEST[pal][place] + (source[1] & 0x3F),
    )


def _decimal(byte: int) -> int | None:
    """Two digits of four bits each; None where one is no digit."""
    tens, ones = byte >> 4, byte & 0xF
    return None if tens > 9 or ones > 9 else 10 * tens + ones
