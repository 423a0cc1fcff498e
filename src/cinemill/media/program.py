"""Programs as children that die with us and tell why they failed: FFmpeg's from its wheel, others by name.

This is the only place of the core that starts a process that is not Python.
"""

from __future__ import annotations

import ctypes
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Final

from cinemill.errors import EngineCrashed, MissingEngine


@lru_cache
def ffmpeg() -> str:
    """Path of the FFmpeg program. Raises MissingEngine where the wheel has none for this platform."""
    import imageio_ffmpeg

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise MissingEngine(f"no FFmpeg program for this platform: {error}; set IMAGEIO_FFMPEG_EXE") from None


# Who speaks in a line of FFmpeg's log, with an address that differs from run to run.
_SPEAKER: Final = re.compile(r"^(\[[^\]]*\] )+")


_LAST: Final = 20
"""Lines of stderr that are kept: a complaint is at the end."""


class Child:
    """A running program: its pipes, and what it said last on stderr, `lines` of it."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, lines: int = _LAST) -> None:
        self.process = process
        self.name = name
        self._said: deque[str] = deque(maxlen=lines)
        self._listener = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True)
        self._listener.start()

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._said.append(_SPEAKER.sub("", line.decode("utf-8", "replace").rstrip()))

    def hear_out(self) -> list[str]:
        """The last lines it said, once it has ended."""
        self._listener.join()
        return list(self._said)

    def finish(self) -> None:
        """Wait for its end. Raises EngineCrashed with the last lines it said when it failed."""
        code = self.process.wait()
        if code:
            said = self.hear_out() or ["nothing"]
            sentence = f"{self.name} ended with {code}; it said: {'; '.join(said)}"
            raise EngineCrashed(sentence, returncode=code, cause=said[0])


@contextmanager
def running(arguments: Sequence[str], lines: int = _LAST) -> Generator[Child, None, None]:
    """Run ffmpeg with `arguments`, as `child` does."""
    with child([ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", *arguments], "ffmpeg", lines) as ours:
        yield ours


@contextmanager
def child(command: Sequence[str], name: str, lines: int = _LAST) -> Generator[Child, None, None]:
    """Run `command`, called `name`, pipes on stdin and stdout; killed when the block is left early. The last `lines` of
    its stderr are kept.

    On Linux it dies with the thread that started it, which therefore has to see it through.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    started = Child(process, name, lines)
    try:
        yield started
    finally:
        process.kill()
        process.wait()
        started.hear_out()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:  # what was left in the buffer has nowhere to go
                    pass


def output_of(arguments: Sequence[str]) -> str:
    """Run ffmpeg to its end and return what it printed on stdout. Raises EngineCrashed."""
    return answer(arguments, b"").decode("utf-8", "replace")


def answer(arguments: Sequence[str], given: bytes) -> bytes:
    """Run ffmpeg to its end with `given` on stdin and return what it wrote to stdout. Raises EngineCrashed."""
    with running(arguments) as ours:
        stdin, stdout = ours.process.stdin, ours.process.stdout
        assert stdin is not None
        assert stdout is not None
        feeder = threading.Thread(target=_feed, args=(stdin, given), daemon=True)
        feeder.start()
        written = stdout.read()
        feeder.join()
        ours.finish()
    return written


def _feed(pipe: IO[bytes], data: bytes) -> None:
    try:
        with pipe:
            pipe.write(data)
    except OSError:  # it has had enough
        pass


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    # Runs between fork and exec: nothing here may allocate, so the library is loaded beforehand.
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
