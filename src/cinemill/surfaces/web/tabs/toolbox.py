"""Toolbox: every other operation of the catalogue, each with its form; a new one is here at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

import gradio as gr

from cinemill.catalogue import operations
from cinemill.operations import Topic, get
from cinemill.surfaces.web import widgets
from cinemill.surfaces.web.desk import QUIET, Desk, Memory
from cinemill.surfaces.web.fields import label

ELSEWHERE = ("restore", "stylize", "subtitle", "compose", "burn-preview")
"""Operations that have a tab of their own, or are part of one."""
_ORDER = (
    "convert",
    "upscale",
    "interpolate",
    "burn",
    "extract-audio",
    "separate",
    "clean",
    "merge",
    "compare",
    "narrate",
)
"""What people look for first; the rest follows by name."""
_BEGIN = "convert"
_FIRST = {
    "convert": ("codec", "crf"),
    "upscale": ("to", "model"),
    "interpolate": ("rate", "method"),
    "burn": ("file", "font", "size", "place"),
    "process": ("chain",),
    "align": ("text", "language"),
    "degrade": ("chain", "strength"),
    "convert-subtitles": ("lay_out", "standard", "language"),
    "narrate": ("engine", "voice", "language", "speed", "captions"),
}
_ENDINGS = {
    "convert": ("mp4", "mkv", "mov", "webm"),
    "extract-audio": ("flac", "wav", "mp3", "m4a", "opus"),
    "convert-subtitles": ("srt", "vtt", "ass", "ttml", "lrc", "tsv", "json", "txt"),
    "shift-subtitles": ("srt", "vtt", "ass", "ttml"),
    "resync-subtitles": ("srt", "vtt", "ass", "ttml"),
    "align": ("srt", "vtt", "ass", "ttml", "json"),
    "analyze": ("html", "json"),
    "compare": ("html", "json", "jsonl"),
    "qc": ("html", "json", "csv"),
    "narrate": ("wav", "flac", "mp3", "m4a"),
    "clean": ("wav", "flac", "mp3", "m4a"),
}
"""What the output may become, where its suffix decides that; the first is what most want."""
_VIDEO_ENDINGS = ("mp4", "mkv", "mov", "webm")


def tools() -> dict[str, list[str]]:
    """The operations of this tab by topic, those that people look for first before others."""
    here = sorted((name for name in operations if name not in ELSEWHERE), key=_rank)
    topics = {topic: [name for name in here if get(name).topic == topic] for topic in get_args(Topic)}
    return {topic: names for topic, names in topics.items() if names}


def _rank(name: str) -> tuple[int, str]:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER), name


def summary(name: str) -> str:
    """The first sentence that an operation says of itself."""
    return " ".join((type(get(name)).__doc__ or "").split("\n\n")[0].split())


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading("Toolbox", "One thing at a time: convert, enlarge, burn, cut out the sound, compare, check.")
    known = tools()
    with gr.Column(elem_id="toolbox-tool", elem_classes="cm-topics"):
        topics = [_topic(title, names) for title, names in known.items()]
    groups: dict[str, Any] = {}
    for name in (name for names in known.values() for name in names):
        with gr.Column(visible=name == _BEGIN, elem_id=f"tool-{name}") as groups[name]:
            _tool(desk, name)

    for radio in topics:
        others = [other for other in topics if other is not radio]
        script = f"name => window.cinemill.only(name, {len(others)}, {json.dumps([*groups])})"
        radio.input(None, radio, [*others, *groups.values()], js=script, **QUIET)


def _topic(title: str, names: Sequence[str]) -> Any:
    chosen = _BEGIN if _BEGIN in names else None
    return gr.Radio([(label(name), name) for name in names], value=chosen, label=title, elem_classes="cm-topic")


def _tool(desk: Desk, name: str) -> None:
    operation = get(name)
    widgets.plain(f'<p class="cm-soft">{summary(name)}</p>')
    with widgets.columns():
        with widgets.asked():
            sources = [
                desk.source(f"{name}-{place}", [kind], label=_asks(name, place), many=operation.together)
                for place, kind in enumerate(operation.inputs)
            ]
            written = None
            if operation.inputs == ("text",):
                written = gr.Textbox(label="Or write it here", lines=6, max_lines=20, elem_id=f"text-{name}")
            form = desk.form(name, _FIRST.get(name, tuple(operation.params.model_fields)[:4]))
            ending = _ending(name)
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                run = gr.Button(label(name), variant="primary", elem_id=f"run-{name}")
        with widgets.answered():
            done = desk.card(name, "What comes of it appears here, and stays.")

    def start(memory: Memory, suffix: str, text: str | None, *values: Any) -> Sequence[Any]:
        chosen, entered = values[: len(sources)], values[len(sources) :]
        if text and text.strip():
            inputs = [desk.workspace.written(text, "text.txt")]
        else:
            inputs = [path for one in chosen for path in desk.paths_of(one)]
        params = desk.given(form, entered)
        stem = inputs[0].stem if inputs else name
        called = f"{stem}.{name}.{suffix}" if suffix else ""
        return desk.submit(memory, name, name, inputs, params, name=called, remember=params)

    asked = [desk.memory, ending, written or gr.State(""), *sources, *form.components]
    desk.on(run.click, start, asked, [done, desk.memory], notice)


def _asks(name: str, place: int) -> str:
    if name == "compare":
        return ("Choose the original", "Choose what was made of it")[place]
    return ""


def _ending(name: str) -> Any:
    """A choice of what the output becomes; where the operation knows, nothing is asked."""
    operation = get(name)
    known = _ENDINGS.get(name) or (_VIDEO_ENDINGS if operation.makes_video else ())
    if not known:
        return gr.State("")
    info = "Left alone, what suits the input." if operation.makes_video else ""
    choices = [("as it suits", ""), *((one, one) for one in known)] if operation.makes_video else [*known]
    return gr.Dropdown(choices, value="mp4" if operation.makes_video else known[0], label="Save as", info=info)
