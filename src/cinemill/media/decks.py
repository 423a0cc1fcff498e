"""What a capture listens to: pictures and sound as a device hands them out, each with the time on the device's clock.

`Live` opens a device or a pipe through libavdevice; `Mock` plays a tape that does not exist, with faults whose places
are known, so that all that comes after can be tried without hardware.
"""

from __future__ import annotations

import io
import threading
import time as clock
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from itertools import cycle
from pathlib import Path
from queue import Queue
from typing import Any, Final, Literal, Protocol

import av
import numpy as np
from av import error as averror
from numpy.typing import NDArray

from cinemill.catalogue import Field, Params
from cinemill.errors import EngineCrashed, MediaError, OpenFailed
from cinemill.media import program, soundgraph
from cinemill.media.dv import blocks, packs
from cinemill.media.dv.blocks import Standard
from cinemill.media.native import of_native
from cinemill.media.types import Audio, FieldOrder, Frame


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that arrived. `blocks` is what DV sent; it is stored, and the frame only looked at."""

    time: float
    """Seconds on the device's clock."""
    frame: Frame
    blocks: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Sound that arrived; it was heard from `time` on."""

    time: float
    block: Audio


Arrival = Picture | Sound


class Deck(Protocol):
    """Something that plays."""

    name: str
    rate: Fraction
    """Pictures a second that it should send."""
    standard: Standard | None
    """Of DV; None for anything else."""
    bits: int
    """Of a sample of sound."""

    def arrivals(self) -> Iterator[Arrival]:
        """What comes, until it ends. Raises MediaError when the device goes away."""
        ...


class Live:
    """A device, or a file or pipe in its place, through libavdevice. `sources` are opened side by side."""

    standard: Standard | None = None

    def __init__(self, name: str, sources: Sequence[tuple[str, str | None, dict[str, str]]]) -> None:
        """`sources`: what to open, its format, its options. Raises OpenFailed."""
        self.name = name
        self._containers: list[Any] = []
        for address, format, options in sources:
            try:
                self._containers.append(av.open(address, format=format, options=options))
            except (averror.FFmpegError, OSError, ValueError) as error:
                for container in self._containers:
                    container.close()
                told = getattr(error, "strerror", None) or error
                raise OpenFailed(f"{name} cannot be opened: {told}. Is it plugged in, and not in use?") from None
        pictures = [stream for container in self._containers for stream in container.streams.video]
        sounds = [stream for container in self._containers for stream in container.streams.audio]
        if not pictures:
            raise OpenFailed(f"{name} sends no pictures.")
        video: Any = pictures[0]
        self.rate = Fraction(video.average_rate or video.guessed_rate or 25)
        self.bits = max(
            (stream.codec_context.format.bits for stream in sounds if stream.codec_context.format), default=16
        )
        self._wanted = {id(video), *(id(stream) for stream in sounds[:1])}
        if video.codec_context.name == "dvvideo":
            pal = video.height == 576
            self.standard = Standard(pal, 1, "4:2:0" if pal else "4:1:1")
            self.rate = self.standard.rate  # libavformat says none of a raw stream

    def arrivals(self) -> Iterator[Arrival]:
        if len(self._containers) == 1:
            yield from self._read(self._containers[0])
            return
        queue: Queue[Arrival | BaseException | None] = Queue(64)
        for container in self._containers:
            threading.Thread(target=self._pour, args=(container, queue), daemon=True).start()
        while (arrival := queue.get()) is not None:
            if isinstance(arrival, BaseException):
                raise arrival
            yield arrival

    def _pour(self, container: Any, queue: Queue[Arrival | BaseException | None]) -> None:
        try:
            for arrival in self._read(container):
                queue.put(arrival)
            queue.put(None)
        except BaseException as error:
            queue.put(error)

    def _read(self, container: Any) -> Iterator[Arrival]:
        with container:
            streams = [stream for stream in container.streams if id(stream) in self._wanted]
            try:
                for packet in container.demux(streams):
                    yield from self._decoded(packet)
            except (averror.FFmpegError, OSError) as error:
                raise MediaError(f"{self.name} stopped sending: {getattr(error, 'strerror', None) or error}.") from None

    def _decoded(self, packet: Any) -> Iterator[Arrival]:
        data = bytes(packet) if self.standard and packet.stream.type == "video" and packet.size else None
        try:
            natives = packet.decode()
        except (averror.FFmpegError, ValueError):
            return  # one damaged packet of a live device
        for native in natives:
            at = float((native.pts or 0) * native.time_base)
            if isinstance(native, av.VideoFrame):
                yield Picture(at, _frame(native, packet.stream.sample_aspect_ratio), data)
            else:
                yield Sound(at, _floats(native))


def _frame(native: av.VideoFrame, sar: Fraction | None) -> Frame:
    order: FieldOrder = "progressive"
    if native.interlaced_frame:
        order = "tff" if getattr(native, "top_field_first", False) else "bff"
    return of_native(native, native.time_base or _UNIT, Fraction(sar or 1), order)


def _floats(native: Any) -> Audio:
    (whole,) = av.AudioResampler("flt", native.layout.name, native.sample_rate).resample(native) or [native]
    return soundgraph.of_native(whole)


def _to_and_fro(way: int, length: int) -> int:
    """Where somebody is who walks up and down a stretch."""
    return min(way % (2 * length), 2 * length - way % (2 * length))


class Grabbed(Live):
    """A deck that a program listens to, which sends DV to its standard output."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        """Begins to listen. Raises OpenFailed with what the program said."""
        self._ending = ExitStack()
        self._program = self._ending.enter_context(program.child(command, Path(command[0]).name))
        assert self._program.process.stdout
        try:
            super().__init__(name, [(f"pipe:{self._program.process.stdout.fileno()}", "dv", {})])
        except OpenFailed:
            self._ending.close()
            said = "; ".join(self._program.hear_out()) or "nothing"
            raise OpenFailed(f"{name} sends no pictures; {self._program.name} said: {said}") from None

    def arrivals(self) -> Iterator[Arrival]:
        with self._ending:
            yield from super().arrivals()
            try:
                self._program.finish()
            except EngineCrashed as error:
                raise MediaError(f"{self.name} stopped sending: {error.sentence}") from None


class MockTape(Params):
    """What is on a tape that does not exist, and what goes wrong while it is played."""

    dv: bool = False
    """DV with timecode and dates instead of an analog picture with sound beside it."""
    standard: Literal["pal", "ntsc"] = "pal"
    """Lines and rate."""
    seconds: float = Field(60.0, gt=0, le=86400, unit="s")
    """Length of the tape."""
    drops: int = Field(0, ge=0)
    """Pictures that never arrive."""
    duplicates: int = Field(0, ge=0)
    """Pictures that arrive twice, the second in place of the next."""
    breaks: int = Field(0, ge=0)
    """Jumps of the timecode."""
    blanks: int = Field(0, ge=0)
    """Stretches of a second without a recording."""
    scenes: int = Field(0, ge=0)
    """Changes to another picture altogether."""
    drift: float = Field(0.0, ge=-10000, le=10000, unit="ppm")
    """By how much the sound's clock is faster than the picture's."""
    unplugged: float | None = Field(None, gt=0, unit="s")
    """When somebody pulls the plug."""
    pace: float = Field(1.0, ge=0, le=1000)
    """How many times faster than the clock it plays; 0 is as fast as it can."""
    seed: int = Field(0, ge=0)
    """Where the faults are."""


@dataclass
class Truth:
    """Where the faults of a mock tape are, as numbers of pictures; blanks as first and first after."""

    drops: list[int] = field(default_factory=list[int])
    duplicates: list[int] = field(default_factory=list[int])
    breaks: list[int] = field(default_factory=list[int])
    blanks: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    scenes: list[int] = field(default_factory=list[int])


_UNIT: Final = Fraction(1, 90000)
_LOOP: Final = 50
"""Pictures of a scene before it begins again."""
_BLUE: Final = (41, 240, 110)
"""What decks show where nothing is recorded, as Y, U, V."""
_BORN: Final = datetime(1998, 8, 1, 12, 0, 0)
_SOUND_RATE: Final = 48_000
_BEAT: Final = 960
"""Samples of a block of sound."""


class Mock:
    """A tape that does not exist, played with faults at places that chance chose; `truth` knows them."""

    bits = 16

    def __init__(self, tape: MockTape) -> None:
        self.tape, self.name = tape, "mock DV deck" if tape.dv else "mock deck"
        pal = tape.standard == "pal"
        self._standard = Standard(pal, 1, "4:2:0" if pal else "4:1:1")
        self.standard = self._standard if tape.dv else None
        self.rate = self._standard.rate
        self.count = max(1, round(tape.seconds * self.rate))
        self.truth = self._faults()

    def _faults(self) -> Truth:
        """Faults a good way apart from each other, so that each can be told."""
        tape, second = self.tape, round(self.rate)
        chance = np.random.default_rng(tape.seed)
        wanted = tape.breaks + tape.blanks + tape.scenes
        slots = (self.count - 2 * second) // max(1, wanted)
        if wanted and slots < 4 * second:
            raise OpenFailed(f"a mock tape of {tape.seconds:g} s is too short for so many faults.")
        kinds = chance.permutation(["breaks"] * tape.breaks + ["blanks"] * tape.blanks + ["scenes"] * tape.scenes)
        truth = Truth()
        taken = np.zeros(self.count, bool)
        taken[[0, 1, self.count - 1]] = True
        for number, kind in enumerate(kinds):
            at = second + number * slots + int(chance.integers(second, 2 * second))
            taken[at - 8 : at + 9] = True
            if kind == "blanks":
                truth.blanks.append((at, at + second))
                taken[at : at + second + 8] = True
            else:
                getattr(truth, str(kind)).append(at)
        free = np.flatnonzero(~taken)
        chosen = chance.permutation(free)[: tape.drops + 3 * tape.duplicates]
        truth.drops = sorted(map(int, chosen[: tape.drops]))
        gone = set(truth.drops)
        # A picture that is there twice stands between two that are there, and in place of none that is missing.
        pairs = (int(at) for at in chosen[tape.drops :] if not {int(at) - 1, int(at), int(at) + 1} & gone)
        spaced: list[int] = []
        for at in sorted(pairs):
            if len(spaced) < tape.duplicates and (not spaced or at - spaced[-1] > 2):
                spaced.append(at)
        truth.duplicates = spaced
        return truth

    def arrivals(self) -> Iterator[Arrival]:
        started = clock.monotonic()
        last = self.tape.unplugged or float(self.count / self.rate)
        sounds = iter(()) if self.tape.dv else self._sounds(last)
        sound = next(sounds, None)
        for picture in self._pictures():
            if picture.time >= last:
                break
            while sound and sound.time <= picture.time:
                yield sound
                sound = next(sounds, None)
            if self.tape.pace:
                clock.sleep(max(0.0, picture.time / self.tape.pace - (clock.monotonic() - started)))
            yield picture
        if self.tape.unplugged and self.tape.unplugged < self.count / self.rate:
            raise MediaError(f"{self.name} stopped sending: No such device.")
        while sound:
            yield sound
            sound = next(sounds, None)

    def _pictures(self) -> Iterator[Picture]:
        chance = np.random.default_rng(self.tape.seed + 1)
        drops, twice = set(self.truth.drops), {at + 1 for at in self.truth.duplicates}
        for number in range(self.count):
            shake = float(chance.uniform(-0.15, 0.15))  # of a picture's length, as drivers stamp them
            if number in drops:
                continue
            at = max(0.0, float((number + shake) / self.rate))
            yield self._picture(number - (number in twice), at)

    def _picture(self, number: int, at: float) -> Picture:
        blank = any(first <= number < stop for first, stop in self.truth.blanks)
        scene = sum(start <= number for start in self.truth.scenes)
        pts = round(at / _UNIT)
        if not self.tape.dv:
            return Picture(at, self._frame(None if blank else (scene, number), pts))
        loop = self._blue if blank else self._loops[scene % len(self._loops)]
        data = self._stamped(loop[number % len(loop)], None if blank else number)
        packet = av.Packet(data)
        (native,) = self._decoder.decode(packet)
        native.pts, native.time_base = pts, _UNIT
        return Picture(at, _frame(native, None), data)

    @cached_property
    def _decoder(self) -> Any:
        return av.CodecContext.create("dvvideo", "r")

    @cached_property
    def _textures(self) -> list[NDArray[np.uint8]]:
        """Two large pictures that share nothing, to look at through a moving window."""
        chance = np.random.default_rng(7)
        coarse = [chance.integers(40, 216, size, np.uint8) for size in ((40, 60), (9, 24))]
        return [
            np.kron(one, np.ones((32 if len(one) > 9 else 140, 32 if len(one) > 9 else 80), np.uint8)) for one in coarse
        ]

    def _frame(self, shown: tuple[int, int] | None, pts: int) -> Frame:
        height, width = self._standard.height, 720
        if shown is None:
            planes = tuple(np.full((height >> s, width >> s), value, np.uint8) for value, s in zip(_BLUE, (0, 1, 1)))
        else:
            scene, number = shown
            texture = self._textures[scene % 2]
            y, x = _to_and_fro(3 * number, texture.shape[0] - height), _to_and_fro(5 * number, texture.shape[1] - width)
            luma = texture[y : y + height, x : x + width]
            small = np.full((height // 2, width // 2), 110 + 20 * (scene % 2), np.uint8)
            planes = (luma, small, small[::-1])
        return Frame(planes, "yuv420p", pts, _UNIT, field_order="tff" if self._standard.pal else "bff")

    @cached_property
    def _loops(self) -> list[list[bytes]]:
        """Two scenes as DV, with sound."""
        # There by even places and back by odd ones: nothing leaps where it begins again, and nothing is there twice.
        places = [*range(0, _LOOP, 2), *range(_LOOP - 1, 0, -2)]
        return [self._coded([(scene, place) for place in places]) for scene in range(2)]

    @cached_property
    def _blue(self) -> list[bytes]:
        return self._coded([None, None])

    def _coded(self, shown: Sequence[tuple[int, int] | None]) -> list[bytes]:
        data = io.BytesIO()
        with av.open(data, "w", format="dv") as out:
            video: Any = out.add_stream("dvvideo", rate=self.rate)
            video.width, video.height = 720, self._standard.height
            video.pix_fmt = "yuv420p" if self._standard.pal else "yuv411p"
            audio: Any = out.add_stream("pcm_s16le", rate=_SOUND_RATE, layout="stereo")
            for number, one in enumerate(shown):
                plain = self._frame(one, 0)
                native = av.VideoFrame.from_ndarray(
                    np.concatenate([plane.reshape(-1) for plane in plain.planes]).reshape(-1, 720), "yuv420p"
                ).reformat(format=video.pix_fmt)
                native.pts, native.time_base = number, 1 / self.rate
                out.mux(video.encode(native))
            samples = round(len(shown) / self.rate * _SOUND_RATE) + _SOUND_RATE // 25
            tone = (8000 * np.sin(np.arange(samples) * 2 * np.pi * 440 / _SOUND_RATE)).astype(np.int16)
            block = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], "s16", "stereo")
            block.sample_rate, block.pts = _SOUND_RATE, 0
            out.mux(audio.encode(block))
            out.mux(video.encode(None))
        whole, size = data.getvalue(), self._standard.size
        return [whole[at : at + size] for at in range(0, len(whole) - size + 1, size)]

    def _stamped(self, data: bytes, number: int | None) -> bytes:
        fps = 25 if self._standard.pal else 30
        jumps = 0 if number is None else sum(start <= number for start in self.truth.breaks)
        picture = np.frombuffer(data, np.uint8).reshape(-1, blocks.BLOCKS, blocks.BLOCK).copy()
        if number is None:
            packs.stamp(picture, None, None)
        else:
            code = packs.Timecode.of_count(number + 777 * jumps, fps)
            moment = _BORN + timedelta(seconds=int(number / self.rate))
            packs.stamp(picture, code, moment)
        return picture.tobytes()

    def _sounds(self, last: float) -> Iterator[Sound]:
        rate = _SOUND_RATE * (1 + self.tape.drift / 1e6)
        tone = (0.25 * np.sin(np.arange(_SOUND_RATE) * 2 * np.pi * 440 / _SOUND_RATE)).astype(np.float32)
        loop = cycle([np.stack([tone[at : at + _BEAT]] * 2) for at in range(0, _SOUND_RATE, _BEAT)])
        heard = 0
        while heard / rate < last:
            yield Sound(heard / rate, Audio(next(loop), _SOUND_RATE, heard))
            heard += _BEAT
