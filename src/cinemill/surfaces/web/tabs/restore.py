"""Restore: what is wrong is shown, a chain is suggested and may be changed, a second is tried, all of it is done."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from cinemill.errors import RequestError
from cinemill.surfaces.web import looks, widgets
from cinemill.surfaces.web.desk import BUSY, QUIET, Desk, Memory
from cinemill.surfaces.web.fields import label
from cinemill.surfaces.web.tabs.saving import PICTURE, container, named

_WISHES = ("upscale", "denoise", "deinterlace", "stabilise", "colorize", "faces")
_SECONDS = 1.0
_PAIRS = 5
_SUGGESTION = "The suggestion appears here when a video was looked at."


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading(
        "Restore", "Tapes, film and old files: it looks first, says what it found, and mends what you want."
    )
    with gr.Row(elem_classes="cm-columns"):
        with gr.Column(scale=4, min_width=320):
            source = desk.source("restore", ["video"])
            wishes = desk.form("restore", _WISHES, without=("chain", "preview", "export_vpy", *PICTURE))
            with gr.Accordion("Tweak", open=False):
                tile = gr.Number(
                    0, precision=0, label="Tile (px)", info="Pieces that a network works on. 0 finds it out."
                )
                weight = gr.Slider(
                    0, 1, value=0.5, step=0.05, label="Face weight", info="1 keeps a face as it is, 0 draws it anew."
                )
            with gr.Accordion("Output", open=False):
                suffix = container()
                picture = desk.form("process", PICTURE, without=("chain",))
            chain = gr.Textbox(
                label="What will be done",
                info="The chain of filters. It follows your choices until you write in it.",
                placeholder=_SUGGESTION,
                lines=2,
                max_lines=8,
                elem_id="restore-chain",
            )
            follow = gr.Button("Take the suggestion again", size="sm", visible=False)
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                preview = gr.Button("Preview a second", elem_id="restore-preview")
                run = gr.Button("Restore", variant="primary", elem_id="restore-run")
        with gr.Column(scale=6, min_width=320):
            done = desk.card("restore", "")
            with gr.Column(visible=False) as comparison:
                slider = gr.ImageSlider(
                    label="Before and after",
                    show_label=False,
                    type="filepath",
                    max_height=640,
                    elem_id="restore-slider",
                )
                moment = gr.Radio([], label="Moment of the preview", elem_id="restore-moment")
            tried = desk.card("restore-preview", "")
            analysis = desk.card("analysis", "Choose a video. Looking at it takes a few seconds and changes nothing.")
            found = widgets.plain()
            moments = gr.Gallery(
                label="How it looks",
                show_label=False,
                columns=3,
                height="auto",
                object_fit="cover",
                visible=False,
                interactive=False,
            )
    advice, pairs, by_hand = gr.State([]), gr.State([]), gr.State(False)
    fields = [source, advice, tile, weight, *wishes.components]

    def look(memory: Memory, chosen: Any) -> Sequence[Any]:
        path = desk.path_of(chosen)
        asked = {"windows": 8, "window_frames": 40, "scenes": "none"}
        return desk.submit(memory, "analysis", "analyze", [path], asked, priority=10)

    def suggest(chosen: Any, told: Any, side: float, keep: float, *values: Any) -> tuple[str, str]:
        """The chain for what was found and is wished, and it in words."""
        if not told or not chosen:
            return "", ""
        wished = desk.given(wishes, values)
        tweaks = {"tile": int(side or 0), "fidelity": keep}
        written, notes = desk.eye.see(looks.restoration, desk.path_of(chosen), wished, told, tweaks)
        if not written:
            notes = [*notes, "Nothing has to be mended. Choose what you want besides, or leave it as it is."]
        return written, _in_words(notes)

    def show(id: str | None, chosen: Any, side: float, keep: float, *values: Any) -> Sequence[Any]:
        """The analysis is done: pictures, what was found, and the suggestion."""
        job = desk.queue.get(id or "")
        if job.state != "done":
            return [[], gr.skip(), gr.skip(), gr.skip()]
        told = [*job.result.get("advice", [])]
        shown = desk.eye.see(looks.moments_of, job.inputs[0], desk.workspace.pictures, 6)
        here = chosen or {"path": str(job.inputs[0])}
        written, words = suggest(here, told, side, keep, *values)
        return [told, words, gr.update(value=shown, visible=True), written]

    def again(hand: bool, *rest: Any) -> Sequence[Any]:
        written, words = suggest(*rest)
        return [words or gr.skip(), gr.skip() if hand else written]

    def start(
        seconds: float | None, memory: Memory, chosen: Any, written: str | None, ending: str, *values: Any
    ) -> Sequence[Any]:
        path = desk.path_of(chosen)
        params = {**desk.given(picture, values), "chain": written or ""}
        if seconds:
            params |= {"preview": seconds}
            return desk.submit(memory, "restore-preview", "restore", [path], params, name="preview.mp4", priority=5)
        name = named(path, "restored", ending, params)
        memory = {**memory, "values": {**memory["values"], "process": desk.given(picture, values)}}
        return desk.submit(memory, "restore", "restore", [path], params, name=name)

    def compare(id: str | None) -> Sequence[Any]:
        job = desk.queue.get(id or "")
        if job.state != "done" or not job.outputs:
            raise RequestError("the preview did not come about.")
        before, after = job.inputs[0], job.outputs[0]
        begins = desk.eye.see(looks.middle_of, before, float(job.params.get("preview") or _SECONDS))
        shown = desk.eye.see(looks.compared, before, begins, after, _PAIRS, desk.workspace.pictures)
        times = [time for _, _, time in shown]
        middle = len(shown) // 2
        return [
            gr.update(visible=True),
            shown[middle][:2],
            gr.update(choices=times, value=times[middle]),
            shown,
        ]

    def pick(time: str, shown: Sequence[Sequence[str]]) -> Any:
        return next((one[:2] for one in shown if one[2] == time), gr.skip())

    def follow_again(*rest: Any) -> Sequence[Any]:
        return [*again(False, *rest), False, gr.update(visible=False)]

    def remember(memory: Memory, *values: Any) -> Memory:
        return {**memory, "values": {**memory["values"], "restore": desk.given(wishes, values)}}

    def take(memory: Memory, path: Path) -> Sequence[Any]:
        """A file from another tab: it is looked at as if it had been chosen here."""
        shown = desk.described(path, ["video"])
        return [shown, *look({**memory, "sources": {**memory["sources"], "restore": shown}}, shown)]

    desk.takes("Restore", take, [source, analysis, desk.memory])
    desk.on(source.taken, look, [desk.memory, source], [analysis, desk.memory], notice)
    source.taken(
        lambda: [gr.update(visible=False), False, gr.update(visible=False)],
        None,
        [comparison, by_hand, follow],
        **QUIET,
    )
    desk.on(
        analysis.ended,
        show,
        [analysis, source, tile, weight, *wishes.components],
        [advice, found, moments, chain],
        notice,
        **BUSY,
    )
    for one in [tile, weight, *wishes.components]:
        desk.on(getattr(one, "release", None) or one.change, again, [by_hand, *fields], [found, chain], notice)
        one.change(remember, [desk.memory, *wishes.components], desk.memory, **QUIET)
    chain.input(lambda: [True, gr.update(visible=True)], None, [by_hand, follow], **QUIET)
    desk.on(follow.click, follow_again, fields, [found, chain, by_hand, follow], notice)
    asked = [desk.memory, source, chain, suffix, *picture.components]
    desk.on(preview.click, functools.partial(start, _SECONDS), asked, [tried, desk.memory], notice)
    desk.on(run.click, functools.partial(start, None), asked, [done, desk.memory], notice)
    desk.on(tried.ended, compare, [tried], [comparison, slider, moment, pairs], notice, **BUSY)
    moment.change(pick, [moment, pairs], slider, **QUIET)


def _in_words(notes: Sequence[str]) -> str:
    """Findings as a list. Flags of the command line are fields here."""
    told = [re.sub(r"--([a-z][\w-]*)", lambda flag: f"“{label(flag[1])}”", note) for note in notes]
    items = "".join(f"<li>{escape(note)}</li>" for note in told if "“Scenes”" not in note)
    return f'<section class="cm-findings"><h3>What was found</h3><ul>{items}</ul></section>' if items else ""
