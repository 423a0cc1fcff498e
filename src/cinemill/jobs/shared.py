"""Parts in a bucket that machines share, so that a job goes on from any of them.

    ADDRESS/DIGEST/plan.json     what is done; who comes first decides, the others do as it says
    ADDRESS/DIGEST/part-00000    a complete part
    ADDRESS/DIGEST/owner.json    who works on it, with a beat every `_BEAT` seconds

The digest is that of the job's signature: nothing that belongs to another request is ever taken for a part of this one.
Everything is written on conditions that the storage keeps. A part is put where there is none, whole or not at all, so
it is committed once whoever makes it again. The owner's word is replaced only by whoever has read the last one: a
machine that was thought dead and wakes up finds that it may not, and stops.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import socket
import threading
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from cinemill.errors import Cancelled, CinemillError, JobRunning, OutputRefused
from cinemill.jobs.plan import Plan, Signature
from cinemill.settings import settings

_BEAT: Final = 20.0
"""Seconds between two words of an owner."""
_HANDS: Final = 2
"""Parts that are sent at a time."""
_MOST: Final = 8
"""Parts that wait to be sent, at most, before making more has to wait."""
_DEAD: Final = 90.0
"""Seconds of silence, by the clock of the storage, after which another may take its place."""


class Shared:
    """The parts of one job. Making one asks nothing."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._token = secrets.token_hex(8)
        self._tag = ""
        self._speaking = threading.Lock()
        self._taken: str | None = None
        self.there: set[int] = set()
        """Parts that were there when the plan was agreed on."""

    @classmethod
    def of(cls, signature: Signature) -> Shared | None:
        """The place of the job with that signature; None where the settings name none. Raises OutputRefused."""
        if not settings().parts:
            return None
        if not settings().parts.startswith("s3://"):
            raise OutputRefused(f"CINEMILL_PARTS={settings().parts} must be an address such as s3://BUCKET/FOLDER.")
        digest = hashlib.blake2b(signature.model_dump_json().encode(), digest_size=16).hexdigest()
        return cls(f"{settings().parts.rstrip('/')}/{digest}")

    def agreed(self, plan: Plan) -> Plan:
        """`plan` with what was decided by whoever began this job first."""
        from cinemill.storage import s3

        ours = plan.model_copy(update={"shared": self.address})
        self.there = self.parts()
        if s3.write(self._at("plan.json"), ours.model_dump_json().encode(), None):
            return ours
        found = s3.read(self._at("plan.json"))
        with suppress(ValidationError):
            if found:
                theirs = Plan.model_validate_json(found.data)
                theirs.check_models()
                kept = {"decided": theirs.decided, "chunks": theirs.chunks, "models": theirs.models}
                return ours.model_copy(update=kept)
        raise JobRunning(f"{self._at('plan.json')} cannot be read; --restart throws it away.")

    def parts(self) -> set[int]:
        """Which parts are there."""
        from cinemill.storage import s3

        return {int(name[5:]) for name in s3.names(self.address) if name.startswith("part-") and name[5:].isdigit()}

    def commit(self, index: int, path: Path) -> bool:
        """Put a part there, whole; whether it was the first. Raises UploadFailed and the like."""
        from cinemill.storage import elsewhere

        if path.is_dir() or elsewhere.exists(self._part(index)):
            return False
        try:
            elsewhere.store(path, self._part(index), overwrite=False)
        except OutputRefused:
            if elsewhere.exists(self._part(index)):
                return False
            raise
        return True

    def fetch(self, index: int, path: Path) -> None:
        """Bring a part here as `path`, whole. Raises OpenFailed, DownloadFailed, DiskFull."""
        from cinemill.storage import elsewhere

        passing = path.with_name(f"{path.name}.shared.tmp")
        try:
            elsewhere.fetch(self._part(index), passing)
            passing.replace(path)
        finally:
            for rest in path.parent.glob(f"{passing.name}*"):
                rest.unlink(missing_ok=True)

    def discard(self) -> None:
        """Throw plan and parts away; the owner's word is left."""
        from cinemill.storage import s3

        for name in s3.names(self.address):
            if name != "owner.json":
                s3.remove(self._at(name))

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Work on it alone. Leaving without an error means that the job is done, and everything goes.

        Raises JobRunning while another machine works on it.
        """
        from cinemill.storage import s3

        self._take()
        done = threading.Event()
        beating = threading.Thread(target=self._beat, args=(done,), daemon=True)
        beating.start()
        ended = False
        try:
            yield
            ended = True
        except Cancelled:
            ended = True
            raise
        finally:
            done.set()
            beating.join()
            if self._taken is None:
                with suppress(CinemillError):  # what stays is found dead, and taken over
                    if ended or not self.parts():
                        self.discard()
                    s3.remove(self._at("owner.json"))

    def check(self) -> None:
        """Raises JobRunning when another machine has taken the job over."""
        if self._taken is not None:
            raise JobRunning(
                f"this machine was silent for so long that {self._taken} has taken the job over; what is finished here "
                "is kept."
            )

    def confirm(self) -> None:
        """As `check`, by asking the storage. Raises JobRunning, UploadFailed."""
        with self._speaking:
            self._say(self._tag)
        self.check()

    def _take(self) -> None:
        from cinemill.storage import s3

        found = s3.read(self._at("owner.json"))
        if found and found.age < _DEAD and not self._is_ours(found.data):
            raise JobRunning(
                f"{_host(found.data)} is already doing this very work; its parts are in {self.address}. If it has "
                f"died, another may go on {_DEAD - found.age:.0f} s from now."
            )
        if not self._say(found.tag if found else None):
            raise JobRunning(f"another machine has just begun this very work; its parts are in {self.address}.")

    def _say(self, instead_of: str | None) -> bool:
        """Write the owner's word in place of the last; whether it was the last."""
        from cinemill.storage import s3

        word = json.dumps({"token": self._token, "host": socket.gethostname(), "beat": secrets.token_hex(4)}).encode()
        s3.write(self._at("owner.json"), word, instead_of)
        # A refusal may be that of a second try after a first one that went well.
        found = s3.read(self._at("owner.json"))
        if found is None or not self._is_ours(found.data):
            self._taken = _host(found.data) if found else "somebody"
            return False
        self._tag = found.tag
        return True

    def _beat(self, done: threading.Event) -> None:
        while not done.wait(_BEAT):
            # The storage may be away, and come back before the others think us dead.
            with suppress(CinemillError), self._speaking:
                if not self._say(self._tag):
                    return

    def _is_ours(self, word: bytes) -> bool:
        return json.loads(word).get("token") == self._token

    def _part(self, index: int) -> str:
        return self._at(f"part-{index:05d}")

    def _at(self, name: str) -> str:
        return f"{self.address}/{name}"


class Sender:
    """Puts parts there while others are made. Use it as a context; leaving it waits for what is on its way."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._pool = ThreadPoolExecutor(_HANDS, thread_name_prefix="sharing")
        self._going: list[tuple[int, Future[bool]]] = []

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def send(self, index: int, path: Path) -> None:
        """Put a part there; waits when many are on their way."""
        while len(waiting := [future for _, future in self._going if not future.done()]) >= _MOST:
            wait(waiting, return_when=FIRST_COMPLETED)
        self._going.append((index, self._pool.submit(self._shared.commit, index, path)))

    def end(self) -> list[str]:
        """Wait until all are there; a sentence for each that is not."""
        told: list[str] = []
        for index, future in self._going:
            error = future.exception()
            if isinstance(error, CinemillError):
                told.append(f"part {index} is kept on this machine alone: {error.sentence}")
            elif error:
                raise error
        self._going = []
        return told


def _host(word: bytes) -> str:
    try:
        return str(json.loads(word)["host"])
    except (ValueError, KeyError, TypeError):
        return "another machine"
