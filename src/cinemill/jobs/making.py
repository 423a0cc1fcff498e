"""How one part comes about, and what is said of it on the way: shared by whatever makes parts."""

from __future__ import annotations

import gc
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cinemill.errors import ChunkFailed, CinemillError, JobError
from cinemill.jobs.events import AtWork
from cinemill.jobs.plan import Plan
from cinemill.jobs.store import JobFolder, removed
from cinemill.notices import listening
from cinemill.operations import Chunk

BREATH = 0.1
"""Seconds between two words of whoever makes a part."""


@dataclass(frozen=True, slots=True)
class Made:
    """`done` units of a chunk are made; `finished` when its part is in place."""

    chunk: int
    done: int
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A chunk failed; `final` when it will not be tried again."""

    chunk: int
    error: CinemillError
    final: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence for people that came up while a chunk was made."""

    chunk: int
    sentence: str


Progressing = Generator[Made | Spoilt | Told | AtWork, None, None]


@dataclass(frozen=True)
class Fault:
    """An error on its way from a process that makes parts; its traceback would not pass through a pipe."""

    error: CinemillError
    trace: str


class Elsewhere(Exception):
    """The traceback of an error in another process."""


def make_part(folder: JobFolder, chunk: Chunk) -> Generator[int | str, None, None]:
    """Make one part of the plan in `folder`, as `make`. Raises CinemillError."""
    plan = folder.plan()
    if plan is None:
        raise JobError(f"{folder.path} holds no plan any more.")
    yield from make(plan, chunk, folder.temporary(f"part-{chunk.index:05d}"), folder.part(chunk.index))


def make(plan: Plan, chunk: Chunk, temporary: Path, target: Path) -> Generator[int | str, None, None]:
    """Make one part of a plan: under a temporary name, made durable, renamed. Raises CinemillError.

    Gives back how many units are done, and sentences for people as they come up.
    """
    from cinemill.media.write import durable, said_plainly

    # PyAV's containers and streams hold each other, and a decoder's pictures, until the collector finds them.
    gc.collect()
    _freeze()
    work = plan.operation.part(plan.request, plan.settled, chunk, temporary)
    try:
        with listening() as heard:
            for done in work:
                yield from heard.take()
                yield done
            yield from heard.take()
        with said_plainly(temporary):
            durable(temporary, target)
    except CinemillError:
        raise
    except Exception as error:
        raise ChunkFailed(f"chunk {chunk.index} met a fault: {type(error).__name__}: {error}.") from error
    finally:
        removed(temporary)


@lru_cache
def _freeze() -> None:
    """What is there from the beginning stays, and the collector going through it takes longer than many a part."""
    gc.freeze()


def spaced(words: Iterator[int | str], breath: float = BREATH) -> Iterator[int | str]:
    """The first number, and then one every `breath` seconds; every sentence."""
    said = 0.0
    for word in words:
        if isinstance(word, str):
            yield word
        elif time.monotonic() - said >= breath:
            yield word
            said = time.monotonic()
