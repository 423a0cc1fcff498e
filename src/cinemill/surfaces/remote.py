"""An operation on another cinemill server: files go there in pieces, events come back, and then the result.

A job is known by what is asked for, so that asking again, after this process or the server was killed, finds it and
goes on with it. Nothing is held in memory but a piece of a file.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import ssl
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from cinemill.catalogue import file_kinds
from cinemill.errors import (
    CinemillError,
    EngineCrashed,
    EngineError,
    JobError,
    MissingResource,
    NoToken,
    RequestError,
    ResourceError,
    UnsupportedMedia,
    from_dict,
)
from cinemill.jobs import distant
from cinemill.jobs import events as ev
from cinemill.jobs import run as jobs
from cinemill.jobs.executors import executor
from cinemill.jobs.plan import CHUNK_SECONDS, sign
from cinemill.operations import Request, get
from cinemill.settings import settings
from cinemill.version import __version__

_PIECE: Final = 8 << 20
"""Bytes sent or received at a time."""
_PATIENCE: Final = 600.0
"""Seconds for which a server that is gone is waited for."""
_PAUSE: Final = 0.2
"""Seconds before the second try; it doubles, up to `_LONGEST`."""
_LONGEST: Final = 5.0
_SILENCE: Final = 60.0
"""Seconds without a word after which a connection is taken for dead; the server speaks every 15."""


def events_on(where: str, request: Request[Any], **how: Any) -> Generator[ev.Event, None, None]:
    """Do what `request` asks: here, on a cluster, or on another server. auto is here, and the server of the settings
    where something is missing here. `how` is as for `jobs.run`."""
    if where.startswith(("http://", "https://")):
        yield from events(where, request, **how)
        return
    workers = executor(where)
    if where != "auto" or not settings().remote:
        yield from jobs.run(request, executor=workers, **how)
        return
    try:
        yield from jobs.run(request, executor=workers, **how)
    except MissingResource as missing:
        yield ev.Noted(0, f"{missing.sentence} So {settings().remote} does it.")
        yield from events(settings().remote, request, **how)


def events(
    address: str,
    request: Request[Any],
    *,
    chunk_seconds: float = CHUNK_SECONDS,
    overwrite: bool = False,
    restart: bool = False,
    metrics: bool = False,
) -> Generator[ev.Event, None, None]:
    """`jobs.run` on the server at `address`; CINEMILL_TOKEN is shown to it. Closing it lets the job rest there.

    Raises MissingResource when nobody answers there, RequestError when it is of another version, CinemillError.
    """
    started = time.monotonic()
    server = _Server(address)
    server.greet()
    if get(request.operation).output == "folder":
        raise UnsupportedMedia(f"{request.operation} makes a folder, which a server does not send back.")
    if request.destination:
        distant.refuse_existing(request.destination, overwrite)
    else:
        jobs.refuse_existing(request.output, overwrite)
    yield from distant.fetched(request.origins)
    signature = sign(request, chunk_seconds)
    files: dict[Path, str] = {}
    for path in dict.fromkeys(_files(request)):
        files[path] = yield from _uploaded(server, path)
    asked = _asked(request, files, chunk_seconds, metrics)
    job = server.ask("POST", f"/api/jobs/{request.operation}", asked)
    if restart and job["state"] in ("done", "failed", "cancelled"):
        server.ask("DELETE", f"/api/jobs/{job['id']}")
        job = server.ask("POST", f"/api/jobs/{request.operation}", asked)
    elif job["state"] in ("failed", "cancelled"):
        server.ask("POST", f"/api/jobs/{job['id']}/retry")
    elif job["state"] == "paused":
        server.ask("POST", f"/api/jobs/{job['id']}/resume")
    last = yield from _followed(server, job["id"], request)
    outputs = yield from _downloaded(server, job["id"], request, overwrite)
    result = dict(last.get("result") or {})
    if request.destination:
        outputs = yield from distant.sent(outputs, request.destination, overwrite, signature, result)
    distant.forget(request.origins)
    with suppress(CinemillError):
        server.ask("DELETE", f"/api/jobs/{job['id']}")
    yield ev.Done(tuple(outputs), time.monotonic() - started, result)


def _files(request: Request[Any]) -> Iterator[Path]:
    yield from request.inputs
    yield from (value for _, value in request.params if isinstance(value, Path))


def _asked(request: Request[Any], files: dict[Path, str], chunk_seconds: float, metrics: bool) -> dict[str, Any]:
    """The body of the request for a job; its id is a digest of all that decides it."""
    params = request.params.model_dump(mode="json", exclude_unset=True)
    for name, value in request.params:
        if isinstance(value, Path) and name in params and file_kinds(type(request.params).model_fields[name]):
            params[name] = files[value]
    body = {
        "inputs": [files[path] for path in request.inputs],
        "params": params,
        "chunk_seconds": chunk_seconds,
        "metrics": metrics,
        **({"output": request.output.name} if request.output else {}),
    }
    where = str(request.output.resolve()) if request.output else ""
    digest = hashlib.blake2b(json.dumps([body, where, request.operation]).encode(), digest_size=16)
    return {**body, "id": f"r{digest.hexdigest()}"}


def _uploaded(server: _Server, path: Path) -> Generator[ev.Event, None, str]:
    """Put a file on the server's shelf, unless it is there; gives back its id."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}.") from None
    same = server.ask("GET", f"/api/files?sha256={digest.hexdigest()}")["files"]
    if same:
        return str(same[0]["id"])
    size = path.stat().st_size
    query = urlencode({"name": path.name, "size": size, "sha256": digest.hexdigest()})
    upload = server.ask("POST", f"/api/uploads?{query}")
    with path.open("rb") as file:
        while not upload.get("file"):
            file.seek(upload["offset"])
            piece = file.read(_PIECE)
            upload = server.put(upload["id"], upload["offset"], piece)
            yield ev.Sending(f"{server.address}/{path.name}", upload["offset"], size)
    return str(upload["file"]["id"])


def _followed(server: _Server, id: str, request: Request[Any]) -> Generator[ev.Event, None, dict[str, Any]]:
    """What happens to a job, to its end, however often the server goes. Gives back the last event."""
    ended = False
    try:
        for told in server.events(id):
            if told["event"] == "done":
                ended = True
                return told
            if told["event"] == "failed":
                ended = True
                raise _met(told["error"], server.address)
            if event := _event(told, request):
                yield event
        job = server.ask("GET", f"/api/jobs/{id}")
        ended = True
        if job["state"] == "done":
            return {"result": job["result"]}
        raise (
            _met(job["error"], server.address)
            if job["error"]
            else JobError(f"the job was {job['state']} on {server.address}.")
        )
    finally:
        if not ended:
            with suppress(CinemillError):
                server.ask("POST", f"/api/jobs/{id}/pause", patience=0)


_KINDS: Final = {kind.kind: kind for kind in (ev.Progress, ev.PartDone, ev.Retried, ev.Noted, ev.Joining, ev.Measuring)}


def _event(told: dict[str, Any], request: Request[Any]) -> ev.Event | None:
    """An event of the server as one of ours; its files are called what they are called here."""
    if told["event"] == "planned":
        names = ("operation", "chunks", "total", "done", "unit")
        notes, steps = tuple(told.get("notes", ())), tuple(told.get("steps", ()))
        output = request.output.resolve() if request.output else None
        known = {name: told[name] for name in names}
        return ev.Planned(**known, inputs=request.inputs, output=output, notes=notes, steps=steps)
    kind = _KINDS.get(told["event"])
    if kind is None:
        return None
    return kind(**{name: told[name] for name in kind.__dataclass_fields__ if name in told})


def _downloaded(
    server: _Server, id: str, request: Request[Any], overwrite: bool
) -> Generator[ev.Event, None, list[Path]]:
    """Fetch what a job made, under a passing name until it is whole."""
    from cinemill.media.write import durable, said_plainly

    outputs: list[Path] = []
    if request.output is None:
        return outputs
    folder = request.output.resolve().parent
    for made in server.ask("GET", f"/api/jobs/{id}")["outputs"]:
        target = folder / made["name"]
        passing = folder / f".{made['name']}.{id}.tmp"
        with said_plainly(target):
            folder.mkdir(parents=True, exist_ok=True)
            while (have := passing.stat().st_size if passing.exists() else 0) < made["size"]:
                for done in server.piece(made["url"], have, passing):
                    yield ev.Fetching(f"{server.address}/{made['name']}", done, made["size"])
            jobs.refuse_existing(target, overwrite)
            durable(passing, target)
        outputs.append(target)
    return outputs


@dataclass(frozen=True)
class _Server:
    """Another cinemill's API. What fails because it is gone is tried again until it is back."""

    address: str

    def greet(self) -> None:
        """Raises MissingResource when nobody answers, RequestError when it is of another version."""
        told = self.ask("GET", "/health", patience=0)
        if told.get("version") != __version__:
            raise RequestError(
                f"{self.address} has cinemill {told.get('version', '(unknown)')}, and this is {__version__}; "
                "bring both to the same version."
            )

    def ask(self, method: str, path: str, body: Any = None, patience: float = _PATIENCE) -> Any:
        """The answer, as JSON. Raises what the server says, and MissingResource when it stays away."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"content-type": "application/json"} if data else {}
        for attempt in _attempts(self.address, patience):
            with attempt, self._answer(method, path, data, headers) as answer:
                return json.loads(answer.read() or b"null")
        raise AssertionError("attempts end with an answer or an error")

    def put(self, upload: str, offset: int, piece: bytes) -> dict[str, Any]:
        """Send a piece of an upload; how far it is after that, whatever came of it."""
        headers = {"content-type": "application/offset+octet-stream", "upload-offset": str(offset)}
        for attempt in _attempts(self.address, _PATIENCE):
            with attempt:
                try:
                    with self._answer("PATCH", f"/api/uploads/{upload}", piece, headers) as answer:
                        return json.loads(answer.read())
                except JobError:  # it is further than we know: an answer was lost
                    return self.ask("GET", f"/api/uploads/{upload}")
        raise AssertionError("attempts end with an answer or an error")

    def events(self, id: str) -> Iterator[dict[str, Any]]:
        """A job's events to its end; after a break they go on with the one after the last."""
        after = 0
        while True:
            before = after
            for attempt in _attempts(self.address, _PATIENCE):
                with attempt, self._answer("GET", f"/api/jobs/{id}/events?after={after}", None, {}) as answer:
                    for line in answer:
                        if line.startswith(b"data: "):
                            told = json.loads(line[6:])
                            after = told.get("seq", after)
                            yield told
                    break
            if after == before and self.ask("GET", f"/api/jobs/{id}")["state"] in ("done", "failed", "cancelled"):
                return

    def piece(self, path: str, start: int, target: Path) -> Iterator[int]:
        """Append the rest of a file from `start` on, as far as it comes; how far it is."""
        for attempt in _attempts(self.address, _PATIENCE):
            with attempt, self._answer("GET", path, None, {"range": f"bytes={start}-"}) as answer:
                if answer.status == 200 and start:
                    target.unlink()
                    start = 0
                with target.open("ab") as file:
                    while block := answer.read(_PIECE):
                        file.write(block)
                        yield file.tell()
                    os.fsync(file.fileno())
                return

    @contextmanager
    def _answer(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> Generator[http.client.HTTPResponse, None, None]:
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RequestError(f"{self.address} is not the address of a server, such as http://host:7860.")
        if parts.scheme == "https":
            opened = http.client.HTTPSConnection(
                parts.hostname, parts.port or 443, timeout=_SILENCE, context=ssl.create_default_context()
            )
        else:
            opened = http.client.HTTPConnection(parts.hostname, parts.port or 7860, timeout=_SILENCE)
        token = {"authorization": f"Bearer {settings().token}"} if settings().token else {}
        try:
            opened.request(method, parts.path.rstrip("/") + quote(path, safe="/?&=%:"), body, {**headers, **token})
            answer = opened.getresponse()
            if answer.status >= 400:
                raise _refusal(answer, self.address)
            yield answer
        finally:
            opened.close()


def _refusal(answer: http.client.HTTPResponse, address: str) -> Exception:
    """What a server's refusal is here; one that may pass is a broken connection."""
    try:
        told = json.loads(answer.read())["error"]
    except (ValueError, KeyError, TypeError):
        told = None
    if told is None and answer.status in (502, 503, 504):
        return ConnectionError(f"it answers {answer.status}")
    if told is None:
        return EngineCrashed(f"{address} answers {answer.status} {answer.reason}; is that a cinemill server?")
    return _met(told, address)


def _met(told: dict[str, Any], address: str) -> CinemillError:
    """An error of the server, with a word on where it was met if that is what matters."""
    error = from_dict(told)
    if isinstance(error, NoToken):
        have = "has another token than CINEMILL_TOKEN says" if settings().token else "wants a token"
        error.sentence = f"{address} {have}: set CINEMILL_TOKEN to the one that it was started with."
    elif isinstance(error, MissingResource | EngineError | ResourceError):
        error.sentence = f"{address} says: {error.sentence}"
    error.args = (error.sentence,)
    return error


def _attempts(address: str, patience: float) -> Iterator[Any]:
    """Context managers for one attempt each: what a broken connection raises is swallowed until patience ends."""
    until = time.monotonic() + patience
    pause = _PAUSE

    @contextmanager
    def attempt() -> Generator[None, None, None]:
        nonlocal pause
        try:
            yield
        except (OSError, http.client.HTTPException, ssl.SSLError) as error:
            if time.monotonic() >= until:
                said = str(error) or type(error).__name__
                raise MissingResource(
                    f"no cinemill server answers at {address} ({said}); `cinemill serve` starts one there."
                ) from None
            time.sleep(pause)
            pause = min(_LONGEST, 2 * pause)

    while True:
        yield attempt()
