"""The FFmpeg program inside the imageio-ffmpeg wheel, as a child that dies with us and tells why it failed.

This is the only place of the core that starts a process that is not Python.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import IO

from cinemill.errors import EngineCrashed, MissingEngine


@lru_cache
def ffmpeg() -> str:
    """Path of the FFmpeg program. Raises MissingEngine where the wheel has none for this platform."""
    import imageio_ffmpeg

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise MissingEngine(f"no FFmpeg program for this platform: {error}; set IMAGEIO_FFMPEG_EXE") from None


class Child:
    """A running program: its pipes, and what it said last on stderr."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._said: deque[str] = deque(maxlen=20)
        self._listener = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True)
        self._listener.start()

    def _listen(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._said.append(line.decode("utf-8", "replace").rstrip())

    def finish(self) -> None:
        """Wait for its end. Raises EngineCrashed with the last lines it said when it failed."""
        code = self.process.wait()
        self._listener.join()
        if code:
            said = "; ".join(self._said) or "nothing"
            raise EngineCrashed(f"ffmpeg ended with {code}; it said: {said}", returncode=code)


@contextmanager
def running(arguments: Sequence[str]) -> Generator[Child, None, None]:
    """Run ffmpeg with `arguments`, pipes on stdin and stdout; killed when the block is left early."""
    process = subprocess.Popen(
        [ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    try:
        yield Child(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:  # what was left in the buffer has nowhere to go
                    pass


def output_of(arguments: Sequence[str]) -> str:
    """Run ffmpeg to its end and return what it printed on stdout."""
    with running(arguments) as child:
        stdin, stdout = child.process.stdin, child.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.close()
        text = stdout.read().decode("utf-8", "replace")
        child.finish()
    return text


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    # Runs between fork and exec: nothing here may allocate, so the library is loaded beforehand.
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
