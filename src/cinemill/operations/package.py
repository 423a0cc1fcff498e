"""A master as archives keep it: a folder after BagIt with the file, a copy to look at, what is in it, and checksums.

Source: RFC 8493 (BagIt 1.0).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cinemill.catalogue import Field, Params
from cinemill.media.output import VideoOutput
from cinemill.operations import Chunk, Decided, Operation, Request, operation
from cinemill.version import __version__

if TYPE_CHECKING:
    from cinemill.media.types import Frame, MediaInfo

_SIDECARS: Final = (".capture.json", ".framemd5", ".srt", ".vtt", ".scc", ".csv")
"""What may lie beside a master and belongs to it."""


class Package(Params):
    access: bool = True
    """Make a copy to look at: H.264 in MP4, deinterlaced."""
    title: str = ""
    """What is on it, for the record."""
    organisation: str = ""
    """Who keeps it, for the record."""
    crf: int = Field(20, ge=0, le=51)
    """Quality of the copy to look at; lower is better."""


class PackageDecided(Decided):
    pictures: int


@operation
class PackageOperation(Operation[Package, PackageDecided]):
    """Package a master for an archive: the file, a copy to look at, metadata and checksums, in a BagIt folder."""

    name = "package"
    topic = "Checks and archives"
    params = Package
    decided = PackageDecided
    output = "folder"
    example = 'cinemill package tape.mkv -o tape-1987 --title "Summer 1987"'

    def suffix(self, request: Request[Package]) -> str:
        return ""

    def decide(self, request: Request[Package]) -> PackageDecided:
        from cinemill.media import read

        info = read.probe(request.inputs[0])
        read.picture_of(info)
        index = read.index(info)
        return PackageDecided(pictures=len(index.pts), notes=tuple(index.describe()))

    def cut(self, request: Request[Package], decided: PackageDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=decided.pictures)]

    def whole(self, path: Path) -> bool:
        return path.is_dir()

    def part(self, request: Request[Package], decided: PackageDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        """The copy to look at, and a checksum of each of the master's pictures."""
        from cinemill.media import read

        path.mkdir()
        info = read.probe(request.inputs[0])
        sums = path / f"{info.path.stem}.framemd5"
        if request.params.access:
            for done in _copied(info, request.params.crf, sums, path / f"{info.path.stem}.access.mp4"):
                yield min(done, chunk.size)
        else:
            for done, _ in enumerate(_summed(info, sums), 1):
                yield min(done, chunk.size)

    def join(
        self, request: Request[Package], decided: PackageDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        assert output
        master = request.inputs[0]
        data = output / "data"
        data.mkdir(parents=True)
        beside = [path for suffix in _SIDECARS if (path := master.with_suffix(suffix)).is_file()]
        made = [path for path in sorted(parts[0].iterdir()) if path.name not in {one.name for one in beside}]
        for number, path in enumerate([master, *beside, *made]):
            shutil.copyfile(path, data / path.name)
            yield 0.6 * (number + 1) / (1 + len(beside) + len(made))
        (data / f"{master.stem}.metadata.json").write_text(_metadata(request), "utf-8")
        _bag(output, request.params)
        yield 1.0

    def result(self, request: Request[Package], decided: PackageDecided, parts: Sequence[Path]) -> dict[str, Any]:
        return {"notes": ["Check it at any time with `sha256sum -c manifest-sha256.txt` in the folder."]}


def _copied(info: MediaInfo, crf: int, sums: Path, path: Path) -> Iterator[int]:
    """Write the copy to look at, with the sound, and the sums on the way; gives back pictures done."""
    from itertools import chain

    from cinemill.hardware import cores
    from cinemill.media import encoders, lavfi, read, tracks, write
    from cinemill.media.demux import Damage

    frames: Iterator[Frame] = _summed(info, sums)
    if info.video and info.video.field_order != "progressive":
        frames = lavfi.run(frames, "bwdif=mode=send_field:deint=all", "progressive")
    frames = lavfi.converted(frames, "yuv420p")
    first = next(frames)
    video = read.picture_of(info)
    asked = VideoOutput(crf=crf, speed="fast", encoder="libx264")
    spec, _ = encoders.spec_for(asked, first, video.frame_rate, None, cores())
    part = path.with_suffix(".part")
    yield from write.encode(chain([first], frames), spec, part, Damage())
    carried = [carry for carry in tracks.carries(info, "mp4") if carry.track.kind == "audio"]
    for _ in write.assemble([part], spec, info, carried, path, "mp4"):
        pass
    part.unlink()


def _summed(info: MediaInfo, path: Path) -> Iterator[Frame]:
    """The pictures, each written down in `path` as FFmpeg's framemd5 does, but for the duration that it guesses."""
    from cinemill.media import read, record

    video = read.picture_of(info)
    with path.open("w", encoding="utf-8") as file:
        file.write(record.sums_head(video.time_base))
        for frame in read.frames(info):
            file.write(record.checksum(frame, frame.pts, frame.duration or video.step))
            yield frame


def _metadata(request: Request[Package]) -> str:
    """What is in the master, as JSON."""
    from cinemill.media import read

    info = read.probe(request.inputs[0])
    tracks = [{key: str(value) for key, value in _facts(track)} for track in info.tracks]
    told = {
        "title": request.params.title,
        "file": info.path.name,
        "format": info.format,
        "bytes": info.size,
        "seconds": float(info.duration) if info.duration else None,
        "tracks": tracks,
        "metadata": info.metadata,
        "made_by": f"cinemill {__version__}",
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _facts(track: Any) -> Iterable[tuple[str, Any]]:
    names = (name for cls in type(track).__mro__ for name in getattr(cls, "__slots__", ()))
    return ((name, value) for name in names if (value := getattr(track, name)) not in (None, "", ()))


def _bag(folder: Path, params: Package) -> None:
    """The files that make a folder a bag, around what lies in `data`."""
    payload = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in payload)
    (folder / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "utf-8")
    told = {
        "Source-Organization": params.organisation,
        "External-Description": params.title,
        "Bagging-Date": datetime.now(UTC).date().isoformat(),
        "Payload-Oxum": f"{size}.{len(payload)}",
        "Bag-Software-Agent": f"cinemill {__version__}",
    }
    lines = [f"{key}: {' '.join(value.split())}\n" for key, value in told.items() if value]
    (folder / "bag-info.txt").write_text("".join(lines), "utf-8")
    _manifest(folder, "manifest-sha256.txt", payload)
    _manifest(folder, "tagmanifest-sha256.txt", [folder / name for name in _TAGS])


_TAGS: Final = ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")


def _manifest(folder: Path, name: str, files: Iterable[Path]) -> None:
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / name).write_text("".join(lines), "utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
