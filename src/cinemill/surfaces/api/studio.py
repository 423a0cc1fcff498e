"""What a server is made of: how it listens, its queue, and who waits for news of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from fastapi import Request, WebSocket

from cinemill.jobs.keeper import Keeper
from cinemill.jobs.queue import Queue
from cinemill.settings import settings
from cinemill.surfaces import arrivals
from cinemill.surfaces.api.hooks import Caller
from cinemill.surfaces.web.eye import Eye

_BREATH: Final = 0.1
"""Seconds between two looks for news."""
_SILENCE: Final = 15.0
"""Seconds after which a listener is told that the server is still there."""
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Serving:
    """How a server listens and what it does. `folder` holds its queue and files."""

    folder: Path = field(default_factory=lambda: settings().data_dir / "studio")
    host: str = "127.0.0.1"
    port: int = 7860
    token: str = field(default_factory=lambda: settings().token)
    names: tuple[str, ...] = ()
    """Names beside its own under which the server may be called."""
    page: bool = True
    """Whether the web page is served too, where gradio is installed."""
    works: bool = True
    """Whether jobs are run; else they are only listed."""
    most_waiting: int = 1000
    silence: float = 30.0
    """Seconds that a body may make a pause."""

    @property
    def is_local(self) -> bool:
        return self.host in LOOPBACK


class Studio:
    """The queue, its keeper and the news, for as long as the server runs."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.queue = Queue(serving.folder, most=serving.most_waiting)
        self.keeper = Keeper(self.queue) if serving.works else None
        self.caller = Caller(self.queue)
        self.eye = Eye()
        self.queue.shelf.judge = partial(arrivals.judge, self.eye)
        self._news = asyncio.Condition()
        self._last = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self.keeper:
            await asyncio.to_thread(self.keeper.start)
            self.caller.start()
        self._last = self.queue.last_event()
        self._task = asyncio.create_task(self._look())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self.keeper:
            await asyncio.to_thread(self.caller.stop)
            await asyncio.to_thread(self.keeper.stop)
        await asyncio.to_thread(self.eye.close)
        self.queue.close()

    async def _look(self) -> None:
        """Wake those who wait when any process has written an event."""
        while True:
            await asyncio.sleep(_BREATH)
            newest = self.queue.last_event()
            if newest != self._last:
                self._last = newest
                async with self._news:
                    self._news.notify_all()

    async def follow(self, id: str | None, after: int) -> AsyncIterator[dict[str, Any] | None]:
        """Events of a job, or of all, from the one after `after` on; None when there is no news for a while.

        Ends after the event that ends the job. Raises NotHere.
        """
        while True:
            seen = self._last
            for event in self.queue.events(id, after):
                after = event["seq"]
                yield event
            if id is not None and self.queue.get(id).has_ended and not self.queue.events(id, after, 1):
                return
            async with self._news:
                try:
                    if self._last == seen:
                        await asyncio.wait_for(self._news.wait(), _SILENCE)
                except TimeoutError:
                    yield None


def studio_of(connection: Request | WebSocket) -> Studio:
    """The studio that a request is made to."""
    return connection.app.state.studio
