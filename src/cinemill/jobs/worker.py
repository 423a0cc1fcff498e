"""What a queued job's own process does: `python -m cinemill.jobs.worker FOLDER ID ATTEMPT`.

It runs the job as anyone would, and writes what happens into the queue. It needs no server: when that is killed, the
job goes on, and a server that comes later finds it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cinemill.errors import Cancelled, CinemillError, NotAllowed, OutOfMemory, PlanMismatch
from cinemill.jobs import events as ev
from cinemill.jobs import processes
from cinemill.jobs.queue import Job, Queue
from cinemill.settings import settings

STOPPED: Final = 75
"""Exit code of one that was told to stop and kept what is finished."""
_BREATH: Final = 0.5
"""Seconds between two words of progress."""


def main(arguments: list[str]) -> int:
    folder, id, attempt = arguments
    signal.signal(signal.SIGTERM, _stop)
    _be_modest()
    queue = Queue(Path(folder), lasting=False)
    with closing(queue):
        if not queue.claim(id, int(attempt), processes.me()):
            return STOPPED  # another server has the job by now
        try:
            _perform(queue, queue.get(id))
        except (KeyboardInterrupt, Cancelled):
            return STOPPED
        except Exception as error:
            traceback.print_exc()
            queue.record(id, ev.Failed(_plain(error).as_dict()))
            return 1
    return 0


def _stop(number: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _be_modest() -> None:
    """The server answers first, and the system chooses us when memory runs out."""
    if sys.platform == "win32":
        return
    os.nice(5)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    limits = {name: int(os.environ.get(f"CINEMILL_LIMIT_{name.upper()}", 0)) for name in ("memory", "cpu", "file")}
    processes.limit(**limits)


def _plain(error: Exception) -> CinemillError:
    if isinstance(error, CinemillError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory("the job asked for more memory than it may have.")
    return CinemillError(f"cinemill met a fault of its own, {type(error).__name__}: {error}. The job's log says where.")


def _perform(queue: Queue, job: Job) -> None:
    said, last = 0.0, None
    with closing(_events(queue, job)) as events:
        for event in events:
            often = isinstance(event, ev.Progress | ev.Joining | ev.Measuring)
            last = event if often else None
            if often and time.monotonic() - said < _BREATH:
                continue
            queue.record(job.id, event)
            said, last = time.monotonic() if often else 0.0, None
    if last:
        queue.record(job.id, last)


def _events(queue: Queue, job: Job) -> Generator[ev.Event, None, None]:
    """The job's run. One whose unfinished work is of another version begins anew."""
    from cinemill.jobs import run as jobs
    from cinemill.jobs.executors import executor
    from cinemill.jobs.plan import chunk_seconds
    from cinemill.operations import request

    options = job.options
    asked = request(job.operation, job.inputs, job.output, job.params)
    os.chdir(queue.place(job.id))
    if options.get("confined"):
        _confine(queue, job, asked)
    if job.output is None:
        asked = replace(asked, output=_output(queue, job, asked))
        queue.settle(job.id, asked.output)
    own = asked.output is not None and queue.place(job.id) in asked.output.parents
    how: Any = {
        "executor": executor(options.get("on") or "auto"),
        "chunk_seconds": options.get("chunk_seconds") or chunk_seconds(job.operation, options.get("preset")),
        "overwrite": own or bool(options.get("overwrite")),
        "metrics": bool(options.get("metrics")),
    }
    try:
        yield from jobs.run(asked, **how)
    except PlanMismatch as error:
        if not own:
            raise
        yield ev.Noted(0, f"Unfinished work was thrown away: {error.sentence}")
        yield from jobs.run(asked, **how, restart=True)


def _confine(queue: Queue, job: Job, asked: Any) -> None:
    """See no more than a stranger may. Raises NotAllowed for a file elsewhere that the inputs name."""
    from cinemill.jobs.confine import confine
    from cinemill.operations import get

    operation = get(job.operation)
    shared = [folder.resolve() for folder in (queue.folder, *settings().shared_folders)]
    named = [path.resolve() for path in (*job.inputs, *operation.files(asked))]
    for path in named:
        if not any(folder in path.parents for folder in shared):
            raise NotAllowed(f"{path.name} lies outside of the studio and may not be read; upload it.")
    own = [settings().state_dir, settings().cache_dir, *operation.writes(asked.params)]
    writing = [queue.folder, *own, *([job.output.parent] if job.output else [])]
    for folder in own:
        folder.mkdir(parents=True, exist_ok=True)
    confine(named, writing, network=bool(job.params.get("download")))


def _output(queue: Queue, job: Job, asked: Any) -> Path | None:
    """Where the output goes that nobody named: the job's own folder, under a name that people recognise."""
    from cinemill.jobs.shelf import clean_name
    from cinemill.operations import get

    operation = get(job.operation)
    named = job.options.get("name")
    if named:
        return queue.place(job.id) / clean_name(named)
    if operation.output == "optional" and job.options.get("file") is False:
        return None
    stem = asked.inputs[0].stem if asked.inputs else job.id
    return queue.place(job.id) / clean_name(f"{stem}.{job.operation}{operation.suffix(asked)}")


def environment(queue: Queue, id: str, limits: dict[str, int], device: dict[str, str]) -> dict[str, str]:
    """What a job's process is told: its mark, its limits, its own place for passing files, the device it may use."""
    passing = queue.place(id) / "tmp"
    passing.mkdir(parents=True, exist_ok=True)
    return {
        processes.MARK: id,
        "TMPDIR": str(passing),
        **{f"CINEMILL_LIMIT_{name.upper()}": str(value) for name, value in limits.items()},
        **device,
    }


def command(queue: Queue, id: str, attempt: int) -> list[str]:
    """How a job's process is started."""
    return [sys.executable, "-m", "cinemill.jobs.worker", str(queue.folder), id, str(attempt)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
