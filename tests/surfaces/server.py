"""The server as a real process on a port of its own, and a plain client."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from command import PATIENCE, wait_until

_SCRIPT = """
import sys, uvicorn
from pathlib import Path
from cinemill.surfaces.api.app import create_app
from cinemill.surfaces.api.studio import Serving
from cinemill.surfaces.serve import listener
taken = listener("127.0.0.1", 0)
token, host, page, silence, works = sys.argv[2:7]
app = create_app(Serving(folder=Path(sys.argv[1]), host=host, token=token, page=page == "page", silence=float(silence),
    works=works == "works"))
print(taken.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)).run([taken])
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return self.json["error"]["message"]


class Server:
    """A running server. Nothing but this machine reaches it, whatever it believes of its address."""

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        token: str = "",
        host: str = "127.0.0.1",
        page: bool = False,
        silence: float = 30,
        works: bool = True,
    ) -> None:
        self.folder = folder
        self.token = token
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _SCRIPT,
                str(folder),
                token,
                host,
                "page" if page else "",
                str(silence),
                "works" if works else "",
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self._watchdog = threading.Timer(4 * PATIENCE, self.process.kill)
        self._watchdog.start()
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        wait_until(self._answers)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.ask("GET", "/health").status == 200
        except OSError:
            return False

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request; an object becomes JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body, named = json.dumps(body).encode(), {"content-type": "application/json", **named}
        if self.token:
            named.setdefault("authorization", f"Bearer {self.token}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {key: value for key, value in named.items() if value})
            answer = connection.getresponse()
            return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def form(self, path: str, fields: list[tuple[str, Any]], **headers: str) -> Answer:
        """A form; a value that is a pair of name and bytes is a file."""
        edge = uuid4().hex
        lines: list[bytes] = []
        for name, value in fields:
            file = f'; filename="{value[0]}"' if isinstance(value, tuple) else ""
            lines += [f'--{edge}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()]
            lines += [value[1] if isinstance(value, tuple) else str(value).encode(), b"\r\n"]
        body = b"".join([*lines, f"--{edge}--\r\n".encode()])
        return self.ask("POST", path, body, content_type=f"multipart/form-data; boundary={edge}", **headers)

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """Server-sent events, to the end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path, headers={"authorization": f"Bearer {self.token}"} if self.token else {})
        try:
            for line in connection.getresponse():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        finally:
            connection.close()

    def until(self, id: str, *states: str) -> dict[str, Any]:
        """The job, once it is in one of these states."""
        wait_until(lambda: self.ask("GET", f"/api/jobs/{id}").json["state"] in states)
        return self.ask("GET", f"/api/jobs/{id}").json

    def done(self, answer: Answer) -> dict[str, Any]:
        """The job that was asked for, once it has ended."""
        assert answer.status == 202, answer.body
        return self.until(answer.json["id"], "done", "failed", "cancelled")

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait()
        self._watchdog.cancel()
        if self.process.stdout:
            self.process.stdout.close()
        return code
