"""Words to webhooks: what a job became, signed, and said again until it is heard or a day has passed.

Signed as standardwebhooks.com has it: `webhook-signature: v1,BASE64(HMAC-SHA256(key, "ID.TIMESTAMP.BODY"))`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from cinemill.errors import CinemillError, NotHere
from cinemill.jobs.queue import Call, Queue
from cinemill.settings import settings
from cinemill.surfaces.api import fetch
from cinemill.surfaces.api.shapes import job_shape

AGAIN: Final = (5.0, 30.0, 120.0, 600.0, 3600.0, 4 * 3600.0, 24 * 3600.0)
"""Seconds until a word is said again."""
_PATIENCE: Final = 15.0
_BREATH: Final = 1.0


class Caller:
    """A thread that says what is due, for as long as the server runs."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.key = _key(queue)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(2 * _BREATH)

    def _run(self) -> None:
        while not self._ending.wait(_BREATH):
            with suppress(CinemillError):  # a queue that is locked; the next second is another chance
                for call in self.queue.calls(time.time()):
                    self.queue.called(call, None if self._heard(call) else self._again(call))

    def _again(self, call: Call) -> float | None:
        if call.tries >= len(AGAIN):
            print(f"webhook {call.url} was not heard for job {call.job} and is given up", file=sys.stderr)
            return None
        return time.time() + AGAIN[call.tries]

    def _heard(self, call: Call) -> bool:
        try:
            job = job_shape(self.queue, self.queue.get(call.job))
        except NotHere:
            return True  # nobody knows it any more
        body = json.dumps({"type": f"job.{job.state}", "data": job.model_dump(mode="json")}).encode()
        headers = {"content-type": "application/json", "user-agent": "cinemill", **self.signed(f"{call.id}", body)}
        try:
            return 200 <= fetch.call(call.url, body, headers, _PATIENCE) < 300
        except (CinemillError, OSError):
            return False

    def signed(self, id: str, body: bytes) -> dict[str, str]:
        """The headers that prove who says it."""
        now = str(int(time.time()))
        digest = hmac.new(self.key, b".".join((id.encode(), now.encode(), body)), hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"webhook-id": id, "webhook-timestamp": now, "webhook-signature": signature}


def _key(queue: Queue) -> bytes:
    """The setting's, or one that is made once and kept beside the queue."""
    if settings().webhook_secret:
        return settings().webhook_secret.encode()
    path = queue.folder / "webhook.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), "utf-8")
    return path.read_text("utf-8").encode()
