"""Decode -> filters -> encode, cut on keyframes: what every operation that makes a picture out of a picture shares."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from cinemill.errors import DecodeFailed
from cinemill.filters import Chain, Halo, text
from cinemill.kept import kept
from cinemill.media import clock
from cinemill.media.output import VideoOutput, VideoSpec
from cinemill.notices import listening
from cinemill.operations import Chunk, Decided, Device, Operation, Request, named_files
from cinemill.operations.sound_work import anew

if TYPE_CHECKING:
    from cinemill.media.read import Index
    from cinemill.media.types import Audio, Frame, MediaInfo, VideoTrack

V = TypeVar("V", bound=VideoOutput)


class VideoDecided(Decided):
    """The container, and unless the picture is copied: its encoding, the chain as data, what that needs at a cut."""

    format: str
    spec: VideoSpec | None = None
    chain: tuple[dict[str, Any], ...] = ()
    halo: Halo = None
    excerpt: tuple[int, int] | None = None
    """Only the pictures with pts in [first, second), shown from time 0 and without the other tracks."""


class VideoOperation(Operation[V, VideoDecided]):
    """A chain of filters over the picture; every other track is carried along."""

    decided = VideoDecided
    makes_video = True

    @abstractmethod
    def chain(self, params: V, info: MediaInfo) -> tuple[Chain, list[str]]:
        """The filters for this file, and sentences about why."""

    def copies(self, params: V, info: MediaInfo, format: str) -> bool:
        """Whether the picture is carried over bit for bit instead of being made anew."""
        return False

    def excerpt(self, params: V, info: MediaInfo, index: Index) -> tuple[int, int] | None:
        """The stretch to be made instead of the whole, in pts of the picture."""
        return None

    def reads(self, params: V) -> tuple[Path, ...]:
        written = getattr(params, "chain", None)
        steps = text.chain(written).steps if written else ()
        return (*named_files(params), *(path for step in steps for path in named_files(step.params)))

    def suffix(self, request: Request[V]) -> str:
        from cinemill.media.tracks import CONTAINERS

        own = request.inputs[0].suffix.lower()
        holds_anything = own in CONTAINERS and own != ".webm"
        return own if holds_anything and request.params.codec not in ("ffv1", "vp9") else ".mkv"

    def decide(self, request: Request[V]) -> VideoDecided:
        from cinemill.hardware import cores
        from cinemill.media import encoders, read, tracks

        assert request.output
        format = tracks.container_of(request.output)
        info = probed(request.inputs[0])
        video = read.picture_of(info)
        carried = [c.describe() for c in tracks.carries(info, format) if c.how in ("convert", "leave")]
        if self.copies(request.params, info, format):
            return VideoDecided(notes=("The picture is copied bit for bit.", *carried), format=format)
        chain, notes = self.chain(request.params, info)
        chain, settled = chain.settled(lambda: _spread(info))
        notes += settled
        _spare_memory(chain)
        index = indexed(info.path)
        with listening() as heard:
            picture = _sample(chain, info)
        notes += heard.take()
        spec, lost = encoders.spec_for(
            request.params,
            picture,
            chain.rate(video.frame_rate),
            video.hdr,
            cores(),
        )
        tracks.check_picture(format, spec)
        notes += [*lost, *carried, *index.describe()]
        excerpt = self.excerpt(request.params, info, index)
        if excerpt is None:
            notes += _estimate(chain, info, spec, len(index.pts))
        return VideoDecided(
            notes=tuple(notes),
            format=format,
            spec=spec,
            chain=tuple(chain.as_data()),
            halo=chain.halo(video.frame_rate) if index.exact else None,
            excerpt=excerpt,
        )

    def sounds(self, request: Request[V], decided: VideoDecided, info: MediaInfo) -> dict[int, Iterator[Audio]]:
        """Tracks of sound that are made anew, by their index; the others are carried as they are."""
        return {}

    def models(self, decided: VideoDecided) -> tuple[str, ...]:
        return text.chain([*decided.chain]).models

    def devices(self, decided: VideoDecided) -> tuple[Device, ...]:
        is_nvenc = decided.spec is not None and decided.spec.encoder.endswith("_nvenc")
        return (*super().devices(decided), "nvenc") if is_nvenc else super().devices(decided)

    def steps(self, decided: VideoDecided) -> tuple[str, ...]:
        spec = decided.spec
        if spec is None:
            return ("copy the picture",)
        chain = [str(step) for step in text.chain([*decided.chain]).steps]
        rate = f"{float(spec.rate):.6g} fps" if spec.rate else ""
        return (*chain, f"{spec.encoder} {spec.width}x{spec.height} {spec.pix_fmt} {rate} {_said(spec.options)}")

    def cut(self, request: Request[V], decided: VideoDecided, seconds: float) -> list[Chunk]:
        from cinemill.media import read

        if decided.spec is None:
            return []
        info = probed(request.inputs[0])
        video = read.picture_of(info)
        index = indexed(info.path)
        if decided.excerpt:
            start, stop = decided.excerpt
            return [Chunk(index=0, start=start, stop=stop, size=index.count(start, stop))]
        if decided.halo is None:
            return [Chunk(index=0, size=index.count(None, None))]
        return _on_keyframes(index, round(Fraction(seconds) / video.time_base))

    def part(self, request: Request[V], decided: VideoDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.hardware import cores
        from cinemill.media import read, write
        from cinemill.media.flow import ahead

        assert decided.spec
        info = probed(request.inputs[0])
        video = read.picture_of(info)
        damage = read.Damage()
        before, after = decided.halo or (0, 0)
        frames = read.frames(
            info,
            start=chunk.start,
            stop=chunk.stop,
            before=before,
            after=after,
            index=indexed(info.path),
            damage=damage,
        )
        chain = text.chain([*decided.chain])
        _spare_memory(chain)
        done = ahead(chain.run(ahead(frames), cores())) if chain.steps else ahead(frames)
        pictures = within(done, chunk, video)
        if decided.excerpt:
            pictures = _from_zero(pictures)
        scale = chain.rate(video.frame_rate) / video.frame_rate
        with listening() as heard:
            for count in write.encode(pictures, decided.spec, path, damage, remarks=heard.all):
                yield min(chunk.size, int(count / scale))

    def whole(self, path: Path) -> bool:
        from cinemill.media import parts

        return path.is_file() and parts.is_complete(path)

    def join(
        self, request: Request[V], decided: VideoDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        from cinemill.media import tracks, write

        assert output
        info = probed(request.inputs[0])
        length = float(info.duration or 0) or 1.0
        carried = [] if decided.excerpt else tracks.carries(info, decided.format, picture=decided.spec is None)
        sounds = {} if decided.excerpt else self.sounds(request, decided, info)
        carried = anew(carried, sounds, decided.format)
        for seconds in write.assemble(parts, decided.spec, info, carried, output, decided.format, sounds):
            yield min(1.0, seconds / length)

    def source(self, request: Request[V], decided: VideoDecided) -> Generator[Frame, None, None]:
        from cinemill.media import read
        from cinemill.media.flow import ahead

        info = probed(request.inputs[0])
        start, stop = decided.excerpt or (None, None)
        frames = ahead(
            read.frames(info, start=start, stop=stop, index=indexed(info.path) if start is not None else None)
        )
        return _from_zero(frames) if decided.excerpt else frames

    def result(self, request: Request[V], decided: VideoDecided, parts: Sequence[Path]) -> dict[str, Any]:
        from cinemill.media import parts as store
        from cinemill.media.read import Damage

        if decided.spec is None:
            return {}
        records = [store.notes(path) for path in parts]
        damage = Damage(
            corrupt=sorted({t for record in records for t in record["corrupt"]}),
            repaired=sorted({t for record in records for t in record["repaired"]}),
            resized=sorted({t for record in records for t in record["resized"]}),
        )
        remarks = dict.fromkeys(said for record in records for said in record["remarks"] if said not in decided.notes)
        return {"frames": sum(record["pictures"] for record in records), "notes": [*damage.describe(), *remarks]}


def middle(seconds: float | None, info: MediaInfo, index: Index) -> tuple[int, int] | None:
    """A stretch of so many seconds from the middle of a file, in pts of its picture; None when none is asked for."""
    if seconds is None or not index.pts:
        return None
    assert info.video
    length = round(Fraction(seconds) / info.video.time_base)
    start = max(index.pts[0], index.pts[len(index.pts) // 2] - length // 2)
    return start, start + length


def _from_zero(frames: Iterator[Frame]) -> Generator[Frame, None, None]:
    first: int | None = None
    for frame in frames:
        first = frame.pts if first is None else first
        yield replace(frame, pts=frame.pts - first)


_LONG = 3000
"""Pictures from which on a job is worth an estimate."""
_SAMPLE_SECONDS = 2.0


def _estimate(chain: Chain, info: MediaInfo, spec: VideoSpec, total: int) -> list[str]:
    """How long the whole will take, by a few seconds of it; nothing for short jobs. The first picture does not count:
    it waits for engines to start."""
    from cinemill.hardware import cores
    from cinemill.media import read, write

    if total < _LONG:
        return []
    with TemporaryDirectory(prefix="cinemill-") as folder:
        work = write.encode(chain.run(read.frames(info), cores()), spec, Path(folder) / "sample", read.Damage())
        with closing(work):
            done = next(work)
            started = time.monotonic()
            while time.monotonic() - started < _SAMPLE_SECONDS:
                done = next(work)
    pace = (done - 1) / max(1e-3, time.monotonic() - started)
    seconds = total * chain.rate(Fraction(1)) / Fraction(max(pace, 1e-3))
    return [f"This will take about {clock.show(float(seconds)).partition('.')[0]}, by a sample of {done} pictures."]


def _spare_memory(chain: Chain) -> None:
    """Where libav does all of the work, its buffers are large and few."""
    from cinemill.media import heap

    heap.return_large_buffers(all(step.filter.graph for step in chain.steps))


def _said(options: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in options.items())


def _sample(chain: Chain, info: MediaInfo) -> Frame:
    """The first picture that comes out, so that a chain that cannot work fails before the job starts."""
    from cinemill.media import read

    for picture in islice(chain.run(read.frames(info)), 1):
        return picture
    raise DecodeFailed(f"no picture of {info.path} comes out of the chain {str(chain) or '(empty)'!r}.")


def _spread(info: MediaInfo) -> list[Frame]:
    """Pictures from all over a film."""
    from cinemill.measure import moments, overlay

    return moments.frames_at(info.path, list(dict.fromkeys(moments.spread(info.path, overlay.PICTURES))))


@kept(4)
def probed(path: Path) -> MediaInfo:
    """What is in a file. Raises OpenFailed."""
    from cinemill.media import read

    return read.probe(path)


@kept(4)
def indexed(path: Path) -> Index:
    """The index of a file. Raises OpenFailed."""
    from cinemill.media import read

    return read.index(probed(path))


def _on_keyframes(index: Index, length: int) -> list[Chunk]:
    """Chunks of at least `length` units of time that begin on keyframes; the outer ends are open."""
    cuts: list[int] = []
    last = index.pts[0] if index.pts else 0
    for keyframe in index.keyframes:
        if keyframe - last >= length:
            cuts.append(keyframe)
            last = keyframe
    edges = [None, *cuts, None]
    return [
        Chunk(index=i, start=start, stop=stop, size=index.count(start, stop))
        for i, (start, stop) in enumerate(pairwise(edges))
    ]


def within(frames: Iterator[Frame], chunk: Chunk, video: VideoTrack) -> Iterator[Frame]:
    """The frames whose time lies in the chunk: trimmed by pts, so that a changed rate does not matter."""
    start = None if chunk.start is None else chunk.start * video.time_base
    stop = None if chunk.stop is None else chunk.stop * video.time_base
    for frame in frames:
        time = frame.pts * frame.time_base
        if start is not None and time < start:
            continue
        if stop is not None and time >= stop:
            return
        yield frame
