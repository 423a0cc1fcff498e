"""A request for a job, as JSON, as a form or with files in it -> what the queue takes. Names of files become paths."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from cinemill.catalogue import file_kinds
from cinemill.errors import InvalidParams, NotAllowed, NotHere, RequestError
from cinemill.jobs.queue import Job, Queue
from cinemill.jobs.shelf import clean_name
from cinemill.operations import get
from cinemill.settings import settings
from cinemill.storage import elsewhere

RESERVED: Final = ("output", "preset", "priority", "chunk_seconds", "metrics", "webhook_url", "id", "params")
"""Fields of a request that are no parameters."""
INPUTS: Final = ("input", "inputs", "inputs[]", "input[]", "file", "files", "files[]")
"""Fields that name what is read."""
_MOST_TOGETHER: Final = 1000
"""Files of one job."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CHOSEN_ID: Final = re.compile(r"[0-9a-f]{32}")
_OTHERS: Final = re.compile(r"https?://\S+|[0-9a-f]{16}/[^/]+")
"""Addresses, and what jobs made, where they stand in a document."""


@dataclass
class Asked:
    """A request for a job whose files are still names or uploads."""

    inputs: list[Any] = field(default_factory=list[Any])
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    rest: dict[str, Any] = field(default_factory=dict[str, Any])


async def submitted(queue: Queue, operation: str, request: Request) -> Job:
    """The job that a request asks for. Raises CinemillError."""
    asked = await read(operation, request)
    return await run_in_threadpool(submit, queue, operation, asked)


async def read(operation: str, request: Request) -> Asked:
    """A body of whatever kind. Raises RequestError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return await _form(operation, request)
    body = await request.body()
    try:
        told = json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}.") from None
    if not isinstance(told, dict):
        raise RequestError('the body must be a JSON object, such as {"inputs": [...], "params": {...}}.')
    return _sorted(operation, [(str(key), value) for key, value in told.items()])


async def _form(operation: str, request: Request) -> Asked:
    try:
        form = await request.form(max_files=200, max_fields=500, max_part_size=1 << 22)
    except Exception as error:
        raise RequestError(f"the form cannot be read: {error}.") from None
    return _sorted(operation, form.multi_items())


def _sorted(operation: str, fields: Sequence[tuple[str, Any]]) -> Asked:
    known = get(operation).params.model_fields
    asked = Asked()
    for name, value in fields:
        if name in INPUTS and name not in known:
            asked.inputs += value if isinstance(value, list) else [value]
        elif name == "params":
            asked.params |= _object(value)
        elif name in RESERVED and name not in known:
            asked.rest[name] = value
        else:
            asked.params[name.replace("-", "_")] = value
    return asked


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidParams(f"params is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidParams("params must be an object of names and values.")
    return {str(key).replace("-", "_"): item for key, item in value.items()}


def submit(queue: Queue, operation: str, asked: Asked, *, confined: bool = True) -> Job:
    """Put it into the queue. Uploads are put on the shelf, addresses are fetched. `confined`: a stranger asks."""
    found = get(operation)
    inputs = [place(queue, item) for item in asked.inputs]
    refuse_count(operation, len(inputs))
    params = dict(asked.params)
    for name, value in params.items():
        info = found.params.model_fields.get(name)
        if info is not None and file_kinds(info) and value not in (None, ""):
            params[name] = _named(queue, value, file_kinds(info))
        elif isinstance(value, UploadFile):
            raise InvalidParams(f"{operation}: {name} takes no file.")
    rest = asked.rest
    options = {
        "preset": _text(rest, "preset"),
        "chunk_seconds": _number(rest, "chunk_seconds", 0.1, 1e6),
        "metrics": _truth(rest, "metrics"),
        "confined": confined,
        "name": clean_name(name) if (name := _text(rest, "output")) else None,
    }
    return queue.submit(
        operation,
        inputs,
        params,
        options={key: value for key, value in options.items() if value},
        priority=round(_number(rest, "priority", -1000, 1000) or 0),
        webhook=_webhook(rest),
        id=_own_id(rest),
    )


def refuse_count(operation: str, count: int) -> None:
    """Raises RequestError for a number of files that the operation does not take."""
    found = get(operation)
    wanted = len(found.inputs)
    if found.together:
        if not 0 < count <= _MOST_TOGETHER:
            raise RequestError(f"{operation} takes files, up to {_MOST_TOGETHER}; {count} were given.")
    elif count != wanted:
        files = "no file" if not wanted else "1 file" if wanted == 1 else f"{wanted} files"
        raise RequestError(f"{operation} takes {files}, {count} were given.")


def place(queue: Queue, item: Any) -> Path:
    """Where a file lies that is given as an upload, an id, an address, JOB/NAME, or a path that may be named.

    An object that is none of these is a document, such as a storyboard; what it names is looked for likewise.
    """
    if isinstance(item, Path):
        return item
    if isinstance(item, UploadFile):
        most = int(settings().upload_gb * 1e9)
        return queue.shelf.write(iter(lambda: item.file.read(1 << 20), b""), item.filename or "file", most).path
    if isinstance(item, dict):
        if not {"id", "url"} & item.keys():
            return _document(queue, item)
        item = item.get("id") or item.get("url")
    if not isinstance(item, str) or not item:
        raise RequestError(f"{item!r} names no file: give the id of an upload, an address, or JOB/NAME.")
    if _CHOSEN_ID.fullmatch(item):
        queue.shelf.touch(item)
        return queue.shelf.get(item).path
    if re.match("https?://", item):
        from cinemill.surfaces.api import fetch

        return fetch.kept(queue.shelf, item).path
    if item.startswith("s3://"):
        return _of_bucket(queue, item)
    job, _, name = item.partition("/")
    if _ID.fullmatch(job) and name and not item.startswith("/"):
        return output(queue.get(job), name)
    return confined(queue, item)


def _of_bucket(queue: Queue, address: str) -> Path:
    """A file of a bucket that the settings share. Raises NotAllowed, OpenFailed, DownloadFailed, TooLarge."""
    shared = [f"{one.rstrip('/')}/" for one in settings().shared_buckets.split()]
    if ".." in address.split("/") or not any(address.startswith(one) for one in shared):
        raise NotAllowed(f"{address} may not be read: add its bucket to CINEMILL_SHARED_BUCKETS, or sign its address.")
    with TemporaryDirectory(prefix="cinemill-") as folder:
        path = Path(folder) / elsewhere.name(address)
        elsewhere.fetch(address, path)
        with path.open("rb") as file:
            most = int(settings().upload_gb * 1e9)
            return queue.shelf.write(iter(lambda: file.read(1 << 20), b""), path.name, most).path


def _document(queue: Queue, told: dict[str, Any]) -> Path:
    """A document as a file, the ids and addresses in it as the files that they mean."""

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): placed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [placed(each) for each in value]
        is_file = isinstance(value, str) and (_CHOSEN_ID.fullmatch(value) or _OTHERS.fullmatch(value))
        return str(place(queue, value)) if is_file else value

    return queue.shelf.write([json.dumps(placed(told)).encode()], "document.json", 1 << 24).path


def output(job: Job, name: str) -> Path:
    """The file of that name that a job made. Raises NotHere."""
    if name not in job.made:
        raise NotHere(f"job {job.id} has no file {name!r}.", id=job.id)
    return job.made[name]


def confined(queue: Queue, text: str) -> Path:
    """A path that may be named: in the studio's folder or in those of the settings. Raises NotAllowed."""
    refusal = NotAllowed(f"{clean_name(text)} may not be read: upload it, or add its folder to CINEMILL_SHARED_DIRS.")
    try:
        path = Path(text).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise refusal from None
    shared = [queue.shelf.folder, queue.folder / "jobs", *settings().shared_folders]
    if not path.is_file() or not any(folder.resolve() in path.parents for folder in shared):
        raise refusal
    return path


def _named(queue: Queue, value: Any, kinds: set[str]) -> Any:
    """A parameter that names a file; a model has a name more often."""
    if isinstance(value, str) and kinds == {"weights"} and not re.search(r"[/\\]|^[0-9a-f]{32}$", value):
        return value
    return str(place(queue, value))


def _text(rest: dict[str, Any], name: str) -> str | None:
    value = rest.get(name)
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{name} must be text.")
    return value or None


def _number(rest: dict[str, Any], name: str, low: float, high: float) -> float | None:
    value = rest.get(name)
    if value in (None, ""):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise RequestError(f"{name} must be a number.") from None
    if isinstance(value, bool) or not low <= number <= high:
        raise RequestError(f"{name} must lie in {low:g} … {high:g}.")
    return number


def _truth(rest: dict[str, Any], name: str) -> bool:
    value = rest.get(name, False)
    if isinstance(value, str):
        value = {"true": True, "1": True, "yes": True, "on": True}.get(
            value.lower(), value.lower() not in ("false", "0", "no", "off", "") or None
        )
    if not isinstance(value, bool):
        raise RequestError(f"{name} must be true or false.")
    return value


def _webhook(rest: dict[str, Any]) -> str | None:
    url = _text(rest, "webhook_url")
    if url:
        from cinemill.surfaces.api import fetch

        fetch.check(url)
    return url


def _own_id(rest: dict[str, Any]) -> str | None:
    id = _text(rest, "id")
    if id and not _ID.fullmatch(id):
        raise RequestError("id must be 1 to 64 letters, digits, hyphens and underscores.")
    return id
