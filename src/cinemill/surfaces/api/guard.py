"""Who may ask, from where, and how much: the first thing that every request meets.

- On any address but this machine's a token is wanted: `Authorization: Bearer`, `x-api-key`, or the cookie that the
  login page sets.
- A request that changes something and comes from another site's page is refused, with or without a cookie, and so is
  one that calls the server by a name that is not its own (a name of the attacker's that leads here).
- Bodies have limits in size, and in how slowly they may come; requests from another machine, in how many may come.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cinemill.errors import CinemillError, NotAllowed, NoToken, RequestError, TooLarge, TooMany
from cinemill.settings import settings
from cinemill.surfaces.api.studio import LOOPBACK, Serving

COOKIE: Final = "cinemill"
_OPEN: Final = ("/health", "/login")
"""What needs no token."""
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_MOST_TEXT: Final = 8 << 20
"""Bytes of a body that is not a file."""
_SLOWEST: Final = 512.0
"""Bytes a second that a body must come with, after the first minute."""
_BURST: Final = 600
"""Requests that an address may make at once: a page with all that belongs to it, several times."""
_RATE: Final = 60.0
"""Requests a second that an address may go on with."""
_ADDRESSES: Final = 10_000
"""Addresses that are remembered."""
_FILES: Final = ("multipart/form-data", "application/octet-stream", "application/offset+octet-stream")


class Guard:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self.app = app
        self.serving = serving
        self.pace = Pace()
        self.secret = _secret(serving.token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self.pace.count((scope.get("client") or ("",))[0])
            self._check(scope, headers)
        except NoToken as error:
            await self._turn_away(scope, headers, error)(scope, receive, send)
            return
        except CinemillError as error:
            await refusal(error)(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == "/login":
            await (await self._login(scope, receive))(scope, receive, send)
            return
        limited = _Body(headers, receive, self.serving.silence) if scope["type"] == "http" else receive
        began = False

        async def told(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_POLICY]}
            await send(message)

        try:
            await self.app(scope, limited, told)
        except _Broken as broken:
            if not began:
                await refusal(broken.error)(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        self._check_name(headers)
        if self.serving.token and scope["path"] not in _OPEN and not self._knows(headers):
            raise NoToken("a token is needed: send it as `Authorization: Bearer TOKEN` or `x-api-key: TOKEN`.")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if changes and not self._is_own(headers):
            raise NotAllowed("the request comes from a page of another site and is refused.")
        length = headers.get("content-length", "")
        if length and not length.isdigit():
            raise RequestError("the length of the body is not a number.")
        if length and int(length) > most(headers):
            raise TooLarge(f"the body has {length} bytes; {most(headers)} are taken at most.")

    def _check_name(self, headers: Headers) -> None:
        """Only a server on this machine has to: another one wants a token."""
        if not self.serving.is_local or self.serving.token:
            return
        name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if name not in (*LOOPBACK, *self.serving.names) and not name.endswith(".localhost"):
            raise NotAllowed(f"this server is not called {name!r}.")

    def _knows(self, headers: Headers) -> bool:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer if kind.lower() == "bearer" else headers.get("x-api-key", "")
        if given and hmac.compare_digest(given.strip().encode(), self.serving.token.encode()):
            return True
        cookie: SimpleCookie = SimpleCookie()
        try:
            cookie.load(headers.get("cookie", ""))
        except Exception:  # http.cookies raises several kinds
            return False
        return COOKIE in cookie and hmac.compare_digest(cookie[COOKIE].value.encode(), self.secret.encode())

    def _is_own(self, headers: Headers) -> bool:
        """Whether no page of another site can be behind it: browsers say where a request comes from."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") in ("none", "same-origin", "same-site")
        where = urlsplit(origin)
        return where.netloc == headers.get("host") or (where.hostname or "") in self.serving.names

    def _turn_away(self, scope: Scope, headers: Headers, error: NoToken) -> Response:
        people = "text/html" in headers.get("accept", "") and scope["type"] == "http" and scope["method"] == "GET"
        if people:
            return RedirectResponse(f"/login?next={quote(scope['path'])}", 303)
        return refusal(error, {"WWW-Authenticate": "Bearer"})

    async def _login(self, scope: Scope, receive: Receive) -> Response:
        """The page on which people show the token."""
        if scope["method"] == "GET":
            return HTMLResponse(_LOGIN.replace("$told", ""), headers=dict(_POLICY_TEXT))
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > 4096 or message["type"] == "http.disconnect":
                return refusal(TooLarge("a token is shorter."))
            if not message.get("more_body"):
                break
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not self.serving.token or not hmac.compare_digest(given.encode(), self.serving.token.encode()):
            await asyncio.sleep(1)  # guessing is slow
            told = "<p role='alert'>That is not the token.</p>"
            return HTMLResponse(_LOGIN.replace("$told", told), 401, headers=dict(_POLICY_TEXT))
        asked = parse_qs(scope.get("query_string", b"").decode()).get("next", ["/"])[0]
        answer = RedirectResponse(asked if asked.startswith("/") and not asked.startswith("//") else "/", 303)
        answer.set_cookie(COOKIE, self.secret, httponly=True, samesite="strict", secure=scope["scheme"] == "https")
        return answer


def cookie(token: str) -> str:
    """What the login page would give to whoever shows the token, as NAME=VALUE."""
    return f"{COOKIE}={_secret(token)}"


def _secret(token: str) -> str:
    return hashlib.sha256(b"cinemill cookie " + token.encode()).hexdigest()


class Pace:
    """How many requests an address has left. This machine's own are not counted."""

    def __init__(self, burst: int = _BURST, rate: float = _RATE) -> None:
        self.burst = burst
        self.rate = rate
        self._left: dict[str, tuple[float, float]] = {}

    def count(self, address: str) -> None:
        """Raises TooMany."""
        if address in LOOPBACK or not address:
            return
        now = time.monotonic()
        left, last = self._left.pop(address, (float(self.burst), now))
        left = min(self.burst, left + (now - last) * self.rate)
        if len(self._left) >= _ADDRESSES:
            del self._left[next(iter(self._left))]
        self._left[address] = max(0.0, left - 1), now
        if left < 1:
            raise TooMany(f"more than {self.rate:g} requests a second came from {address}; slow down.")


def most(headers: Headers) -> int:
    """Bytes that a body may have."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_file = kind in _FILES or kind.startswith(("video/", "audio/", "image/")) or not kind
    return int(settings().upload_gb * 1e9) if is_file else _MOST_TEXT


class _Broken(Exception):
    """A body that is too large or too slow."""

    def __init__(self, error: CinemillError) -> None:
        super().__init__(error.sentence)
        self.error = error


class _Body:
    """What a request's body comes through."""

    def __init__(self, headers: Headers, receive: Receive, silence: float) -> None:
        self.receive = receive
        self.silence = silence
        self.most = most(headers)
        self.size = 0
        self.began = time.monotonic()
        self.whole = False

    async def __call__(self) -> Message:
        if self.whole:
            return await self.receive()  # waits for the end of the connection
        try:
            message = await asyncio.wait_for(self.receive(), self.silence)
        except TimeoutError:
            raise _Broken(
                RequestError(f"the body has made a pause of {self.silence:g} s and is not waited for.")
            ) from None
        self.size += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.size > self.most:
            raise _Broken(TooLarge(f"the body has more than {self.most} bytes, the most that are taken."))
        seconds = time.monotonic() - self.began
        if seconds > 60 and self.size < seconds * _SLOWEST:
            raise _Broken(RequestError("the body comes too slowly and is not waited for."))
        return message


def refusal(error: CinemillError, headers: dict[str, str] | None = None) -> Response:
    """An error as every answer says it."""
    told: dict[str, Any] = {"error": error.as_dict()}
    return JSONResponse(told, error.http_status, headers)


_POLICY_TEXT: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
}
_POLICY: Final = [(name.encode(), value.encode()) for name, value in _POLICY_TEXT.items()]
_LOGIN: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>cinemill</title>
<meta name="viewport" content="width=device-width">
<style>body{font:16px system-ui,sans-serif;max-width:22rem;margin:20vh auto;padding:0 1rem;color:#1e293b}
input,button{font:inherit;padding:.5rem .75rem;width:100%;box-sizing:border-box;margin:.25rem 0;border-radius:.5rem}
input{border:1px solid #94a3b8}button{border:0;background:#2563eb;color:#fff}p{color:#b91c1c}</style>
<h1>cinemill</h1><form method="post"><label for="token">Token of this server</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
$told<button>Enter</button></form></html>"""
