"""Pictures and sound into a file as they arrive, so that it plays whatever happens: what is written stays written.

The one place where a file has its name before it is whole: a capture that a power cut ended is worth keeping. A name
that is taken is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import av

from cinemill.errors import OutputRefused
from cinemill.hardware import cores
from cinemill.media import encoders, lavfi, matroska, soundgraph
from cinemill.media.clock import rescale
from cinemill.media.matroska import Facts
from cinemill.media.native import to_native
from cinemill.media.output import VideoOutput
from cinemill.media.types import Audio, Frame
from cinemill.media.write import said_plainly

Kind = Literal["archive", "quick"]
_OPTIONS: Final = {"cluster_time_limit": "500", "flush_packets": "1"}
"""Milliseconds that a crash may cost, and nothing kept back after them."""
_UNIT: Final = Fraction(1, 1000)
"""Matroska's clock."""
_SLACK: Final = 0.02
"""Seconds that sound may be off its device's clock before it is put right: half of a picture's length."""


class Recorder:
    """A Matroska file that grows: FFV1 and FLAC for an archive, H.264 and AAC for a quick look.

    Times are seconds from the beginning of the file. Beside an archive goes NAME.framemd5, a line a picture.
    """

    def __init__(self, path: Path, kind: Kind, picture: Frame, rate: Fraction, sound: Audio | None, bits: int) -> None:
        refuse_taken(path)
        picture = _shaped(picture)
        asked = VideoOutput(codec="ffv1") if kind == "archive" else VideoOutput(speed="ultrafast", encoder="libx264")
        self.spec, self.notes = encoders.spec_for(asked, picture, rate, None, cores())
        self.path = path
        with said_plainly(path):
            self._out: Any = av.open(f"file:{path}", "w", format="matroska", container_options=_OPTIONS)
        self._video = self._out.add_stream(self.spec.encoder, rate=self.spec.rate)
        encoders.configure(self._video.codec_context, self.spec)
        shape = self.spec.sar * self.spec.width / self.spec.height
        self._facts = Facts(dar=shape if self.spec.sar != 1 else None)
        self._video.metadata["title"] = self._facts.placeholder if self._facts else ""
        self._sound = self._sound_stream(kind, sound, bits) if sound else None
        with said_plainly(path):
            self._out.start_encoding()
        self._heard: int | None = None
        self._sums = path.with_suffix(".framemd5").open("w") if kind == "archive" else None
        if self._sums:
            self._sums.write(sums_head(_UNIT))
        self.pictures = 0

    def _sound_stream(self, kind: Kind, sound: Audio, bits: int) -> Any:
        stream = self._out.add_stream("flac" if kind == "archive" else "aac", rate=sound.sample_rate)
        stream.codec_context.layout = sound.layout
        samples = "fltp" if kind == "quick" else "s16" if bits <= 16 else "s32"
        stream.codec_context.format = samples
        self._resampler = av.AudioResampler(samples, sound.layout, sound.sample_rate)
        return stream

    def picture(self, frame: Frame, time: float) -> None:
        """Add a picture. Raises DiskFull."""
        with said_plainly(self.path):
            (stored,) = lavfi.converted([frame], self.spec.pix_fmt)
            native = to_native(stored)
            native.pts = round(Fraction(time) / self.spec.time_base)
            native.time_base = self.spec.time_base
            self._mux(self._video.encode(native))
            if self._sums:
                self._sums.write(checksum(stored, round(time / _UNIT), rescale(1, 1 / self.spec.rate, _UNIT)))
            self.pictures += 1

    def sound(self, block: Audio, time: float) -> None:
        """Add sound that was heard from `time` on, put after what is there unless it is off by more than 20 ms."""
        if self._sound is None:
            return
        place = round(time * block.sample_rate)
        if self._heard is None or abs(place - self._heard) > _SLACK * block.sample_rate:
            self._heard = max(0, place)
        native = soundgraph.to_native(Audio(block.samples, block.sample_rate, self._heard, block.layout))
        self._heard += block.samples.shape[1]
        with said_plainly(self.path):
            for part in self._resampler.resample(native):
                self._mux(self._sound.encode(part))

    def close(self) -> None:
        """Write what encoders still hold, and the index."""
        try:
            for stream in filter(None, (self._video, self._sound)):
                self._mux(stream.encode(None) if self.pictures or stream is not self._video else [])
        finally:
            with said_plainly(self.path):
                self._out.close()
            if self._sums:
                self._sums.close()
            if self._facts:
                matroska.complete(self.path, {0: self._facts})

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            self._out.mux(packet)


class DvRecorder:
    """A raw stream of DV that grows: the blocks as they came from the tape."""

    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        refuse_taken(path)
        self.path, self.pictures = path, 0
        with said_plainly(path):
            self._file = path.open("xb", buffering=0)

    def blocks(self, data: bytes) -> None:
        """Add a picture. Raises DiskFull."""
        with said_plainly(self.path):
            self._file.write(data)
        self.pictures += 1

    def close(self) -> None:
        self._file.close()


_SHAPES: Final = {(720, 576): Fraction(12, 11), (720, 480): Fraction(10, 11), (720, 486): Fraction(10, 11)}
"""What a pixel of BT.601 is like, whose devices say nothing of it."""


def _shaped(picture: Frame) -> Frame:
    return (
        replace(picture, sar=_SHAPES.get((picture.width, picture.height), picture.sar)) if picture.sar == 1 else picture
    )


def refuse_taken(path: Path) -> None:
    """Raises OutputRefused where a file of that name is there: a tape may not come by twice."""
    if path.exists():
        raise OutputRefused(f"{path} exists already; a capture replaces nothing. Choose another name.")
    if not path.parent.is_dir():
        raise OutputRefused(f"there is no folder {path.parent}; make it first.")


def sums_head(time_base: Fraction) -> str:
    """What a file of `checksum` lines begins with."""
    return f"#format: frame checksums\n#version: 2\n#hash: MD5\n#tb 0: {time_base}\n"


def checksum(frame: Frame, pts: int, duration: int) -> str:
    """A line of FFmpeg's framemd5: stream, dts, pts, duration, bytes, MD5 of the planes without padding."""
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for plane in frame.planes:
        data = plane.tobytes()
        digest.update(data)
        size += len(data)
    return f"0, {pts:10}, {pts:10}, {duration:8}, {size:8}, {digest.hexdigest()}\n"
