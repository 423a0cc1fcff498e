"""The page in a real browser: what people do with it, and what goes wrong for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import badge, downloaded, give, tab, tool, write

from cinemill.media import read
from cinemill.media.cues import files

Browse = Callable[..., Any]


def test_every_tab_opens_and_everything_in_it_has_a_name(browse: Browse) -> None:
    page = browse()
    names = page.get_by_role("tab").all_inner_texts()
    assert {"Subtitles", "Restore", "Stylize", "Toolbox", "Queue", "Models & engines", "System"} <= set(names)
    for name in dict.fromkeys(names):
        tab(page, name)
        page.get_by_role("heading", name=name, exact=True).wait_for()
        assert page.evaluate(_NAMELESS) == [], name
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), name
    page.locator(".cm-state", has_text="works").first.wait_for()  # System looked by itself


_NAMELESS = """() => [...document.querySelectorAll('input, button, select, textarea, a[href], video, audio')]
  .filter((one) => one.offsetParent !== null && one.tabIndex >= 0 && !one.closest('[aria-hidden=true]'))
  .filter((one) => !(one.labels?.length || one.getAttribute('aria-label') || one.getAttribute('aria-labelledby')
    || one.textContent.trim() || one.title || one.querySelector('img[alt]') || one.placeholder))
  .map((one) => one.outerHTML.slice(0, 120))"""


def test_speech_becomes_cues_that_are_edited_downloaded_and_there_after_a_reload(
    browse: Browse, films: Path, tmp_path: Path
) -> None:
    page = browse()
    give(page, films / "said.wav")
    page.locator("#subtitles-run").click()
    badge(page, "Subtitle said.wav", "done")
    page.locator(".cm-cue").first.wait_for()
    made = files.read(downloaded(page, page.get_by_role("link", name="Download said.srt"), tmp_path)).transcript
    assert len(made.cues) == page.locator(".cm-cue").count()
    cell = page.locator("#subtitles-table [data-testid='cell-0-3']")
    cell.dblclick()
    write(cell.get_by_role("textbox"), "Something else")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("Something else")).wait_for()
    edited = files.read(downloaded(page, page.get_by_role("link", name="Download said.vtt"), tmp_path)).transcript
    assert [cue.text for cue in edited.cues] == ["Something else", *(cue.text for cue in made.cues[1:])]
    page.reload()
    page.get_by_role("button", name=re.compile("Something else")).wait_for()
    assert page.locator(".cm-file", has_text="said.wav").is_visible()


def test_a_film_is_looked_at_a_chain_is_tried_and_run(browse: Browse, films: Path, tmp_path: Path) -> None:
    page = browse()
    tab(page, "Restore")
    give(page, films / "short.mp4")
    badge(page, "Analyze short.mp4", "done")
    page.get_by_role("heading", name="What was found").wait_for()
    chain = page.locator("#restore-chain textarea")
    page.get_by_label("Upscale").click()
    page.get_by_role("option", name="720p").click()
    page.wait_for_function("document.querySelector('#restore-chain textarea').value.includes('upscale')")
    write(chain, "deflicker,scale=height:90:width:160")
    page.locator("#restore-preview button, button#restore-preview").first.click()
    page.locator("#restore-slider img").first.wait_for()
    page.locator("button#restore-run").click()
    card = badge(page, "Restore short.mp4", "done").filter(has_text="short.restored.mp4")
    made = read.probe(downloaded(page, card.get_by_role("link", name="Download MP4"), tmp_path))
    assert made.video
    assert (made.video.width, made.video.height) == (160, 90)
    assert made.of_kind("audio")


def test_styles_are_shown_on_the_film_and_one_is_rendered(browse: Browse, films: Path, tmp_path: Path) -> None:
    page = browse()
    tab(page, "Stylize")
    give(page, films / "silent.mp4")
    page.locator("#stylize-slider img").first.wait_for()
    page.locator("#stylize-gallery img").nth(3).wait_for()
    page.locator("#stylize-gallery button.thumbnail-item").nth(3).click()
    page.locator("#stylize-comic").wait_for()
    page.locator("button#stylize-run").click()
    card = badge(page, "Stylize silent.mp4", "done")
    assert read.probe(downloaded(page, card.get_by_role("link", name="Download MP4"), tmp_path)).video
    page.reload()  # style and job are remembered
    tab(page, "Stylize")
    badge(page, "Stylize silent.mp4", "done")
    assert page.locator("#stylize-style").get_by_label("comic").is_checked()


def test_pictures_and_titles_become_a_film(browse: Browse, films: Path, tmp_path: Path) -> None:
    page = browse()
    tab(page, "Compose")
    give(page, films / "still.png", films / "short.mp4")
    table = page.locator("#compose-table")
    table.get_by_test_id("cell-0-1").get_by_text("still.png").wait_for()
    cell = table.get_by_test_id("cell-0-3")
    cell.dblclick()
    cell.get_by_role("textbox").press_sequentially("1")
    page.keyboard.press("Enter")
    cell.get_by_text("1", exact=True).wait_for()
    page.get_by_label("square").check()
    page.locator("button#compose-preview").click()
    card = badge(page, "Preview: compose", "done")
    made = read.probe(downloaded(page, card.get_by_role("link", name="Download MP4"), tmp_path))
    assert made.video
    assert made.video.width == made.video.height
    assert made.duration
    assert 2 < made.duration < 3.2


def test_a_tool_converts_in_a_narrow_window(browse: Browse, films: Path, tmp_path: Path) -> None:
    page = browse(390, 800)
    tool(page, "Extract audio")
    give(page, films / "short.mp4")
    page.locator("button#run-extract-audio").click()
    card = badge(page, "Extract audio short.mp4", "done")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert read.probe(downloaded(page, card.get_by_role("link", name="Download FLAC"), tmp_path)).of_kind("audio")


def test_a_job_goes_on_over_a_reload_is_cancelled_and_tried_again(browse: Browse, films: Path) -> None:
    page = browse()
    process = tool(page, "Process")
    give(page, films / "long.mp4")
    chain = process.get_by_label("Chain")
    write(chain, "deflicker,")
    write(process.get_by_label("Add a filter"), "pencil")
    page.get_by_role("option", name="pencil: ").click()
    page.wait_for_function(
        "document.querySelector('#tool-process textarea').value.startsWith('deflicker,pencil=strength:1')"
    )
    written = chain.input_value()
    page.locator("button#run-process").click()
    badge(page, "Process long.mp4", "running").get_by_text("left").wait_for()
    page.reload()
    process = tool(page, "Process")
    card = badge(page, "Process long.mp4", "running")
    assert card.get_by_role("progressbar").get_attribute("aria-valuenow") is not None
    assert process.get_by_label("Chain").input_value() == written
    card.get_by_role("button", name="Pause").click()
    badge(page, "Process long.mp4", "paused").get_by_role("button", name="Go on").click()
    badge(page, "Process long.mp4", "running").get_by_role("button", name="Cancel").click()
    card = badge(page, "Process long.mp4", "cancelled")
    assert card.get_by_role("button", name="Try again").is_visible()


def test_two_browsers_have_their_own_files_and_one_queue(browse: Browse, films: Path) -> None:
    one, other = browse(), browse()
    for page, name in ((one, "Convert"), (other, "Extract audio")):
        form = tool(page, name)
        give(page, films / "short.mp4")
        form.get_by_role("button", name=name, exact=True).click()
    badge(one, "Convert short.mp4", "done")
    badge(other, "Extract audio short.mp4", "done")
    assert other.locator(".cm-card .cm-job:visible", has_text="Convert").count() == 0
    tab(one, "Queue")
    for title in ("Convert short.mp4", "Extract audio short.mp4"):
        row = one.locator(".cm-queue .cm-job", has_text=title).first
        row.locator("summary").click()
        row.get_by_role("link", name=re.compile("Download")).wait_for()


def test_what_goes_wrong_is_a_sentence(browse: Browse, films: Path) -> None:
    page = browse()
    extract = tool(page, "Extract audio")
    page.locator("button#run-extract-audio").click()
    extract.get_by_role("alert").filter(has_text="choose a file first").wait_for()
    page.locator(".cm-source:visible input[type=file]").set_input_files(films / "text.mp4")
    extract.get_by_role("alert").filter(has_text="text.mp4").wait_for()
    give(page, films / "silent.mp4")
    page.locator("button#run-extract-audio").click()
    failed = badge(page, "Extract audio silent.mp4", "failed")
    failed.get_by_role("alert").filter(has_text="audio").wait_for()
    assert "Traceback" not in page.locator("body").inner_text()
    assert failed.get_by_role("button", name="Try again").is_visible()
    convert = tool(page, "Convert")
    write(convert.get_by_label("Crf"), "900")
    page.locator(".cm-source:visible summary").click()
    page.locator(".cm-recent:visible").get_by_role("button", name="silent.mp4").first.click()
    page.locator("button#run-convert").click()
    convert.get_by_role("alert").filter(has_text="0 … 63").wait_for()


def test_reports_are_seen_and_reach_nothing(browse: Browse, films: Path) -> None:
    page = browse()
    tool(page, "Compare")
    give(page, films / "silent.mp4")
    give(page, films / "silent.mp4", place=1)
    page.locator("button#run-compare").click()
    card = badge(page, "Compare silent.mp4", "done")
    frame = card.frame_locator("iframe.cm-report")
    frame.locator("body").get_by_text("PSNR").first.wait_for()
    assert card.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    answer = page.request.get(card.get_by_role("link", name="Open by itself").evaluate("(link) => link.href"))
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert page.request.get(f"{answer.url}x").status == 404


def test_settings_are_kept_where_the_command_line_reads_them(browse: Browse) -> None:
    page = browse()
    tab(page, "System")
    page.get_by_role("button", name="Change settings").click()
    write(page.locator("#system-settings").get_by_label("Keep days"), "-1")
    page.keyboard.press("Tab")
    page.locator("button#system-keep").click()
    page.get_by_role("alert").filter(has_text="Keep days must be 0 or more").wait_for()
    write(page.locator("#system-settings").get_by_label("Keep days"), "31")
    page.keyboard.press("Tab")
    page.locator("button#system-keep").click()
    said = page.get_by_text(re.compile("Keep days changed, in")).inner_text()
    file = Path(re.search(r"in (\S+settings.toml)", said)[1])  # type: ignore[index]
    assert "keep_days = 31" in file.read_text("utf-8")
    page.reload()
    tab(page, "System")
    page.get_by_role("button", name="Change settings").click()
    assert page.locator("#system-settings").get_by_label("Keep days").input_value() == "31"


def test_names_of_files_are_text_and_nothing_else(browse: Browse, films: Path, tmp_path: Path) -> None:
    named = tmp_path / "<img src=x onerror=alert(1)>&amp;'.mp4"
    named.write_bytes((films / "silent.mp4").read_bytes())
    page = browse()
    tab(page, "Toolbox")
    give(page, named)
    page.locator("button#run-convert").click()
    badge(page, "onerror=alert(1)", "done")
    tab(page, "Queue")
    page.locator(".cm-queue .cm-title", has_text="onerror=alert(1)").first.wait_for()
    assert page.locator("img[src=x]").count() == 0


def test_the_keyboard_is_enough(browse: Browse) -> None:
    page = browse()
    page.get_by_role("tab", name="Subtitles").focus()
    page.keyboard.press("Tab")
    reached = []
    for _ in range(14):
        reached.append(
            page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''").strip()
        )
        page.keyboard.press("Tab")
    assert any(said.startswith("Choose a recording") for said in reached), reached
    with page.expect_file_chooser():
        page.get_by_role("button", name="Choose a recording or a video").focus()
        page.keyboard.press("Enter")


@pytest.mark.slow
def test_real_films_go_through_restore_and_stylize(browse: Browse, real: Callable[[str], Path], tmp_path: Path) -> None:
    page = browse()
    for where, film, run in (("Restore", "chaplin.mp4", "restore-run"), ("Stylize", "fire2.mp4", "stylize-run")):
        tab(page, where)
        give(page, real(film))
        if where == "Restore":
            badge(page, "Analyze chaplin.mp4", "done")
        page.locator(f"button#{run}").click()
        card = badge(page, f"{where} {film}", "done")
        assert read.probe(downloaded(page, card.get_by_role("link", name="Download MP4"), tmp_path)).video
