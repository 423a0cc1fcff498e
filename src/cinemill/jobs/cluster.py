"""Parts made by the machines of a Ray cluster: the same plan and the same parts as on one machine.

Workers never commit. Each writes into a folder of this run alone, `hand-TOKEN` beside the parts, and says so; the
process that holds the job's lock renames what was handed in first into place. A worker that was thought lost and comes
back finds its folder gone, so nothing of it gets between the parts of a later run. Where a worker does not see the
job's folder, it puts its part into the bucket that the job's parts are shared in (`jobs/shared.py`), or else sends it
through Ray's object store.

What is sent to a worker is the plan and the bounds of a chunk, never pictures: they are decoded where they are needed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinemill.errors import CinemillError, EngineCrashed, EngineRefused, MissingResource, OpenFailed, PlanMismatch
from cinemill.hardware import cores
from cinemill.jobs import distant
from cinemill.jobs.events import AtWork
from cinemill.jobs.farm import Attempt, Farm, Verdict
from cinemill.jobs.making import Elsewhere, Fault, Made, Progressing, Spoilt, Told, make, spaced
from cinemill.jobs.plan import Plan, identify
from cinemill.jobs.shared import Shared
from cinemill.jobs.store import JobFolder, removed
from cinemill.notices import tell
from cinemill.operations import Chunk
from cinemill.settings import settings
from cinemill.version import __version__

_BREATH = 0.25
"""Seconds between two words of a worker, and for which the driver listens at a time."""
_TALKERS = 200
"""Workers that may speak so often; more of them speak less."""
_AHEAD = 8
"""Chunks that wait on the cluster beyond twice its size, so that it sees what it may grow for."""
_VIEW = 1.0
"""Seconds between two looks at the machines."""
_PIECE = 32 << 20
"""Bytes of a part that travel through the object store at a time."""
_TRIES = 3
"""How often a cluster is asked for a connection of the kind ray://."""
_OBJECT_STORE = 256 << 20
"""Bytes of memory for objects in a cluster of our own, which carries words and no pictures."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What a worker is told."""

    attempt: int
    chunk: Chunk
    plan: str
    hand: Path
    version: str
    breath: float


@dataclass(frozen=True, slots=True)
class _Handed:
    """A part as it comes from a worker: a file in the folder of this run, or in the bucket, or else its pieces."""

    name: str
    pieces: tuple[Any, ...] = ()
    in_bucket: bool = False


@dataclass(frozen=True, slots=True)
class _Begun:
    """The first word of an attempt: where it is made."""

    node: str
    name: str


class Cluster:
    """`ray` is the cluster that RAY_ADDRESS names, or one of our own on this machine; `ray://HOST:PORT` any other."""

    def __init__(self, where: str) -> None:
        self.where = where
        _ray()

    def map(self, folder: JobFolder, chunks: Sequence[Chunk]) -> Progressing:
        plan = folder.plan()
        if not chunks or plan is None:
            return
        with _connected(self.where) as ray:
            yield from _Run(ray, folder, plan, chunks).events()


class _Run:
    """One job on a cluster."""

    def __init__(self, ray: Any, folder: JobFolder, plan: Plan, chunks: Sequence[Chunk]) -> None:
        self.ray, self.folder = ray, folder
        self.farm = Farm(chunks)
        self.first = chunks[0].index
        self.plan = plan.model_dump_json()
        self.shared = plan.shared
        self.hand = folder.path / f"hand-{secrets.token_hex(8)}"
        self.refs: dict[Any, Attempt] = {}
        resources: dict[str, float] = ray.cluster_resources()
        self.options = _options(plan, resources)
        self.slots = max(1, int(resources.get("CPU", 1) / max(0.01, self.options["num_cpus"])))
        self.task = ray.remote(_work)
        self.board = ray.remote(_Board).options(num_cpus=0, max_concurrency=10_000).remote()

    def events(self) -> Progressing:
        self.hand.mkdir()
        viewed = 0.0
        try:
            while self.farm.is_busy:
                if time.monotonic() - viewed > _VIEW:
                    self._look()
                    viewed = time.monotonic()
                    if nodes := self.farm.nodes():
                        yield AtWork(nodes)
                    if not self.farm.alive:
                        yield Told(self.first, self._waiting())
                for attempt in self.farm.start(time.monotonic(), 2 * self.slots + _AHEAD - len(self.refs)):
                    self._submit(attempt)
                yield from self._hear()
                yield from self._collect()
        except (self.ray.exceptions.RayError, ConnectionError) as error:
            raise EngineCrashed(
                f"the cluster answers no more ({_said(error)}); what is finished is kept. "
                "Run the same command again to go on."
            ) from error
        finally:
            self._end()

    def _look(self) -> None:
        """See which machines there are, and how many chunks they can take."""
        alive = [node for node in self.ray.nodes() if node["Alive"]]
        self.farm.alive = {node["NodeID"] for node in alive if self._fits(node["Resources"])}
        total = sum(node["Resources"].get("CPU", 0.0) for node in alive)
        self.slots = max(1, int(total / max(0.01, self.options["num_cpus"])))

    def _fits(self, resources: dict[str, float]) -> bool:
        return all(resources.get(name, 0.0) >= amount for name, amount in self._wanted().items())

    def _wanted(self) -> dict[str, float]:
        return {"CPU": self.options["num_cpus"], "GPU": self.options["num_gpus"], **self.options["resources"]}

    def _waiting(self) -> str:
        wanted = " and ".join(f"{amount:g} {name}" for name, amount in self._wanted().items() if amount)
        return f"no machine of the cluster has {wanted}, which a chunk takes; one that comes will begin at once."

    def _submit(self, attempt: Attempt) -> None:
        breath = _BREATH * max(1.0, self.slots / _TALKERS)
        order = _Order(attempt.id, attempt.chunk, self.plan, self.hand, __version__, breath)
        where = {"ray.io/node-id": f"!in({','.join(sorted(attempt.avoid))})"} if attempt.avoid else None
        task = self.task.options(
            **self.options, label_selector=where, max_retries=0, name=f"part {attempt.chunk.index}"
        )
        self.refs[task.remote(order, self.board)] = attempt

    def _hear(self) -> Progressing:
        """What workers say. Those whose chunk is finished are told to stop."""
        stopped = [attempt.id for attempt in self.farm.superfluous()]
        for id, word in self.ray.get(self.board.take.remote(_BREATH, stopped)):
            now = time.monotonic()
            attempt = next((attempt for attempt in self.farm.in_hand if attempt.id == id), None)
            if isinstance(word, _Begun):
                self.farm.begun(id, word.node, word.name, now)
            elif attempt and isinstance(word, str):
                yield Told(attempt.chunk.index, word)
            elif attempt and isinstance(word, int) and (done := self.farm.heard(id, word, now)) is not None:
                yield Made(attempt.chunk.index, done)

    def _collect(self) -> Progressing:
        """What became of attempts that have ended."""
        ended, _ = self.ray.wait(list(self.refs), num_returns=len(self.refs), timeout=0) if self.refs else ([], [])
        for ref in ended:
            attempt = self.refs.pop(ref)
            verdict = self._verdict(ref, attempt)
            if isinstance(verdict, Verdict):
                yield Spoilt(attempt.chunk.index, verdict.error, verdict.final)
            elif verdict:
                yield Made(attempt.chunk.index, attempt.chunk.size, finished=True)

    def _verdict(self, ref: Any, attempt: Attempt) -> Verdict | bool | None:
        """A failure that matters, or whether this attempt gave its chunk its part."""
        errors = self.ray.exceptions
        try:
            handed = self.ray.get(ref)
            if isinstance(handed, Fault):
                handed.error.__cause__ = Elsewhere(handed.trace)
                return self.farm.failed(attempt.id, handed.error)
            if handed is None:
                self.farm.forget(attempt.id)
                return None
            got = self._received(handed, attempt.chunk.index)
        except (errors.NodeDiedError, errors.ObjectLostError, errors.LocalRayletDiedError):
            return self.farm.lost(attempt.id)
        except (
            errors.RayTaskError,
            errors.WorkerCrashedError,
            errors.OutOfMemoryError,
            errors.TaskCancelledError,
        ) as error:
            return self.farm.failed(attempt.id, _crash(error))
        if not self.farm.finished(attempt.id, time.monotonic()):
            removed(got)
            return None
        got.replace(self.folder.part(attempt.chunk.index))
        return True

    def _received(self, handed: _Handed, index: int) -> Path:
        """The part as a file in the folder of this run, durable."""
        from cinemill.media.write import durable, said_plainly

        path = self.hand / handed.name
        if handed.in_bucket and self.shared:
            Shared(self.shared).fetch(index, path)
        if handed.pieces:
            passing = path.with_suffix(".tmp")
            with said_plainly(passing):
                with passing.open("wb") as file:
                    for piece in handed.pieces:
                        file.write(self.ray.get(piece))
                durable(passing, path)
        return path

    def _end(self) -> None:
        """Stop what is in hand and take its folder away, so that what does not hear of it cannot hand anything in."""
        with suppress(Exception):
            for ref in self.refs:
                self.ray.cancel(ref, force=True)
            self.ray.kill(self.board)
        removed(self.hand)


class _Board:
    """Where workers say how far they are, and hear whether to go on: an answer comes when the driver has listened,
    so that work rests while nobody asks for more."""

    def __init__(self) -> None:
        self.words: list[tuple[int, Any]] = []
        self.stopped: set[int] = set()
        self.news = asyncio.Event()
        self.taken = asyncio.Event()

    async def tell(self, attempt: int, word: Any) -> bool:
        """Whether to go on."""
        self.words.append((attempt, word))
        self.news.set()
        await self.taken.wait()
        return attempt not in self.stopped

    async def take(self, seconds: float, stopped: list[int]) -> list[tuple[int, Any]]:
        """What was said since the last time; waits for something. From now on `stopped` are told to stop."""
        self.stopped |= set(stopped)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), seconds)
        words, self.words = self.words, []
        self.news.clear()
        answered, self.taken = self.taken, asyncio.Event()
        answered.set()
        return words


def _work(order: _Order, board: Any) -> _Handed | Fault | None:
    """What a worker does for one chunk. None when it was told to stop."""
    import ray

    context = ray.get_runtime_context()
    answer = board.tell.remote(order.attempt, _Begun(context.get_node_id(), ray.util.get_node_ip_address()))
    try:
        plan = _understood(order)
        name = f"part-{order.chunk.index:05d}.{order.attempt}"
        with _at_home(plan.folder), _hand(order) as hand:
            with closing(make(plan, order.chunk, hand / f"{name}.tmp", hand / name)) as making:
                for word in spaced(making, order.breath):
                    if not ray.get(answer):
                        return None
                    answer = board.tell.remote(order.attempt, word)
            return _sent(name, hand, order, plan)
    except CinemillError as error:
        return Fault(error, "".join(traceback.format_exception(error)))


def _sent(name: str, hand: Path, order: _Order, plan: Plan) -> _Handed:
    """Hand a part in by the shortest way there is."""
    import ray

    if hand == order.hand:
        return _Handed(name)
    if plan.shared and (hand / name).is_file():
        Shared(plan.shared).commit(order.chunk.index, hand / name)
        return _Handed(name, in_bucket=True)
    return _Handed(name, tuple(map(ray.put, _pieces(hand / name))))


def _understood(order: _Order) -> Plan:
    """The plan, if it can be carried out here as it was meant. Raises MissingResource, OpenFailed, PlanMismatch."""
    import ray

    here = ray.util.get_node_ip_address()
    if order.version != __version__:
        raise MissingResource(f"machine {here} has cinemill {__version__}, and the job is of {order.version}.")
    plan = Plan.model_validate_json(order.plan)
    for path, address in plan.origins:
        distant.brought(path, address)
    for path, meant in zip(plan.inputs, plan.signature.inputs):
        if not path.exists():
            raise OpenFailed(
                f"{path} is not there on machine {here}. All machines of a cluster must see the inputs under the same "
                "names, on NFS for instance, or fetch them from s3://."
            )
        found = identify(path)
        if (found.size, found.sample) != (meant.size, meant.sample):
            raise PlanMismatch(f"{path} is another file on machine {here}: {found} instead of {meant}.")
    plan.check_models()
    return plan


@contextmanager
def _hand(order: _Order) -> Generator[Path, None, None]:
    """The folder of this run where it can be seen, else a passing one."""
    if order.hand.is_dir():
        yield order.hand
        return
    with tempfile.TemporaryDirectory(prefix="cinemill-") as passing:
        yield Path(passing)


@contextmanager
def _at_home(folder: Path) -> Generator[None, None, None]:
    """Relative names in the parameters begin where the job was asked for."""
    before = Path.cwd()
    with suppress(OSError):
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _pieces(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        raise EngineRefused(
            "the parts of this operation are folders, so all machines must see the folder of the output."
        )
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _options(plan: Plan, resources: dict[str, float]) -> dict[str, Any]:
    """What a chunk takes of a machine: a GPU or an NVENC session only where it needs one and the cluster has some."""
    devices = plan.operation.devices(plan.settled)
    sessions = "nvenc" in devices and resources.get("nvenc", 0) > 0
    needs_gpu = "gpu" in devices or ("nvenc" in devices and not sessions)
    return {
        "num_cpus": settings().ray_cpus,
        "num_gpus": settings().ray_gpus if needs_gpu and resources.get("GPU", 0) > 0 else 0,
        "resources": {"nvenc": 1} if sessions else {},
    }


def _crash(error: Exception) -> EngineCrashed:
    return EngineCrashed(f"the worker that made it died: {_said(error)}.")


def _ray() -> Any:
    """Ray, quiet. Raises MissingResource."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise MissingResource("--on ray needs Ray; `pip install 'cinemill[cluster]'` brings it.") from None
    return ray


@contextmanager
def _connected(where: str) -> Generator[Any, None, None]:
    """Ray, connected to a cluster; the connection of a program that has one already is used and left alone.

    Raises EngineCrashed.
    """
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    _hush()
    with _same_signals():
        _connect(ray, where)
    try:
        yield ray
    finally:
        ray.shutdown()


def _hush() -> None:
    """Ray prints what becomes of machines on standard output, between our events; the events say it."""
    with suppress(ImportError):
        from ray._private import worker

        setattr(worker, "_worker_logs_enabled", False)  # noqa: B010 - no other switch reaches it


def _connect(ray: Any, where: str) -> None:
    address = os.environ.get("RAY_ADDRESS") if where == "ray" else where
    quiet: dict[str, Any] = {"log_to_driver": False}
    logging.getLogger("ray.util.client").setLevel(logging.ERROR)
    if address is None:
        # On a plain 127.0.0.1 Ray would take the address that the machine has in its network.
        loopback = {"_node_ip_address": "127.0.0.2"} if sys.platform == "linux" else {}
        own = {"num_cpus": cores(), "include_dashboard": False, "object_store_memory": _OBJECT_STORE}
        ray.init("local", logging_level="ERROR", **own, **loopback, **quiet)
        return
    if not address.startswith("ray://"):
        quiet["logging_level"] = "ERROR"  # a client would send it to the server, which takes no name of a level
    try:
        _init(ray, address, quiet)
    except ImportError:
        raise MissingResource(f"{address} needs Ray's client; `pip install 'cinemill[cluster]'` brings it.") from None
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
        raise EngineCrashed(
            f"the cluster at {address} cannot be reached: {_said(error)}. If it is there, RAY_AUTH_TOKEN, or what "
            "~/.ray/auth_token holds, must be the token that it was started with.",
            address=address,
        ) from error


def _init(ray: Any, address: str, quiet: dict[str, Any]) -> None:
    """Connect. What Ray's server begins for a client may die as it begins (docs/farm.md); then it is asked again."""
    tries = _TRIES if address.startswith("ray://") else 1
    if tries > 1:
        _reached(address)
    for left in reversed(range(tries)):
        try:
            ray.init(address, **quiet)
            return
        except (ConnectionError, RuntimeError):
            if not left:
                raise
            tell(f"the cluster at {address} did not answer; it is asked again.")


def _reached(address: str) -> None:
    """Raise ConnectionError when nothing listens there, which Ray's client takes half a minute to find out."""
    host, _, port = address.removeprefix("ray://").partition("/")[0].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except ValueError:
        return  # Ray says what is wrong with it
    except OSError as error:
        raise ConnectionError(f"nothing listens there: {error.strerror or error}") from None


def _said(error: Exception) -> str:
    """What Ray says, in a line: the last one of several, as tracebacks have it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")


@contextmanager
def _same_signals() -> Generator[None, None, None]:
    """Ray takes SIGTERM for itself; whoever had it before keeps it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
