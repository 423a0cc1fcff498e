"""Work at the same time: ahead of the consumer in a thread of its own, and on several items side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")
_END = object()
_PATIENCE = 0.1
"""Seconds between looks at whether the other side is still there."""


def ahead(items: Iterable[T], depth: int = 4) -> Generator[T, None, None]:
    """`items`, made by another thread up to `depth` before they are asked for. Order and errors are kept.

    Closing the generator stops the thread and closes `items`.
    """
    made: SimpleQueue[Any] = SimpleQueue()
    room: SimpleQueue[None] = SimpleQueue()
    for _ in range(depth):
        room.put(None)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(items, made, room, stop), daemon=True)
    thread.start()
    try:
        while (item := _take(made, thread)) is not _END:
            room.put(None)
            if isinstance(item, _Raised):
                raise item.error
            yield item
    finally:
        stop.set()
        thread.join()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _fill(items: Iterable[Any], made: SimpleQueue[Any], room: SimpleQueue[None], stop: threading.Event) -> None:
    try:
        for item in items:
            if not _has(room, stop):
                break
            made.put(item)
    except BaseException as error:
        made.put(_Raised(error))
    finally:
        # Closed in the thread that ran it: a generator may not be closed while it runs.
        close = getattr(items, "close", None)
        if close:
            close()
        made.put(_END)


def _has(room: SimpleQueue[None], stop: threading.Event) -> bool:
    """Wait for room; False when nobody wants more."""
    while not stop.is_set():
        try:
            room.get(timeout=_PATIENCE)
            return True
        except Empty:
            continue
    return False


def _take(made: SimpleQueue[Any], thread: threading.Thread) -> Any:
    while True:
        try:
            return made.get(timeout=_PATIENCE)
        except Empty:
            if not thread.is_alive() and made.empty():
                return _END


def parallel(items: Iterable[T], work: Callable[[T], U], threads: int) -> Generator[U, None, None]:
    """`work` on each item, `threads` at a time, results in order; holds at most `threads` + 1 items."""
    if threads <= 1:
        yield from map(work, items)
        return
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
