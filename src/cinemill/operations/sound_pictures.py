"""What pictures of sound share: one audio track is looked at from beginning to end, and a PNG or JPEG comes of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cinemill.catalogue import Field, Params
from cinemill.errors import OutputRefused, UnsupportedMedia
from cinemill.operations import Chunk, Decided, Operation, Request

if TYPE_CHECKING:
    from cinemill.media.types import Audio

SUFFIXES = (".png", ".jpg", ".jpeg")


class SoundPicture(Params):
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""
    width: int = Field(1600, ge=64, le=16_384, unit="px")
    """Of the sound's part of the picture."""
    height: int = Field(480, ge=64, le=8192, unit="px")
    """Of the whole picture; channels share it."""
    mix: bool = False
    """All channels as one, instead of one above another."""


class SoundPictureDecided(Decided):
    seconds: float


S = TypeVar("S", bound=SoundPicture)


class SoundPictureOperation(Operation[S, SoundPictureDecided], Generic[S]):
    """A look at a whole track, drawn."""

    decided = SoundPictureDecided
    inputs = ("audio",)
    unit = "s"

    @abstractmethod
    def drawn(self, params: S, blocks: Iterator[Audio]) -> Any:
        """The picture of a stream; None where there is no sound in it."""

    def suffix(self, request: Request[S]) -> str:
        return ".png"

    def decide(self, request: Request[S]) -> SoundPictureDecided:
        from cinemill.media import read

        assert request.output
        if request.output.suffix.lower() not in SUFFIXES:
            raise OutputRefused(f"{request.output}: a picture of sound becomes {', '.join(SUFFIXES)}.")
        info = read.probe(request.inputs[0])
        read.sound_of(info, request.params.track - 1)
        return SoundPictureDecided(seconds=float(info.duration or 0))

    def cut(self, request: Request[S], decided: SoundPictureDecided, seconds: float) -> list[Chunk]:
        return []

    def part(self, request: Request[S], decided: SoundPictureDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        raise AssertionError("there are no parts")

    def join(
        self, request: Request[S], decided: SoundPictureDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.measure import sheet
        from cinemill.media import read, sound
        from cinemill.operations.sound_work import channels

        assert output
        assert request.output
        yield 0.0
        info = read.probe(request.inputs[0])
        track = read.sound_of(info, request.params.track - 1)
        blocks = sound.even(channels(info, track), 0)
        if request.params.mix:
            blocks = sound.resampled(blocks, track.sample_rate, "mono")
        picture = self.drawn(request.params, blocks)
        if picture is None:
            raise UnsupportedMedia(f"{request.inputs[0]} holds no sound that could be drawn.")
        is_png = request.output.suffix.lower() == ".png"
        output.write_bytes(sheet.png(picture) if is_png else sheet.jpeg(picture))
        yield 1.0
