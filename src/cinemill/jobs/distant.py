"""What a job does about files that lie elsewhere: bring inputs here before it, send the output away after it."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import BaseModel, ValidationError

from cinemill.errors import OutputRefused
from cinemill.jobs.events import Event, Fetching, Sending
from cinemill.jobs.plan import Signature
from cinemill.storage import elsewhere


class _Made(BaseModel):
    """Kept beside an output that is whole and not sent yet."""

    signature: Signature
    outputs: tuple[Path, ...]
    result: dict[str, Any]


def fetched(origins: Sequence[tuple[Path, str]]) -> Generator[Event, None, None]:
    """Bring files here, unless they are here already. Raises what `elsewhere.fetch` does."""
    for path, address in origins:
        for done, total in _followed(lambda tell, path=path, address=address: brought(path, address, tell)):
            yield Fetching(address, done, total)


def brought(path: Path, address: str, progress: elsewhere.Progress | None = None) -> None:
    """Bring one file here; of several processes that want it, one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / "lock"):
        elsewhere.fetch(address, path, progress)


def forget(origins: Sequence[tuple[Path, str]]) -> None:
    """Throw away what was brought here for a job that is done."""
    for path, _ in origins:
        shutil.rmtree(path.parent, ignore_errors=True)


def refuse_existing(address: str, overwrite: bool) -> None:
    """Raises OutputRefused for an address to which nothing goes, or where something is that may not be replaced."""
    elsewhere.check(address)
    if not overwrite and elsewhere.exists(address):
        raise OutputRefused(f"{address} exists already; add --overwrite to replace it, or choose another output.")


def made(output: Path, signature: Signature) -> dict[str, Any] | None:
    """The result of an earlier run of this very job that could not send its output. Any other output there goes."""
    with suppress(OSError, ValidationError):
        word = _Made.model_validate_json(_word(output).read_bytes())
        if word.signature == signature and output.is_file():
            return word.result
    output.unlink(missing_ok=True)
    _word(output).unlink(missing_ok=True)
    return None


def sent(
    outputs: Sequence[Path], destination: str, overwrite: bool, signature: Signature, result: dict[str, Any]
) -> Generator[Event, None, list[Path]]:
    """Send the output, and what came along with it, and throw it away here. Gives back the addresses as paths.

    What cannot be sent is kept for the next run. Raises what `elsewhere.store` does.
    """
    first = outputs[0]
    _word(first).write_text(
        _Made(signature=signature, outputs=tuple(outputs), result=result).model_dump_json(), "utf-8"
    )
    addresses = [destination, *(f"{destination.rpartition('/')[0]}/{path.name}" for path in outputs[1:])]
    for path, address in zip(outputs, addresses):
        size = path.stat().st_size
        for done, _ in _followed(
            lambda tell, path=path, address=address: elsewhere.store(path, address, overwrite, tell)
        ):
            yield Sending(address, done, size)
    shutil.rmtree(first.parent, ignore_errors=True)
    return [Path(address) for address in addresses]


def _word(output: Path) -> Path:
    return output.with_name("made.json")


def _followed(work: Callable[[elsewhere.Progress], None]) -> Generator[tuple[int, int | None], None, None]:
    """How far `work` is, while a thread does it. Leaving early ends it at its next word."""
    words: queue.SimpleQueue[tuple[int, int | None] | BaseException | None] = queue.SimpleQueue()
    stop = threading.Event()

    def tell(done: int, total: int | None) -> None:
        if stop.is_set():
            raise _Stopped
        words.put((done, total))

    def run() -> None:
        try:
            work(tell)
            words.put(None)
        except BaseException as error:
            words.put(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while (word := words.get()) is not None:
            if isinstance(word, BaseException):
                raise word
            yield word
    finally:
        stop.set()
        thread.join()


class _Stopped(Exception):
    """Nobody wants it any more."""
