"""cinemill: a local-first media studio.

    import cinemill
    cinemill.run("restore", "tape.avi", "tape.mp4", denoise=0.4)
    cinemill.open("in.mp4").filter("deinterlace", field_order="tff").filter("scale", height=720).write("out.mp4")
    cinemill.VideoBuilder((1080, 1920)).background_image("a.jpg", ken_burns="in").audio("voice.wav").write("out.mp4")
    cinemill.merge(["a.mp4", "b.mov"], "all.mp4", transition="fade")
    for event in cinemill.events("process", "in.mp4", "out.mkv", codec="ffv1"): print(event)

The same operations, parameters and errors as on the command line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinemill.version import __version__

if TYPE_CHECKING:
    from cinemill.filters import Chain
    from cinemill.jobs.events import Done, Event
    from cinemill.media.types import Frame, MediaInfo
    from cinemill.surfaces.builder import VideoBuilder

__all__ = ["Clip", "MediaService", "VideoBuilder", "__version__", "events", "merge", "open", "probe", "run"]


def __getattr__(name: str) -> Any:
    if name == "VideoBuilder":  # what it is made of takes a while to load
        from cinemill.surfaces.builder import VideoBuilder

        return VideoBuilder
    raise AttributeError(f"module 'cinemill' has no attribute {name!r}")


def run(
    operation: str,
    *files: str | Path,
    preset: str | None = None,
    overwrite: bool = False,
    restart: bool = False,
    metrics: bool = False,
    on: str = "auto",
    **params: Any,
) -> Done:
    """Run an operation on its inputs, named first, and its output. Raises CinemillError.

    An output left out is named as on the command line. Goes on from where an earlier call of the same kind stopped;
    `restart` throws that away; `metrics` measures a video against its source; `on` is where, as for --on.
    """
    from cinemill.jobs.events import Done

    how: Any = {"preset": preset, "overwrite": overwrite, "restart": restart, "metrics": metrics, "on": on}
    told = events(operation, *files, **how, **params)
    last = deque(told, maxlen=1).pop()
    assert isinstance(last, Done)
    return last


def events(
    operation: str,
    *files: str | Path,
    preset: str | None = None,
    overwrite: bool = False,
    restart: bool = False,
    metrics: bool = False,
    on: str = "auto",
    **params: Any,
) -> Generator[Event, None, None]:
    """`run` as a stream of events; closing it stops the job and keeps what is finished."""
    from cinemill.operations import get
    from cinemill.surfaces import forms, remote

    paths = [Path(file) for file in files]
    # Where any number of files goes into one, the last is that one.
    count = len(paths) - 1 if get(operation).together else len(get(operation).inputs)
    inputs, output = paths[:count], paths[count] if len(paths) > count else None
    (task,) = forms.batch(operation, inputs, output, params, preset)
    seconds = forms.chunk_seconds(operation, preset)
    how: Any = {"chunk_seconds": seconds, "overwrite": overwrite, "restart": restart, "metrics": metrics}
    yield from remote.events_on(on, task.request(), **how)


@dataclass(frozen=True)
class MediaService:
    """Operations here or on another server, by one interface: which of them is said once.

    `address` left out is the setting `remote`. Its methods are the functions of the same names.
    """

    use_local_processing: bool = True
    address: str = ""

    @property
    def on(self) -> str:
        """Where it works, as for --on. Raises RequestError when no server is known."""
        from cinemill.errors import RequestError
        from cinemill.settings import settings

        if self.use_local_processing:
            return "auto"
        if not (address := self.address or settings().remote):
            raise RequestError("no server is known: give its address, or set CINEMILL_REMOTE.")
        return address

    def run(self, operation: str, *files: str | Path, **how: Any) -> Done:
        """`cinemill.run` there."""
        where: dict[str, Any] = {"on": self.on, **how}
        return run(operation, *files, **where)

    def events(self, operation: str, *files: str | Path, **how: Any) -> Generator[Event, None, None]:
        """`cinemill.events` there."""
        where: dict[str, Any] = {"on": self.on, **how}
        return events(operation, *files, **where)


def merge(
    files: Sequence[str | Path],
    output: str | Path,
    *,
    music: str | Path | None = None,
    transition: str = "cut",
    overwrite: bool = False,
    **params: Any,
) -> Done:
    """Videos one after another as one, copied where nothing needs encoding; `params` as for the merge operation."""
    given: dict[str, Any] = {"transition": transition, **params} | ({"music": music} if music else {})
    return run("merge", *files, output, overwrite=overwrite, **given)


def probe(path: str | Path) -> MediaInfo:
    """What is in a file. Raises OpenFailed."""
    from cinemill.media import read

    return read.probe(Path(path))


def open(path: str | Path) -> Clip:
    """A clip to hang filters on. The file is looked at when frames are asked for."""
    return Clip(Path(path))


@dataclass(frozen=True)
class Clip:
    """A file and a chain of filters; every method gives a new one."""

    path: Path
    steps: tuple[dict[str, Any], ...] = ()

    def filter(self, name: str, **params: Any) -> Clip:
        """With one more filter. Raises RequestError at once for a wrong name or parameter."""
        from cinemill.filters import text

        return Clip(self.path, (*self.steps, text.step(name, params).as_data()))

    @property
    def chain(self) -> Chain:
        from cinemill.filters import text

        return text.chain([*self.steps])

    def frames(self, threads: int = 0) -> Iterator[Frame]:
        """Filtered frames, read-only, in order."""
        from cinemill.hardware import cores
        from cinemill.measure import moments
        from cinemill.measure.overlay import PICTURES
        from cinemill.media import read

        chain, _ = self.chain.settled(lambda: moments.frames_at(self.path, moments.spread(self.path, PICTURES)))
        return chain.run(read.frames(read.probe(self.path)), threads or cores())

    def write(self, output: str | Path, *, overwrite: bool = False, **encoding: Any) -> Done:
        """Make a file of it, with every other track of the source; `encoding` as for the process operation."""
        return run("process", self.path, output, overwrite=overwrite, chain=str(self.chain), **encoding)
