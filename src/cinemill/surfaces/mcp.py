"""The studio for agents: a short list of tools over the catalogue, by MCP; at `/mcp` of the server, or `cinemill mcp`.

Answers hold addresses and paths of files, never the files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

from cinemill.catalogue import operations, presets
from cinemill.errors import CinemillError
from cinemill.jobs.queue import Job, Queue
from cinemill.surfaces.api import asked, catalogue
from cinemill.surfaces.api.shapes import job_shape

_BREATH: Final = 0.3
_ABOUT: Final = (
    "A local media studio. Look at list_operations, then describe_operation for the parameters of one, then run_job "
    "(waits) or start_job (does not; ask get_job). Inputs are ids of uploads, http addresses, or JOB/NAME of what an "
    "earlier job made."
)
_LOCAL: Final = " Paths of files on this machine are taken too."


@dataclass(frozen=True)
class Bench:
    """What the tools work with. `is_local`: whoever asks sits at this machine and may name its files."""

    queue: Queue
    is_local: bool
    address: str = ""

    def path(self, text: str) -> Path:
        """Raises RequestError."""
        if self.is_local and Path(text).expanduser().is_file():
            return Path(text).expanduser().resolve()
        return asked.place(self.queue, text)

    def told(self, job: Job) -> dict[str, Any]:
        shape = job_shape(self.queue, job).model_dump(mode="json")
        for made, path in zip(shape["outputs"], job.made.values()):
            made["url"] = str(path) if self.is_local else self.address + made["url"]
        return {key: value for key, value in shape.items() if value not in (None, "", {}, [])}


def server(bench: Bench) -> MCPServer:
    """The tools as a server."""
    made = MCPServer("cinemill", instructions=_ABOUT + (_LOCAL if bench.is_local else ""), log_level="WARNING")
    for tool in _tools(bench):
        made.add_tool(tool)
    return made


def _tools(bench: Bench) -> list[Callable[..., Any]]:
    def list_operations() -> list[dict[str, Any]]:
        """List what the studio can do."""
        rows = ((name, found, (found.__doc__ or "").strip()) for name, found in operations.items())
        return [
            {"name": name, "summary": text.partition("\n")[0], "inputs": list(found.inputs)}
            for name, found, text in rows
        ]

    def describe_operation(name: str) -> dict[str, Any]:
        """The parameters of an operation, with ranges, units and defaults, and its presets."""
        told = catalogue.operation(name)
        fitting = {one.name: one.description for one in presets().values() if one.operation == name}
        return {**{key: value for key, value in told.items() if key != "schema"}, "presets": fitting}

    def start_job(
        operation: str,
        inputs: list[str],
        params: dict[str, Any] | None = None,
        preset: str | None = None,
        output: str | None = None,
    ) -> dict[str, Any]:
        """Begin a job and come back at once. `output` is a file name whose suffix says the format."""
        return bench.told(_begin(bench, operation, inputs, params, preset, output))

    async def run_job(
        ctx: Context,
        operation: str,
        inputs: list[str],
        params: dict[str, Any] | None = None,
        preset: str | None = None,
        output: str | None = None,
    ) -> dict[str, Any]:
        """Do a job and wait for its end, with progress. Its outputs are paths or addresses."""
        job = await asyncio.to_thread(_begin, bench, operation, inputs, params, preset, output)
        try:
            while not job.has_ended:
                await asyncio.sleep(_BREATH)
                job = bench.queue.get(job.id)
                await ctx.report_progress(job.progress.share, 1.0, job.why or job.progress.stage)
        except asyncio.CancelledError:
            bench.queue.cancel(job.id)
            raise
        return bench.told(job)

    def get_job(id: str) -> dict[str, Any]:
        """How far a job is, what it made, or why it failed."""
        return bench.told(bench.queue.get(id))

    def list_jobs(limit: int = 20) -> list[dict[str, Any]]:
        """The newest jobs."""
        return [bench.told(job) for job in bench.queue.jobs(limit=max(1, min(limit, 200)))]

    def cancel_job(id: str) -> dict[str, Any]:
        """End a job and throw its unfinished work away."""
        return bench.told(bench.queue.cancel(id))

    tools = (list_operations, describe_operation, start_job, run_job, get_job, list_jobs, cancel_job)
    return [_plainly(tool) for tool in tools]


def _begin(
    bench: Bench,
    operation: str,
    inputs: list[str],
    params: dict[str, Any] | None,
    preset: str | None,
    output: str | None,
) -> Job:
    whole = asked.Asked([bench.path(text) for text in inputs], dict(params or {}), {"preset": preset, "output": output})
    return asked.submit(bench.queue, operation, whole, confined=not bench.is_local)


def _plainly(tool: Callable[..., Any]) -> Callable[..., Any]:
    """A tool whose errors are sentences: what is raised is told to the agent as it is."""
    from functools import wraps
    from inspect import iscoroutinefunction

    from mcp.server.mcpserver.exceptions import ToolError

    if iscoroutinefunction(tool):

        @wraps(tool)
        async def later(*given: Any, **named: Any) -> Any:
            try:
                return await tool(*given, **named)
            except CinemillError as error:
                raise ToolError(error.sentence) from None

        return later

    @wraps(tool)
    def now(*given: Any, **named: Any) -> Any:
        try:
            return tool(*given, **named)
        except CinemillError as error:
            raise ToolError(error.sentence) from None

    return now


def serve() -> None:
    """Answer an agent on standard input and output. Jobs go into the studio's queue, which a server may share.

    In an agent's settings: {"command": "cinemill", "args": ["mcp"]}
    """
    from cinemill.errors import JobRunning
    from cinemill.jobs.keeper import Keeper
    from cinemill.settings import settings

    queue = Queue(settings().data_dir / "studio")
    keeper: Keeper | None = Keeper(queue)
    try:
        keeper.start()
    except JobRunning:  # a server does the work
        keeper = None
    try:
        server(Bench(queue, is_local=True)).run("stdio")
    finally:
        if keeper:
            keeper.stop()
        queue.close()
