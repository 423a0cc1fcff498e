"""Files -> packets -> what decoders make of them. Damage is noted, and what can be read is kept.

Paths only: playlists and pattern names that would open further files are refused.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av import error as averror
from av.container import InputContainer
from av.stream import Discard

from cinemill.errors import OpenFailed, UnsupportedMedia
from cinemill.media import clock, jumps, structure
from cinemill.media.types import MediaInfo, Track

# Demuxers that are no media of their own: text art, and lists that name other files to open.
_REFUSED_FORMATS = {"tty", "concat", "hls", "dash", "imf", "webm_dash_manifest", "lavfi", "ffmetadata"}


@dataclass
class Damage:
    """What was wrong with a stream, filled while it is read. Times are seconds, for people."""

    corrupt: list[float] = field(default_factory=list[float])
    """When a packet or frame was damaged. What could be decoded of it is kept."""
    repaired: list[float] = field(default_factory=list[float])
    """When a pts was missing or ran backwards, or the clock jumped, and was made to run on."""
    resized: list[float] = field(default_factory=list[float])
    """When a picture came in another size or format and was made like the first."""
    cut_off: float | None = None
    """Where reading failed, or the file ends before its time."""

    def __bool__(self) -> bool:
        return bool(self.corrupt or self.repaired or self.resized or self.cut_off is not None)

    def record(self) -> dict[str, list[float]]:
        """The times, JSON-safe: what a part notes of its source."""
        return {"corrupt": self.corrupt, "repaired": self.repaired, "resized": self.resized}

    def describe(self) -> list[str]:
        """One sentence per kind of damage."""
        lines: list[str] = []
        kinds = (
            (self.corrupt, "damaged picture"),
            (self.repaired, "repaired timestamp"),
            (self.resized, "rescaled picture"),
        )
        for times, what in kinds:
            if times:
                shown = ", ".join(clock.show(t) for t in sorted(set(times))[:5])
                more = f" and {len(times) - 5} more" if len(times) > 5 else ""
                lines.append(f"{len(times)} {what}{'s' if len(times) > 1 else ''}, at {shown}{more}")
        return lines


@contextmanager
def opened(path: Path) -> Generator[InputContainer, None, None]:
    """An open container. Raises OpenFailed with the likely reason; closes on leaving."""
    if not path.exists():
        raise OpenFailed(f"{path} is not there.")
    if path.is_dir():
        raise OpenFailed(f"{path} is a folder; name a file in it.")
    if path.is_file() and path.stat().st_size == 0:
        raise OpenFailed(f"{path} is empty (0 bytes).")
    try:
        container = av.open(f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file,pipe"})
    except PermissionError:
        raise OpenFailed(f"{path} may not be read by this user.") from None
    except (averror.FFmpegError, OSError, ValueError) as error:
        raise OpenFailed(_why_not(path, error)) from None
    with container:
        if _REFUSED_FORMATS & set(container.format.name.split(",")):
            raise OpenFailed(f"{path} is a {container.format.name} list or text, not a media file itself.")
        yield container


def _why_not(path: Path, error: Exception) -> str:
    if structure.lacks_moov(path):
        return f"{path} has no index (moov): the recording was cut off before it was finished. Repair it first."
    return f"{path} is not media that FFmpeg can read: {getattr(error, 'strerror', None) or error}."


def packets(info: MediaInfo, track: Track, shifts: Sequence[Fraction]) -> Iterator[Any]:
    """PyAV packets of a track, for `media` only, on the running clock of `Index.shifts`; a read error ends them.

    Raises UnsupportedMedia at one without a time.
    """
    with opened(info.path) as container:
        stream = container.streams[track.index]
        for packet in jumps.followed(packets_of(container, stream, Damage()), shifts):
            if not packet.size:
                continue
            if packet.pts is None:
                raise UnsupportedMedia(f"{track.describe()} has pictures without a time; it can only be made anew.")
            yield packet


def packets_of(container: InputContainer, stream: Any, damage: Damage) -> Iterator[Any]:
    """Packets of one stream; a read error is noted as damage and ends the stream."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    last: tuple[int, Fraction] = (0, Fraction(1))
    places = _places(container, stream)
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (averror.FFmpegError, OSError):
            damage.cut_off = float(last[0] * last[1])
            return
        if packet.dts is not None:
            late = max(0, places.get(packet.pos, packet.dts) - packet.dts)
            if late:
                packet.dts, packet.pts = packet.dts + late, None if packet.pts is None else packet.pts + late
            last = packet.dts, packet.time_base
        yield packet


def _places(container: InputContainer, stream: Any) -> dict[int, int]:
    """Where packets begin in an AVI, and their times, by its index.

    The demuxer counts those it meets, so that after a damaged stretch all that follows would come too early.
    """
    header = 8
    entries = stream.index_entries if container.format.name == "avi" else ()
    return {entry.pos + header: entry.timestamp for entry in entries}


def decoded(packets: Iterable[Any], damage: Damage) -> Iterator[Any]:
    """Decode, keeping what can be kept; the last packet that demux hands out is empty and drains the decoder."""
    for packet in packets:
        if packet.is_corrupt:
            damage.corrupt.append(_seconds(packet))
        try:
            natives = packet.decode()
        except (averror.FFmpegError, ValueError):
            damage.corrupt.append(_seconds(packet))
            continue
        for native in natives:
            if native.is_corrupt:
                damage.corrupt.append(float((native.pts or 0) * packet.time_base))
            yield native


def _seconds(packet: Any) -> float:
    return float((packet.pts or packet.dts or 0) * packet.time_base)


def keeps_dts_only(container: InputContainer, stream: Any) -> bool:
    """AVI stores pictures in decoding order and no pts, so reordered pictures have only their place in it."""
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
