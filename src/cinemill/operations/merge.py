"""Videos one after another as one: copied where nothing needs encoding, else made alike, with music and transitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.catalogue import Field
from cinemill.errors import RequestError
from cinemill.film.board import Fit, Transition, TransitionName
from cinemill.operations import Chunk, Request, operation
from cinemill.operations.compose import ComposeDecided, FilmOperation, FilmOutput

if TYPE_CHECKING:
    from cinemill.film.board import Storyboard
    from cinemill.media.types import MediaInfo, Track, VideoTrack


class Merge(FilmOutput):
    transition: TransitionName = "cut"
    """How one follows the other."""
    transition_seconds: float = Field(0.5, ge=0, le=30, unit="s")
    """How long that takes; both are seen meanwhile."""
    fit: Fit = "contain"
    """How those of another shape are shown: cover cuts off, contain leaves bars, blur fills them."""
    music: Path | None = Field(None, file="audio")
    """Music under all of it."""
    music_volume: float = Field(0.3, ge=0, le=4)
    """1 leaves it as it is."""
    volume: float = Field(1.0, ge=0, le=4)
    """Of the videos' own sound; 0 leaves it out."""
    duck: float = Field(0.0, ge=0, le=60, unit="dB")
    """How much softer the music is while the videos' own sound is heard."""
    copy_streams: bool = True
    """Copy everything bit for bit where the videos are stored alike and nothing else is asked for."""


@operation
class MergeOperation(FilmOperation[Merge]):
    """Put videos one after another: of any size, rate and codec, with or without sound; copied where that will do."""

    name = "merge"
    topic = "Films"
    params = Merge
    inputs = ("video",)
    together = True
    example = "cinemill merge one.mp4 two.mov three.webm -o all.mp4 --transition fade --music song.mp3"

    def reads(self, params: Merge) -> tuple[Path, ...]:
        return (params.music,) if params.music else ()

    def files(self, request: Request[Merge]) -> tuple[Path, ...]:
        return self.reads(request.params)

    def board(self, request: Request[Merge]) -> Storyboard:
        from cinemill.film.board import Music, Output, Scene, Storyboard
        from cinemill.media import read

        params = request.params
        infos = [read.probe(path) for path in request.inputs]
        first = read.picture_of(infos[0])
        scenes = [Scene(video=path.resolve(), volume=params.volume, name=path.name) for path in request.inputs]
        music = params.music and Music(file=params.music.resolve(), volume=params.music_volume, duck=params.duck)
        return Storyboard(
            size=_size(first),
            rate=min(max(read.picture_of(info).frame_rate for info in infos), Fraction(240)),
            fit=params.fit,
            scenes=tuple(scenes),
            transition=Transition(name=params.transition, seconds=params.transition_seconds),
            music=music,
            output=Output(loudness=None, speed="medium"),
        )

    def decide(self, request: Request[Merge]) -> ComposeDecided:
        from cinemill.media import read, tracks

        assert request.output
        if len(request.inputs) < 2:
            raise RequestError("merge takes two videos or more.")
        format = tracks.container_of(request.output)
        infos = [read.probe(path) for path in request.inputs]
        why = _needs_encoding(infos, format, request.params)
        if why is None:
            return ComposeDecided(
                notes=("Everything is copied bit for bit.",),
                format=format,
                spec=None,
                board={},
                line={},
                family="",
                about=tuple(f"copy {path.name}" for path in request.inputs),
            )
        decided = super().decide(request)
        return decided.model_copy(update={"notes": (f"Everything is encoded anew: {why}.", *decided.notes)})

    def join(
        self, request: Request[Merge], decided: ComposeDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if decided.spec is not None:
            yield from super().join(request, decided, parts, output)
            return
        from cinemill.media import write

        assert output
        write.concatenated(request.inputs, output, decided.format)
        yield 1.0

    def result(self, request: Request[Merge], decided: ComposeDecided, parts: Sequence[Path]) -> dict[str, Any]:
        return {"copied": True} if decided.spec is None else super().result(request, decided, parts)

    def cut(self, request: Request[Merge], decided: ComposeDecided, seconds: float) -> list[Chunk]:
        return [] if decided.spec is None else super().cut(request, decided, seconds)


def _size(video: VideoTrack) -> str:
    """The picture's size on square pixels, even."""
    width = round(video.width * video.sar / 2) * 2
    return f"{max(16, width)}x{max(16, round(video.height / 2) * 2)}"


def _needs_encoding(infos: Sequence[MediaInfo], format: str, params: Merge) -> str | None:
    """Why the videos cannot be copied as they are; None when they can."""
    from cinemill.media import tracks, write

    plain = Merge()
    asked = [name for name in Merge.model_fields if getattr(params, name) != getattr(plain, name)]
    if not params.copy_streams or asked:
        named = next((name for name in asked if name != "copy_streams"), "copy_streams")
        return f"{named.replace('_', '-')} was asked for"
    first = infos[0]
    for info in infos[1:]:
        if (other := _difference(first, info)) is not None:
            return f"{info.path.name} and {first.path.name} differ in {other}"
    if any(carry.how != "copy" for carry in tracks.carries(first, format, picture=True)):
        return f"{format} cannot hold what they hold"
    if len({write.headers(info.path) for info in infos}) > 1:
        return "their encoders were set differently"
    return None


_ALIKE = ("kind", "codec", "width", "height", "format", "sar", "rotation", "colour", "sample_rate", "layout")


def _difference(one: MediaInfo, two: MediaInfo) -> str | None:
    if len(one.tracks) != len(two.tracks):
        return "their tracks"
    for a, b in zip(one.tracks, two.tracks):
        for name in (
            "kind",
            "codec",
            "width",
            "height",
            "format",
            "sar",
            "rotation",
            "colour",
            "sample_rate",
            "layout",
        ):
            if getattr(a, name, None) != getattr(b, name, None):
                return name.replace("_", " ")
    return _rate_difference(one.video, two.video)


def _rate_difference(one: Track | None, two: Track | None) -> str | None:
    same = getattr(one, "frame_rate", None) == getattr(two, "frame_rate", None)
    return None if same else "frame rate"
