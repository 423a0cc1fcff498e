"""What is done with people at it: a tape is captured, a network is taught. In a real browser, on a real server."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import badge, downloaded, give, tab, write

from cinemill.media import read

Browse = Callable[..., Any]


def counter(page: Any, name: str) -> Any:
    """The value of a counter of the deck."""
    return page.locator(".cm-counters div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def mock(page: Any, **values: float) -> None:
    """What is on the tape of the mock deck."""
    tape = page.locator("#capture-tape")
    tape.get_by_label("Seconds (s)").wait_for()
    for name, value in values.items():
        write(tape.get_by_label(name).first, str(value))
        page.keyboard.press("Tab")


def deck(page: Any, state: str) -> Any:
    """What the deck shows, when it has come so far."""
    found = page.locator(".cm-deck .cm-job").filter(has=page.locator(".cm-badge", has_text=state))
    found.wait_for()
    return found


def test_a_tape_is_looked_at_recorded_over_a_reload_and_stopped(browse: Browse, tmp_path: Path) -> None:
    page = browse()
    tab(page, "Capture")
    page.get_by_text("No capture device was found").or_(page.locator("#capture-device input")).first.wait_for()
    mock(page, Seconds=3600)
    page.locator("button#capture-look").click()
    deck(page, "Looking").locator("img.cm-scopes").wait_for()
    page.locator("button#capture-record").click()
    deck(page, "Recording").locator("img.cm-monitor").wait_for()
    page.wait_for_function(_FRAMES, arg=25)
    page.reload()
    tab(page, "Capture")
    recording = deck(page, "Recording")
    page.wait_for_function(_FRAMES, arg=50)
    recording.get_by_role("button", name="Stop").click()
    card = badge(page, "Capture mock", "done")
    made = read.probe(downloaded(page, card.get_by_role("link", name="Download MKV").first, tmp_path))
    assert made.video
    assert made.video.codec == "ffv1"
    assert made.of_kind("audio")
    assert len(read.index(made).pts) >= 50
    tab(page, "Queue")
    row = page.locator(".cm-queue .cm-job", has_text="Capture mock").first
    row.locator("summary").click()
    row.get_by_text("tape.capture.json").wait_for()


_FRAMES = """(least) => [...document.querySelectorAll('.cm-counters div')].some((one) =>
  one.firstChild.textContent === 'Frames' && Number(one.lastChild.textContent) >= least)"""


def test_what_went_wrong_is_counted_and_the_tape_goes_on_to_restore(browse: Browse) -> None:
    page = browse(400, 900)
    tab(page, "Capture")
    mock(page, Seconds=5, Pace=0, Drops=3, Duplicates=2)
    write(page.locator("#capture-name textarea, #capture-name input").first, "wedding")
    page.locator("button#capture-record").click()
    badge(page, "Capture mock", "done")
    assert [counter(page, name).inner_text() for name in ("Frames", "Dropped", "Duplicated")] == ["122", "3", "2"]
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    page.locator("button#capture-restore").click()
    badge(page, "Analyze wedding.mkv", "done")
    assert page.locator(".cm-file:visible", has_text="wedding.mkv").is_visible()
    page.get_by_role("heading", name="What was found").wait_for()


def test_what_is_preferred_becomes_a_network_that_is_used_by_name(browse: Browse, films: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    page = browse()
    tab(page, "Learn")
    give(page, films / "worn.mp4")
    write(page.locator("#learn-one textarea, #learn-one input").first, "denoise.hqdn3d=strength:0.7")
    write(page.locator("#learn-moments input[type=number]"), "8")
    page.keyboard.press("Tab")
    page.locator("button#learn-make").click()
    for left in range(8, 0, -1):
        page.get_by_text(f"{left} of 8 comparisons are left.").wait_for()
        page.locator("#learn-slider img").first.wait_for()
        page.locator(f"button#learn-{'left' if left % 2 else 'right'}").click()
    page.get_by_text("0 of 8 comparisons are left.").wait_for()
    page.get_by_text("8 pairs to learn from.").wait_for()
    page.get_by_text(re.compile("would prefer denoise.hqdn3d")).wait_for()

    page.locator("#learn-step").get_by_label("Train").check()
    write(page.locator("#learn-name textarea, #learn-name input").first, "of-mine")
    training = page.locator("#learn-train")
    for name, value in {"Steps": 60, "Batch": 4, "Crop (px)": 64}.items():
        field = training.get_by_label(name).first
        write(field, str(value))
        page.keyboard.press("Tab")
    page.locator("button#learn-run").click()
    badge(page, "Train of-mine", "done")
    page.locator(".cm-curve svg polyline").first.wait_for()
    page.locator("img.cm-sample").wait_for()

    page.locator("#learn-step").get_by_label("Compare").check()
    page.get_by_role("heading", name="of-mine").wait_for()
    page.locator("#learn-compared img").nth(1).wait_for()

    page.locator("#learn-step").get_by_label("Use").check()
    assert page.locator("#learn-chain textarea").input_value() == "denoise.model=model:of-mine"
    give(page, films / "worn.mp4")
    page.locator("button#learn-apply").click()
    card = badge(page, "Process worn.mp4", "done")
    made = read.probe(downloaded(page, card.get_by_role("link", name="Download MP4"), tmp_path))
    assert made.video


def test_a_lesson_without_pairs_is_refused_in_a_sentence(browse: Browse) -> None:
    page = browse()
    tab(page, "Learn")
    write(page.get_by_label("Collection"), "nothing-here")
    page.locator("#learn-step").get_by_label("Train").check()
    page.locator("button#learn-run").click()
    page.locator("#learn-train").get_by_role("alert").filter(has_text="has 0 pairs, and two are the least").wait_for()
