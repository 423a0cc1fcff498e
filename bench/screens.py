"""`python -m bench.screens [TAB]...`: the pictures of the page in `docs/page`, of the real page with real clips in it.

A server of its own is started and looked at with Chromium, which has to be installed; playwright drives it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from bench import CINEMILL, MEDIA, PAGE, run_ffmpeg, workplace
from cinemill.measure import sheet

FOLDER = PAGE.parent / "page"
TABS = (
    *("Subtitles", "Restore", "Stylize", "Compose", "Capture"),
    *("Learn", "Toolbox", "Queue", "Models & engines", "System"),
)
_PATIENCE = 900_000
"""Milliseconds that a job may take."""
_WIDE, _NARROW = (1240, 900), (390, 840)
_WIDEST = 1120
_ASIDE = (700, 140)
"""A place beside all that could be clicked."""
_LARGEST = 80_000
"""Bytes of a picture."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with workplace() as folder, _served(folder) as address, _browser() as browser:
        _clips(folder)
        if sys.argv[1:2] == ["--empty"]:
            _empty(browser, address, Path(sys.argv[2]))
            return
        for name, show in _SHOWN.items():
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            page = _opened(browser, address, _WIDE)
            show(page, folder)
            keep(FOLDER / f"{name}.webp", _shot(page, folder))
            page.context.close()
        if not sys.argv[1:] or "narrow" in sys.argv[1:]:
            shots = [(name, shot) for name, shot in _tabs(browser, address, _NARROW, folder)]
            keep(FOLDER / "narrow.webp", sheet.gallery([("", small(shot, 260)) for _, shot in shots], "", 5))


def _empty(browser: Any, address: str, folder: Path) -> None:
    """Every tab with nothing in it, wide and narrow, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in ((1360, 900), _NARROW):
        for name, shot in _tabs(browser, address, size, folder):
            (folder / f"{name.partition(' ')[0].lower()}-{size[0]}.png").write_bytes(sheet.png(shot))


def _tabs(browser: Any, address: str, size: tuple[int, int], folder: Path) -> Iterator[tuple[str, sheet.Picture]]:
    page = _opened(browser, address, size)
    for name in TABS:
        tab(page, name)
        page.wait_for_timeout(1500)
        yield name, _shot(page, folder)
    page.context.close()


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Where `cinemill serve` listens, with a home of its own."""
    homes = {f"CINEMILL_{name.upper()}_DIR": str(folder / name) for name in ("state", "cache", "data")}
    environment = {**os.environ, **homes, "PYTHONUNBUFFERED": "1", "GRADIO_TEMP_DIR": str(folder / "arrivals")}
    asked = [CINEMILL, "serve", "--port", "0", "--no-check", "--folder", str(folder / "queue")]
    server = subprocess.Popen(asked, env=environment, stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert server.stdout
    try:
        found = next(filter(None, (re.search(r"http://localhost:(\d+)", line) for line in server.stdout)))
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


@contextmanager
def _browser() -> Iterator[Any]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def _opened(browser: Any, address: str, size: tuple[int, int]) -> Any:
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
    page.set_default_timeout(_PATIENCE)
    page.goto(address)
    page.locator("html:not([inert]) button[role=tab]").first.wait_for()
    return page


def tab(page: Any, name: str) -> None:
    """Open a tab; in a narrow window some are behind a menu."""
    found = page.get_by_role("tab", name=name, exact=True)
    if not found.is_visible():
        page.locator(".overflow-menu button").first.click()
        found = page.locator(".overflow-dropdown button", has_text=name)
    found.click()


def give(page: Any, *files: Path) -> None:
    """Choose files for the first place of the tab that is open."""
    page.locator(".cm-source:visible input[type=file]").first.set_input_files([str(file) for file in files])
    page.locator(".cm-file:visible").first.wait_for()


def done(page: Any, title: str) -> None:
    """Wait for the card of a job to say so."""
    card = page.locator(".cm-card .cm-job:visible", has_text=title)
    card.filter(has=page.locator('.cm-badge[data-state="done"]')).first.wait_for()


def _shot(page: Any, folder: Path) -> sheet.Picture:
    path = folder / "shot.png"
    page.screenshot(path=str(path))
    return read_picture(path)


def report(written: Path, shot: Path, width: int = 1120, height: int = 1000) -> Path:
    """A page that an operation wrote, as a PNG."""
    with _browser() as browser:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(written.as_uri())
        page.wait_for_timeout(500)
        page.screenshot(path=str(shot))
    return shot


def _clips(folder: Path) -> None:
    bunny = MEDIA / "big_buck_bunny_0_30.webm"
    coding = ("-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p")
    run_ffmpeg(
        "-ss",
        12,
        "-t",
        11,
        "-i",
        bunny,
        "-i",
        MEDIA / "jfk.flac",
        "-map",
        "0:v",
        "-map",
        "1:a",
        *coding,
        "-c:a",
        "aac",
        folder / "talk.mp4",
    )
    run_ffmpeg("-ss", 12, "-t", 5, "-i", bunny, *coding, "-c:a", "aac", folder / "garden.mp4")
    run_ffmpeg("-ss", 22, "-t", 3, "-i", bunny, *coding, "-c:a", "aac", folder / "butterfly.mp4")
    tape = [CINEMILL, "degrade", folder / "garden.mp4", "-o", folder / "family-tape.mkv", "--preset", "vhs-pal"]
    subprocess.run([str(word) for word in tape], check=True, stdout=subprocess.DEVNULL)
    (folder / "beach.jpg").write_bytes((MEDIA / "vacation_2017.jpg").read_bytes())


def _subtitles(page: Any, folder: Path) -> None:
    give(page, folder / "talk.mp4")
    page.locator("#subtitles-run").click()
    page.locator(".cm-cue").first.wait_for()
    page.set_viewport_size({"width": _WIDE[0], "height": 1120})  # the table beneath the sound
    page.locator(".cm-cue").nth(1).click()
    page.wait_for_timeout(800)
    page.evaluate("document.querySelectorAll('video').forEach((one) => one.pause())")
    page.wait_for_timeout(500)


def _restore(page: Any, folder: Path) -> None:
    tab(page, "Restore")
    give(page, folder / "family-tape.mkv")
    done(page, "Analyze family-tape.mkv")
    page.get_by_role("heading", name="What was found").wait_for()
    page.locator("#restore-preview button, button#restore-preview").first.click()
    page.locator("#restore-slider img").first.wait_for()
    page.wait_for_timeout(1500)


def _stylize(page: Any, folder: Path) -> None:
    tab(page, "Stylize")
    give(page, folder / "butterfly.mp4")
    page.locator("#stylize-style").get_by_label("comic").check()
    page.locator("#stylize-gallery img").nth(5).wait_for()
    page.wait_for_timeout(4000)


def _compose(page: Any, folder: Path) -> None:
    tab(page, "Compose")
    give(page, folder / "beach.jpg", folder / "butterfly.mp4")
    table = page.locator("#compose-table")
    table.get_by_test_id("cell-0-1").get_by_text("beach.jpg").wait_for()
    for place, text in (("cell-0-4", "It began with a photograph."), ("cell-1-4", "And then it began to move.")):
        cell = table.get_by_test_id(place).last
        page.mouse.click(*_ASIDE)  # a cell that is chosen grows over those below it
        cell.dblclick()
        cell.get_by_role("textbox").press_sequentially(text)
        page.keyboard.press("Enter")
        page.wait_for_timeout(1500)
    page.mouse.click(*_ASIDE)
    page.locator("button#compose-preview").click()
    done(page, "Preview: compose")
    page.wait_for_timeout(1500)
    page.set_viewport_size({"width": _WIDE[0], "height": 1010})  # the table beneath the film
    page.evaluate("document.querySelectorAll('video').forEach((one) => { one.currentTime = 1.2 })")
    page.wait_for_timeout(1000)


_SHOWN: dict[str, Callable[[Any, Path], None]] = {
    "subtitles": _subtitles,
    "restore": _restore,
    "stylize": _stylize,
    "compose": _compose,
}


def keep(path: Path, drawn: sheet.Picture) -> None:
    """As WebP, no wider than a page and no larger than it should be."""
    shown = small(drawn, _WIDEST) if drawn.shape[1] > _WIDEST else drawn
    for quality in range(88, 30, -6):
        path.write_bytes(_webp(shown, quality))
        if path.stat().st_size <= _LARGEST:
            break
    print(f"{path}: {shown.shape[1]}x{shown.shape[0]}, {path.stat().st_size / 1e3:.0f} kB")


def small(shot: sheet.Picture, wide: int = 350) -> sheet.Picture:
    return sheet.resized(shot, wide, shot.shape[0] * wide // shot.shape[1])


def read_picture(path: Path) -> sheet.Picture:
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))


def _webp(rgb: sheet.Picture, quality: int) -> bytes:
    return cv2.imencode(".webp", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()


if __name__ == "__main__":
    main()
