"""What people do with the page, in a few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def tab(page: Any, name: str) -> None:
    """Open a tab. In a narrow window some are behind a menu."""
    page.get_by_role("tab", name="Subtitles").first.wait_for()
    found = page.get_by_role("tab", name=name, exact=True)
    if not found.is_visible():
        page.locator(".overflow-menu button").first.click()
        found = page.locator(".overflow-dropdown button", has_text=name)
    found.click()


def tool(page: Any, name: str) -> Any:
    """The form of an operation in the Toolbox, opened."""
    tab(page, "Toolbox")
    page.locator("#toolbox-tool").get_by_label(name, exact=True).check()
    form = page.locator(f"#tool-{name.lower().replace(' ', '-')}")
    form.wait_for()
    return form


def write(field: Any, value: str) -> None:
    """Fill a field in once its page has come to rest: what comes faster than anybody types, while the field is being
    drawn, is drawn over."""
    field.evaluate("() => new Promise((done) => requestIdleCallback(() => requestAnimationFrame(done)))")
    field.fill(value)


def give(page: Any, *files: Path, place: int = 0) -> None:
    """Choose files for the nth place of the tab that is open."""
    before = page.locator(".cm-file:visible").count()
    page.locator(".cm-source:visible").nth(place).locator("input[type=file]").set_input_files([str(f) for f in files])
    page.locator(".cm-file:visible").nth(before).wait_for()


def badge(page: Any, title: str, state: str) -> Any:
    """The card of a job, when it has come so far."""
    card = page.locator(".cm-card .cm-job:visible", has_text=title).filter(
        has=page.locator(f'.cm-badge[data-state="{state}"]')
    )
    card.first.wait_for()
    return card.first


def downloaded(page: Any, link: Any, folder: Path) -> Path:
    """The file that a link gives."""
    with page.expect_download() as going:
        link.click()
    path = folder / going.value.suggested_filename
    going.value.save_as(path)
    return path
