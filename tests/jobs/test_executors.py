"""What every executor promises of `map`."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pieces import attempts, whole

from cinemill.errors import ChunkFailed, CinemillError, DecodeFailed, DiskFull, EngineCrashed, EngineTimeout
from cinemill.jobs.events import Done, Event, PartDone, Planned, Progress, Retried
from cinemill.jobs.executors import ATTEMPTS, Executor, Processes, Serial
from cinemill.jobs.run import run
from cinemill.operations import Request
from command import below

Ask = Callable[..., Request[Any]]
pytestmark = pytest.mark.usefixtures("tidy")
EXECUTORS = pytest.mark.parametrize("executor", [Serial(), Processes(2)], ids=["serial", "processes"])


def gather(request: Request[Any], executor: Executor) -> tuple[list[Event], CinemillError | None]:
    """All events, and the error they ended with."""
    events: list[Event] = []
    try:
        for event in run(request, executor=executor):
            events.append(event)
    except CinemillError as error:
        return events, error
    return events, None


def made(events: list[Event]) -> set[int]:
    return {event.chunk for event in events if isinstance(event, PartDone)}


@pytest.fixture
def tidy() -> Iterator[None]:
    """Afterwards no process and no thread is left; one that just got the word to stop may take a moment."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) <= before
    assert not multiprocessing.active_children()


@EXECUTORS
def test_result_is_the_same_wherever_it_is_made(executor: Executor, trouble: Ask, folder: Path) -> None:
    _, error = gather(trouble(), executor)
    assert error is None
    assert (folder / "out").read_text() == whole()
    assert sorted(attempts(folder / "in")) == [0, 1, 2, 3]


@EXECUTORS
def test_events_come_in_order_and_the_last_one_says_done(executor: Executor, trouble: Ask) -> None:
    events, _ = gather(trouble(), executor)
    assert isinstance(events[0], Planned)
    assert [type(event) for event in events].count(Done) == 1
    assert isinstance(events[-1], Done)
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done == sorted(done)
    assert done[-1] == 12
    assert made(events) == {0, 1, 2, 3}


@EXECUTORS
def test_no_chunks_are_no_work(executor: Executor, trouble: Ask, folder: Path) -> None:
    _, error = gather(trouble(chunks=0), executor)
    assert error is None
    assert (folder / "out").read_bytes() == b""


@EXECUTORS
@pytest.mark.parametrize(
    ("fault", "tried", "cause"),
    [("timeout", ATTEMPTS, EngineTimeout), ("decode", 1, DecodeFailed), ("bug", 1, ChunkFailed)],
)
def test_failing_chunk_is_set_aside_and_the_others_are_finished(
    executor: Executor, fault: str, tried: int, cause: type[CinemillError], trouble: Ask, folder: Path
) -> None:
    events, error = gather(trouble(fault=fault), executor)
    assert type(error) is ChunkFailed
    assert isinstance(error.__cause__, cause)
    assert "1 of 4 chunks failed" in error.sentence
    assert attempts(folder / "in").count(1) == tried
    assert sum(isinstance(event, Retried) for event in events) == tried - 1
    assert made(events) == {0, 2, 3}
    assert not list(folder.glob(".out.cinemill/*.tmp*"))


@EXECUTORS
def test_chunk_that_recovers_is_no_failure(executor: Executor, trouble: Ask, folder: Path) -> None:
    _, error = gather(trouble(fault="timeout", times=2), executor)
    assert error is None
    assert (folder / "out").read_text() == whole()
    assert attempts(folder / "in").count(1) == 3


@EXECUTORS
def test_full_disk_stops_everything_at_once(executor: Executor, trouble: Ask, folder: Path) -> None:
    _, error = gather(trouble(chunks=400, at=0, fault="disk"), executor)
    assert isinstance(error, DiskFull)
    assert len(attempts(folder / "in")) < 400


@EXECUTORS
def test_single_chunk_fails_with_its_own_error(executor: Executor, trouble: Ask, folder: Path) -> None:
    _, error = gather(trouble(chunks=1, at=0, fault="decode"), executor)
    assert isinstance(error, DecodeFailed)
    assert below(folder) == {"in", "in.attempts"}, "nothing was finished, so nothing stays"


@EXECUTORS
def test_closing_early_ends_all_work_and_keeps_what_is_finished(executor: Executor, trouble: Ask, folder: Path) -> None:
    with closing(run(trouble(gate=str(folder / "never")), executor=executor)) as events:
        for event in events:
            if isinstance(event, PartDone):
                break
    job = folder / ".out.cinemill"
    assert {path.name for path in job.iterdir()} - {"lock"} == {"plan.json", "part-00000"}


@pytest.mark.parametrize("lanes", [1, 2])
def test_process_that_dies_is_blamed_alone(lanes: int, trouble: Ask, folder: Path) -> None:
    events, error = gather(trouble(chunks=6, steps=50, fault="death"), Processes(lanes))
    assert type(error) is ChunkFailed
    assert isinstance(error.__cause__, EngineCrashed)
    assert "killed by signal 9" in error.sentence
    assert made(events) == {0, 2, 3, 4, 5}
    assert sorted(attempts(folder / "in")) == sorted([0, 1, 1, 1, 2, 3, 4, 5])
    assert not list((folder / ".out.cinemill").glob("*.tmp*"))


def devices_seen(folder: Path) -> list[str]:
    return [line.split()[2] for line in (folder / "in.attempts").read_text().splitlines()]


def test_each_process_sees_a_device_of_its_own(trouble: Ask, folder: Path) -> None:
    gather(trouble(chunks=2), Processes(2, [{"TROUBLE_DEVICE": "a"}, {"TROUBLE_DEVICE": "b"}]))
    assert sorted(devices_seen(folder)) == ["a", "b"]


def test_process_that_dies_leaves_its_device_to_its_successor(trouble: Ask, folder: Path) -> None:
    _, error = gather(trouble(chunks=2, fault="death", times=1), Processes(1, [{"TROUBLE_DEVICE": "a"}]))
    assert error is None
    assert devices_seen(folder) == ["a", "a", "a"]


def test_fault_in_another_process_brings_its_traceback(trouble: Ask) -> None:
    _, error = gather(trouble(fault="bug"), Processes(1))
    assert error
    assert error.__cause__
    assert "ZeroDivisionError: seven by nothing" in error.sentence
    assert "in part" in str(error.__cause__.__cause__)


def test_consumer_that_does_not_ask_pauses_all_lanes(trouble: Ask, folder: Path) -> None:
    """A lane speaks ten times a second and waits for an answer: until then it would make all of its steps."""

    def sizes() -> list[int]:
        return [path.stat().st_size for path in sorted(folder.glob(".out.cinemill/part-*"))]

    with closing(run(trouble(chunks=2, steps=1_000_000), executor=Processes(2))) as events:
        next(event for event in events if len(sizes()) == 2 and all(sizes()))
        lanes = multiprocessing.active_children()
        lanes[0].join(1.0)
        paused = sizes()
        lanes[1].join(0.5)
        assert sizes() == paused
        next(event for event in events if sum(sizes()) > sum(paused))
