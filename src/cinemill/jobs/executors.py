"""Who makes the parts: this process, or several. One method: chunks in, events out, in whatever order they come.

A chunk that fails in a way that may pass is tried again; one that keeps failing is set aside, the others are finished,
and then it is reported.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from cinemill.errors import CinemillError, EngineCrashed, UnknownName
from cinemill.hardware import cores, gpus
from cinemill.jobs.farm import ATTEMPTS, of_the_job
from cinemill.jobs.making import Elsewhere, Fault, Made, Progressing, Spoilt, Told, make_part, spaced
from cinemill.jobs.store import JobFolder
from cinemill.operations import Chunk

PLACES = ("auto", "serial", "processes", "ray", "ray://HOST:PORT", "http://HOST:7860")
"""What `executor` knows, but for the last: another server does a whole job."""


class Executor(Protocol):
    """Makes parts. A consumer that stops asking for events pauses the work; one that closes them ends it."""

    def map(self, folder: JobFolder, chunks: Sequence[Chunk]) -> Progressing: ...


def _spoilt(chunk: Chunk, error: CinemillError, attempt: int) -> Spoilt:
    """What a failure means for its chunk. Raises an error that every chunk would meet: a full disk, a wrong request."""
    if of_the_job(error):
        raise error
    return Spoilt(chunk.index, error, final=error.retry == "no" or attempt >= ATTEMPTS)


def _event(chunk: Chunk, word: int | str) -> Made | Told:
    return Told(chunk.index, word) if isinstance(word, str) else Made(chunk.index, word)


class Serial:
    """One chunk after another in this process."""

    def map(self, folder: JobFolder, chunks: Sequence[Chunk]) -> Progressing:
        for chunk in chunks:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    with closing(make_part(folder, chunk)) as making:
                        for word in spaced(making):
                            yield _event(chunk, word)
                    yield Made(chunk.index, chunk.size, finished=True)
                    break
                except CinemillError as error:
                    spoilt = _spoilt(chunk, error, attempt)
                    yield spoilt
                    if spoilt.final:
                        break


class Processes:
    """`lanes` processes, each on a chunk of its own; a lane that dies takes no other with it.

    Each of `devices` is the environment in which a process sees one graphics processor and no other; lanes share none
    as long as there are enough.
    """

    def __init__(self, lanes: int, devices: Sequence[Mapping[str, str]] = ()) -> None:
        self.lanes = lanes
        self.devices = devices

    def map(self, folder: JobFolder, chunks: Sequence[Chunk]) -> Progressing:
        waiting = deque((chunk, 1) for chunk in chunks)
        devices = deque(self.devices)
        idle: list[_Lane] = []
        busy: dict[Any, tuple[_Lane, Chunk, int]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self.lanes:
                    lane = idle.pop() if idle else _Lane(folder, devices.popleft() if devices else {})
                    chunk, attempt = waiting.popleft()
                    lane.tell(chunk)
                    busy[lane.pipe] = lane, chunk, attempt
                ready = wait(list(busy))
                for lane, chunk, attempt in [busy[pipe] for pipe in busy if pipe in ready]:
                    try:
                        word = lane.hear()
                        if word is not None:
                            yield _event(chunk, word)
                            lane.tell(None)
                            continue
                        yield Made(chunk.index, chunk.size, finished=True)
                    except CinemillError as error:
                        spoilt = _spoilt(chunk, error, attempt)
                        yield spoilt
                        if not spoilt.final:
                            waiting.append((chunk, attempt + 1))
                    del busy[lane.pipe]
                    if lane.process.is_alive():
                        idle.append(lane)
                    elif lane.device:
                        devices.append(lane.device)
        finally:
            for lane in [*idle, *(lane for lane, _, _ in busy.values())]:
                lane.end()


class _Lane:
    """A process that makes chunks of a job one after another, and the pipe to it."""

    def __init__(self, folder: JobFolder, device: Mapping[str, str]) -> None:
        self.device = device
        context = multiprocessing.get_context("spawn")
        self.pipe, far_end = context.Pipe()
        self.process = context.Process(target=_live, args=(folder.path, far_end, device), daemon=True)
        with _without_interrupts():
            self.process.start()
        far_end.close()

    def tell(self, word: Chunk | None) -> None:
        """Hand it a chunk, or answer what was heard: a lane waits for the answer, which is how it can be paused."""
        with suppress(OSError):  # it died; `hear` will say so
            self.pipe.send(word)

    def hear(self) -> int | str | None:
        """Units done or a sentence, or None when the chunk is finished.

        Raises CinemillError: the chunk's, or that the lane died.
        """
        try:
            said = self.pipe.recv()
        except (EOFError, OSError):
            self.end()
            code = self.process.exitcode or 0
            how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
            raise EngineCrashed(f"the process that made it {how}.", returncode=code) from None
        if isinstance(said, Fault):
            raise said.error from Elsewhere(said.trace)
        return said

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


@contextmanager
def _without_interrupts() -> Generator[None, None, None]:
    """What is started here never hears Ctrl-C, which reaches the whole group: the parent decides."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting the first process would start it, and that lifts the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _live(path: Path, pipe: Connection, device: Mapping[str, str]) -> None:
    """What a lane does until it is killed or its parent is gone."""
    os.environ.update(device)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the parent is gone
        while True:
            chunk: Chunk = pipe.recv()
            try:
                for word in spaced(make_part(JobFolder(path), chunk)):
                    pipe.send(word)
                    pipe.recv()
                pipe.send(None)
            except CinemillError as error:
                pipe.send(Fault(error, "".join(traceback.format_exception(error))))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def executor(where: str) -> Executor:
    """The executor for `--on`: several processes are one for each GPU, where there are several, or for each core; ray
    is a cluster.

    Raises UnknownName, MissingResource.
    """
    if where == "ray" or where.startswith("ray://"):
        from cinemill.jobs.cluster import Cluster

        return Cluster(where)
    if where not in PLACES:
        raise UnknownName("place to run", where, PLACES)
    return Processes(*lanes()) if where == "processes" else Serial()


def lanes() -> tuple[int, list[dict[str, str]]]:
    """How many processes work on a file at once, and what each must have in its environment to see one GPU alone: one
    process for each GPU where there are several, else one for each core."""
    devices = [gpu.alone for gpu in gpus() if gpu.alone]
    return (len(devices), devices) if len(devices) > 1 else (cores(), [])
