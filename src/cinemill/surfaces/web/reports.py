"""Pages that jobs made, such as reports: to be looked at, where they reach nothing and know nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fastapi.responses import FileResponse

from cinemill.errors import NotHere

if TYPE_CHECKING:
    from fastapi import FastAPI

    from cinemill.jobs.queue import Queue

_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
"""An origin of its own, without cookies, that asks for nothing."""


def add_to(app: FastAPI, queue: Queue) -> None:
    """Serve the pages that jobs of a queue made."""

    def report(id: str, name: str) -> FileResponse:
        path = queue.get(id).made.get(name)
        if path is None or path.suffix.lower() != ".html":
            raise NotHere(f"job {id} has made no page {name!r}.", id=id)
        headers = {"content-security-policy": _POLICY, "cache-control": "no-store"}
        return FileResponse(path, media_type="text/html", headers=headers, content_disposition_type="inline")

    app.add_api_route("/reports/{id}/{name:path}", report, include_in_schema=False, response_model=None)


def address(id: str, name: str) -> str:
    """Where such a page is found, seen from the studio's."""
    return f"reports/{quote(id)}/{quote(name)}"
