"""`cinemill serve`: look at the machine, then serve the page and the API."""

from __future__ import annotations

import importlib.util
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from cinemill.errors import JobRunning, MissingResource, NotAllowed, RequestError


def serve(
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen. Other machines need --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")] = 7860,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TEXT", help="What whoever asks has to show; rather set CINEMILL_TOKEN."),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", metavar="HOST", help="A name under which a proxy calls this server.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="FOLDER", help="For the queue, uploads and results.")
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the web page beside the API.")] = True,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try what works here before listening.")] = True,
) -> None:
    """Serve a web page, an API and a queue of jobs that survives everything: http://localhost:7860.

    Example: cinemill serve --port 7860
    """
    refuse_without_packages()
    from cinemill.settings import settings
    from cinemill.surfaces.api.app import create_app
    from cinemill.surfaces.api.studio import Serving

    serving = Serving(
        folder=folder or settings().data_dir / "studio",
        host=host,
        port=port,
        token=settings().token if token is None else token,
        names=tuple(name or ()),
        page=page,
    )
    if not serving.is_local and not serving.token:
        raise NotAllowed(
            f"on {host} anybody could use this machine: give a token with CINEMILL_TOKEN=... or --token, "
            "or listen on 127.0.0.1."
        )
    if check:
        _examine()
    taken = listener(host, port)
    app = create_app(serving)
    everywhere = host in ("0.0.0.0", "::")
    called = "localhost" if serving.is_local else socket.gethostname() if everywhere else host
    address = f"http://{called}:{taken.getsockname()[1]}"
    taken.listen()  # whoever reads the address and is quick waits, and is not refused
    typer.echo(f"\ncinemill is at {address}  (API: {address}/api/openapi.json; Ctrl-C stops it, and jobs go on later)")
    run(server_of(app), taken, serving.folder)


def server_of(app: Any) -> Any:
    """What serves the application, quietly."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, ws="auto")
    return uvicorn.Server(config)


def run(server: Any, taken: socket.socket, folder: Path) -> None:
    """Serve on a socket until somebody stops it. Raises JobRunning when another server has the queue in `folder`."""
    with suppress(SystemExit):  # uvicorn's way to say that the application did not start
        server.run([taken])
    if not server.started:
        raise JobRunning(f"another server works on the queue in {folder}; stop it, or give another --folder.")


def refuse_without_packages(*more: str) -> None:
    """Raises MissingResource where the extra is not installed that the server, and `more`, are of."""
    needed = ("fastapi", "uvicorn", "multipart", *more)
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        told = f"the server needs {', '.join(missing)}; `pip install 'cinemill[studio]'` brings what it needs."
        raise MissingResource(told)


def _examine() -> None:
    """What works on this machine, as a table. Exits with 3 when something that is needed does not."""
    from cinemill.surfaces import doctor, look

    findings = doctor.examine()
    look.at_findings(findings, as_json=False)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(3)


def listener(host: str, port: int) -> socket.socket:
    """The socket, taken before anything else begins. Raises RequestError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        raise RequestError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}. Give another --port, or 0 for a free one."
        ) from None
    return taken
