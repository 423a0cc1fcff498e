"""Looks at files in a process of its own, so that one that crashes, hangs or eats memory costs that process alone."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, TypeVar

from cinemill.errors import DecodeFailed

T = TypeVar("T")

_MEMORY = 8 << 30
"""Bytes that looking may take."""
_PATIENCE = 60.0
"""Seconds that a look may take."""


class Eye:
    """One process, started when it is first needed and again after it died. Callers wait for one another."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def see(self, look: Callable[..., T], *args: Any, patience: float = _PATIENCE) -> T:
        """What `look(*args)` gives back. Raises CinemillError as it does, and DecodeFailed when it dies or hangs."""
        with self._turn:
            self._pool = self._pool or _pool()
            try:
                return self._pool.submit(look, *args).result(patience)
            except TimeoutError:
                self._end()
                raise DecodeFailed(
                    f"looking at this file took longer than {patience:.0f} s and was given up."
                ) from None
            except (BrokenProcessPool, MemoryError):
                self._end()
                raise DecodeFailed(
                    "looking at this file took more memory than it may, or crashed; the file may be damaged."
                ) from None

    def close(self) -> None:
        with self._turn:
            self._end()

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        processes: dict[int, Any] = getattr(pool, "_processes", None) or {}
        for process in list(processes.values()):
            process.kill()
        with suppress(Exception):
            pool.shutdown(wait=True, cancel_futures=True)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_limit)


def _limit() -> None:
    """Bound what this process may take, where the system knows bounds, and end with the one that started it."""
    import os

    threading.Thread(target=_end_with_parent, daemon=True).start()

    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        os.nice(3)


def _end_with_parent() -> None:
    """A server that was killed leaves no eye behind."""
    import os
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
