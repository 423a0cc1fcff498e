"""Which attempt at which chunk to start, and what the end of each one means. Knows no cluster and no clock.

Whoever has workers asks `start`, and tells what becomes of each attempt; the simulation of a thousand workers and the
real cluster use the same code. Rules: a chunk that fails is tried elsewhere; one that fails `ATTEMPTS` times, or twice
in a way that will not pass, is set aside; a machine that is lost costs the chunk nothing; a machine on which chunks
fail that succeed elsewhere gets no more; when nothing waits, what is slow is begun a second time, and the first of the
two to end counts.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from statistics import median

from cinemill.errors import ChunkFailed, CinemillError, EngineCrashed, JobError, RequestError, ResourceError
from cinemill.jobs.events import NodeAtWork
from cinemill.operations import Chunk

ATTEMPTS = 3
"""How often a chunk is tried before it is set aside."""
LOSSES = 20
"""How many machines may be lost under a chunk before it is suspected of killing them."""
_BAD = 2
"""Chunks that fail one after another on a machine before it gets no more."""
_SLOW = 1.2
"""What is left of an attempt, against a whole new one, that makes the new one worth while."""
_PATIENCE = 2.0
"""Seconds that an attempt may take in any case."""
_BESIDE = 3
"""Attempts at a chunk at a time, at most."""
_STALL = 60.0
"""Seconds without a word after which an attempt is slow, where nothing is known of what is usual."""


@dataclass(slots=True)
class Attempt:
    """A chunk in hand. `avoid` are machines that it should not go to; times are the caller's, in seconds."""

    id: int
    chunk: Chunk
    avoid: frozenset[str]
    is_backup: bool = False
    node: str | None = None
    begun: float = 0.0
    heard: float = 0.0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A failure that matters: `final` when the chunk is set aside."""

    chunk: Chunk
    error: CinemillError
    final: bool


@dataclass(slots=True)
class _Node:
    """What is known of a machine."""

    name: str
    failures: set[int] = field(default_factory=set[int])
    """Chunks that failed here since the last one that did not."""
    finished: int = 0
    units: int = 0
    seconds: float = 0.0


class Farm:
    """The chunks of a job among many workers."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._waiting = deque(chunks)
        self._open = {chunk.index: chunk for chunk in chunks}
        self._hand: dict[int, Attempt] = {}
        self._of: dict[int, list[int]] = {}
        """Of each chunk, what is in hand of it, in the order of beginning."""
        self._ids = count()
        self._failures: dict[int, list[tuple[str | None, CinemillError]]] = {}
        self._losses: Counter[int] = Counter()
        self._nodes: dict[str, _Node] = {}
        self._paces: deque[float] = deque(maxlen=64)
        """Seconds a unit, of the attempts that ended last."""
        self.alive: set[str] = set()
        """Machines that there are, as far as the caller knows."""

    @property
    def is_busy(self) -> bool:
        """Whether any chunk is still to be made."""
        return bool(self._open)

    @property
    def in_hand(self) -> list[Attempt]:
        return list(self._hand.values())

    def start(self, now: float, room: int) -> Iterator[Attempt]:
        """At most `room` attempts to be started, which count as in hand from then on."""
        while room > 0 and self._waiting:
            chunk = self._waiting.popleft()
            if chunk.index in self._open:
                room -= 1
                yield self._take(chunk, now)
        queued = any(attempt.node is None for attempt in self._hand.values())
        if self._waiting or queued or room <= 0:
            return
        for attempt in self._slow(now)[:room]:
            yield self._take(attempt.chunk, now, beside=attempt)

    def begun(self, id: int, node: str, name: str, now: float) -> None:
        """An attempt is being worked on."""
        self._nodes.setdefault(node, _Node(name))
        self.alive.add(node)
        if attempt := self._hand.get(id):
            attempt.node, attempt.begun, attempt.heard = node, now, now

    def heard(self, id: int, done: int, now: float) -> int | None:
        """`done` units of an attempt are made. Gives back how far its chunk is; None if that is nothing new."""
        attempt = self._hand.get(id)
        if attempt is None:
            return None
        attempt.done, attempt.heard = done, now
        rivals = [self._hand[other].done for other in self._of[attempt.chunk.index]]
        return done if done >= max(rivals) else None

    def finished(self, id: int, now: float) -> bool:
        """An attempt handed its part in. Whether it is the first to do so, whose part counts."""
        attempt = self._dropped(id)
        if attempt is None or self._open.pop(attempt.chunk.index, None) is None:
            return False
        seconds = now - attempt.begun
        self._paces.append(seconds / max(1, attempt.chunk.size))
        if node := self._nodes.get(attempt.node or ""):
            node.failures.clear()
            node.finished += 1
            node.units += attempt.chunk.size
            node.seconds += seconds
        return True

    def failed(self, id: int, error: CinemillError) -> Verdict | None:
        """An attempt ended with an error. Raises one that every chunk would meet, seen on more than one machine."""
        attempt = self._dropped(id)
        if attempt is None or attempt.chunk.index not in self._open:
            return None
        index = attempt.chunk.index
        if node := self._nodes.get(attempt.node or ""):
            node.failures.add(index)
        failures = self._failures.setdefault(index, [])
        failures.append((attempt.node, error))
        passes = error.retry != "no"
        elsewhere = {node for node, _ in failures if node} < self.alive
        tries = ATTEMPTS if passes else 2 if elsewhere or len(failures) > 1 else 1
        if len(failures) < tries:
            return self._again(attempt, error)
        if of_the_job(error):
            raise error
        self._open.pop(index)
        return Verdict(attempt.chunk, error, final=True)

    def lost(self, id: int) -> Verdict | None:
        """The machine of an attempt is gone, which is not its chunk's fault unless it happens again and again."""
        attempt = self._dropped(id)
        if attempt is None or attempt.chunk.index not in self._open:
            return None
        self.alive.discard(attempt.node or "")
        self._losses[attempt.chunk.index] += 1
        name = self._name(attempt.node)
        if self._losses[attempt.chunk.index] < LOSSES:
            return self._again(attempt, EngineCrashed(f"the machine {name} that made it is gone."))
        self._open.pop(attempt.chunk.index)
        said = f"chunk {attempt.chunk.index} lost {LOSSES} machines, the last one was {name}."
        return Verdict(attempt.chunk, EngineCrashed(said), final=True)

    def superfluous(self) -> list[Attempt]:
        """What is in hand of chunks that are finished or set aside; it may be stopped."""
        return [attempt for attempt in self._hand.values() if attempt.chunk.index not in self._open]

    def forget(self, id: int) -> None:
        """A superfluous attempt was stopped."""
        self._dropped(id)

    def nodes(self) -> tuple[NodeAtWork, ...]:
        """What each machine is doing and has done."""
        running = Counter(attempt.node for attempt in self._hand.values())
        return tuple(
            NodeAtWork(
                node.name,
                running[id],
                node.finished,
                node.units / node.seconds * max(1, running[id]) if node.seconds else None,
                id in self._shunned(),
            )
            for id, node in self._nodes.items()
            if id in self.alive
        )

    def _take(self, chunk: Chunk, now: float, beside: Attempt | None = None) -> Attempt:
        burnt = {node for node, _ in self._failures.get(chunk.index, []) if node}
        if beside:
            burnt |= {node for id in self._of[chunk.index] if (node := self._hand[id].node)}
        avoid = self._avoidable(self._shunned() | burnt) or self._avoidable(burnt)
        attempt = Attempt(next(self._ids), chunk, avoid, beside is not None, begun=now, heard=now)
        self._hand[attempt.id] = attempt
        self._of.setdefault(chunk.index, []).append(attempt.id)
        return attempt

    def _avoidable(self, nodes: Iterable[str]) -> frozenset[str]:
        """Those machines, if any other is left."""
        avoid = self.alive & set(nodes)
        return frozenset(avoid) if avoid < self.alive else frozenset()

    def _again(self, attempt: Attempt, error: CinemillError) -> Verdict | None:
        if self._of.get(attempt.chunk.index):
            return None  # another attempt at it goes on
        self._waiting.appendleft(attempt.chunk)
        return Verdict(attempt.chunk, error, final=False)

    def _dropped(self, id: int) -> Attempt | None:
        """Take an attempt out of hand."""
        attempt = self._hand.pop(id, None)
        if attempt:
            self._of[attempt.chunk.index].remove(id)
            if not self._of[attempt.chunk.index]:
                del self._of[attempt.chunk.index]
        return attempt

    def _name(self, node: str | None) -> str:
        known = self._nodes.get(node or "")
        return known.name if known else "(unknown)"

    def _shunned(self) -> set[str]:
        bad = {id for id, node in self._nodes.items() if len(node.failures) >= _BAD}
        good = any(node.finished for id, node in self._nodes.items() if id not in bad)
        return bad if good else set()

    def _slow(self, now: float) -> list[Attempt]:
        """What a second attempt would overtake, the slowest first."""
        late: list[tuple[float, Attempt]] = []
        for index, ids in self._of.items():
            attempts = [self._hand[id] for id in ids]
            if index in self._open and len(attempts) < _BESIDE and all(self._is_slow(a, now) for a in attempts):
                last = attempts[-1]
                late.append((self._left(last, now), last))
        return [attempt for _, attempt in sorted(late, key=lambda pair: -pair[0])]

    def _is_slow(self, attempt: Attempt, now: float) -> bool:
        if len(self.alive) < 2 and now - attempt.heard < _STALL:
            return False  # beside itself on the same machine it would only be slower
        if now - attempt.begun < _PATIENCE:
            return False
        usual = self._usual(attempt, now)
        if usual is None:
            return now - attempt.heard >= _STALL
        return self._left(attempt, now) > _SLOW * usual * max(1, attempt.chunk.size)

    def _usual(self, attempt: Attempt, now: float) -> float | None:
        """Seconds a unit, by attempts that ended, or by the others that go on."""
        if self._paces:
            return median(self._paces)
        others = [(now - a.begun) / a.done for a in self._hand.values() if a is not attempt and a.done]
        return median(others) if others else None

    def _left(self, attempt: Attempt, now: float) -> float:
        """Seconds that it will still take, by what it did so far."""
        elapsed = now - attempt.begun
        if not attempt.done:
            return elapsed * max(1, attempt.chunk.size)
        return elapsed / attempt.done * max(0, attempt.chunk.size - attempt.done)


def of_the_job(error: CinemillError) -> bool:
    """Whether every chunk would meet it: a full disk, a wrong request."""
    return isinstance(error, ResourceError | RequestError | JobError) and not isinstance(error, ChunkFailed)
