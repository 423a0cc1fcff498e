"""The studio over HTTP: one application with the API, the surfaces that other tools' clients know, and the page."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from cinemill.errors import CinemillError, NotHere, RequestError
from cinemill.surfaces.api import catalogue, files, guard, health, jobs, nocode, openai, shorts
from cinemill.surfaces.api.shapes import Refusal
from cinemill.surfaces.api.studio import Serving, Studio
from cinemill.version import __version__


def create_app(serving: Serving | None = None) -> FastAPI:
    """The application. Its queue is opened at once; jobs begin when it is served."""
    serving = serving or Serving()
    studio = Studio(serving)

    agents = _for_agents(studio)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        await studio.start()
        try:
            async with agents.session_manager.run() if agents else nullcontext():
                yield
        finally:
            await studio.stop()

    app = FastAPI(
        title="cinemill",
        version=__version__,
        description="A local-first media studio. Every operation of the catalogue is a job.",
        lifespan=lifespan,
        docs_url=None,  # its page would be fetched from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={
            415: {"model": Refusal, "description": "A file is not what the studio works with."},
            422: {"model": Refusal, "description": "What was asked cannot be done as asked."},
        },
    )
    app.state.studio = studio
    for part in (jobs, files, catalogue, health, openai, nocode, shorts):
        app.include_router(part.router())
    if agents:
        app.router.routes.extend(_mounted(agents))
    app.add_exception_handler(CinemillError, _said)
    app.add_exception_handler(RequestValidationError, _said_of_fields)
    app.add_exception_handler(HTTPException, _said_of_routes)
    app.add_exception_handler(Exception, _said_of_faults)
    app.add_middleware(guard.Guard, serving=serving)
    if serving.page and importlib.util.find_spec("gradio") and importlib.util.find_spec("cinemill.surfaces.web"):
        page = importlib.import_module("cinemill.surfaces.web")
        app = page.mount(app, studio.queue)
    return app


def _for_agents(studio: Studio) -> Any:
    """The tools for agents, where their protocol is installed."""
    if importlib.util.find_spec("mcp") is None:
        return None
    from cinemill.surfaces import mcp

    return mcp.server(mcp.Bench(studio.queue, is_local=False, address=f"http://localhost:{studio.serving.port}"))


def _mounted(agents: Any) -> list[Any]:
    from mcp.server.transport_security import TransportSecuritySettings

    guarded = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # the guard has looked already
    return list(agents.streamable_http_app(transport_security=guarded).routes)


async def _said(request: Request, error: Exception) -> Response:
    assert isinstance(error, CinemillError)
    if request.url.path.startswith("/v1/"):
        return JSONResponse(openai.problem(error), error.http_status)
    if request.url.path.startswith(("/api/v1/", "/api/short-video")):
        return JSONResponse({"error": error.sentence, "type": type(error).__name__}, error.http_status)
    return guard.refusal(error)


async def _said_of_fields(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"] if part not in ("query", "path", "body", "header"))
    return guard.refusal(RequestError(f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}."))


async def _said_of_routes(request: Request, error: Exception) -> Response:
    """There is no such address, or not with this method."""
    assert isinstance(error, HTTPException)
    answer = guard.refusal(NotHere(f"{request.method} {request.url.path}: {str(error.detail).lower()}."))
    answer.status_code = error.status_code
    answer.headers.update(error.headers or {})
    return answer


async def _said_of_faults(request: Request, error: Exception) -> Response:
    return guard.refusal(CinemillError(f"cinemill met a fault of its own, {type(error).__name__}: {error}."))
