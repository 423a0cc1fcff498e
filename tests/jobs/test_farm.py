"""A thousand workers, simulated on the very code that decides for a real cluster: time and cost scale as computed."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from itertools import count

import pytest

from cinemill.errors import DecodeFailed, DiskFull, EngineTimeout
from cinemill.jobs.farm import ATTEMPTS, Attempt, Farm
from cinemill.operations import Chunk

UNIT = 0.1
"""Seconds a unit on a worker that is in order."""
TICK = 2.0
"""Seconds between two looks."""


@dataclass
class Told:
    """What a simulated run took."""

    seconds: float
    busy: float
    """Seconds of workers."""
    made: dict[int, int] = field(default_factory=dict)
    """How often a part of each chunk counted."""
    begun: int = 0
    failed: set[int] = field(default_factory=set)


@dataclass
class Odds:
    death: float = 0.0
    """That a machine dies during an attempt; another comes in its place."""
    slow: float = 0.0
    """That an attempt takes twenty times as long."""
    poison: tuple[int, ...] = ()
    bad: tuple[int, ...] = ()
    """Workers on which nothing succeeds."""


def simulate(workers: int, chunks: list[Chunk], odds: Odds, seed: int = 1) -> Told:
    """Events in the order of a virtual clock; a worker is a machine with one place."""
    chance = random.Random(seed)
    farm = Farm(chunks)
    names = count()
    idle = [f"w{next(names)}" for _ in range(workers)]
    farm.alive = set(idle)
    told = Told(0.0, 0.0)
    events: list[tuple[float, int, str, int, str]] = []
    order = count()
    now = 0.0
    hands: dict[int, tuple[str, float, float]] = {}
    waiting: list[Attempt] = []
    heapq.heappush(events, (TICK, next(order), "tick", 0, ""))
    while farm.is_busy:
        waiting += farm.start(now, len(idle) - len(waiting))
        for attempt in waiting[:]:
            place = next((n for n, name in enumerate(idle) if name not in attempt.avoid), None)
            if place is None:
                continue
            waiting.remove(attempt)
            worker = idle.pop(place)
            told.begun += 1
            farm.begun(attempt.id, worker, worker, now)
            length = attempt.chunk.size * UNIT * chance.uniform(0.9, 1.1) * (20 if chance.random() < odds.slow else 1)
            what, when = "end", length
            if attempt.chunk.index in odds.poison:
                what, when = "fail", 0.3 * length
            elif worker in {f"w{n}" for n in odds.bad}:
                what, when = "fail", 0.01 * length
            elif chance.random() < odds.death:
                what, when = "die", chance.random() * length
            hands[attempt.id] = worker, now, now + when
            for share in (0.25, 0.5, 0.75):
                if share * length < when:
                    units = int(share * attempt.chunk.size)
                    heapq.heappush(events, (now + share * length, next(order), f"word {units}", attempt.id, worker))
            heapq.heappush(events, (now + when, next(order), what, attempt.id, worker))
        now, _, what, id, worker = heapq.heappop(events)
        if what == "tick":
            heapq.heappush(events, (now + TICK, next(order), "tick", 0, ""))
            continue
        if id not in hands:
            continue  # it was stopped
        if what.startswith("word"):
            farm.heard(id, int(what.split()[1]), now)
            continue
        chunk = next(attempt.chunk.index for attempt in farm.in_hand if attempt.id == id)
        if what == "end" and farm.finished(id, now):
            told.made[chunk] = told.made.get(chunk, 0) + 1
        elif what == "fail":
            verdict = farm.failed(id, EngineTimeout("it did not answer."))
            if verdict and verdict.final:
                told.failed.add(verdict.chunk.index)
        elif what == "die":
            farm.lost(id)
            worker = f"w{next(names)}"
            farm.alive.add(worker)
        told.busy += now - hands.pop(id)[1]
        idle.append(worker)
        for attempt in farm.superfluous():
            farm.forget(attempt.id)
            if attempt.id in hands:
                worker, begun, _ = hands.pop(attempt.id)
                told.busy += now - begun
                idle.append(worker)
    told.seconds = now
    return told


def pieces(number: int, size: int = 100) -> list[Chunk]:
    return [Chunk(index=index, size=size) for index in range(number)]


@pytest.mark.parametrize("workers", [1, 10, 100, 1000])
def test_time_falls_as_workers_come_and_cost_stays(workers: int) -> None:
    chunks = pieces(2000)
    work = sum(chunk.size for chunk in chunks) * UNIT
    told = simulate(workers, chunks, Odds())
    assert told.made == dict.fromkeys(range(2000), 1)
    assert told.seconds < work / workers * 1.1 + 2 * 100 * UNIT
    assert told.busy < 1.05 * work + 0.5 * min(workers, 2000) * 100 * UNIT


def test_thousand_workers_that_die_and_dawdle_make_every_part_once() -> None:
    chunks = pieces(3000)
    told = simulate(1000, chunks, Odds(death=0.05, slow=0.02))
    assert told.made == dict.fromkeys(range(3000), 1)
    assert not told.failed
    ideal = 3000 * 100 * UNIT / 1000
    assert told.seconds < 2.5 * ideal, "who dawdles is overtaken"
    assert told.begun < 1.25 * 3000


def test_without_second_attempts_the_slowest_would_decide() -> None:
    chunks = pieces(1000)
    told = simulate(1000, chunks, Odds(slow=0.02))
    assert told.seconds < 20 * 100 * UNIT / 4


def test_poison_is_set_aside_and_costs_its_own_attempts_alone() -> None:
    told = simulate(100, pieces(1000), Odds(poison=(7, 500)))
    assert told.failed == {7, 500}
    assert len(told.made) == 998
    assert told.begun <= 998 * 1.15 + 2 * ATTEMPTS


def test_machine_on_which_nothing_succeeds_is_shunned() -> None:
    told = simulate(50, pieces(1000), Odds(bad=(3,)))
    assert len(told.made) == 1000
    assert not told.failed
    assert told.begun < 1000 * 1.15 + 60


def test_full_disk_is_believed_when_two_machines_say_it() -> None:
    farm = Farm(pieces(3))
    farm.alive = {"a", "b"}
    first = next(farm.start(0, 1))
    farm.begun(first.id, "a", "a", 0)
    assert farm.failed(first.id, DiskFull("no room.")).final is False
    again = next(farm.start(0, 1))
    assert (again.chunk.index, again.avoid) == (first.chunk.index, {"a"})
    farm.begun(again.id, "b", "b", 0)
    with pytest.raises(DiskFull):
        farm.failed(again.id, DiskFull("no room."))


def test_late_part_of_an_overtaken_attempt_does_not_count() -> None:
    farm = Farm(pieces(2))
    farm.alive = {"a", "b"}
    one, two = farm.start(0, 2)
    farm.begun(one.id, "a", "a", 0)
    farm.begun(two.id, "b", "b", 0)
    assert farm.finished(two.id, 10)
    backup = next(farm.start(60, 1))
    assert backup.is_backup
    assert backup.avoid == {"a"}
    farm.begun(backup.id, "b", "b", 60)
    assert farm.failed(one.id, DecodeFailed("nothing.")) is None, "the second attempt goes on"
    assert farm.finished(backup.id, 70)
    assert not farm.finished(one.id, 80)
    assert not farm.is_busy
