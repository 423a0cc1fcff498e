"""Moves the jobs of a queue along: starts their processes, obeys what people wish, and sees when one dies or stalls.

One keeper at a time has a queue. It may be killed at any moment: jobs that run go on, and the next keeper finds them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from cinemill.errors import CinemillError, JobDied, JobRunning, JobStalled, OutOfMemory
from cinemill.hardware import cores, gpus
from cinemill.jobs import processes, worker
from cinemill.jobs.queue import ENDED, Held, Queue
from cinemill.jobs.store import JobFolder, size
from cinemill.settings import settings

_BREATH: Final = 0.2
"""Seconds between two looks at what runs, unless something stirs."""
_LOOK: Final = 5.0
"""Seconds between two looks at disks, temperatures and whether jobs do anything."""
_SWEEP: Final = 600.0
"""Seconds between two cleanings."""
_GRACE: Final = 5.0
"""Seconds that a job has to stop in order."""
_LIVES: Final = 3
"""How often a job is begun that was cut off with the server before it is given up."""
_IDLE: Final = 0.5
"""Seconds of processor time below which a job that has said nothing is taken to do nothing."""
_LONGEST_LOG: Final = 16 << 20
_GIB: Final = 1 << 30
_DECKS: Final = 4
"""Captures at once: a tape that plays does not wait for its turn, so they have a lane of their own."""


@dataclass(frozen=True)
class Rules:
    """What the keeper goes by; 0 switches a rule off but for `cpu_lanes`, which is then found out.

    `stall` in seconds without a word and without work, `free` in bytes that stay free on a disk, `hottest` in degrees
    Celsius of a graphics processor, `memory` in bytes for a job, `cpu` in seconds of processor time, `keep_seconds`
    and `keep_bytes` for what ended jobs and uploads may take.
    """

    cpu_lanes: int = 0
    stall: float = 900.0
    free: int = _GIB
    hottest: float = 92.0
    memory: int = 0
    cpu: int = 0
    keep_seconds: float = 30 * 86400.0
    keep_bytes: int = 200 * _GIB

    @classmethod
    def of_settings(cls) -> Rules:
        found = settings()
        return cls(
            cpu_lanes=found.job_lanes,
            stall=60 * found.stall_minutes,
            free=int(found.keep_free_gb * 1e9),
            memory=int(found.job_memory_gb * 1e9) or _most_memory(),
            cpu=int(3600 * found.job_cpu_hours),
            keep_seconds=86400 * found.keep_days,
            keep_bytes=int(found.keep_gb * 1e9),
        )


@dataclass
class _Watch:
    """What is remembered of a job that runs: our child, if it is ours, and when it last did something."""

    child: subprocess.Popen[bytes] | None = None
    seconds: float = 0.0
    moved: float = field(default_factory=time.monotonic)
    told: float | None = None
    """When it was told to stop."""


class Keeper:
    """Start with `start`, end with `stop`; `step` is one look at everything, for those who want no thread."""

    def __init__(self, queue: Queue, rules: Rules | None = None) -> None:
        self.queue = queue
        self.rules = rules or Rules.of_settings()
        self.lanes = _lanes(self.rules.cpu_lanes)
        self._lock = FileLock(queue.folder / "keeper.lock")
        self._watched: dict[str, _Watch] = {}
        self._busy: dict[str, str] = {}
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._looked = 0.0
        self._swept = 0.0
        self._troubles: dict[str, str] = {}

    def start(self) -> None:
        """Take the queue and begin. Raises JobRunning when another server has it."""
        try:
            self._lock.acquire(timeout=0.5)
        except Timeout:
            raise JobRunning(f"another server works on the queue in {self.queue.folder}.") from None
        self.recover()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the jobs that run, which keep what is finished and go on at the next start, and let go of the queue."""
        self._ending.set()
        self.queue.stir.set()
        if self._thread:
            self._thread.join()
        self._halt()
        self._lock.release()

    def recover(self) -> None:
        """Find the jobs of an earlier keeper: those that live are watched, the others queued again or given up."""
        for job in self.queue.held():
            if job.process and processes.is_alive(job.process):
                self._watched[job.id] = _Watch()
                continue
            processes.end(job.id)
            if job.wish == "cancel":
                self._cancelled(job)
            elif job.state != "running":
                self.queue.forget_process(job.id)
                shutil.rmtree(self.queue.place(job.id) / "tmp", ignore_errors=True)
            elif job.attempt >= _LIVES:
                self.queue.fail(job.id, JobDied(f"the job was cut off {job.attempt} times, together with the server."))
                self.queue.forget_process(job.id)
            else:
                why = "it was cut off, and goes on from what is finished."
                self.queue.shift(job.id, ["running"], "queued", why, process=None)

    def _run(self) -> None:
        while not self._ending.is_set():
            self.queue.stir.wait(_BREATH)
            self.queue.stir.clear()
            try:
                self.step()
            except Exception:  # a full disk, a queue that is locked: what was not done is done at the next look
                traceback.print_exc()

    def step(self) -> None:
        """One look at everything."""
        held = self.queue.held()
        for job in held:
            self._attend(job)
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            self._guard(held)
        if now - self._swept > _SWEEP:
            self._swept = now
            sweep(self.queue, self.rules)
        self._start_waiting()

    def _attend(self, job: Held) -> None:
        watch = self._watched.setdefault(job.id, _Watch())
        if self._is_gone(job, watch):
            self._bury(job, watch)
        elif job.process is None:
            if watch.child is None:  # begun by a keeper that was killed before the process was there
                self.queue.shift(job.id, ["running"], "queued", process=None)
        elif job.wish == "cancel":
            self._tell_to_stop(job, watch)
        elif job.state in ENDED or job.wish == "again":
            self._see_off(job, watch)
        elif job.wish == "pause" and self.queue.shift(job.id, ["running"], "paused"):
            processes.send(job.process, job.id, signal.SIGSTOP)

    def _is_gone(self, job: Held, watch: _Watch) -> bool:
        if watch.child:
            return watch.child.poll() is not None
        return job.process is not None and not processes.is_alive(job.process)

    def _tell_to_stop(self, job: Held, watch: _Watch) -> None:
        """In order at first, then not."""
        assert job.process
        if watch.told is None:
            watch.told = time.monotonic()
            for number in (signal.SIGTERM, signal.SIGCONT):
                processes.send(job.process, job.id, number)
        elif time.monotonic() - watch.told > _GRACE:
            processes.send(job.process, job.id, signal.SIGKILL)

    def _see_off(self, job: Held, watch: _Watch) -> None:
        """A process that has said its last word has a moment to end."""
        assert job.process
        watch.told = watch.told or time.monotonic()
        if time.monotonic() - watch.told > _GRACE:
            processes.send(job.process, job.id, signal.SIGKILL)

    def _bury(self, job: Held, watch: _Watch) -> None:
        """A process has ended: nothing of it stays, and the job that did not say how it ended has failed."""
        code = watch.child.returncode if watch.child else None
        processes.end(job.id)
        del self._watched[job.id]
        shutil.rmtree(self.queue.place(job.id) / "tmp", ignore_errors=True)
        if job.wish == "cancel":
            self._cancelled(job)
        elif job.state == "running":
            if code == worker.STOPPED:  # somebody told it to stop who is not us
                self.queue.shift(job.id, ["running"], "queued", "its process was told to stop.", process=None)
            else:
                self.queue.fail(job.id, _reason(code, self.queue.log(job.id, 2000)))
                self.queue.forget_process(job.id)
        else:
            self.queue.forget_process(job.id)

    def _cancelled(self, job: Held) -> None:
        output = self.queue.get(job.id).output
        if output:
            with suppress(CinemillError, OSError):
                JobFolder.of(output).remove()
        self.queue.shift(job.id, [job.state], "cancelled", finished=time.time(), process=None)

    def _start_waiting(self) -> None:
        """Let the next jobs run where a lane is free and nothing is in the way."""
        held = self.queue.held()
        for lane, devices in self.lanes.items():
            running = [job for job in held if job.state == "running" and job.lane == lane]
            for _ in range(len(devices) - len(running)):
                job = self.queue.next(lane)
                if job is None:
                    break
                trouble = self._troubles.get(lane) or self._troubles.get("")
                if trouble:
                    self.queue.explain(job.id, trouble)
                    break
                self._begin(job, lane)

    def _begin(self, job: Held, lane: str) -> None:
        if job.process and processes.is_alive(job.process):
            if self.queue.shift(job.id, ["queued"], "running"):
                processes.send(job.process, job.id, signal.SIGCONT)
                self._watched[job.id] = _Watch(child=self._watched.get(job.id, _Watch()).child)
            return
        attempt = self.queue.begin(job.id)
        if attempt is None:
            return
        device = self._free_device(lane)
        self._busy[job.id] = str(device)
        environment = worker.environment(self.queue, job.id, self._limits(), device)
        command = worker.command(self.queue, job.id, attempt)
        try:
            child = processes.start(command, self.queue.place(job.id) / "log.txt", environment)
        except OSError as error:
            self.queue.fail(job.id, JobDied(f"no process could be started for the job: {error.strerror}."))
            return
        self._watched[job.id] = _Watch(child)

    def _free_device(self, lane: str) -> dict[str, str]:
        taken = [self._busy.get(id) for id in self._watched]
        devices = self.lanes[lane]
        return next((device for device in devices if str(device) not in taken), devices[0])

    def _limits(self) -> dict[str, int]:
        room = shutil.disk_usage(self.queue.folder).free - self.rules.free // 2
        return {"memory": self.rules.memory, "cpu": self.rules.cpu, "file": max(_GIB // 16, room)}

    def _guard(self, held: Sequence[Held]) -> None:
        """Look at disks, temperatures, memory and whether jobs do anything."""
        self._troubles = dict(_troubles(self.queue.folder, self.rules))
        for job in held:
            if not job.process or job.id not in self._watched:
                continue
            trouble = self._troubles.get("") or self._troubles.get(job.lane)
            if job.state == "running" and trouble and self.queue.shift(job.id, ["running"], "paused", trouble):
                processes.send(job.process, job.id, signal.SIGSTOP)
            elif job.state == "paused" and job.why and not trouble:
                self.queue.shift(job.id, ["paused"], "queued")
            elif job.state == "running":
                self._check(job, self._watched[job.id])

    def _check(self, job: Held, watch: _Watch) -> None:
        """End a job that takes too much memory, or that neither says nor does anything."""
        assert job.process
        seconds, memory = processes.use(job.id)
        if self.rules.memory and memory > self.rules.memory:
            most = self.rules.memory / 1e9
            self._end(job, OutOfMemory(f"the job took more than {most:.1f} GB of memory and was ended."))
            return
        if seconds - watch.seconds > _IDLE or time.time() - job.beat < _LOOK:
            watch.seconds, watch.moved = seconds, time.monotonic()
        elif self.rules.stall and time.monotonic() - watch.moved > self.rules.stall:
            minutes = self.rules.stall / 60
            told = f"the job has said and done nothing for {minutes:g} min and was ended; retry goes on where it was."
            self._end(job, JobStalled(told))
        self._shorten_log(job)

    def _end(self, job: Held, error: CinemillError) -> None:
        assert job.process
        self.queue.fail(job.id, error)
        processes.send(job.process, job.id, signal.SIGKILL)

    def _shorten_log(self, job: Held) -> None:
        log = self.queue.place(job.id) / "log.txt"
        with suppress(OSError):
            if log.stat().st_size > _LONGEST_LOG:
                kept = self.queue.log(job.id)
                log.write_text(f"(what came before is left out)\n{kept}", "utf-8")

    def _halt(self) -> None:
        """End all processes in order; their jobs are queued."""
        living = [job for job in self.queue.held() if job.process and processes.is_alive(job.process)]
        for job in living:
            assert job.process
            for number in (signal.SIGTERM, signal.SIGCONT):
                processes.send(job.process, job.id, number)
        until = time.monotonic() + _GRACE
        while time.monotonic() < until and any(map(self._lives, living)):
            time.sleep(_BREATH / 4)
        for job in self.queue.held():
            processes.end(job.id)
            if (watch := self._watched.get(job.id)) and watch.child:
                watch.child.wait()
            if job.wish == "cancel":
                self._cancelled(job)
            elif not self.queue.shift(job.id, ["running"], "queued", "the server was stopped.", process=None):
                self.queue.forget_process(job.id)

    def _lives(self, job: Held) -> bool:
        watch = self._watched.get(job.id)
        return not self._is_gone(job, watch) if watch else bool(job.process and processes.is_alive(job.process))


def _lanes(cpu: int) -> dict[str, list[dict[str, str]]]:
    """What runs beside each other: one job a graphics processor, on the cores a few, and captures."""
    devices = [gpu.alone for gpu in gpus() if gpu.alone]
    rest = {"gpu": devices} if devices else {}
    return {"cpu": [{}] * (cpu or max(2, cores() // 4)), **rest, "deck": [{}] * _DECKS}


def _reason(code: int | None, log: str) -> CinemillError:
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    said = f" It said: {last}" if last else ""
    if code is not None and code < 0:
        name = _signal(-code)
        hint = {
            "SIGKILL": " (by somebody, or by the system when memory ran out)",
            "SIGXCPU": " (it had used all the processor time that a job may)",
        }.get(name, "")
        return JobDied(f"the job's process was killed by {name}{hint}; retry goes on where it was.{said}", signal=name)
    how = f"ended with {code}" if code is not None else "is gone"
    return JobDied(f"the job's process {how}; retry goes on where it was.{said}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _troubles(folder: Path, rules: Rules) -> Iterator[tuple[str, str]]:
    """Why nothing may run now, by lane; "" is all of them."""
    free = shutil.disk_usage(folder).free
    if rules.free and free < rules.free:
        yield "", f"only {free / 1e9:.1f} GB are free on the disk; it goes on when there are {rules.free / 1e9:.1f} GB."
    hot = [gpu for gpu in gpus() if rules.hottest and (gpu.temperature or 0) > rules.hottest]
    for gpu in hot:
        yield "gpu", f"{gpu.name} has {gpu.temperature:.0f} °C; it goes on when that has cooled down."


def _most_memory() -> int:
    """Nine tenths of the memory that this process may use, in bytes."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            limits.append(int(Path(path).read_text()))
    return min(limits) * 9 // 10 if limits else 0


def sweep(queue: Queue, rules: Rules, now: Callable[[], float] = time.time) -> None:
    """Remove ended jobs and uploads that are old, and the oldest while all of them take too much room."""
    active = queue.jobs(["queued", "running", "paused"], limit=1_000_000)
    needed = {path for job in active for path in job.inputs}
    queue.shelf.sweep(needed, now() - rules.keep_seconds, rules.keep_bytes)
    ended = queue.jobs(["done", "failed", "cancelled"], limit=1_000_000)
    sizes = {job.id: size(queue.place(job.id)) for job in ended}
    total = sum(sizes.values())
    for job in reversed(ended):
        if (job.finished or 0) < now() - rules.keep_seconds or total > rules.keep_bytes:
            with suppress(CinemillError):
                queue.remove(job.id)
            total -= sizes[job.id]
    known = {job.id for job in (*active, *ended)}
    for folder in (queue.folder / "jobs").iterdir():
        with suppress(OSError):
            if folder.name not in known and folder.stat().st_mtime < now() - _SWEEP:
                shutil.rmtree(folder, ignore_errors=True)
