"""What the API says: jobs, files and events as JSON, without a path of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from cinemill.jobs.queue import Job, Queue, State
from cinemill.jobs.shelf import Partial, Stored


class Shape(BaseModel):
    """Frozen, with docstrings for the OpenAPI document."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Name(Shape):
    """A file that a job reads."""

    name: str
    id: str | None = None
    """Its id under /api/files, if it was uploaded."""


class Made(Shape):
    """A file that a job made."""

    name: str
    size: int
    """Bytes."""
    url: str
    """Where it is downloaded, whole or in ranges."""


class ProgressShape(Shape):
    """How far a job is."""

    done: int
    total: int
    """In `unit`."""
    unit: str
    rate: float | None
    """Units a second."""
    eta: float | None
    """Seconds that are left."""
    stage: str
    """planning, working, joining or measuring."""
    share: float
    """From 0 to 1 within the stage."""


class ErrorShape(Shape):
    """What went wrong, in a sentence for people; further facts by name."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    message: str


class JobShape(Shape):
    """A job. Times are seconds since 1970."""

    id: str
    operation: str
    state: State
    why: str
    """What it waits for, in a sentence, or empty."""
    inputs: list[Name]
    outputs: list[Made]
    params: dict[str, Any]
    """What was asked for beside the defaults."""
    options: dict[str, Any]
    priority: int
    lane: str
    progress: ProgressShape
    error: ErrorShape | None
    result: dict[str, Any]
    webhook_url: str | None
    created: float
    started: float | None
    finished: float | None
    attempt: int
    """How often it was begun."""


class JobsShape(Shape):
    """Jobs, the newest first, and how many there are in each state."""

    jobs: list[JobShape]
    counts: dict[str, int]


class FileShape(Shape):
    """A file on the shelf."""

    id: str
    name: str
    size: int
    """Bytes."""
    sha256: str
    created: float
    url: str


class FilesShape(Shape):
    files: list[FileShape]


class UploadShape(Shape):
    """An upload in pieces: `offset` of `size` bytes are here. `file` is there when it is whole."""

    id: str
    name: str
    size: int
    offset: int
    file: FileShape | None = None


class Refusal(Shape):
    """The body of every answer that is an error."""

    error: ErrorShape


def job_shape(queue: Queue, job: Job) -> JobShape:
    return JobShape(
        id=job.id,
        operation=job.operation,
        state=job.state,
        why=job.why,
        inputs=[_name(queue, path) for path in job.inputs],
        outputs=[_made(job, name, path) for name, path in job.made.items()],
        params=_told(queue, job.params),
        options=_told(queue, job.options),
        priority=job.priority,
        lane=job.lane,
        progress=ProgressShape.model_validate(job.progress, from_attributes=True),
        error=ErrorShape.model_validate(_told(queue, job.failure)) if job.failure else None,
        result=_told(queue, job.result),
        webhook_url=job.webhook,
        created=job.created,
        started=job.started,
        finished=job.finished,
        attempt=job.attempt,
    )


def file_shape(stored: Stored) -> FileShape:
    return FileShape(
        id=stored.id,
        name=stored.name,
        size=stored.size,
        sha256=stored.sha256,
        created=stored.created,
        url=f"/api/files/{stored.id}/content",
    )


def upload_shape(partial: Partial, stored: Stored | None = None) -> UploadShape:
    file = file_shape(stored) if stored else None
    return UploadShape(id=partial.id, name=partial.name, size=partial.size, offset=partial.offset, file=file)


def event_shape(queue: Queue, event: dict[str, Any]) -> dict[str, Any]:
    """An event without this machine's paths; outputs become the addresses of downloads."""
    told = _told(queue, event)
    if event.get("event") == "done":
        told["outputs"] = [f"/api/jobs/{event['job']}/files/{quote(Path(path).name)}" for path in event["outputs"]]
    return told


def _told(queue: Queue, value: Any) -> Any:
    """Paths in the studio's folder as names."""
    if isinstance(value, dict):
        return {key: _told(queue, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_told(queue, item) for item in value]
    if isinstance(value, str) and str(queue.folder) in value:
        return _shortened(value, str(queue.folder))
    return value


def _shortened(text: str, folder: str) -> str:
    """The text with `FOLDER/jobs/ID/` and `FOLDER/files/ID/` taken out."""
    first, *rest = text.split(f"{folder}/")
    return first + "".join(piece.split("/", 2)[-1] for piece in rest)


def _name(queue: Queue, path: Path) -> Name:
    shelved = path.parent.parent == queue.shelf.folder
    return Name(name=path.name, id=path.parent.name if shelved else None)


def _made(job: Job, name: str, path: Path) -> Made:
    return Made(name=name, size=path.stat().st_size, url=f"/api/jobs/{job.id}/files/{quote(name)}")
