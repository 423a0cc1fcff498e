"""RunPod's side of a worker, as far as its SDK speaks with it: jobs are taken, stopped, told of and answered here."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_PATIENCE = 180.0
"""Seconds in which whatever is waited for happens."""
_HOLD = 0.5
"""Seconds for which a question that has no answer yet is held open."""


class Service(ThreadingHTTPServer):
    """What happens to each job, in the order in which it was told here."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.news = threading.Condition()
        self.waiting: deque[dict[str, Any]] = deque()
        self.stopping: list[str] = []
        self.told: dict[str, list[dict[str, Any]]] = {}
        self.pieces: dict[str, list[dict[str, Any]]] = {}
        self.unwell: list[str] = []
        self.hinder: Callable[[str], None] = lambda body: None
        """Called before what a worker says is taken in."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What RunPod puts into the environment of its workers."""
        here = f"http://127.0.0.1:{self.server_port}/v2/e"
        return {
            "RUNPOD_WEBHOOK_GET_JOB": f"{here}/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{here}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{here}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{here}/ping/$RUNPOD_POD_ID",
            "RUNPOD_AI_API_KEY": "key",
            "RUNPOD_POD_ID": "pod",
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
        }

    def submit(self, id: str, given: Any) -> None:
        with self.news:
            self.waiting.append({"id": id, "input": given})
            self.news.notify_all()

    def cancel(self, id: str) -> None:
        with self.news:
            self.stopping.append(id)
            self.news.notify_all()

    def until(self, happens: Callable[[], Any]) -> Any:
        """What `happens` gives, as soon as it gives anything."""
        with self.news:
            assert self.news.wait_for(happens, _PATIENCE), (self.told, self.pieces)
            return happens()

    def answer(self, id: str) -> dict[str, Any]:
        """The final word on a job."""
        return self.until(lambda: next((word for word in self.told.get(id, ()) if not _passes(word)), None))


def _passes(word: dict[str, Any]) -> bool:
    return word.get("status") == "IN_PROGRESS"


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_GET(self) -> None:
        kind = self.path.split("/")[3]
        if kind == "ping":
            if "unhealthy" in self.path:
                self.server.unwell.append(self.path)
            self._say(200, {})
            return
        with self.server.news:
            queue = self.server.waiting if kind == "job-take" else self.server.stopping
            self.server.news.wait_for(lambda: queue, _HOLD)
            if kind == "job-take":
                self._say(200, queue.popleft()) if queue else self._say(204)
            else:
                ids = list(self.server.stopping)
                self.server.stopping.clear()
                self._say(200, {"jobsToStop": ids})

    def do_POST(self) -> None:
        _, _, _, kind, _, rest = self.path.split("/", 5)
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.hinder(body)
        with self.server.news:
            heard = self.server.pieces if kind == "job-stream" else self.server.told
            heard.setdefault(rest.partition("?")[0], []).append({**json.loads(body), "at": time.monotonic()})
            self.server.news.notify_all()
        self._say(200, {})

    def _say(self, status: int, told: Any = None) -> None:
        body = b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def begun(worker: Path, service: Service, folder: Path, *more: str, **environment: str) -> subprocess.Popen[bytes]:
    """A worker that serves jobs of `service`, as RunPod starts it, and writes what it says into `folder`/log."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [worker, "worker", "runpod", *more],
            cwd=folder,
            env={**os.environ, **service.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
