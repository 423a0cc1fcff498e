"""Jobs over HTTP: ask for one, look at it, follow what happens, fetch what it made."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

from cinemill.catalogue import operations, sessions
from cinemill.errors import NotHere
from cinemill.jobs.queue import State
from cinemill.operations import Operation, get
from cinemill.surfaces.api import asked
from cinemill.surfaces.api.shapes import JobShape, JobsShape, event_shape, job_shape
from cinemill.surfaces.api.studio import Studio, studio_of


def router() -> APIRouter:
    """One address for each operation of the catalogue, and those of jobs."""
    routes = APIRouter(prefix="/api", tags=["jobs"])
    for name, operation in operations.items():
        _add_operation(routes, name, operation)
    routes.post("/jobs/{operation}", include_in_schema=False)(_unknown)
    routes.get("/jobs")(list_jobs)
    routes.get("/jobs/{id}")(show)
    routes.delete("/jobs/{id}")(delete)
    for verb in (cancel, pause, resume, retry):
        routes.post(f"/jobs/{{id}}/{verb.__name__}")(verb)
    routes.get("/jobs/{id}/events", response_class=StreamingResponse, responses=_STREAM)(events)
    routes.get("/events", response_class=StreamingResponse, responses=_STREAM)(all_events)
    routes.websocket("/jobs/{id}/events")(events_by_socket)
    routes.websocket("/events")(all_events_by_socket)
    routes.get("/jobs/{id}/log", response_class=PlainTextResponse)(log)
    routes.get("/jobs/{id}/files/{name:path}", response_class=FileResponse)(download)
    return routes


_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


def _add_operation(routes: APIRouter, name: str, operation: Operation[Any, Any]) -> None:
    async def ask(request: Request) -> JobShape:
        studio = studio_of(request)
        return job_shape(studio.queue, await asked.submitted(studio.queue, name, request))

    text = inspect.getdoc(operation) or name
    routes.add_api_route(
        f"/jobs/{name}",
        ask,
        methods=["POST"],
        status_code=202,
        summary=text.partition("\n")[0],
        description=text,
        operation_id=name,
        openapi_extra={"requestBody": {"required": True, "content": body(operation)}},
    )


def body(operation: Operation[Any, Any]) -> dict[str, Any]:
    """What may be sent to ask for an operation, as OpenAPI says it."""
    params = operation.params.model_json_schema()
    definitions = params.pop("$defs", {})
    own = {
        "inputs": {
            "type": "array",
            "items": {"type": "string"},
            "description": f"{len(operation.inputs)} of: the id of an upload, an address, JOB/NAME of what a job made.",
        },
        "preset": {"type": "string", "description": "Values under a name, see /api/catalogue."},
        "output": {"type": "string", "description": "Name of the file to make; its suffix says the format."},
        "priority": {"type": "integer", "description": "Higher ones come first.", "default": 0},
        "chunk_seconds": {"type": "number", "description": "Programme per chunk.", "minimum": 0.1},
        "metrics": {"type": "boolean", "description": "Measure a video against its source.", "default": False},
        "webhook_url": {"type": "string", "description": "Where the job is sent to when it has ended."},
        "id": {"type": "string", "description": "Yours to choose; asking again with it makes no second job."},
    }
    whole = {"type": "object", "properties": {**own, "params": params}, "additionalProperties": True}
    file = {"type": "string", "format": "binary", "description": "What is to be worked on."}
    form = {**own, **params.get("properties", {}), "file": file}
    if definitions:
        whole["$defs"] = definitions
    return {
        "application/json": {"schema": inlined(whole)},
        "multipart/form-data": {"schema": inlined({"type": "object", "properties": form, "$defs": definitions})},
    }


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Definitions put where they are meant; an OpenAPI document would look for them elsewhere."""
    definitions = schema.pop("$defs", {})

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return plain(definitions[value["$ref"].rpartition("/")[2]])
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    return plain(schema)


async def _unknown(operation: str) -> None:
    if operation in sessions:
        raise NotHere(f"{operation} is begun on the page, where somebody watches it, or by `cinemill {operation}`.")
    try:
        get(operation)
    except Exception as error:
        raise NotHere(str(error)) from None
    raise NotHere(f"{operation} came with a plugin after the server began; start it again.")


def list_jobs(
    request: Request,
    state: Annotated[list[State] | None, Query(description="Only jobs in these states.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[str | None, Query(description="The last job of an earlier answer.")] = None,
) -> JobsShape:
    """List jobs, the newest first."""
    queue = studio_of(request).queue
    found = [job_shape(queue, job) for job in queue.jobs(state, limit, before=before)]
    return JobsShape(jobs=found, counts={str(key): count for key, count in queue.counts().items()})


def show(request: Request, id: str) -> JobShape:
    """Show a job."""
    queue = studio_of(request).queue
    return job_shape(queue, queue.get(id))


def delete(request: Request, id: str) -> JobShape:
    """Cancel a job that has not ended; forget one that has, with its files."""
    queue = studio_of(request).queue
    job = queue.get(id)
    if not job.has_ended:
        return job_shape(queue, queue.cancel(id))
    shape = job_shape(queue, job)
    queue.remove(id)
    return shape


def cancel(request: Request, id: str) -> JobShape:
    """End a job and throw its unfinished work away."""
    queue = studio_of(request).queue
    return job_shape(queue, queue.cancel(id))


def pause(request: Request, id: str) -> JobShape:
    """Let a job rest where it is."""
    queue = studio_of(request).queue
    return job_shape(queue, queue.pause(id))


def resume(request: Request, id: str) -> JobShape:
    """Let a paused job go on, in its turn."""
    queue = studio_of(request).queue
    return job_shape(queue, queue.resume(id))


def retry(request: Request, id: str) -> JobShape:
    """Do a job again that failed or was cancelled; what it had finished is used."""
    queue = studio_of(request).queue
    return job_shape(queue, queue.retry(id))


def log(request: Request, id: str) -> str:
    """The end of what a job's process printed."""
    return studio_of(request).queue.log(id)


def download(request: Request, id: str, name: str) -> FileResponse:
    """Download a file that a job made, whole or in ranges."""
    job = studio_of(request).queue.get(id)
    path = asked.output(job, name)
    return FileResponse(path, filename=path.name, content_disposition_type="attachment")


async def events(request: Request, id: str, after: int = 0) -> StreamingResponse:
    """Follow a job as server-sent events, from the one after `after` or `Last-Event-ID` on, to its end."""
    studio = studio_of(request)
    studio.queue.get(id)
    return _streamed(studio, id, _after(request, after))


async def all_events(request: Request, after: int | None = None) -> StreamingResponse:
    """Follow all jobs as server-sent events; without a number, from now on."""
    studio = studio_of(request)
    newest = studio.queue.last_event() if after is None else after
    return _streamed(studio, None, _after(request, newest))


def _after(request: Request, after: int) -> int:
    last = request.headers.get("last-event-id", "")
    return int(last) if last.isdigit() and len(last) < 18 else max(0, min(after, 1 << 60))


def _streamed(studio: Studio, id: str | None, after: int) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        async with aclosing(studio.follow(id, after)) as told:  # pyright: ignore[reportArgumentType]
            async for event in told:
                if event is None:
                    yield ": still here\n\n"
                    continue
                said = json.dumps(event_shape(studio.queue, event), ensure_ascii=False)
                yield f"id: {event['seq']}\nevent: {event['event']}\ndata: {said}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def events_by_socket(socket: WebSocket, id: str, after: int = 0) -> None:
    """Follow a job by WebSocket: one JSON object a message, to its end."""
    await _sent(socket, id, after)


async def all_events_by_socket(socket: WebSocket, after: int | None = None) -> None:
    await _sent(socket, None, studio_of(socket).queue.last_event() if after is None else after)


async def _sent(socket: WebSocket, id: str | None, after: int) -> None:
    studio = studio_of(socket)
    await socket.accept()
    try:
        async with aclosing(studio.follow(id, after)) as told:  # pyright: ignore[reportArgumentType]
            async for event in told:
                await socket.send_json({"event": "still-here"} if event is None else event_shape(studio.queue, event))
        await socket.close()
    except NotHere as error:
        await socket.send_json({"error": error.as_dict()})
        await socket.close(4404)
    except (WebSocketDisconnect, RuntimeError):  # gone
        pass
