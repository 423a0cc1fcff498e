"""plan -> what is missing -> executor -> join. A stream of events; closing it stops the job and keeps its parts."""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cinemill.errors import Cancelled, ChunkFailed, CinemillError, DiskFull, OutputRefused
from cinemill.jobs import distant
from cinemill.jobs.events import AtWork, Done, Event, Joining, Noted, PartDone, Paused, Planned, Progress, Retried
from cinemill.jobs.executors import Executor, Serial
from cinemill.jobs.making import Spoilt, Told
from cinemill.jobs.metrics import check as check_measurable
from cinemill.jobs.metrics import files as reports
from cinemill.jobs.metrics import measured
from cinemill.jobs.plan import CHUNK_SECONDS, Plan, Signature, plan, sign
from cinemill.jobs.shared import Sender, Shared
from cinemill.jobs.store import JobFolder
from cinemill.operations import Chunk, Request, get, passing

_BREATH = 0.2
"""Seconds between progress events, and between looks at a paused job."""


def preview(
    request: Request[Any],
    *,
    chunk_seconds: float = CHUNK_SECONDS,
    overwrite: bool = False,
    restart: bool = False,
    metrics: bool = False,
) -> Planned:
    """What `run` would begin with, or the error it would end with at once. Writes nothing but an operation's sketch."""
    _refuse(request, metrics)
    if request.destination:
        distant.refuse_existing(request.destination, overwrite)
    else:
        refuse_existing(request.output, overwrite)
    deque(distant.fetched(request.origins), maxlen=0)
    signature = sign(request, chunk_seconds)
    with _folder_for(request) as folder:
        old = None if restart else _unfinished(request, folder, signature)
        job = old or plan(request, signature)
        planned = _announced(job, sum(chunk.size for chunk in _made(job, folder)) if old else 0)
        sketch = job.operation.sketch(job.request, job.settled)
        drawn = (f"drawn in {sketch}.",) if sketch else ()
        return replace(planned, notes=(*planned.notes, *drawn))


def run(
    request: Request[Any],
    *,
    executor: Executor | None = None,
    chunk_seconds: float = CHUNK_SECONDS,
    overwrite: bool = False,
    restart: bool = False,
    metrics: bool = False,
) -> Generator[Event, None, None]:
    """Do what `request` asks, going on from where an earlier run of the same request stopped.

    Planned comes first and Done last. `restart` throws unfinished work away; `metrics` measures a video against its
    source. Raises CinemillError. Closing the iterator, an interrupt or an error stops the work; the parts that are
    finished stay for the next run.
    """
    started = time.monotonic()
    _refuse(request, metrics)
    if request.destination:
        distant.refuse_existing(request.destination, overwrite)
    yield from distant.fetched(request.origins)
    signature = sign(request, chunk_seconds)
    with _folder_for(request) as folder:
        result = None if restart else folder.finished(signature, request.output)
        if request.output and request.destination:
            result = result or distant.made(request.output, signature)
        if result is None:
            asked = _Asked(request, signature, overwrite, restart, metrics)
            result = yield from _work(asked, folder, executor or Serial())
        else:
            yield _found(request)
            folder.remove()
    outputs = [request.output.resolve()] if request.output else []
    outputs += map(Path, result.pop("files", []))
    if request.destination:
        outputs = yield from distant.sent(outputs, request.destination, overwrite, signature, result)
    distant.forget(request.origins)
    yield Done(tuple(outputs), time.monotonic() - started, result)


@dataclass(frozen=True)
class _Asked:
    request: Request[Any]
    signature: Signature
    overwrite: bool
    restart: bool
    metrics: bool


def _work(asked: _Asked, folder: JobFolder, executor: Executor) -> Generator[Event, None, dict[str, Any]]:
    """Plan, make what is missing, join. Gives back the result."""
    output = asked.request.output
    shared = Shared.of(asked.signature) if output else None
    with suppress(OSError):
        folder.path.rmdir()  # empty when a kill came between the last two steps of tidying
    _refuse_existing(asked)
    folder.refuse_running()
    old = None if asked.restart else _unfinished(asked.request, folder, asked.signature)
    job = old or plan(asked.request, asked.signature)
    with folder.held(), shared.held() if shared else nullcontext():
        # While this one planned, another run may have come, and gone.
        _refuse_existing(asked)
        old = None if asked.restart else _unfinished(asked.request, folder, asked.signature)
        if old is None:
            folder.discard_parts()
            more = reports(output) if asked.metrics and output else ()
            for file in (*more, *get(asked.request.operation).beside(asked.request)):
                refuse_existing(file, asked.overwrite)
        job = (old or job).model_copy(update={"overwrite": asked.overwrite, "metrics": asked.metrics})
        with _room(output):
            if shared:
                job = _agreed(asked, shared, folder, job)
            folder.begin(job)
            yield from _make(job, folder, executor, shared)
            return (yield from _join(job, folder))


def _agreed(asked: _Asked, shared: Shared, folder: JobFolder, job: Plan) -> Plan:
    """The plan that holds on all machines, once the parts that others have made are here."""
    if asked.restart:
        shared.discard()
    agreed = shared.agreed(job)
    if (agreed.decided, agreed.chunks) != (job.decided, job.chunks):
        folder.discard_parts()  # of a plan that is not that of the others
    for chunk in agreed.chunks:
        part = folder.part(chunk.index)
        if chunk.index in shared.there and not agreed.operation.whole(part):
            shared.fetch(chunk.index, part)
    return agreed


@contextmanager
def _room(output: Path | None) -> Generator[None, None, None]:
    """Speak of the output where a part or a plan found no room."""
    try:
        yield
    except DiskFull as error:
        if output is None:
            raise
        raise DiskFull(
            f"no room left for {output.name} on the disk of {output.resolve().parent}; what is finished is kept. "
            "Make room and run the same command again.",
            path=output,
        ) from error


def _refuse(request: Request[Any], metrics: bool) -> None:
    """Raises OutputRefused for an output that can never be one, RequestError for one that cannot be measured."""
    if metrics:
        check_measurable(request)
    output = request.output
    if output is None:
        return
    try:
        str(output).encode()
        if output.is_dir() and get(request.operation).output != "folder":
            raise OutputRefused(f"{output} is a folder; name a file in it.")
        above = next(folder for folder in output.resolve().parents if folder.exists())
        if not above.is_dir():
            raise OutputRefused(f"{above} is a file, so nothing can be put into it as {output}.")
        if output.exists() and any(path.exists() and path.samefile(output) for path in request.inputs):
            raise OutputRefused(f"{output} is also the input; an input is never written to. Choose another output.")
    except UnicodeEncodeError:
        raise OutputRefused(f"the name of {os.fsencode(output)!r} is not UTF-8.") from None
    except (OSError, RuntimeError) as error:  # a name that is too long, a link that leads in a circle
        raise OutputRefused(f"{output} cannot be written: {getattr(error, 'strerror', None) or error}.") from None


def _refuse_existing(asked: _Asked) -> None:
    refuse_existing(asked.request.output, asked.overwrite)


def refuse_existing(output: Path | None, overwrite: bool) -> None:
    """Raises OutputRefused for an output that exists and may not be replaced. A folder never is."""
    if output and output.is_dir():
        raise OutputRefused(f"{output} exists already, and a folder is not replaced; choose another name.")
    if output and output.exists() and not overwrite:
        raise OutputRefused(f"{output} exists already; add --overwrite to replace it, or choose another output.")


@contextmanager
def _folder_for(request: Request[Any]) -> Generator[JobFolder, None, None]:
    """The job's folder beside its output; a passing one when no file is to be made."""
    if request.output:
        yield JobFolder.of(request.output)
        return
    with tempfile.TemporaryDirectory(prefix="cinemill-") as passing:
        yield JobFolder(Path(passing) / "job")


def _unfinished(request: Request[Any], folder: JobFolder, signature: Signature) -> Plan | None:
    """The plan of unfinished work, if there is any. Raises PlanMismatch when it is not for this request."""
    old = folder.plan()
    if old is None:
        return None
    old.check(signature)
    old.check_models()
    # A file may have moved; it is the same by its signature.
    return old.model_copy(update={"inputs": tuple(path.resolve() for path in request.inputs)})


def _found(request: Request[Any]) -> Planned:
    note = "an earlier run was stopped after the output was in place; nothing is left to do."
    unit = get(request.operation).unit
    return Planned(request.operation, request.inputs, request.output, 0, 0, 0, unit, notes=(note,))


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


def _made(job: Plan, folder: JobFolder) -> list[Chunk]:
    """The chunks whose parts are there and whole; a damaged one counts as missing."""
    return [chunk for chunk in job.chunks if job.operation.whole(folder.part(chunk.index))]


def _make(job: Plan, folder: JobFolder, executor: Executor, shared: Shared | None) -> Iterator[Event]:
    """Make the parts that are missing."""
    if shared is None:
        yield from _made_here(job, folder, executor)
        return
    with Sender(shared) as sender:
        for chunk in _made(job, folder):
            if chunk.index not in shared.there:
                sender.send(chunk.index, folder.part(chunk.index))
        with closing(_made_here(job, folder, executor)) as events:
            for event in events:
                shared.check()
                if isinstance(event, PartDone):
                    sender.send(event.chunk, folder.part(event.chunk))
                yield event
        for sentence in sender.end():
            yield Noted(0, sentence)
        shared.confirm()


def _made_here(job: Plan, folder: JobFolder, executor: Executor) -> Generator[Event, None, None]:
    done = {chunk.index: chunk.size for chunk in _made(job, folder)}
    pending = [chunk for chunk in job.chunks if chunk.index not in done]
    yield _announced(job, sum(done.values()))
    pace = _Pace(job, sum(done.values()))
    failures: list[CinemillError] = []
    told = {*job.settled.notes}
    with closing(executor.map(folder, pending)) as progress:
        for event in progress:
            yield from _obey(folder)
            if isinstance(event, AtWork):
                yield event
                continue
            if isinstance(event, Told):
                if event.sentence not in told:
                    told.add(event.sentence)
                    yield Noted(event.chunk, event.sentence)
                continue
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
        raise _verdict(failures, len(job.chunks))


def _verdict(failures: list[CinemillError], chunks: int) -> CinemillError:
    if len(failures) == chunks:
        return failures[0]
    failed = ChunkFailed(
        f"{len(failures)} of {chunks} chunks failed, the others are done and kept. The first said: "
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


def _join(job: Plan, folder: JobFolder) -> Generator[Event, None, dict[str, Any]]:
    """Make the output under a passing name in the job's folder, then give it its own. Gives back the job's result."""
    from cinemill.media.write import durable, said_plainly

    parts = [folder.part(chunk.index) for chunk in job.chunks]
    temporary = folder.temporary("output") if job.output else None
    for share in job.operation.join(job.request, job.settled, parts, temporary):
        yield Joining(share)
        yield from _obey(folder)
    result = job.operation.result(job.request, job.settled, parts)
    if temporary and job.output and temporary.exists():
        if job.metrics:
            found = yield from measured(job, temporary, folder)
            result = {**result, **found, "notes": [*result.get("notes", []), *found["notes"]]}
        refuse_existing(job.output, job.overwrite)
        files = [file for file in job.operation.beside(job.request) if passing(temporary, file).exists()]
        for file in files:
            refuse_existing(file, job.overwrite)
            with said_plainly(file):
                durable(passing(temporary, file), file)
        if files:
            result = {**result, "files": [*result.get("files", []), *map(str, files)]}
        folder.finish(job, temporary, job.output, result)
    return result
