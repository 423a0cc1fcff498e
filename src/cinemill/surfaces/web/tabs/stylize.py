"""Stylize: every manner on a picture of one's own, sliders that show at once what they do, and the whole film."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from cinemill.catalogue import filters
from cinemill.errors import CinemillError, InvalidParams
from cinemill.surfaces.web import fields, looks, widgets
from cinemill.surfaces.web.desk import BUSY, QUIET, Desk, Memory
from cinemill.surfaces.web.fields import Form
from cinemill.surfaces.web.tabs.saving import PICTURE, container, named

_FIRST = {
    "pencil": ("lines", "shading", "hatching", "colour"),
    "cartoon": ("colours", "smoothing", "lines", "vivid"),
    "comic": ("dot", "offset", "lines", "levels"),
    "cinematic": ("look", "contrast", "bloom", "letterbox"),
    "neural": ("model",),
}
"""What is turned most of each style; the rest is folded away."""
_OWN = ("strength", "lut", "backend", "device", "precision", "batch", "anchor")
"""Parameters of styles that the tab asks for itself, or that the operation decides."""
_SECONDS = 2.0


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    from cinemill.operations.stylize import Style

    styles: tuple[str, ...] = Style.__args__
    widgets.heading(
        "Stylize", "Pencil, cartoon, comic, cinema or a painter's hand. Choose a picture, then turn the knobs."
    )
    with gr.Row(elem_classes="cm-columns"):
        with gr.Column(scale=4, min_width=320):
            source = desk.source("stylize", ["video"])
            where = gr.Slider(
                0, 1, value=0.5, step=0.01, label="Picture to look at", info="From the first to the last."
            )
            style = gr.Radio([*styles], value="cartoon", label="Style", elem_id="stylize-style")
            strength = gr.Slider(0, 1, value=1, step=0.05, label="Strength", info="0 leaves the picture as it is.")
            forms: dict[str, Form] = {}
            groups: list[Any] = []
            for name in styles:
                with gr.Column(visible=name == "cartoon", elem_id=f"stylize-{name}") as group:
                    forms[name] = fields.form(filters.get(name).params, _FIRST.get(name, ()), without=_OWN)
                desk.weights += forms[name].menus
                groups.append(group)
            temporal = gr.Radio(
                ["auto", "on", "off"],
                value="auto",
                label="Steadied along the motion",
                info="auto does so where a style would shimmer.",
            )
            with gr.Accordion("Output", open=False):
                suffix = container()
                picture = desk.form("convert", PICTURE, without=("picture",))
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                preview = gr.Button("Preview two seconds", elem_id="stylize-preview")
                run = gr.Button("Render", variant="primary", elem_id="stylize-run")
        with gr.Column(scale=6, min_width=320):
            done = desk.card("stylize", "")
            hint = widgets.plain('<p class="cm-empty">Choose a video. All styles are shown on a picture of it.</p>')
            slider = gr.ImageSlider(
                label="Before and after",
                show_label=False,
                type="filepath",
                max_height=560,
                visible=False,
                elem_id="stylize-slider",
            )
            tried = desk.card("stylize-preview", "")
            gallery = gr.Gallery(
                label="All styles: choose one to begin with",
                show_label=False,
                columns=3,
                height="auto",
                object_fit="contain",
                allow_preview=False,
                visible=False,
                interactive=False,
                elem_id="stylize-gallery",
            )
    manners = gr.State([])
    every = [component for name in styles for component in forms[name].components]
    knobs = [style, strength, temporal, *every]

    def given(name: str, amount: float, steady: str, *values: Any) -> dict[str, Any]:
        """Parameters of the operation, by what stands in the fields of a style."""
        own = _of(forms, styles, name, values)
        written = ":".join(f"{key}:{_plain(value)}" for key, value in forms[name].given(own).items())
        asked = {"style": name, "strength": amount, "temporal": steady, "values": written}
        return {key: value for key, value in asked.items() if value not in ("", None)}

    def gather(chosen: Any, share: float) -> Iterator[Sequence[Any]]:
        """The gallery fills picture by picture; looks at what the knobs do come in between."""
        path = desk.path_of(chosen)
        shown: list[tuple[str, str]] = []
        known = desk.eye.see(looks.manners)
        for label, chain in known:
            shown.append((desk.eye.see(looks.in_a_style, path, share, chain, desk.workspace.pictures), label))
            yield [gr.update(value=[*shown], visible=True), known]

    def live(chosen: Any, share: float, *values: Any) -> Sequence[Any]:
        if not chosen:
            return [gr.skip(), gr.skip()]
        pair = desk.eye.see(looks.styled, desk.path_of(chosen), share, given(*values), desk.workspace.pictures)
        return [gr.update(value=pair, visible=True), gr.update(visible=False)]

    def seen_again(*all: Any) -> Any:
        return live(*all)[0]

    def open_group(name: str) -> list[Any]:
        return [gr.update(visible=one == name) for one in styles]

    def take(shown: Sequence[Any], event: gr.SelectData) -> Sequence[Any]:
        """A style of the gallery with its values goes into the fields."""
        return _into_fields(forms, styles, shown[event.index][1])

    def start(seconds: float | None, memory: Memory, chosen: Any, ending: str, *values: Any) -> Sequence[Any]:
        path = desk.path_of(chosen)
        asked = given(*values[: len(knobs)])
        stored = desk.given(picture, values[len(knobs) :])
        params = {**asked, **stored}
        if seconds:
            params |= {"preview": seconds}
            return desk.submit(memory, "stylize-preview", "stylize", [path], params, name="preview.mp4", priority=5)
        memory = {**memory, "values": {**memory["values"], "convert": stored}}
        name = named(path, str(asked["style"]), ending, params)
        return desk.submit(memory, "stylize", "stylize", [path], params, name=name, remember=asked)

    def again(memory: Memory) -> list[Any]:
        """The style that was used last, in its fields."""
        kept = memory["values"].get("stylize")
        if not isinstance(kept, dict):
            return [gr.skip()] * (2 + len(groups) + len(every))
        try:
            return _into_fields(forms, styles, f"{kept['style']}={kept.get('values', '')}".rstrip("="), kept)
        except (CinemillError, KeyError):
            return [gr.skip()] * (2 + len(groups) + len(every))

    placed = [style, strength, *groups, *every]
    for moved in (source.taken, source.shown, where.release):
        seen = desk.on(moved, live, [source, where, *knobs], [slider, hint], notice, **BUSY)
        desk.on(seen.then, gather, [source, where], [gallery, manners], notice, **BUSY)
    desk.on(gallery.select, take, [manners], placed, notice).then(
        seen_again, [source, where, *knobs], slider, **{**QUIET, "queue": True}
    )
    style.input(open_group, style, groups, **QUIET)
    for knob in knobs:
        desk.on(
            getattr(knob, "release", None) or knob.input, live, [source, where, *knobs], [slider, hint], notice, **BUSY
        )
    asked = [desk.memory, source, suffix, *knobs, *picture.components]
    desk.on(preview.click, functools.partial(start, _SECONDS), asked, [tried, desk.memory], notice)
    desk.on(run.click, functools.partial(start, None), asked, [done, desk.memory], notice)
    desk.again(placed, again)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _of(forms: dict[str, Form], styles: Sequence[str], name: str, values: Sequence[Any]) -> Sequence[Any]:
    """The values of one style's fields, of those of all in a row."""
    if name not in forms:
        raise InvalidParams(f"there is no style {name!r}.")
    before = sum(len(forms[one].components) for one in styles[: styles.index(name)])
    return values[before : before + len(forms[name].components)]


def _into_fields(
    forms: dict[str, Form], styles: Sequence[str], chain: str, kept: dict[str, Any] | None = None
) -> list[Any]:
    """Style, strength, which group is seen, and the fields of all styles, as a chain of one style has them."""
    from cinemill.filters import text

    step = next(step for step in text.chain(chain).steps if step.filter.name in styles)
    name, values = step.filter.name, step.params.model_dump(exclude_unset=True)
    shown: list[Any] = []
    for one in styles:
        shown += forms[one].shown(values) if one == name else [gr.skip()] * len(forms[one].components)
    strength = (kept or values).get("strength", 1)
    return [name, strength, *(gr.update(visible=one == name) for one in styles), *shown]
