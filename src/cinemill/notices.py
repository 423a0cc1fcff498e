"""Sentences for the user from deep within the work, such as where a network runs and that memory ran short.

Whoever has something to say tells it here; whoever runs the work hears it and passes it on. Nobody has to listen.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

_lock = threading.Lock()
_listening: list[Heard] = []


class Heard:
    """What was told since somebody began to listen, each sentence once, in order. Filled by any thread."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._taken = 0

    def take(self) -> list[str]:
        """What is new since the last time."""
        with _lock:
            new = self.all[self._taken :]
            self._taken += len(new)
        return new


def tell(sentence: str) -> None:
    """Say something to all who listen in this process."""
    with _lock:
        for heard in _listening:
            if sentence not in heard.all:
                heard.all.append(sentence)


@contextmanager
def listening() -> Generator[Heard, None, None]:
    """Hear what is told meanwhile, in whichever thread."""
    heard = Heard()
    with _lock:
        _listening.append(heard)
    try:
        yield heard
    finally:
        with _lock:
            _listening.remove(heard)
