"""A recording into what it is made of: the voice and the rest, or voice, drums, bass and others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field, Params
from cinemill.errors import InvalidParams, ProtocolError
from cinemill.operations import Chunk, Decided, Operation, Request, files_in, operation, passing

if TYPE_CHECKING:
    from cinemill.media.types import Audio

_LOADING, _FETCHING, _SECONDS = 300.0, 7200.0, 60.0
"""Seconds that a model may take to load, to be fetched first, and for a second of sound."""
_WINDOW = 30.0
"""Seconds that are separated at once at least: what memory holds."""
_STEMS = ("vocals", "drums", "bass", "other", "guitar", "piano")


class Separate(Params):
    track: int = Field(1, ge=1)
    """Which audio track, counted from 1."""
    stem: str = "vocals"
    """What the output holds: vocals, drums, bass, other; some models have guitar and piano."""
    stems: Literal["two", "all"] = "two"
    """Beside it comes the rest in one file, or each of the others in its own: OUTPUT.drums.wav and so on."""
    model: str = "htdemucs"
    """Demucs' model: htdemucs, htdemucs_ft, htdemucs_6s, hdemucs_mmi, or one in --repo."""
    repo: Path | None = Field(None, file="any")
    """Folder of models. A model there is a program: take it from whom you trust."""
    download: bool = False
    """Fetch the model if it is not here."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs."""
    segment: float = Field(0.0, ge=0, le=60, unit="s")
    """What is looked at at once; less takes less memory. 0 takes the model's own, which is its longest."""
    overlap: float = Field(0.25, ge=0.05, le=0.9)
    """Share of a segment that the next one covers too."""


class SeparateDecided(Decided):
    format: str
    rate: int
    channels: int
    sources: tuple[str, ...]
    segment: int
    stride: int
    samples: int
    mean: float
    std: float


@operation
class SeparateOperation(Operation[Separate, SeparateDecided]):
    """Take a recording apart: the voice from the music, or every instrument group by itself. Long files by windows.

    Needs the engine demucs. Its models' licence is disputed; look at it before you sell what they make.
    """

    name = "separate"
    topic = "Speech and sound"
    params = Separate
    decided = SeparateDecided
    inputs = ("audio",)
    unit = "s"
    example = "cinemill separate song.flac -o voice.wav"

    def suffix(self, request: Request[Separate]) -> str:
        return ".wav"

    def beside(self, request: Request[Separate]) -> tuple[Path, ...]:
        assert request.output
        others = ("rest",) if request.params.stems == "two" else _STEMS
        return tuple(_beside(request.output, name) for name in others if name != request.params.stem)

    def reads(self, params: Separate) -> tuple[Path, ...]:
        return files_in(params.repo)

    def decide(self, request: Request[Separate]) -> SeparateDecided:
        from cinemill.engines.install import warm
        from cinemill.media import tracks

        assert request.output
        format = tracks.container_of(request.output, tracks.SOUND_CONTAINERS)
        _load(request.params)
        ((facts, _),) = warm("demucs").run({"task": "facts"}, deadline=_LOADING)
        if request.params.stem not in facts["sources"]:
            known = ", ".join(facts["sources"])
            raise InvalidParams(f"{request.params.model} has no stem {request.params.stem}; it has {known}.")
        count, mean, std = _moments(_sound(request, facts["rate"]))
        return SeparateDecided(
            format=format,
            rate=facts["rate"],
            channels=facts["channels"],
            sources=tuple(facts["sources"]),
            segment=max(facts["segments"]),
            stride=facts["stride"],
            samples=count,
            mean=mean,
            std=std,
        )

    def cut(self, request: Request[Separate], decided: SeparateDecided, seconds: float) -> list[Chunk]:
        """Windows of whole strides; `start` and `stop` in samples."""
        length = max(1, math.ceil(max(_WINDOW, seconds) * decided.rate / decided.stride)) * decided.stride
        starts = range(0, max(1, decided.samples), length)
        return [
            Chunk(index=number, start=at, stop=min(decided.samples, at + length), size=max(1, length // decided.rate))
            for number, at in enumerate(starts)
        ]

    def part(self, request: Request[Separate], decided: SeparateDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        import numpy as np

        from cinemill.engines.install import warm
        from cinemill.media import sound

        start, stop = chunk.start or 0, chunk.stop or 0
        left = max(0, start - math.ceil(decided.segment / decided.stride) * decided.stride)
        blocks = sound.trimmed(_sound(request, decided.rate), left, stop + decided.segment)
        found = [block.samples for block in blocks]
        yield 0
        mix = np.ascontiguousarray(np.concatenate(found, axis=1)) if found else np.zeros((2, 0), np.float32)
        _load(request.params)
        asked = {"task": "separate", "mean": decided.mean, "std": decided.std, "keep": [start - left, stop - left]}
        deadline = _LOADING + _SECONDS * mix.shape[1] / decided.rate
        ((_, (blob,)),) = warm("demucs").run(asked, [mix], deadline=deadline)
        shape = (len(decided.sources), decided.channels, stop - start)
        if len(blob) != 4 * math.prod(shape):
            raise ProtocolError(f"engine demucs gave {len(blob)} bytes for {shape}.")
        stems = np.frombuffer(blob, np.float32).reshape(shape)
        path.write_bytes(np.stack(list(_chosen(stems, request.params, decided))).tobytes())
        yield chunk.size

    def join(
        self, request: Request[Separate], decided: SeparateDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media import write

        assert output
        assert request.output
        names = _names(request.params, decided)
        for number, name in enumerate(names):
            path = output if not number else passing(output, _beside(request.output, name))
            blocks = _stem(parts, number, len(names), decided)
            for _ in write.encode_sound(blocks, path, decided.format, bits=24, title=name):
                yield number / len(names)
        yield 1.0

    def result(self, request: Request[Separate], decided: SeparateDecided, parts: Sequence[Path]) -> dict[str, Any]:
        return {"stems": list(_names(request.params, decided)), "model": request.params.model}


def _beside(output: Path, name: str) -> Path:
    return output.with_name(f"{output.stem}.{name}{output.suffix}")


def _load(params: Separate) -> None:
    from cinemill.engines.install import warm
    from cinemill.settings import settings

    names = ("model", "device", "segment", "overlap")
    asked = {name: getattr(params, name) for name in names}
    asked |= {"repo": str(params.repo) if params.repo else "", "download": params.download and not settings().offline}
    warm("demucs").load(asked, _FETCHING if params.download else _LOADING)


def _sound(request: Request[Separate], rate: int) -> Iterator[Audio]:
    from cinemill.media import read, sound

    info = read.probe(request.inputs[0])
    blocks = read.audio(info, read.sound_of(info, request.params.track - 1))
    return sound.even(sound.resampled(blocks, rate, "stereo"), 0)


def _moments(blocks: Iterator[Audio]) -> tuple[int, float, float]:
    """Samples, mean and deviation of both channels together, as the model wants its input."""
    import numpy as np

    count, total, squares = 0, 0.0, 0.0
    for block in blocks:
        middle = block.samples.mean(axis=0, dtype=np.float64)
        count, total, squares = count + len(middle), total + float(middle.sum()), squares + float((middle**2).sum())
    mean = total / max(1, count)
    return count, mean, math.sqrt(max(0.0, (squares - count * mean**2) / max(1, count - 1)))


def _names(params: Separate, decided: SeparateDecided) -> tuple[str, ...]:
    """What is written, the one that was asked for first."""
    others = ("rest",) if params.stems == "two" else tuple(one for one in decided.sources if one != params.stem)
    return (params.stem, *others)


def _chosen(stems: Any, params: Separate, decided: SeparateDecided) -> Iterator[Any]:
    ours = decided.sources.index(params.stem)
    yield stems[ours]
    others = [stem for number, stem in enumerate(stems) if number != ours]
    yield from [sum(others)] if params.stems == "two" else others


def _stem(parts: Sequence[Path], number: int, count: int, decided: SeparateDecided) -> Iterator[Audio]:
    import numpy as np

    from cinemill.media.types import Audio

    at = 0
    for part in parts:
        size = part.stat().st_size // (4 * count * decided.channels)
        shape = (count, decided.channels, size)
        samples = np.memmap(part, np.float32, "r", shape=shape)[number].copy() if size else np.zeros(shape[1:])
        yield Audio(samples.astype(np.float32), decided.rate, at, "stereo")
        at += size
