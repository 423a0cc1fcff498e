"""A server's durable list of jobs: SQLite in a folder, shared by the server, its page and each job's own process.

What is written here survives any of them. A job is `queued`, `running`, `paused`, `done`, `failed` or `cancelled`;
`jobs/keeper.py` moves it along, `jobs/worker.py` does it and records what happens.

    FOLDER/queue.db        jobs, their events, and words that are still to be sent out
    FOLDER/jobs/ID/        a job's log, its passing files and, unless a path was named, its output
    FOLDER/files/ID/NAME   what was uploaded, see `jobs/shelf.py`
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from cinemill.errors import CinemillError, JobError, JobRunning, NotHere, QueueFull
from cinemill.jobs import events as ev
from cinemill.jobs.shelf import Shelf
from cinemill.operations import get, request
from cinemill.storage import elsewhere

State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
ENDED: Final = ("done", "failed", "cancelled")
_OFTEN: Final = {"progress": "working", "joining": "joining", "measuring": "measuring"}
"""Events of which only the last is kept, and the stage that each tells of."""
_PATIENCE: Final = 30.0
"""Seconds to wait for another process that writes."""
_TABLES: Final = """
create table if not exists jobs (
    place integer primary key autoincrement, id text unique not null, operation text not null, inputs text not null,
    output text, outputs text not null default '[]', params text not null, options text not null,
    priority integer not null, lane text not null, state text not null, wish text, why text not null default '',
    progress text not null default '{}', error text, result text not null default '{}', webhook text,
    created real not null, started real, finished real, beat real, process text, attempt integer not null default 0
);
create index if not exists jobs_by_state on jobs (state, priority desc, place);
create table if not exists events (
    seq integer primary key autoincrement, job text not null, at real not null, kind text not null, data text not null
);
create index if not exists jobs_with_process on jobs (id) where process is not null;
create index if not exists events_of_job on events (job, seq);
create table if not exists calls (
    id integer primary key autoincrement, job text not null, url text not null, due real not null,
    tries integer not null default 0
);
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a job is: `done` of `total` units; `rate` in units a second and `eta` in seconds, None while unknown.

    `stage` is planning, working, joining or measuring; `share` runs from 0 to 1 within it.
    """

    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float | None = None
    eta: float | None = None
    stage: str = "planning"
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stood when it was asked for. Times are seconds since 1970.

    `output` is known from the start when it was named, else once the job has begun. `why` is a sentence on what the
    job waits for; `error` the sentence of a failure and `failure` all of it.
    """

    id: str
    operation: str
    inputs: tuple[Path, ...]
    output: Path | None
    outputs: tuple[Path, ...]
    params: dict[str, Any]
    options: dict[str, Any]
    priority: int
    lane: str
    state: State
    why: str
    progress: Standing
    error: str | None
    failure: dict[str, Any] | None
    result: dict[str, Any]
    webhook: str | None
    created: float
    started: float | None
    finished: float | None
    attempt: int

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def made(self) -> dict[str, Path]:
        """The files that a job which is done has made, by name; those of a folder as FOLDER/NAME."""
        found: dict[str, Path] = {}
        for output in self.outputs if self.state == "done" else ():
            files = sorted(output.rglob("*")) if output.is_dir() else [output]
            found |= {str(path.relative_to(output.parent)): path for path in files if path.is_file()}
        return found


@dataclass(frozen=True, slots=True)
class Held:
    """What only the keeper looks at: the process of a job, what its user wishes, when it last said something."""

    id: str
    state: State
    lane: str
    wish: str | None
    why: str
    process: dict[str, Any] | None
    attempt: int
    beat: float


@dataclass(frozen=True)
class Call:
    """A word that is still to be sent to a webhook."""

    id: int
    job: str
    url: str
    tries: int


@dataclass
class _Pool:
    """Connections to one database, handed from thread to thread."""

    path: Path
    durable: bool
    idle: list[sqlite3.Connection] = field(default_factory=list[sqlite3.Connection])
    closed: bool = False

    @contextmanager
    def connection(self) -> Generator[sqlite3.Connection, None, None]:
        db = None
        try:
            db = self.idle.pop() if self.idle else self._open()
            yield db
        except sqlite3.DatabaseError as error:
            raise JobError(f"the queue in {self.path.parent} cannot be used: {error}.") from error
        finally:
            if db:
                self.idle.append(db) if not self.closed else db.close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            db.row_factory = sqlite3.Row
            db.execute("pragma journal_mode = wal")
            db.execute(f"pragma synchronous = {'full' if self.durable else 'normal'}")
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        self.closed = True
        while self.idle:
            self.idle.pop().close()


class Queue:
    """Jobs that survive whoever asked for them. Any thread, and any process, may use one on the same folder.

    `most` is how many may wait at once. `lasting` makes every change survive a power cut, which a job's own process
    leaves off for its many small ones.
    """

    def __init__(self, folder: Path, *, most: int = 1000, lasting: bool = True) -> None:
        self.folder = folder.absolute()
        self.most = most
        self.shelf = Shelf(self.folder / "files")
        self.stir = threading.Event()
        """Set when something changed that a keeper in this process should look at."""
        (self.folder / "jobs").mkdir(parents=True, exist_ok=True)
        self._pool = _Pool(self.folder / "queue.db", lasting)
        with self._pool.connection() as db:
            db.executescript(_TABLES)

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection, None, None]:
        """All or nothing."""
        with self._pool.connection() as db:
            db.execute("begin immediate")
            try:
                yield db
            except BaseException:
                db.execute("rollback")
                raise
            db.execute("commit")

    # what people ask for

    def submit(
        self,
        operation: str,
        inputs: Sequence[Path],
        params: dict[str, Any],
        *,
        output: Path | None = None,
        options: dict[str, Any] | None = None,
        priority: int = 0,
        webhook: str | None = None,
        id: str | None = None,
    ) -> Job:
        """Put a job at the end of those of its `priority`; a higher one comes first.

        `options` are preset, chunk_seconds, overwrite, metrics, on, name (of the output in the job's own folder), lane
        (cpu, gpu or deck) and confined (see `jobs/confine.py`); what else is in them is the asker's. Without `output`
        the job makes its file in its own folder. An `id` that is there already gives back that job. Raises RequestError
        and QueueFull.
        """
        options = dict(options or {})
        asked = request(operation, inputs, output, params, options.get("preset"))
        values = asked.params.model_dump(mode="json", exclude_unset=True)
        # What lies elsewhere is brought by the job itself, to a place of its own.
        values |= {name: value for name, value in params.items() if _address(value) and name in values}
        lane = options.get("lane") or _lane(operation)
        id = id or secrets.token_hex(8)
        with self._writing() as db:
            if db.execute("select 1 from jobs where id = ?", (id,)).fetchone() is None:
                waiting = db.execute("select count(*) from jobs where state = 'queued'").fetchone()[0]
                if waiting >= self.most:
                    raise QueueFull(f"{waiting} jobs are waiting already; try again when some are done.")
                db.execute(
                    "insert into jobs (id, operation, inputs, output, params, options, priority, lane, state, webhook,"
                    " created) values (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
                    (
                        id,
                        operation,
                        json.dumps([_lasting(path) for path in inputs]),
                        _lasting(output) if output else None,
                        json.dumps(values),
                        json.dumps(options),
                        priority,
                        lane,
                        webhook,
                        time.time(),
                    ),
                )
                _say(db, id, ev.Moved("queued"))
        self.stir.set()
        return self.get(id)

    def get(self, id: str) -> Job:
        """Raises NotHere."""
        with self._pool.connection() as db:
            row = db.execute("select * from jobs where id = ?", (id,)).fetchone()
        if row is None:
            raise NotHere(f"there is no job {id!r}.", id=id)
        return _job(row)

    def jobs(self, states: Iterable[State] | None = None, limit: int = 100, *, before: str | None = None) -> list[Job]:
        """The newest first; `before` goes on after a job that was the last of an earlier answer."""
        wanted = tuple(states) if states is not None else ()
        where = [f"state in ({','.join('?' * len(wanted))})"] if states is not None else []
        where += ["place < (select place from jobs where id = ?)"] if before else []
        sql = f"select * from jobs {'where' if where else ''} {' and '.join(where)} order by place desc limit ?"
        with self._pool.connection() as db:
            return [_job(row) for row in db.execute(sql, (*wanted, *([before] if before else []), limit))]

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._pool.connection() as db:
            found = dict(db.execute("select state, count(*) from jobs group by state").fetchall())
        states: tuple[State, ...] = ("queued", "running", "paused", "done", "failed", "cancelled")
        return {state: found.get(state, 0) for state in states}

    def cancel(self, id: str) -> Job:
        """End a job and throw its unfinished work away; one that has ended is left as it is."""
        with self._writing() as db:
            row = self._row(db, id)
            if row["state"] not in ENDED:
                if row["process"] or row["state"] == "running":
                    db.execute("update jobs set wish = 'cancel' where id = ?", (id,))
                else:
                    _move(db, id, "cancelled", finished=time.time())
        self.stir.set()
        return self.get(id)

    def pause(self, id: str) -> Job:
        """Let a job rest where it is. Raises JobError for one that has ended."""
        with self._writing() as db:
            row = self._row(db, id)
            _refuse_ended(row, "paused")
            if row["state"] == "queued":
                _move(db, id, "paused")
            elif row["state"] == "running":
                db.execute("update jobs set wish = 'pause' where id = ? and wish is null", (id,))
            elif row["state"] == "paused":
                db.execute(
                    "update jobs set why = '' where id = ?", (id,)
                )  # from now on the user's pause, not a guard's
        self.stir.set()
        return self.get(id)

    def resume(self, id: str) -> Job:
        """Let a paused job go on, in its turn. Raises JobError for one that has ended."""
        with self._writing() as db:
            row = self._row(db, id)
            _refuse_ended(row, "resumed; retry does it again")
            if row["state"] == "paused":
                _move(db, id, "queued")
            elif row["wish"] == "pause":
                db.execute("update jobs set wish = null where id = ?", (id,))
        self.stir.set()
        return self.get(id)

    def retry(self, id: str) -> Job:
        """Queue a job that failed or was cancelled again; what it had finished is used. Raises JobError for others."""
        with self._writing() as db:
            row = self._row(db, id)
            if row["state"] not in ("failed", "cancelled"):
                raise JobError(f"job {id} is {row['state']}; only a failed or cancelled one is done again.")
            db.execute("delete from calls where job = ?", (id,))
            wish = "again" if row["process"] else None  # the last process must be gone first
            _move(db, id, "queued", error=None, finished=None, attempt=0, progress="{}", wish=wish)
        self.stir.set()
        return self.get(id)

    def remove(self, id: str) -> None:
        """Forget a job that has ended, with its log and what it made in its own folder. Raises JobRunning."""
        with self._writing() as db:
            row = self._row(db, id)
            if row["state"] not in ENDED:
                raise JobRunning(f"job {id} is {row['state']}; cancel it first.")
            for table, column in (("jobs", "id"), ("events", "job"), ("calls", "job")):
                db.execute(f"delete from {table} where {column} = ?", (id,))
        shutil.rmtree(self.place(id), ignore_errors=True)

    def events(self, id: str | None, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """What happened to a job, or to all, since the event numbered `after`: `seq`, `at`, `job` and the event's own.

        Of progress only the last is kept. Raises NotHere.
        """
        with self._pool.connection() as db:
            if id is not None:
                self._row(db, id)
            rows = db.execute(
                f"select * from events where seq > ? {'and job = ?' if id is not None else ''} order by seq limit ?",
                (after, *([id] if id is not None else []), limit),
            ).fetchall()
        return [{"seq": row["seq"], "at": row["at"], "job": row["job"], **json.loads(row["data"])} for row in rows]

    def last_event(self) -> int:
        """The number of the newest event; 0 before the first."""
        with self._pool.connection() as db:
            row = db.execute("select seq from sqlite_sequence where name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def place(self, id: str) -> Path:
        """The job's own folder."""
        return self.folder / "jobs" / id

    def log(self, id: str, last: int = 1 << 16) -> str:
        """The end of what the job's process printed: at most `last` bytes. Raises NotHere."""
        self.get(id)
        try:
            with (self.place(id) / "log.txt").open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - last))
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    # what a job's own process tells

    def claim(self, id: str, attempt: int, process: dict[str, Any]) -> bool:
        """Whether this process is the one that is to do the job; it is written down as that."""
        with self._writing() as db:
            taken = db.execute(
                "update jobs set process = ?, beat = ? where id = ? and attempt = ? and state = 'running'"
                " and process is null",
                (json.dumps(process), time.time(), id, attempt),
            )
            return taken.rowcount == 1

    def settle(self, id: str, output: Path | None) -> None:
        """Write down where the output will be."""
        with self._writing() as db:
            db.execute("update jobs set output = ? where id = ?", (str(output) if output else None, id))

    def record(self, id: str, event: ev.Event) -> None:
        """Write down what happened, and what follows from it for the job. What has ended hears nothing more."""
        with self._writing() as db:
            row = self._row(db, id)
            if row["state"] in ENDED:
                return
            _say(db, id, event)
            now = time.time()
            db.execute("update jobs set beat = ? where id = ?", (now, id))
            standing = _standing(Standing(**json.loads(row["progress"])), event)
            if standing:
                db.execute("update jobs set progress = ? where id = ?", (json.dumps(asdict(standing)), id))
            if isinstance(event, ev.Done):
                outputs = json.dumps([str(path) for path in event.outputs])
                result = json.dumps(event.result)
                _move(db, id, "done", finished=now, outputs=outputs, result=result, error=None)
            elif isinstance(event, ev.Failed):
                _move(db, id, "failed", finished=now, error=json.dumps(event.error))

    # what the keeper does

    def held(self) -> list[Held]:
        """Jobs that run, and those whose process may still be there."""
        with self._pool.connection() as db:
            rows = db.execute("select * from jobs where state = 'running' or process is not null").fetchall()
        return [_held(row) for row in rows]

    def next(self, lane: str) -> Held | None:
        """The job whose turn it is."""
        with self._pool.connection() as db:
            row = db.execute(
                "select * from jobs where state = 'queued' and lane = ? and wish is null order by priority desc, place"
                " limit 1",
                (lane,),
            ).fetchone()
        return _held(row) if row else None

    def begin(self, id: str) -> int | None:
        """Let a queued job run; the number of the attempt, or None when it is not queued any more."""
        with self._writing() as db:
            row = db.execute("select state, attempt, started from jobs where id = ?", (id,)).fetchone()
            if row is None or row["state"] != "queued":
                return None
            now = time.time()
            _move(db, id, "running", attempt=row["attempt"] + 1, started=row["started"] or now, process=None, beat=now)
            return int(row["attempt"]) + 1

    def shift(self, id: str, states: Iterable[State], state: State, why: str = "", **columns: Any) -> bool:
        """Move a job that is in one of `states`; False when it is not. `columns` are written beside it."""
        with self._writing() as db:
            row = db.execute("select state from jobs where id = ?", (id,)).fetchone()
            if row is None or row["state"] not in tuple(states):
                return False
            _move(db, id, state, why, **columns)
        return True

    def fail(self, id: str, error: CinemillError) -> None:
        """End a job that has not ended."""
        with self._writing() as db:
            if self._row(db, id)["state"] not in ENDED:
                _say(db, id, ev.Failed(error.as_dict()))
                _move(db, id, "failed", finished=time.time(), error=json.dumps(error.as_dict()))

    def explain(self, id: str, why: str) -> None:
        """Say what a job waits for."""
        with self._writing() as db:
            db.execute("update jobs set why = ? where id = ? and why <> ?", (why, id, why))

    def forget_process(self, id: str) -> None:
        with self._writing() as db:
            db.execute("update jobs set process = null, wish = null where id = ?", (id,))

    def calls(self, now: float) -> list[Call]:
        """Words to webhooks that are due."""
        with self._pool.connection() as db:
            rows = db.execute("select id, job, url, tries from calls where due <= ? order by due limit 20", (now,))
            return [Call(*row) for row in rows]

    def called(self, call: Call, again: float | None) -> None:
        """A word was heard, or is to be tried `again` at that time."""
        with self._writing() as db:
            if again is None:
                db.execute("delete from calls where id = ?", (call.id,))
            else:
                db.execute("update calls set due = ?, tries = tries + 1 where id = ?", (again, call.id))

    def _row(self, db: sqlite3.Connection, id: str) -> sqlite3.Row:
        row = db.execute("select * from jobs where id = ?", (id,)).fetchone()
        if row is None:
            raise NotHere(f"there is no job {id!r}.", id=id)
        return row


def _refuse_ended(row: sqlite3.Row, what: str) -> None:
    if row["state"] in ENDED:
        raise JobError(f"job {row['id']} is {row['state']} and cannot be {what}.")


def _say(db: sqlite3.Connection, id: str, event: ev.Event) -> None:
    if event.kind in _OFTEN:
        db.execute("delete from events where job = ? and kind = ?", (id, event.kind))
    db.execute(
        "insert into events (job, at, kind, data) values (?, ?, ?, ?)",
        (id, time.time(), event.kind, json.dumps(event.as_dict())),
    )


def _move(db: sqlite3.Connection, id: str, state: State, why: str = "", **columns: Any) -> None:
    values = {"state": state, "why": why, "wish": None, **columns}
    db.execute(f"update jobs set {', '.join(f'{name} = ?' for name in values)} where id = ?", (*values.values(), id))
    _say(db, id, ev.Moved(state, why))
    if state in ENDED:
        db.execute(
            "insert into calls (job, url, due) select id, webhook, ? from jobs where id = ? and webhook is not null",
            (time.time(), id),
        )


def _standing(was: Standing, event: ev.Event) -> Standing | None:
    """How far a job is after an event; None when it tells nothing of that."""
    match event:
        case ev.Planned():
            return Standing(event.done, event.total, event.unit, stage="working", share=_share(event.done, event.total))
        case ev.Progress():
            share = _share(event.done, event.total)
            return Standing(event.done, event.total, event.unit, event.rate, event.eta, "working", share)
        case ev.Joining() | ev.Measuring():
            return Standing(was.done, was.total, was.unit, None, None, _OFTEN[event.kind], event.share)
        case ev.Done():
            return Standing(was.total, was.total, was.unit, was.rate, 0.0, was.stage, 1.0)
        case _:
            return None


def _share(done: int, total: int) -> float:
    return done / total if total else 0.0


def _lane(operation: str) -> str:
    """Where an operation waits: whatever may use a graphics processor takes turns on it, where there is one."""
    from cinemill.hardware import gpus

    found = get(operation)
    uses = found.makes_video or {"device", "model"} & found.params.model_fields.keys()
    return "gpu" if uses and any(gpu.alone for gpu in gpus()) else "cpu"


def _held(row: sqlite3.Row) -> Held:
    return Held(
        id=row["id"],
        state=row["state"],
        lane=row["lane"],
        wish=row["wish"],
        why=row["why"],
        process=json.loads(row["process"]) if row["process"] else None,
        attempt=row["attempt"],
        beat=row["beat"] or 0.0,
    )


def _lasting(path: Path) -> str:
    """A file by a name that means the same from any folder."""
    return elsewhere.address(path) or str(path.absolute())


def _address(value: Any) -> str | None:
    return elsewhere.address(value) if isinstance(value, str | Path) else None


def _job(row: sqlite3.Row) -> Job:
    failure = json.loads(row["error"]) if row["error"] else None
    return Job(
        id=row["id"],
        operation=row["operation"],
        inputs=tuple(map(Path, json.loads(row["inputs"]))),
        output=Path(row["output"]) if row["output"] else None,
        outputs=tuple(map(Path, json.loads(row["outputs"]))),
        params=json.loads(row["params"]),
        options=json.loads(row["options"]),
        priority=row["priority"],
        lane=row["lane"],
        state=row["state"],
        why=row["why"],
        progress=Standing(**json.loads(row["progress"])),
        error=failure["message"] if failure else None,
        failure=failure,
        result=json.loads(row["result"]),
        webhook=row["webhook"],
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        attempt=row["attempt"],
    )
