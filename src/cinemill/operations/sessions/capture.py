"""Capturing from a deck as a job of the studio: it is seen as it goes on, ended when asked, and never done twice."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cinemill.catalogue import Field
from cinemill.errors import CinemillError
from cinemill.operations import Chunk, Decided, Operation, Request, passing, session
from cinemill.operations.capturing import Capture, State, capture, opened, watch
from cinemill.operations.sessions import live

if TYPE_CHECKING:
    from cinemill.media.decks import Deck

_UNSEEN: Final = 60.0
"""Seconds after which a deck that nobody looks at is let go of, where nothing is stored."""
_LAST: Final = 40
"""Happenings that are told of."""


class Sitting(Capture):
    """What is captured, from what, and where it can be seen meanwhile."""

    folder: Path
    """Where pictures and figures are put as it goes on, what is stored until it is whole, and where `stop` ends it."""
    device: str = ""
    """Its id or name; mock:seconds=60,drops=3 plays a tape to try with. Left out, the first there is."""
    input: str | None = None
    """Socket, such as Composite or S-Video."""
    standard: Literal["pal", "ntsc", "secam"] | None = None
    """Of an analog source."""
    store: bool = Field(True)
    """Whether anything is stored; else it is only looked at."""


@session
class CaptureSession(Operation[Sitting, Decided]):
    """Capture a tape: an archive master that plays whatever happens, and a log of all that went wrong."""

    name = "capture"
    params = Sitting
    decided = Decided
    inputs = ()
    output = "optional"
    unit = "pictures"
    ends_when_asked = True

    def suffix(self, request: Request[Sitting]) -> str:
        return ".mkv"

    def reads(self, params: Sitting) -> tuple[Path, ...]:
        return ()

    def decide(self, request: Request[Sitting]) -> Decided:
        return Decided()

    def cut(self, request: Request[Sitting], decided: Decided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=0)]  # nobody knows how long a tape is

    def part(self, request: Request[Sitting], decided: Decided, chunk: Chunk, path: Path) -> Iterator[int]:
        params = request.params
        told = live.Told(params.folder, None if params.store else _UNSEEN)
        stored = _stored(request)
        if stored and stored.exists():
            yield 0  # it was cut off: what is there is kept, and the tape has gone by
        else:
            deck = opened(params.device or None, params.input, params.standard, files=False)
            yield from _played(deck, params, stored, told)
        shutil.copyfile(params.folder / live.FIGURES, path)

    def join(
        self, request: Request[Sitting], decided: Decided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        stored = _stored(request)
        if output and stored and request.output:
            for own, final in zip(_beside(stored), self.beside(request)):
                if own.exists():
                    _linked(own, passing(output, final))
            _linked(stored, output)
        yield 1.0

    def beside(self, request: Request[Sitting]) -> tuple[Path, ...]:
        return _beside(request.output) if request.output and request.params.store else ()

    def result(self, request: Request[Sitting], decided: Decided, parts: Sequence[Path]) -> dict[str, Any]:
        figures = json.loads(parts[0].read_text("utf-8"))
        return {"figures": figures, "notes": _sentences(figures)}


def _stored(request: Request[Sitting]) -> Path | None:
    """Where it grows: under its name only when it is whole, but never thrown away."""
    if not (request.output and request.params.store):
        return None
    return request.params.folder / f"tape{request.output.suffix}"


def _linked(path: Path, other: Path) -> None:
    """Another name for a file, which keeps its own: a kill between the two costs nothing."""
    other.unlink(missing_ok=True)
    try:
        os.link(path, other)
    except OSError:  # of a disk that has no such names
        shutil.copyfile(path, other)


def _beside(path: Path) -> tuple[Path, ...]:
    return path.with_suffix(".capture.json"), path.with_suffix(".framemd5")


def _played(deck: Deck, params: Sitting, stored: Path | None, told: live.Told) -> Iterator[int]:
    """What the deck plays, looked at and stored; the count of pictures. An end that nobody wished for is told of, and
    raised only where there is nothing to keep."""
    state: State | None = None
    trouble: dict[str, str] = {}
    with live.Shown(params.folder) as shown:
        deck = shown.watched(deck)
        own = Capture.model_validate({name: getattr(params, name) for name in Capture.model_fields})
        states = capture(deck, own, stored, told.stopped) if stored else watch(deck, params.folder, told.stopped)
        try:
            with closing(states):  # type: ignore[type-var]
                for state in states:
                    told.figures(_figures(state))
                    yield state.pictures
        except CinemillError as error:
            if state is None or not state.pictures:
                raise
            trouble = {"trouble": error.sentence}
        finally:
            if state:
                told.figures(_figures(state) | trouble, always=True)


def _figures(state: State) -> dict[str, Any]:
    """What is known, with the latest of what happened."""
    known = {key: value for key, value in asdict(state).items() if key not in ("files", "seen")}
    return known | {"seen": [asdict(one) for one in state.seen[-_LAST:]], "scenes": len(state.of("scene"))}


def _sentences(figures: dict[str, Any]) -> list[str]:
    told = f"{figures['seconds']:.1f} s, {figures['pictures']} pictures; {figures['dropped']} dropped"
    told += f", {figures['doubled']} doubled; the sound is {figures['drift_ms']:+.0f} ms off."
    ends = f"It ended: {figures['stopped']}." if figures["stopped"] else "It was cut off; what there was is kept."
    return [told, ends, *([figures["trouble"]] if figures.get("trouble") else [])]
