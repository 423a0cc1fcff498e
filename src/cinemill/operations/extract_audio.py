"""Sound out of a video, as files of its own: copied where it can be, encoded where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from cinemill.catalogue import Field, Params
from cinemill.errors import InvalidParams, OutputRefused
from cinemill.operations import Chunk, Decided, Operation, Request, operation, passing

if TYPE_CHECKING:
    from cinemill.media.types import AudioTrack, MediaInfo

SoundCodec = Literal["auto", "copy", "aac", "mp3", "opus", "vorbis", "flac", "alac", "pcm"]


class ExtractAudio(Params):
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""
    every: bool = False
    """Every audio track instead of one: side by side in .mka and .m4a, else each in a file of its own."""
    codec: SoundCodec = "auto"
    """auto copies what the output's container can hold; copy never encodes; else what it is stored as."""
    bitrate: int | None = Field(None, ge=6, le=1536, unit="kbit/s")
    """Of aac, mp3, opus and vorbis."""
    sample_rate: int | None = Field(None, ge=8000, le=192_000, unit="Hz")
    """Samples a second; 16000 is what most recognisers of speech want."""
    channels: int | None = Field(None, ge=1, le=8)
    """1 mixes all into one, 2 into stereo."""
    start: float | None = Field(None, ge=0, unit="s")
    """Where to begin: to the sample where it is encoded, to the packet where it is copied."""
    end: float | None = Field(None, gt=0, unit="s")
    """Where to stop."""

    @model_validator(mode="after")
    def _sensible(self) -> ExtractAudio:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end must come after start")
        if self.codec == "copy" and (self.bitrate or self.sample_rate or self.channels):
            raise ValueError("what is copied keeps its bitrate, sample_rate and channels")
        if self.bitrate and self.codec not in ("auto", *_LOSSY):
            raise ValueError(f"{self.codec} loses nothing and has no bitrate; choose aac, mp3, opus or vorbis")
        return self

    @property
    def is_plain(self) -> bool:
        """Whether whole tracks go over, copied where they can be."""
        asked = (self.bitrate, self.sample_rate, self.channels, self.start, self.end)
        return self.codec == "auto" and asked == (None,) * len(asked)


class ExtractDecided(Decided):
    format: str
    encoders: tuple[str, ...] = ()
    """For each track what FFmpeg makes it with, or copy; nothing where whole tracks go over."""


# Where each codec goes without being encoded again.
_HOMES = {"aac": ".m4a", "alac": ".m4a", "mp3": ".mp3", "opus": ".opus", "vorbis": ".ogg", "flac": ".flac"}
_ENCODERS = {
    **{"aac": "aac", "mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis", "flac": "flac", "alac": "alac"},
    "pcm": "pcm",
}
_HOLDS = {
    **{"wav": ("pcm",), "flac": ("flac",), "mp3": ("mp3",), "ipod": ("aac", "alac"), "opus": ("opus",)},
    **{"ogg": ("opus", "vorbis", "flac"), "matroska": tuple(_ENCODERS)},
}
_LOSSY = ("aac", "mp3", "opus", "vorbis")
_RATES = {
    "opus": (8000, 12_000, 16_000, 24_000, 48_000),
    "mp3": (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
_SEVERAL = ("matroska", "ipod")
"""Containers of sound with room for several tracks."""


@operation
class ExtractAudioOperation(Operation[ExtractAudio, ExtractDecided]):
    """Take the sound out of a video: copied where the output's container can hold it, else encoded; whole or a stretch.

    The output's suffix says what it becomes: .m4a, .mp3, .opus, .ogg, .flac, .wav, .mka.
    """

    name = "extract-audio"
    topic = "Speech and sound"
    params = ExtractAudio
    decided = ExtractDecided
    unit = "s"
    example = "cinemill extract-audio film.mkv -o film.flac"

    def suffix(self, request: Request[ExtractAudio]) -> str:
        params = request.params
        if params.every:
            return ".mka"
        asked = params.codec if params.codec not in ("auto", "copy") else _tracks(request)[1][0].codec
        if params.bitrate and asked not in _HOMES:
            return ".m4a"
        return ".wav" if asked.startswith("pcm") else _HOMES.get(asked, ".mka")

    def decide(self, request: Request[ExtractAudio]) -> ExtractDecided:
        from cinemill.media import tracks

        assert request.output
        format = tracks.container_of(request.output, tracks.SOUND_CONTAINERS)
        carried = [_carry(request, track, format) for track in _tracks(request)[1]]
        if not request.params.is_plain:
            encoders = tuple(_encoder(request, carry, format) for carry in carried)
            _check_start(request)
            notes = [f"{carry.track.describe()} {_fate(coder)}." for carry, coder in zip(carried, encoders)]
            return ExtractDecided(notes=tuple(notes), format=format, encoders=encoders)
        copied = "the sound is copied bit for bit."
        notes = [carry.describe() if carry.how == "convert" else copied for carry in carried]
        return ExtractDecided(notes=tuple(dict.fromkeys(notes)), format=format)

    def beside(self, request: Request[ExtractAudio]) -> tuple[Path, ...]:
        from cinemill.media import tracks

        output = request.output
        if output is None or not request.params.every:
            return ()
        if tracks.SOUND_CONTAINERS.get(output.suffix.lower()) in _SEVERAL:
            return ()
        count = len(_tracks(request)[1])
        return tuple(output.with_name(f"{output.stem}.{number}{output.suffix}") for number in range(2, count + 1))

    def cut(self, request: Request[ExtractAudio], decided: ExtractDecided, seconds: float) -> list[Chunk]:
        return []

    def part(self, request: Request[ExtractAudio], decided: ExtractDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        raise AssertionError("there are no parts")

    def join(
        self, request: Request[ExtractAudio], decided: ExtractDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media import write

        assert output
        info, found = _tracks(request)
        paths = [output, *(passing(output, file) for file in self.beside(request))]
        each = [found] if len(paths) == 1 else [[track] for track in found]
        length = float(info.duration or 0) or 1.0
        for number, (path, chosen) in enumerate(zip(paths, each)):
            if decided.encoders:
                _encode(request, decided, found, chosen, path)
                yield (number + 1) / len(paths)
                continue
            carried = [_carry(request, track, decided.format) for track in chosen]
            for done in write.assemble([], None, info, carried, path, decided.format):
                yield (number + min(1.0, done / length)) / len(paths)


def _tracks(request: Request[ExtractAudio]) -> tuple[MediaInfo, list[AudioTrack]]:
    """The tracks that are meant, at least one. Raises NoSuchStream."""
    from cinemill.media import read
    from cinemill.media.types import AudioTrack

    info = read.probe(request.inputs[0])
    if request.params.every:
        read.sound_of(info, 0)
        return info, [track for track in info.tracks if isinstance(track, AudioTrack)]
    return info, [read.sound_of(info, request.params.track - 1)]


def _carry(request: Request[ExtractAudio], track: AudioTrack, format: str) -> Any:
    from cinemill.media import tracks

    info, _ = _tracks(request)
    return next(carry for carry in tracks.carries(info, format) if carry.track.index == track.index)


def _check_start(request: Request[ExtractAudio]) -> None:
    """Raises InvalidParams where nothing is left of the file."""
    info, _ = _tracks(request)
    start = request.params.start or 0
    if info.duration is not None and start >= info.duration:
        raise InvalidParams(
            f"{info.path.name} lasts {float(info.duration):.3f} s; nothing is left from {start:g} s on."
        )


def _fate(encoder: str) -> str:
    return "is copied, packet by packet" if encoder == "copy" else f"becomes {encoder}"


def _encoder(request: Request[ExtractAudio], carry: Any, format: str) -> str:
    """What FFmpeg makes a track with. Raises OutputRefused, InvalidParams."""
    from cinemill.media import tracks

    params, suffix = request.params, request.output.suffix if request.output else ""
    if params.codec == "copy":
        if carry.how != "copy":
            homes = _HOMES.get(carry.track.codec, ".mka")
            raise OutputRefused(f"{suffix} cannot hold {carry.track.codec} as it is; name the output {homes} or .mka.")
        return "copy"
    if params.codec != "auto" and params.codec not in _HOLDS[format]:
        holds = " or ".join(_HOLDS[format])
        raise OutputRefused(f"{suffix} holds {holds}, not {params.codec}; name the output {_home(params.codec)}.")
    codec = params.codec if params.codec != "auto" else _usual(carry.track.codec, format, bool(params.bitrate))
    if params.bitrate and codec not in _LOSSY:
        raise InvalidParams(f"{suffix} loses nothing and has no bitrate; name the output .m4a, .mp3, .opus or .ogg.")
    rates = _RATES.get(codec, ())
    if params.sample_rate and rates and params.sample_rate not in rates:
        raise InvalidParams(f"{codec} has {', '.join(map(str, rates))} Hz, not {params.sample_rate}.")
    if codec != "pcm":
        return _ENCODERS[codec]
    deep = tracks.keeps_samples(carry.track.codec) and carry.track.codec not in ("pcm_s16le", "pcm_s16be", "pcm_u8")
    return "pcm_s24le" if deep else "pcm_s16le"


def _home(codec: str) -> str:
    return ".wav" if codec == "pcm" else _HOMES[codec]


def _usual(codec: str, format: str, lossy: bool) -> str:
    """What sound becomes in a container when nobody says: its own codec where that can be, else one as exact."""
    from cinemill.media import tracks

    held = _HOLDS[format]
    if lossy:
        held = tuple(each for each in held if each in _LOSSY) or held
    own = "pcm" if codec.startswith("pcm") else codec
    exact = next((each for each in ("flac", "alac", "pcm") if each in held), held[0])
    return own if own in held else exact if tracks.keeps_samples(codec) and not lossy else held[0]


def _encode(
    request: Request[ExtractAudio],
    decided: ExtractDecided,
    found: Sequence[AudioTrack],
    chosen: Sequence[AudioTrack],
    path: Path,
) -> None:
    from cinemill.media import program

    params = request.params
    words = ["-ss", f"{params.start:.6f}"] if params.start else []
    words += ["-i", f"file:{request.inputs[0].resolve()}"]
    words += ["-t", f"{params.end - (params.start or 0):.6f}"] if params.end is not None else []
    for place, track in enumerate(chosen):
        encoder = decided.encoders[found.index(track)]
        words += ["-map", f"0:{track.index}", f"-c:a:{place}", encoder]
        if encoder == "copy":
            words += [f"-copypriorss:a:{place}", "0"]
        if encoder == "libopus" and (params.channels or track.channels) > 2:
            words += [f"-mapping_family:a:{place}", "1"]
    words += ["-b:a", f"{params.bitrate}k"] if params.bitrate else []
    words += ["-ar", str(params.sample_rate)] if params.sample_rate else []
    words += ["-ac", str(params.channels)] if params.channels else []
    program.output_of([*words, "-vn", "-map_metadata", "0", "-f", decided.format, "-y", f"file:{path}"])
