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
from cinemill.surfaces.web.desk import BUSY, QUIET, Desk, Memory, together
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
    tab = _Restore(desk)
    with widgets.columns():
        with widgets.asked():
            tab.draw_wishes()
        with widgets.answered():
            tab.draw_findings()
    tab.listen()


class _Restore:
    """The parts of the tab, and what they answer."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.advice, self.pairs, self.by_hand = gr.State([]), gr.State([]), gr.State(False)

    def draw_wishes(self) -> None:
        self.source = self.desk.source("restore", ["video"])
        self.wishes = self.desk.form("restore", _WISHES, without=("chain", "preview", "export_vpy", *PICTURE))
        with gr.Accordion("Tweak", open=False):
            self.tile = gr.Number(
                0, precision=0, label="Tile (px)", info="Pieces that a network works on. 0 finds it out."
            )
            self.weight = gr.Slider(
                0, 1, value=0.5, step=0.05, label="Face weight", info="1 keeps a face as it is, 0 draws it anew."
            )
        with gr.Accordion("Output", open=False):
            self.suffix = container()
            self.picture = self.desk.form("process", PICTURE, without=("chain",))
        self.chain = gr.Textbox(
            label="What will be done",
            info="The chain of filters. It follows your choices until you write in it.",
            placeholder=_SUGGESTION,
            lines=2,
            max_lines=8,
            elem_id="restore-chain",
        )
        self.follow = gr.Button("Take the suggestion again", size="sm", visible=False)
        self.notice = widgets.notice()
        with gr.Row(elem_classes="cm-actions"):
            self.preview = gr.Button("Preview a second", elem_id="restore-preview")
            self.run = gr.Button("Restore", variant="primary", elem_id="restore-run")

    def draw_findings(self) -> None:
        self.done = self.desk.card("restore", "")
        with gr.Column(visible=False) as self.comparison:
            self.slider = gr.ImageSlider(
                label="Before and after",
                show_label=False,
                type="filepath",
                max_height=640,
                elem_id="restore-slider",
            )
            self.moment = gr.Radio([], label="Moment of the preview", elem_id="restore-moment")
        self.tried = self.desk.card("restore-preview", "")
        self.analysis = self.desk.card(
            "analysis", "Choose a video. Looking at it takes a few seconds and changes nothing."
        )
        self.found = widgets.plain()
        self.moments = gr.Gallery(
            label="How it looks",
            show_label=False,
            columns=3,
            height="auto",
            object_fit="cover",
            visible=False,
            interactive=False,
        )

    def listen(self) -> None:
        self._listen_to_source()
        self._listen_to_wishes()
        self._listen_to_runs()

    def _listen_to_source(self) -> None:
        desk = self.desk
        desk.takes("Restore", self.take, [self.source, self.analysis, desk.memory])
        desk.on(self.source.taken, self.look, [desk.memory, self.source], [self.analysis, desk.memory], self.notice)
        self.source.taken(
            lambda: [gr.update(visible=False), False, gr.update(visible=False)],
            None,
            [self.comparison, self.by_hand, self.follow],
            **QUIET,
        )
        desk.on(
            self.analysis.ended,
            self.show,
            [self.analysis, self.source, *self._knobs],
            [self.advice, self.found, self.moments, self.chain],
            self.notice,
            **BUSY,
        )

    def _listen_to_wishes(self) -> None:
        desk, fields = self.desk, [self.source, self.advice, *self._knobs]
        moved = together(getattr(one, "release", None) or one.change for one in self._knobs)
        desk.on(moved, self.again, [self.by_hand, *fields], [self.found, self.chain], self.notice)
        changed = together(one.change for one in self._knobs)
        changed(self.remember, [desk.memory, *self.wishes.components], desk.memory, **QUIET)
        self.chain.input(lambda: [True, gr.update(visible=True)], None, [self.by_hand, self.follow], **QUIET)
        followed = [self.found, self.chain, self.by_hand, self.follow]
        desk.on(self.follow.click, self.follow_again, fields, followed, self.notice)

    def _listen_to_runs(self) -> None:
        desk = self.desk
        asked = [desk.memory, self.source, self.chain, self.suffix, *self.picture.components]
        try_it = functools.partial(self.start, _SECONDS)
        desk.on(self.preview.click, try_it, asked, [self.tried, desk.memory], self.notice)
        desk.on(self.run.click, functools.partial(self.start, None), asked, [self.done, desk.memory], self.notice)
        compared = [self.comparison, self.slider, self.moment, self.pairs]
        desk.on(self.tried.ended, self.compare, [self.tried], compared, self.notice, **BUSY)
        self.moment.change(_pick, [self.moment, self.pairs], self.slider, **QUIET)

    @property
    def _knobs(self) -> list[Any]:
        return [self.tile, self.weight, *self.wishes.components]

    def look(self, memory: Memory, chosen: Any) -> Sequence[Any]:
        path = self.desk.path_of(chosen)
        asked = {"windows": 8, "window_frames": 40, "scenes": "none"}
        return self.desk.submit(memory, "analysis", "analyze", [path], asked, priority=10)

    def take(self, memory: Memory, path: Path) -> Sequence[Any]:
        """A file from another tab: it is looked at as if it had been chosen here."""
        shown = self.desk.described(path, ["video"])
        return [shown, *self.look({**memory, "sources": {**memory["sources"], "restore": shown}}, shown)]

    def show(self, id: str | None, chosen: Any, *knobs: Any) -> Sequence[Any]:
        """The analysis is done: pictures, what was found, and the suggestion."""
        job = self.desk.queue.get(id or "")
        if job.state != "done":
            return [[], gr.skip(), gr.skip(), gr.skip()]
        told = [*job.result.get("advice", [])]
        shown = self.desk.eye.see(looks.moments_of, job.inputs[0], self.desk.workspace.pictures, 6)
        here = chosen or {"path": str(job.inputs[0])}
        written, words = self.suggest(here, told, *knobs)
        return [told, words, gr.update(value=shown, visible=True), written]

    def suggest(self, chosen: Any, told: Any, side: float, keep: float, *values: Any) -> tuple[str, str]:
        """The chain for what was found and is wished, and it in words."""
        if not told or not chosen:
            return "", ""
        wished = self.desk.given(self.wishes, values)
        tweaks = {"tile": int(side or 0), "fidelity": keep}
        written, notes = self.desk.eye.see(looks.restoration, self.desk.path_of(chosen), wished, told, tweaks)
        if not written:
            notes = [*notes, "Nothing has to be mended. Choose what you want besides, or leave it as it is."]
        return written, _in_words(notes)

    def again(self, by_hand: bool, *rest: Any) -> Sequence[Any]:
        written, words = self.suggest(*rest)
        return [words or gr.skip(), gr.skip() if by_hand else written]

    def follow_again(self, *rest: Any) -> Sequence[Any]:
        return [*self.again(False, *rest), False, gr.update(visible=False)]

    def remember(self, memory: Memory, *values: Any) -> Memory:
        return {**memory, "values": {**memory["values"], "restore": self.desk.given(self.wishes, values)}}

    def start(
        self, seconds: float | None, memory: Memory, chosen: Any, written: str | None, ending: str, *values: Any
    ) -> Sequence[Any]:
        desk, path = self.desk, self.desk.path_of(chosen)
        stored = desk.given(self.picture, values)
        params = {**stored, "chain": written or ""}
        if seconds:
            params |= {"preview": seconds}
            return desk.submit(memory, "restore-preview", "restore", [path], params, name="preview.mp4", priority=5)
        name = named(path, "restored", ending, params)
        memory = {**memory, "values": {**memory["values"], "process": stored}}
        return desk.submit(memory, "restore", "restore", [path], params, name=name)

    def compare(self, id: str | None) -> Sequence[Any]:
        job = self.desk.queue.get(id or "")
        if job.state != "done" or not job.outputs:
            raise RequestError("the preview did not come about.")
        before, after = job.inputs[0], job.outputs[0]
        begins = self.desk.eye.see(looks.middle_of, before, float(job.params.get("preview") or _SECONDS))
        shown = self.desk.eye.see(looks.compared, before, begins, after, _PAIRS, self.desk.workspace.pictures)
        times = [time for _, _, time in shown]
        middle = len(shown) // 2
        return [
            gr.update(visible=True),
            shown[middle][:2],
            gr.update(choices=times, value=times[middle]),
            shown,
        ]


def _pick(time: str, shown: Sequence[Sequence[str]]) -> Any:
    return next((one[:2] for one in shown if one[2] == time), gr.skip())


def _in_words(notes: Sequence[str]) -> str:
    """Findings as a list. Flags of the command line are fields here."""
    told = [re.sub(r"--([a-z][\w-]*)", lambda flag: f"“{label(flag[1])}”", note) for note in notes]
    items = "".join(f"<li>{escape(note)}</li>" for note in told if "“Scenes”" not in note)
    return f'<section class="cm-findings"><h3>What was found</h3><ul>{items}</ul></section>' if items else ""
