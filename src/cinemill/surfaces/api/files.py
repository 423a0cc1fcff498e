"""Files over HTTP: put on the shelf whole, in pieces (tus 1.0) or from an address; fetched whole or in ranges."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile

from cinemill.errors import JobError, RequestError, TooLarge
from cinemill.jobs.shelf import Partial, Shelf, Stored
from cinemill.settings import settings
from cinemill.surfaces.api.shapes import FileShape, FilesShape, UploadShape, file_shape, upload_shape
from cinemill.surfaces.api.studio import studio_of

_TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}


def router() -> APIRouter:
    routes = APIRouter(prefix="/api", tags=["files"])
    body = {"content": {kind: {"schema": schema} for kind, schema in _BODIES.items()}}
    routes.post("/files", status_code=201, openapi_extra={"requestBody": body})(add)
    routes.get("/files")(list_files)
    routes.get("/files/{id}")(show)
    routes.delete("/files/{id}", status_code=204)(remove)
    routes.get("/files/{id}/content", response_class=FileResponse)(download)
    routes.options("/uploads", status_code=204, include_in_schema=False)(abilities)
    routes.post("/uploads", status_code=201)(begin)
    routes.head("/uploads/{id}", include_in_schema=False)(where)
    routes.get("/uploads/{id}")(where_in_words)
    octets = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    routes.patch("/uploads/{id}", status_code=200, openapi_extra={"requestBody": octets})(go_on)
    routes.delete("/uploads/{id}", status_code=204)(abandon)
    return routes


_BODIES: dict[str, dict[str, Any]] = {
    "multipart/form-data": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}},
    "application/json": {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
    "application/octet-stream": {"type": "string", "format": "binary"},
}


async def add(
    request: Request, name: Annotated[str, Query(description="What a body without a name is called.")] = "file"
) -> FileShape:
    """Put a file on the shelf: a form with `file`, an object with `url`, or the bytes themselves."""
    shelf = studio_of(request).queue.shelf
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        stored = await _from_form(request, shelf)
    elif kind == "application/json":
        stored = await _from_address(request, shelf)
    else:
        stored = await _from_body(request, shelf, name)
    return file_shape(stored)


async def _from_form(request: Request, shelf: Shelf) -> Stored:
    try:
        form = await request.form(max_files=1, max_fields=50)
    except Exception as error:
        raise RequestError(f"the form cannot be read: {error}.") from None
    for value in form.values():
        if isinstance(value, UploadFile):
            most = int(settings().upload_gb * 1e9)
            pieces = iter(lambda file=value.file: file.read(1 << 20), b"")
            return await run_in_threadpool(shelf.write, pieces, value.filename or "file", most)
    raise RequestError("the form holds no file; send one in its field `file`.")


async def _from_address(request: Request, shelf: Shelf) -> Stored:
    from cinemill.surfaces.api import fetch

    try:
        told = json.loads(await request.body())
        url = told["url"]
    except (ValueError, KeyError, TypeError):
        raise RequestError('the body must be an object such as {"url": "https://..."}.') from None
    if not isinstance(url, str):
        raise RequestError("url must be text.")
    return await run_in_threadpool(fetch.kept, shelf, url)


async def _from_body(request: Request, shelf: Shelf, name: str) -> Stored:
    """Bytes as they come, written by way of an upload so that no thread waits for a slow sender."""
    partial = shelf.begin(name, 0)
    try:
        with shelf.opened(partial) as file:
            async for piece in request.stream():
                await run_in_threadpool(file.write, piece)
        return await run_in_threadpool(shelf.finish, partial)
    except BaseException:
        shelf.abandon(partial.id)
        raise


def list_files(
    request: Request,
    sha256: Annotated[str | None, Query(description="Only files with this content.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> FilesShape:
    """List the files on the shelf, the newest first; by content, to see whether an upload is needed."""
    shelf = studio_of(request).queue.shelf
    found = shelf.same(sha256.lower()) if sha256 is not None else list(shelf)
    return FilesShape(files=[file_shape(one) for one in found[:limit]])


def show(request: Request, id: str) -> FileShape:
    """Show a file on the shelf."""
    return file_shape(studio_of(request).queue.shelf.get(id))


def remove(request: Request, id: str) -> None:
    """Take a file off the shelf. Refused while a job needs it."""
    queue = studio_of(request).queue
    path = queue.shelf.get(id).path
    for job in queue.jobs(["queued", "running", "paused"], limit=100_000):
        if path in job.inputs:
            raise JobError(f"job {job.id} needs this file.")
    queue.shelf.remove(id)


def download(request: Request, id: str) -> FileResponse:
    """Download a file, whole or in ranges."""
    stored = studio_of(request).queue.shelf.get(id)
    return FileResponse(stored.path, filename=stored.name, content_disposition_type="attachment")


def abilities() -> Response:
    headers = {**_TUS, "Tus-Version": "1.0.0", "Tus-Extension": "creation,termination"}
    return Response(status_code=204, headers={**headers, "Tus-Max-Size": str(int(settings().upload_gb * 1e9))})


async def begin(
    request: Request,
    response: Response,
    name: str | None = None,
    size: Annotated[int | None, Query(ge=0)] = None,
    sha256: str = "",
) -> UploadShape:
    """Begin an upload in pieces: by `name` and `size`, or by the headers of tus 1.0. Empty files are whole at once."""
    length = request.headers.get("upload-length", "")
    size = size if size is not None else int(length) if length.isdigit() and len(length) < 18 else None
    if size is None:
        raise RequestError("say how many bytes will come: ?size=BYTES or the header Upload-Length.")
    if size > settings().upload_gb * 1e9:
        raise TooLarge(f"{size} bytes are more than the {settings().upload_gb * 1e9:.0f} that are taken.")
    shelf = studio_of(request).queue.shelf
    partial = shelf.begin(name or _announced(request) or "file", size, sha256)
    response.headers.update({**_TUS, "Location": f"/api/uploads/{partial.id}", "Upload-Offset": "0"})
    return upload_shape(partial, shelf.finish(partial) if size == 0 else None)


def _announced(request: Request) -> str:
    """The name in tus's metadata."""
    for pair in request.headers.get("upload-metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        if key in ("filename", "name"):
            try:
                return base64.b64decode(value).decode("utf-8", "replace")
            except ValueError:
                return ""
    return ""


def where(request: Request, id: str) -> Response:
    partial = studio_of(request).queue.shelf.partial(id)
    headers = {**_TUS, "Upload-Offset": str(partial.offset), "Upload-Length": str(partial.size)}
    return Response(status_code=200, headers=headers)


def where_in_words(request: Request, response: Response, id: str) -> UploadShape:
    """How far an upload is, to go on with it."""
    partial = studio_of(request).queue.shelf.partial(id)
    response.headers.update({**_TUS, "Upload-Offset": str(partial.offset), "Upload-Length": str(partial.size)})
    return upload_shape(partial)


async def go_on(request: Request, response: Response, id: str, offset: int | None = None) -> UploadShape:
    """Send the next bytes: from `offset`, or the header Upload-Offset, on. The last ones put the file on the shelf."""
    shelf = studio_of(request).queue.shelf
    partial = shelf.partial(id)
    told = request.headers.get("upload-offset", "")
    offset = offset if offset is not None else int(told) if told.isdigit() and len(told) < 18 else None
    if offset != partial.offset:
        raise JobError(f"the upload is at byte {partial.offset}; go on from there.", offset=partial.offset)
    with shelf.opened(partial) as file:
        async for piece in request.stream():
            if file.tell() + len(piece) > partial.size:
                raise TooLarge(f"{partial.name} was announced with {partial.size} bytes, and more come.")
            await run_in_threadpool(file.write, piece)
    now: Partial = shelf.partial(id)
    response.headers.update({**_TUS, "Upload-Offset": str(now.offset)})
    stored = await run_in_threadpool(shelf.finish, now) if now.offset == now.size else None
    if stored:
        response.headers["X-File-Id"] = stored.id
    return upload_shape(now, stored)


def abandon(request: Request, id: str) -> Response:
    """Throw an upload away."""
    shelf = studio_of(request).queue.shelf
    shelf.partial(id)
    shelf.abandon(id)
    return Response(status_code=204, headers=_TUS)
