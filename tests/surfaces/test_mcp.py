"""A real MCP client: by HTTP to a running server, and by pipes to `cinemill mcp`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from server import Server

from command import COMMAND, Cinemill


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    server = Server(folder / "studio", Cinemill(folder, folder / "home").environment)
    yield server
    server.end()


def told(result: Any) -> Any:
    """What a tool answered."""
    assert not result.is_error, result.content
    found = result.structured_content or json.loads(result.content[0].text)
    return found["result"] if found.keys() == {"result"} else found


async def tour(client: Client, film: str) -> dict[str, Any]:
    """What an agent does: look, read, run, and see errors as sentences."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert names[:4] == ["list_operations", "describe_operation", "start_job", "run_job"]
    assert "convert" in [row["name"] for row in told(await client.call_tool("list_operations", {}))]
    assert told(await client.call_tool("describe_operation", {"name": "convert"}))["params"][0]["help"]
    wrong = await client.call_tool("start_job", {"operation": "convert", "inputs": [film], "params": {"crf": 99}})
    assert wrong.is_error
    assert "it must lie in 0 … 63" in wrong.content[0].text
    shares: list[float] = []

    async def progress(share: float, total: float | None, message: str | None) -> None:
        shares.append(share)

    asked = {"operation": "convert", "inputs": [film], "params": {"codec": "ffv1"}, "output": "out.mkv"}
    job = told(await client.call_tool("run_job", asked, progress_callback=progress))
    assert shares
    assert told(await client.call_tool("get_job", {"id": job["id"]}))["state"] == "done"
    return job


def test_an_agent_works_by_http(server: Server, shelf: Path) -> None:
    film = server.form("/api/files", [("file", ("good.mp4", (shelf / "good.mp4").read_bytes()))]).json["id"]

    async def visit() -> dict[str, Any]:
        async with Client(f"{server.address}/mcp") as client:
            refused = await client.call_tool("start_job", {"operation": "convert", "inputs": [str(shelf / "good.mp4")]})
            assert "may not be read" in refused.content[0].text
            return await tour(client, film)

    job = asyncio.run(visit())
    assert job["outputs"][0]["url"].endswith("/files/out.mkv")
    assert str(server.folder) not in json.dumps(job)


def test_an_agent_works_by_pipes(folder: Path, cinemill: Cinemill, shelf: Path) -> None:
    async def visit() -> dict[str, Any]:
        process = StdioServerParameters(
            command=sys.executable, args=[*COMMAND[1:], "mcp"], env=cinemill.environment, cwd=folder
        )
        async with Client(process) as client:
            return await tour(client, str(shelf / "good.mp4"))

    job = asyncio.run(visit())
    assert Path(job["outputs"][0]["url"]).is_file()
