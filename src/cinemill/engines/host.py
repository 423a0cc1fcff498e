"""Starts an engine's process, feeds it, and turns whatever it does wrong into the right error within a deadline.

One process per engine, started on first use, kept warm, ended when idle. It runs in a session of its own, and all of
that is killed with it, so that children it forked do not stay.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from typing import IO, Any, NoReturn
from weakref import WeakSet

from cinemill.engines import wire
from cinemill.errors import EngineCrashed, EngineRefused, EngineTimeout, ProtocolError

IDLE_SECONDS = 300.0
"""How long an engine may rest before its memory is given back."""
START_SECONDS = 120.0
"""How long an interpreter may take to say hello; cold disks and large libraries are slow."""
_SAID_LINES = 40
_LONGEST_LINE = 4096
_INBOX = 8
"""Answers that may wait for us; then the engine waits."""

Piece = tuple[Any, list[bytearray]]


class Host:
    """An engine's process, from our side. Calls come one at a time; `deadline` is seconds between two answers."""

    def __init__(self, name: str, command: Sequence[str], idle_seconds: float = IDLE_SECONDS) -> None:
        self.name = name
        self._command = list(command)
        self._idle_seconds = idle_seconds
        self._lock = threading.RLock()
        self._life: _Life | None = None
        self._loaded: dict[str, Any] | None = None
        self._used = time.monotonic()
        self._timer: threading.Timer | None = None
        _all.add(self)

    @property
    def is_running(self) -> bool:
        return self._life is not None and self._life.process.poll() is None

    def describe(self, deadline: float = START_SECONDS) -> dict[str, Any]:
        """The engine's facts about itself."""
        with self._lock:
            return self._last({"kind": "describe"}, deadline).get("result", {})

    def load(self, params: dict[str, Any], deadline: float = START_SECONDS) -> None:
        """Make the engine ready for `params`; nothing is done when it is already."""
        with self._lock:
            if self._loaded == params and self.is_running:
                return
            self._last({"kind": "load", "params": params}, deadline)
            self._loaded = params

    def run(
        self,
        params: dict[str, Any],
        blobs: Sequence[Any] = (),
        *,
        stream: Iterable[wire.Message] | None = None,
        deadline: float,
    ) -> Generator[Piece, None, None]:
        """Pieces of the answer as they come. `stream` is sent meanwhile, by a thread of its own.

        Raises EngineCrashed, EngineTimeout or ProtocolError, each of which ends the process, and EngineError when
        the engine refuses. Closing the generator early ends the process too: a request cannot be taken back.
        """
        with self._lock:
            life = self._alive()
            feeder = _Feeder(life, stream) if stream is not None else None
            finished = False
            try:
                self._send({"kind": "run", "params": params, "streams": feeder is not None}, blobs)
                if feeder:
                    feeder.start()
                while (answer := self._next(deadline))[0]["kind"] == "piece":
                    yield answer[0]["result"], answer[1]
                if feeder:
                    feeder.check()
                finished = True
            except EngineRefused:
                finished = feeder is None  # else the rest of its stream would be taken for the next request
                raise
            finally:
                if not finished:
                    self.stop()
                self._rest()

    def stop(self) -> None:
        """End the process and all it started."""
        with self._lock:
            life, self._life, self._loaded = self._life, None, None
            timer, self._timer = self._timer, None
            if timer:
                timer.cancel()
            if life:
                life.end()

    def kill(self) -> None:
        """End the process though a request is under way, from any thread: whoever waits gets EngineCrashed."""
        if life := self._life:
            life.kill()

    def _rest(self) -> None:
        """After a request: end the process when nothing more is asked for a while. One timer at a time."""
        self._used = time.monotonic()
        if self._timer is None and self._life is not None:
            self._set_timer(self._idle_seconds)

    def _set_timer(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end_rest)
        self._timer.daemon = True
        self._timer.start()

    def _end_rest(self) -> None:
        with self._lock:
            rested = time.monotonic() - self._used
            if rested >= self._idle_seconds:
                self.stop()
            elif self._timer is not None:
                self._set_timer(self._idle_seconds - rested)

    def _alive(self) -> _Life:
        if self._life is None or self._life.process.poll() is not None:
            self.stop()
            self._life = _Life(self.name, self._command)
            self._greet()
        self._used = time.monotonic()
        return self._life

    def _greet(self) -> None:
        hello, _ = self._next(START_SECONDS)
        if hello.get("kind") != "hello" or hello.get("version") != wire.VERSION:
            self.stop()
            raise ProtocolError(f"engine {self.name} speaks another version: {hello!r}. Install it anew.")

    def _last(self, header: dict[str, Any], deadline: float) -> dict[str, Any]:
        self._alive()
        self._send(header, ())
        try:
            return self._next(deadline)[0]
        finally:
            self._rest()

    def _send(self, header: dict[str, Any], blobs: Sequence[Any]) -> None:
        life = self._life
        assert life
        try:
            wire.send(life.stdin, header, blobs)
        except (OSError, ValueError):
            self._bury(life)

    def _next(self, deadline: float) -> wire.Message:
        """The next message. Whatever is wrong with it ends the process."""
        life = self._life
        assert life
        try:
            got = life.inbox.get(timeout=deadline)
        except queue.Empty:
            self.stop()
            raise EngineTimeout(
                f"engine {self.name} did not answer within {deadline:g} s and was stopped. {life.last_words()}"
            ) from None
        if isinstance(got, wire.Closed):
            self._bury(life)
        if isinstance(got, Exception):
            self.stop()
            raise ProtocolError(f"engine {self.name} answered nonsense and was stopped: {got}. {life.last_words()}")
        if got[0].get("kind") == "failed":
            raise EngineRefused(f"engine {self.name} refuses: {got[0].get('error')}")
        if got[0].get("kind") not in ("hello", "piece", "done"):
            self.stop()
            raise ProtocolError(f"engine {self.name} answered nonsense and was stopped: {got[0]!r}.")
        return got

    def _bury(self, life: _Life) -> NoReturn:
        self.stop()
        code = life.process.returncode
        raise EngineCrashed(f"engine {self.name} died ({_cause(code)}). {life.last_words()}", returncode=code)


def kill_all() -> None:
    """End what engines are doing, from any thread: whoever waits for one gets EngineCrashed."""
    for host in list(_all):
        host.kill()


_all: WeakSet[Host] = WeakSet()


class _Life:
    """One process: its stdin, what comes out of it, and what it said on stderr."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        stdin, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self.stdin: IO[bytes] = stdin
        self.inbox: queue.Queue[wire.Message | Exception] = queue.Queue(_INBOX)
        self._said: deque[str] = deque(maxlen=_SAID_LINES)
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(stdout,), name=f"{name} out", daemon=True),
            threading.Thread(target=self._listen, args=(stderr,), name=f"{name} err", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stdout: IO[bytes]) -> None:
        while not self._over.is_set():
            try:
                message: wire.Message | Exception = wire.receive(stdout)
            except (wire.WireError, OSError, ValueError) as error:
                message = error
            self._put(message)
            if isinstance(message, Exception):
                return

    def _put(self, message: wire.Message | Exception) -> None:
        while not self._over.is_set():
            try:
                self.inbox.put(message, timeout=0.1)
                return
            except queue.Full:
                continue

    def _listen(self, stderr: IO[bytes]) -> None:
        while line := stderr.readline(_LONGEST_LINE):
            self._said.append(line.decode("utf-8", "replace").rstrip())

    def last_words(self) -> str:
        """What it said last on stderr, for the message of an error."""
        said = [line for line in self._said if line]
        return f"It said: {' | '.join(said[-5:])}" if said else "It said nothing."

    def kill(self) -> None:
        """SIGKILL to the whole session; the pipes end with it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill the whole session: the engine and whatever it forked."""
        self._over.set()
        self.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(timeout=1)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    pass


class _Feeder:
    """Sends a request's stream while its answers are read, so that neither side waits in a circle."""

    def __init__(self, life: _Life, stream: Iterable[wire.Message]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._feed, args=(life, stream), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _feed(self, life: _Life, stream: Iterable[wire.Message]) -> None:
        try:
            for header, blobs in stream:
                wire.send(life.stdin, {"kind": "more", **header}, blobs)
        except OSError:
            return  # the engine has gone; the reader says how
        except BaseException as error:
            self._error = error
        try:
            wire.send(life.stdin, {"kind": "end"})
        except (OSError, ValueError):
            pass

    def check(self) -> None:
        """Raises what went wrong in the stream itself."""
        self._thread.join()
        if self._error:
            raise self._error


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
