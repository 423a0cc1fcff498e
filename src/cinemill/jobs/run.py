"""plan -> what is missing -> executor -> join. A stream of events; closing it stops the job and keeps its parts."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from cinemill.errors import Cancelled, ChunkFailed, CinemillError, OutputRefused
from cinemill.jobs.events import Done, Event, Joining, PartDone, Paused, Planned, Progress, Retried
from cinemill.jobs.executors import Executor, Serial, Spoilt
from cinemill.jobs.plan import CHUNK_SECONDS, Plan, plan, sign
from cinemill.jobs.store import JobFolder
from cinemill.operations import Request

_BREATH = 0.2
"""Seconds between progress events, and between looks at a paused job."""


def preview(request: Request[Any], chunk_seconds: float = CHUNK_SECONDS) -> Planned:
    """What `run` would do, without doing or writing anything."""
    return _announced(plan(request, sign(request, chunk_seconds)), done=0)


def run(
    request: Request[Any],
    *,
    executor: Executor | None = None,
    chunk_seconds: float = CHUNK_SECONDS,
    overwrite: bool = False,
    restart: bool = False,
) -> Generator[Event, None, None]:
    """Do what `request` asks, going on from where an earlier run of the same request stopped.

    Planned comes first and Done last. `restart` throws unfinished work away. Raises CinemillError. Closing the
    iterator, an interrupt or an error stops the work; the parts that are finished stay for the next run.
    """
    started = time.monotonic()
    _refuse(request, overwrite)
    with _folder_for(request) as folder:
        job = _planned(request, folder, chunk_seconds, restart).model_copy(update={"overwrite": overwrite})
        with _entered(folder, job, restart):
            yield from _make(job, folder, executor or Serial())
            parts = [folder.part(chunk.index) for chunk in job.chunks]
            yield from _join(job, folder, parts)
            result = job.operation.result(job.request, job.settled, parts)
            folder.remove()
    yield Done((job.output,) if job.output else (), time.monotonic() - started, result)


def _refuse(request: Request[Any], overwrite: bool) -> None:
    output = request.output
    if output is None:
        return
    if output.is_dir():
        raise OutputRefused(f"{output} is a folder; name a file in it.")
    if any(path.exists() and output.exists() and path.samefile(output) for path in request.inputs):
        raise OutputRefused(f"{output} is also the input; an input is never written to. Choose another output.")
    if output.exists() and not overwrite:
        raise OutputRefused(f"{output} exists already; add --overwrite to replace it, or choose another output.")


@contextmanager
def _folder_for(request: Request[Any]) -> Generator[JobFolder, None, None]:
    """The job's folder beside its output; a passing one when no file is to be made."""
    if request.output:
        yield JobFolder.of(request.output)
        return
    with tempfile.TemporaryDirectory(prefix="cinemill-") as passing:
        yield JobFolder(Path(passing) / "job")


def _planned(request: Request[Any], folder: JobFolder, chunk_seconds: float, restart: bool) -> Plan:
    """The plan of the unfinished work if it is for this request, else a new one. Raises PlanMismatch."""
    signature = sign(request, chunk_seconds)
    old = None if restart else folder.plan()
    if old is None:
        return plan(request, signature)
    old.check(signature)
    places = {"inputs": tuple(path.resolve() for path in request.inputs)}
    return old.model_copy(update=places)  # the file may have moved; it is the same by its signature


@contextmanager
def _entered(folder: JobFolder, job: Plan, restart: bool) -> Generator[None, None, None]:
    """Hold the folder, with the plan written and the litter of a killed run swept out."""
    from cinemill.media.write import said_plainly

    with said_plainly(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
    with folder.locked():
        if restart:
            folder.discard_parts()
        folder.begin(job)
        folder.order(None)
        folder.sweep()
        yield


def _announced(job: Plan, done: int) -> Planned:
    settled = job.settled
    return Planned(
        operation=job.signature.operation,
        inputs=job.inputs,
        output=job.output,
        chunks=len(job.chunks),
        total=job.total,
        done=done,
        unit=job.operation.unit,
        notes=settled.notes,
        steps=job.operation.steps(settled),
    )


def _make(job: Plan, folder: JobFolder, executor: Executor) -> Iterator[Event]:
    """Make the parts that are missing; a damaged one counts as missing."""
    pending = [chunk for chunk in job.chunks if not job.operation.whole(folder.part(chunk.index))]
    done = {chunk.index: chunk.size for chunk in job.chunks if chunk not in pending}
    yield _announced(job, sum(done.values()))
    pace = _Pace(job, sum(done.values()))
    failures: list[CinemillError] = []
    with closing(executor.map(folder, pending)) as progress:
        for event in progress:
            yield from _obey(folder)
            if isinstance(event, Spoilt):
                done[event.chunk] = 0
                if event.final:
                    failures.append(event.error)
                else:
                    yield Retried(event.chunk, event.error.sentence)
                continue
            done[event.chunk] = event.done
            if event.finished:
                yield PartDone(event.chunk, len(job.chunks))
            yield from pace.at(sum(done.values()), event.finished)
    if failures:
        raise _verdict(failures, len(pending))


def _verdict(failures: list[CinemillError], tried: int) -> CinemillError:
    if len(failures) == tried:
        return failures[0]
    failed = ChunkFailed(
        f"{len(failures)} of {tried} chunks failed, the others are done and kept. The first said: "
        f"{failures[0].sentence} Run the same command to try those again.",
        chunks=len(failures),
    )
    failed.__cause__ = failures[0]
    return failed


def _obey(folder: JobFolder) -> Iterator[Event]:
    """Pause or cancel when another process asked for it. Not asking the executor for more is what pauses it."""
    order = folder.ordered()
    if order == "pause":
        yield Paused()
        while folder.ordered() == "pause":
            time.sleep(_BREATH)
        order = folder.ordered()
    if order == "cancel":
        raise Cancelled("the job was cancelled from outside")


class _Pace:
    """Progress events at a bearable rate, with the time that is left by the pace of this run."""

    def __init__(self, job: Plan, done: int) -> None:
        self.total, self.unit, self.first = job.total, job.operation.unit, done
        self.started = time.monotonic()
        self.said = 0.0

    def at(self, done: int, always: bool = False) -> Iterator[Progress]:
        now = time.monotonic()
        if not always and now - self.said < _BREATH:
            return
        self.said = now
        elapsed = now - self.started
        rate = (done - self.first) / elapsed if elapsed > 0 and done > self.first else None
        yield Progress(done, self.total, self.unit, rate, (self.total - done) / rate if rate else None)


def _join(job: Plan, folder: JobFolder, parts: list[Path]) -> Iterator[Event]:
    """Make the output under a passing name in the job's folder, then give it its own."""
    from cinemill.media.write import durable, said_plainly

    temporary = folder.temporary("output") if job.output else None
    try:
        for share in job.operation.join(job.request, job.settled, parts, temporary):
            yield Joining(share)
            yield from _obey(folder)
        if temporary and job.output and temporary.exists():
            with said_plainly(job.output):
                durable(temporary, job.output)
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)
