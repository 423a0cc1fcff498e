"""Who makes the parts: this process, or several. One method: chunks in, events out, in whatever order they come.

A chunk that fails in a way that may pass is tried again; one that keeps failing is set aside, the others are finished,
and then it is reported.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Any, Protocol

from cinemill.errors import CinemillError, EngineCrashed, RequestError, ResourceError
from cinemill.jobs.store import JobFolder
from cinemill.operations import Chunk

ATTEMPTS = 3
"""How often a chunk is tried before it is set aside."""


@dataclass(frozen=True, slots=True)
class Made:
    """`done` units of a chunk are made; `finished` when its part is in place."""

    chunk: int
    done: int
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A chunk failed; `final` when it will not be tried again."""

    chunk: int
    error: CinemillError
    final: bool


Progressing = Generator[Made | Spoilt, None, None]
Waiting = list[tuple[Chunk, int]]
"""Chunks to be made, each with the number of the attempt."""


class Executor(Protocol):
    """Makes parts. A consumer that stops asking for events pauses the work at the next chance."""

    def map(self, folder: JobFolder, chunks: Sequence[Chunk]) -> Progressing: ...


def make_part(folder: JobFolder, chunk: Chunk) -> Iterator[int]:
    """Make one part of the plan in `folder`: under a temporary name, made durable, renamed."""
    from cinemill.media.write import durable

    plan = folder.plan()
    assert plan
    temporary = folder.temporary(f"part-{chunk.index:05d}")
    work = plan.operation.part(plan.request, plan.settled, chunk, temporary)
    try:
        yield from work
        durable(temporary, folder.part(chunk.index))
    finally:
        close = getattr(work, "close", None)
        if close:
            close()
        temporary.unlink(missing_ok=True)


def _is_final(error: CinemillError, attempt: int) -> bool:
    return error.retry == "no" or attempt >= ATTEMPTS


def _stops_everything(error: CinemillError) -> bool:
    """A full disk or a wrong request meets every chunk alike."""
    return isinstance(error, ResourceError | RequestError)


class Serial:
    """One chunk after another in this process."""

    def map(self, folder: JobFolder, chunks: Sequence[Chunk]) -> Progressing:
        for chunk in chunks:
            yield from self._one(folder, chunk)

    def _one(self, folder: JobFolder, chunk: Chunk) -> Progressing:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                for done in make_part(folder, chunk):
                    yield Made(chunk.index, done)
                yield Made(chunk.index, chunk.size, finished=True)
                return
            except CinemillError as error:
                if _stops_everything(error):
                    raise
                final = _is_final(error, attempt)
                yield Spoilt(chunk.index, error, final)
                if final:
                    return


class Processes:
    """`lanes` processes, each on a chunk of its own; a lane that dies takes no other with it."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes

    def map(self, folder: JobFolder, chunks: Sequence[Chunk]) -> Progressing:
        waiting = [(chunk, 1) for chunk in chunks]
        while waiting:
            # A lane that dies breaks the whole pool; what was not finished goes into a new one.
            waiting = yield from self._pool(folder, waiting)

    def _pool(self, folder: JobFolder, waiting: Waiting) -> Generator[Made | Spoilt, None, Waiting]:
        context = multiprocessing.get_context("spawn")
        said: Queue[Made] = context.Queue()
        pool = ProcessPoolExecutor(min(self.lanes, len(waiting)), context, initializer=_start_lane, initargs=(said,))
        running: dict[Future[None], tuple[Chunk, int]] = {}
        again: Waiting = []
        try:
            while waiting or running:
                while waiting and len(running) < self.lanes:
                    chunk, attempt = waiting.pop(0)
                    running[pool.submit(_work, str(folder.path), chunk)] = (chunk, attempt)
                finished, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                yield from _heard(said)
                for future in finished:
                    chunk, attempt = running.pop(future)
                    try:
                        future.result()
                        yield Made(chunk.index, chunk.size, finished=True)
                    except BrokenProcessPool:
                        again += [(chunk, attempt), *running.values()]
                        return [*(yield from _after_crash(again)), *waiting]
                    except CinemillError as error:
                        if _stops_everything(error):
                            raise
                        final = _is_final(error, attempt)
                        yield Spoilt(chunk.index, error, final)
                        if not final:
                            waiting.append((chunk, attempt + 1))
            return []
        finally:
            _end(pool)


def _after_crash(lost: Waiting) -> Generator[Spoilt, None, Waiting]:
    """Which of the chunks that were in hand is to blame is not known: each has lost an attempt."""
    again: Waiting = []
    for chunk, attempt in lost:
        error = EngineCrashed(f"the process that made chunk {chunk.index} died.", chunk=chunk.index)
        final = _is_final(error, attempt)
        yield Spoilt(chunk.index, error, final)
        if not final:
            again.append((chunk, attempt + 1))
    return again


def _heard(said: Queue[Made]) -> Iterator[Made]:
    try:
        while True:
            yield said.get_nowait()
    except Empty:
        return


def _end(pool: ProcessPoolExecutor) -> None:
    lanes: list[Any] = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for lane in lanes:
        lane.terminate()
    for lane in lanes:
        lane.join()


_said: Queue[Made] | None = None


def _start_lane(said: Queue[Made]) -> None:
    global _said
    _said = said
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _work(folder: str, chunk: Chunk) -> None:
    assert _said
    for done in make_part(JobFolder(Path(folder)), chunk):
        _said.put(Made(chunk.index, done))


def executor(where: str) -> Executor:
    """The executor for `--on`. Raises UnknownName."""
    from cinemill.errors import UnknownName
    from cinemill.hardware import cores

    if where in ("auto", "serial"):
        return Serial()
    if where == "processes":
        return Processes(cores())
    raise UnknownName("place to run", where, ["auto", "serial", "processes"])
