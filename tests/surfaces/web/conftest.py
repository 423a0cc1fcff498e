"""A server as its users start it, and a real browser that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import clips
from command import COMMAND

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60_000
"""Milliseconds that a test waits for what must come."""
_PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25")
_SOUND = ("-f", "lavfi", "-i", "sine=f=330:r=44100")
_CODING = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """short.mp4 (2 s), long.mp4 (10 min, more than anybody waits for), silent.mp4, said.wav, text.mp4
    (no video), worn.mp4 (four scenes)."""
    folder = tmp_path_factory.mktemp("films")
    clips.run("-i", Path(__file__).parents[2] / "speech" / "ten.ogg", "-t", 6, folder / "said.wav")
    clips.run(*_PICTURES, *_SOUND, "-t", 2, *_CODING, "-c:a", "aac", folder / "short.mp4")
    clips.run(*_PICTURES, "-t", 1, *_CODING, folder / "silent.mp4")
    clips.run(*_PICTURES, "-frames:v", 1, folder / "still.png")
    scenes = ("testsrc2", "mandelbrot", "smptehdbars", "rgbtestsrc")
    inputs = [word for name in scenes for word in ("-f", "lavfi", "-i", f"{name}=s=160x128:r=10")]
    cut = "".join(f"[{n}]trim=end=1.2,format=yuv420p[s{n}];" for n in range(len(scenes)))
    joined = f"{cut}{''.join(f'[s{n}]' for n in range(len(scenes)))}concat=n={len(scenes)},noise=alls=12:allf=t"
    clips.run(*inputs, "-filter_complex", joined, "-c:v", "libx264", "-qp", 10, folder / "worn.mp4")
    clips.run(*_PICTURES, *_SOUND, "-t", 10, *_CODING, "-crf", 40, "-c:a", "aac", folder / "piece.mp4")
    clips.run("-stream_loop", 59, "-i", folder / "piece.mp4", "-c", "copy", folder / "long.mp4")
    (folder / "text.mp4").write_text("Dear diary\n" * 100)
    return folder


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where `cinemill serve` listens, with a home of its own."""
    home = tmp_path_factory.mktemp("studio")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("CINEMILL_")},
        "CINEMILL_STATE_DIR": str(home / "state"),
        "CINEMILL_DATA_DIR": str(home / "data"),
        "CINEMILL_CONFIG": str(home / "settings.toml"),
        "GRADIO_TEMP_DIR": str(home / "arrivals"),
        "PYTHONUNBUFFERED": "1",
    }
    asked = ["serve", "--port", "0", "--no-check", "--folder", str(home / "queue")]
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(
            [*COMMAND, *asked], env=environment, stdout=subprocess.PIPE, stderr=said, start_new_session=True, text=True
        )
        assert server.stdout
        try:
            for line in server.stdout:
                if found := re.search(r"http://localhost:(\d+)", line):
                    yield f"http://127.0.0.1:{found[1]}"
                    break
            else:
                said.seek(0)
                pytest.fail(said.read().decode())
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
            server.stdout.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser; skips where none is installed."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium; apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """`browse()`: the page in a browser of its own. What goes wrong in it, or leaves this machine, fails the test."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_page(width: int = 1360, height: int = 900) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda sent: wrong.append(sent.url) if not _is_ours(sent.url, address) else None)
        page.goto(address)
        page.locator("html:not([inert]) button[role=tab]").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def _is_ours(url: str, address: str) -> bool:
    return url.startswith((f"{address}/", "data:", "blob:"))
