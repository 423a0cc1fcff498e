"""A capture from the first picture to the last: what arrives is stored, watched, and written down with its time.

What was dropped, doubled, blank or broken is counted while it happens. The log beside the file says it all, and is
brought up to date every few seconds, so that it is there after a crash too.
"""

from __future__ import annotations

import json
import shutil
import time as clock
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cinemill.catalogue import Field, Params
from cinemill.errors import DiskFull, InvalidParams, MediaError

if TYPE_CHECKING:
    from cinemill.media.decks import Arrival, Deck, Picture, Sound
    from cinemill.media.record import DvRecorder, Recorder

Reason = Literal["asked", "length", "end of tape", "blank", "timecode break", "disk", "device"]


class Capture(Params):
    """What is stored, and when to stop."""

    kind: Literal["archive", "quick"] = "archive"
    """archive is FFV1 and FLAC, which lose nothing; quick is H.264, to have a look. DV is stored as it comes."""
    length: float | None = Field(None, gt=0, unit="s")
    """Stop after so much. Left out, go on until the tape ends or somebody stops it."""
    segment: float | None = Field(None, ge=0.01, unit="min")
    """Begin another file so often."""
    keep_free: float = Field(2.0, ge=0, unit="GB")
    """Stop before the disk has less room than this."""
    stop_at_blank: float = Field(0.0, ge=0, unit="s")
    """Stop when nothing was recorded on the tape for so long. 0 goes on through blanks."""
    stop_at_break: bool = False
    """Stop where the timecode of DV does not run on."""


@dataclass(frozen=True)
class Seen:
    """Something that happened. `count` is of pictures; `until` where it lasted."""

    what: Literal["dropped", "doubled", "blank", "break", "scene", "clipping"]
    time: float
    """Seconds from the first picture."""
    count: int = 1
    until: float | None = None


@dataclass
class State:
    """What is known while it goes on, and what the log says at last."""

    device: str
    rate: str
    started: str
    seconds: float = 0.0
    pictures: int = 0
    dropped: int = 0
    doubled: int = 0
    drift_ms: float = 0.0
    """By how much the sound's clock is ahead of the picture's."""
    bytes: int = 0
    free: int = 0
    levels: tuple[int, int, int] = (0, 0, 0)
    """Darkest, mean and brightest luma of the last picture, in 8-bit code values."""
    peak: float = 0.0
    """Of the last block of sound; 1 is full scale."""
    timecode: str | None = None
    files: list[str] = field(default_factory=list[str])
    seen: list[Seen] = field(default_factory=list[Seen])
    stopped: str | None = None
    """Why it ended; None while it runs, and for good after a crash."""

    def of(self, what: str) -> list[Seen]:
        return [one for one in self.seen if one.what == what]


_LOG_EVERY: Final = 5.0
"""Seconds between updates of the log."""
_FLAT: Final = 3.0
"""Deviation of luma, in code values, below which a picture shows nothing."""
_BLANK: Final = 0.5
"""Seconds without anything to see that are a blank; a cut through black is shorter."""
_CLIPPED: Final = 0.02
"""Share of luma at either end of its range that is worth a word."""
_PATIENCE: Final = 25
"""Pictures to wait for sound before a file begins."""


def opened(asked: str | None, input: str | None, standard: str | None, *, files: bool = True) -> Deck:
    """The deck that was asked for: a device by id or name, a mock with what is on its tape, and, with `files`, a file
    or pipe in its place. Raises OpenFailed, InvalidParams."""
    from cinemill.media import decks
    from cinemill.media import devices as known

    if asked and asked.partition(":")[0] in ("mock", "mock-dv"):
        return decks.Mock(_mock(asked, standard))
    if files and (asked == "-" or (asked and Path(asked).exists() and not asked.startswith("/dev/video"))):
        return decks.Live(asked, [("pipe:0" if asked == "-" else f"file:{asked}", None, {})])
    device = known.find(asked, known.devices())
    if device.system == "firewire":
        return decks.Grabbed(device.name, known.grabber(device))
    return decks.Live(device.name, known.sources(device, input, standard))


def _mock(asked: str, standard: str | None) -> Any:
    from cinemill.media.decks import MockTape

    name, _, written = asked.partition(":")
    values: dict[str, Any] = {"dv": name == "mock-dv", **({"standard": standard} if standard else {})}
    for pair in filter(None, written.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidParams(f"{asked}: write mock:seconds=60,drops=3; {pair} has no value.")
        values[key.strip()] = value.strip()
    return MockTape.of(values, name)


def watch(deck: Deck, folder: Path, stopped: Callable[[], bool] = lambda: False) -> Iterator[State]:
    """Look at what `deck` plays and store nothing; else as `capture`. `folder` is on the disk that is told of."""
    from cinemill.media.decks import Picture

    state = State(deck.name, str(deck.rate), datetime.now(UTC).isoformat(timespec="seconds"))
    watcher, first = _Watcher(deck, state), None
    for arrival in deck.arrivals():
        first = arrival.time if first is None else first
        at = arrival.time - first
        if not isinstance(arrival, Picture):
            watcher.sound(arrival, at)
            continue
        watcher.picture(arrival, at)
        state.seconds, state.pictures = at, state.pictures + 1
        if state.pictures % 25 == 1:
            state.free = shutil.disk_usage(folder).free
        state.stopped = "asked" if stopped() else None
        yield state
        if state.stopped:
            return
    state.stopped = "end of tape"
    yield state


def capture(deck: Deck, params: Capture, path: Path, stopped: Callable[[], bool] = lambda: False) -> Iterator[State]:
    """Store what `deck` plays in `path`, giving back what is known after each picture; the same value, which changes.

    Closing the iterator stops as asking does: the file is brought to an end and the log written. Raises OutputRefused,
    MediaError when the device went away and DiskFull when there was no room, each after what came before is safe.
    """
    session = _Session(deck, params, path)
    with closing(session):
        yield from session.run(stopped)


class _Session:
    def __init__(self, deck: Deck, params: Capture, path: Path) -> None:
        from cinemill.media.record import refuse_taken

        self.deck, self.params, self.path = deck, params, path
        refuse_taken(self._name(1))
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self.state = State(deck.name, str(deck.rate), started)
        self.recorder: Recorder | DvRecorder | None = None
        self.watcher = _Watcher(deck, self.state)
        self.first: float | None = None
        self.file_from = 0.0
        self.sound_like: Sound | None = None
        self.logged = clock.monotonic()
        self.closed = False

    def run(self, stopped: Callable[[], bool]) -> Iterator[State]:
        try:
            for arrival in self._begun(self.deck.arrivals()):
                reason = self._took(arrival)
                if not _is_picture(arrival):
                    continue
                self.state.stopped = reason or ("asked" if stopped() else None)
                yield self.state
                if self.state.stopped:
                    return
            self.state.stopped = "end of tape"
        except DiskFull:
            self.state.stopped = "disk"
            raise
        except MediaError:
            self.state.stopped = "device"
            raise
        except BaseException:
            self.state.stopped = "asked"
            raise

    def close(self) -> None:
        """End the file and write the log, once."""
        if self.closed:
            return
        self.closed = True
        self.watcher.end()
        try:
            if self.recorder:
                self.recorder.close()
        finally:
            self._log()

    def _begun(self, arrivals: Iterator[Arrival]) -> Generator[Arrival, None, None]:
        """All arrivals, once it is known whether there is sound: a file's tracks are said at its beginning."""
        waiting: deque[Arrival] = deque()
        for arrival in islice(arrivals, 10 * _PATIENCE):
            waiting.append(arrival)
            self.sound_like = self.sound_like or (None if _is_picture(arrival) else arrival)  # type: ignore[assignment]
            pictures = sum(map(_is_picture, waiting))
            if pictures and (self.deck.standard or self.sound_like or pictures >= _PATIENCE):
                break
        yield from waiting
        yield from arrivals

    def _took(self, arrival: Arrival) -> Reason | None:
        """Store and watch one arrival; why to stop, if there is a reason."""
        from cinemill.media.decks import Picture

        if not isinstance(arrival, Picture):
            self._heard(arrival)
            return None
        if self.first is None:
            self.first = arrival.time
        at = arrival.time - self.first
        if self.recorder is None or (self.params.segment and at - self.file_from >= 60 * self.params.segment):
            self._next_file(arrival, at)
        self._store(arrival, at - self.file_from)
        broken = self.watcher.picture(arrival, at)
        self.state.seconds, self.state.pictures = at, self.state.pictures + 1
        return self._reason(at, broken)

    def _store(self, picture: Picture, at: float) -> None:
        from cinemill.media.record import DvRecorder

        if isinstance(self.recorder, DvRecorder):
            self.recorder.blocks(picture.blocks or b"")
        elif self.recorder:
            self.recorder.picture(picture.frame, at)

    def _heard(self, sound: Sound) -> None:
        from cinemill.media.record import Recorder

        if self.first is None or sound.time < self.first:
            return
        at = sound.time - self.first
        self.watcher.sound(sound, at)
        if isinstance(self.recorder, Recorder):
            self.recorder.sound(sound.block, at - self.file_from)

    def _reason(self, at: float, broken: bool) -> Reason | None:
        params, state = self.params, self.state
        now = clock.monotonic()
        if now - self.logged >= _LOG_EVERY:
            self.logged = now
            self._log()
        if state.pictures % 25 == 1:
            state.free = shutil.disk_usage(self.path.parent).free
            state.bytes = sum(Path(name).stat().st_size for name in state.files)
            if state.free < params.keep_free * 1e9:
                return "disk"
        if params.length and at + 1 / float(self.deck.rate) >= params.length:
            return "length"
        if params.stop_at_blank and self.watcher.blank_for(at) >= params.stop_at_blank:
            return "blank"
        return "timecode break" if broken and params.stop_at_break else None

    def _next_file(self, picture: Picture, at: float) -> None:
        from cinemill.media.record import DvRecorder, Recorder

        if self.recorder:
            self.recorder.close()
        path = self._name(len(self.state.files) + 1)
        if self.deck.standard:
            self.recorder = DvRecorder(path)
        else:
            sound = self.sound_like.block if self.sound_like else None
            kind, bits = self.params.kind, self.deck.bits
            self.recorder = Recorder(path, kind, picture.frame, self.deck.rate, sound, bits)
        self.file_from = at
        self.state.files.append(str(path))

    def _name(self, number: int) -> Path:
        if not self.params.segment:
            return self.path
        return self.path.with_stem(f"{self.path.stem}-{number:03d}")

    def _log(self) -> None:
        path = self.path.with_suffix(".capture.json")
        passing = path.with_suffix(".tmp")
        passing.write_text(json.dumps(asdict(self.state), indent=1), "utf-8")
        passing.replace(path)


class _Watcher:
    """Looks at what arrives and says in `state` what is wrong with it."""

    def __init__(self, deck: Deck, state: State) -> None:
        from cinemill.measure.scenes import Finder

        self.rate = float(deck.rate)
        self.standard = deck.standard
        self.state = state
        self._number = -1
        self._last: Any = None
        self._blank_from: float | None = None
        self._scenes = Finder()
        self._glances: deque[tuple[Any, float]] = deque(maxlen=16)
        """The last glances with their times; a scene is known some pictures after it began."""
        self._clipping = False
        self._samples = 0
        self._sound_from: float | None = None
        if deck.standard:
            from cinemill.media.dv.tape import Runs

            self._runs = Runs(deck.standard)

    def picture(self, picture: Picture, at: float) -> bool:
        """Whether the timecode breaks here."""
        number = max(round(at * self.rate), self._number + 1) if self._number >= 0 else 0
        missing = number - self._number - 1
        if self._number >= 0 and missing:
            self.state.dropped += missing
            self.state.seen.append(Seen("dropped", at, missing))
        self._number = number
        flat = self._looked(picture, at)
        self._glanced(picture, at)
        if not flat and self._is_again(picture):
            self.state.doubled += 1
            self.state.seen.append(Seen("doubled", at))
        self._last = picture.frame.planes[0]
        return self._timecode(picture, at)

    def _is_again(self, picture: Picture) -> bool:
        """Whether it is the one before, to the last bit: no camera and no tape does that, but drivers in need do."""
        import numpy as np

        luma = picture.frame.planes[0]
        return (
            self._last is not None and np.array_equal(luma[::16], self._last[::16]) and np.array_equal(luma, self._last)
        )

    def _looked(self, picture: Picture, at: float) -> bool:
        """Levels, blanks and clipping; whether the picture shows nothing."""
        import numpy as np

        small = picture.frame.planes[0][::4, ::4]
        shift = picture.frame.layout.bits - 8
        low, mean, high = (int(value) >> shift for value in (small.min(), small.mean(), small.max()))
        self.state.levels = (low, mean, high)
        flat = float(small.std()) / (1 << shift) < _FLAT
        if flat and self._blank_from is None:
            self._blank_from = at
        elif not flat:
            self._unblank(at)
        clipped = float(np.mean((small >> shift >= 254) | (small >> shift <= 1))) > _CLIPPED
        if clipped and not self._clipping:
            self.state.seen.append(Seen("clipping", at))
        self._clipping = clipped
        return flat

    def _glanced(self, picture: Picture, at: float) -> None:
        from cinemill.measure.scenes import glance

        one = glance(picture.frame)
        self._glances.append((one, at))
        self._scene(self._scenes.take(one))

    def _scene(self, start: Any) -> None:
        at = next((at for one, at in self._glances if one is start), 0.0)
        if at:  # the first one begins the capture
            self.state.seen.append(Seen("scene", at))

    def _unblank(self, at: float) -> None:
        if self._blank_from is not None and at - self._blank_from >= _BLANK:
            count = round((at - self._blank_from) * self.rate)
            self.state.seen.append(Seen("blank", self._blank_from, count, at))
        self._blank_from = None

    def blank_for(self, at: float) -> float:
        """Seconds for which there has been nothing to see."""
        return 0.0 if self._blank_from is None else at - self._blank_from

    def end(self) -> None:
        for start in self._scenes.rest():
            self._scene(start)
        self._unblank(self.state.seconds)

    def _timecode(self, picture: Picture, at: float) -> bool:
        if not self.standard or not picture.blocks:
            return False
        from cinemill.media.dv import tape

        known = tape.examine(picture.blocks, self.standard, self._number)
        self.state.timecode = str(known.said.timecode) if known.said.timecode else None
        jump = self._runs.jump(known)
        if jump:
            self.state.seen.append(Seen("break", at, abs(jump)))
        return jump != 0

    def sound(self, sound: Sound, at: float) -> None:
        if self._sound_from is None:
            self._sound_from = at
        block = sound.block.samples
        self.state.drift_ms = round(1000 * (self._samples / sound.block.sample_rate - (at - self._sound_from)), 2)
        self._samples += block.shape[1]
        self.state.peak = float(abs(block).max()) if block.size else 0.0


def _is_picture(arrival: Arrival) -> bool:
    from cinemill.media.decks import Picture

    return isinstance(arrival, Picture)
