"""Stylize: every manner on a picture of one's own, sliders that show at once what they do, and the whole film."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import gradio as gr

from cinemill.catalogue import filters
from cinemill.errors import CinemillError, InvalidParams
from cinemill.surfaces.web import fields, looks, widgets
from cinemill.surfaces.web.desk import BUSY, QUIET, Desk, Memory, together
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
    widgets.heading(
        "Stylize", "Pencil, cartoon, comic, cinema or a painter's hand. Choose a picture, then turn the knobs."
    )
    tab = _Stylize(desk)
    with widgets.columns():
        with widgets.asked():
            tab.draw_knobs()
        with widgets.answered():
            tab.draw_pictures()
    tab.listen()


class _Stylize:
    """The parts of the tab, and what they answer."""

    def __init__(self, desk: Desk) -> None:
        from cinemill.operations.stylize import Style

        self.desk = desk
        self.styles: tuple[str, ...] = Style.__args__
        self.forms: dict[str, Form] = {}
        self.groups: list[Any] = []
        self.manners = gr.State([])

    def draw_knobs(self) -> None:
        self.source = self.desk.source("stylize", ["video"])
        self.where = gr.Slider(
            0, 1, value=0.5, step=0.01, label="Picture to look at", info="From the first to the last."
        )
        self.style = gr.Radio([*self.styles], value="cartoon", label="Style", elem_id="stylize-style")
        self.strength = gr.Slider(0, 1, value=1, step=0.05, label="Strength", info="0 leaves the picture as it is.")
        for name in self.styles:
            with gr.Column(visible=name == "cartoon", elem_id=f"stylize-{name}") as group:
                self.forms[name] = fields.form(filters.get(name).params, _FIRST.get(name, ()), without=_OWN)
            self.desk.weights += self.forms[name].menus
            self.groups.append(group)
        self.temporal = gr.Radio(
            ["auto", "on", "off"],
            value="auto",
            label="Steadied along the motion",
            info="auto does so where a style would shimmer.",
        )
        with gr.Accordion("Output", open=False):
            self.suffix = container()
            self.picture = self.desk.form("convert", PICTURE, without=("picture",))
        self.notice = widgets.notice()
        with gr.Row(elem_classes="cm-actions"):
            self.preview = gr.Button("Preview two seconds", elem_id="stylize-preview")
            self.run = gr.Button("Render", variant="primary", elem_id="stylize-run")

    def draw_pictures(self) -> None:
        self.done = self.desk.card("stylize", "")
        self.hint = widgets.plain('<p class="cm-empty">Choose a video. All styles are shown on a picture of it.</p>')
        self.slider = gr.ImageSlider(
            label="Before and after",
            show_label=False,
            type="filepath",
            max_height=560,
            visible=False,
            elem_id="stylize-slider",
        )
        self.tried = self.desk.card("stylize-preview", "")
        self.gallery = gr.Gallery(
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

    def listen(self) -> None:
        self._listen_to_source()
        self._listen_to_knobs()
        self._listen_to_runs()
        self.desk.again(self._placed, self.again)

    def _listen_to_source(self) -> None:
        looked, shown = [self.source, self.where, *self._knobs], [self.slider, self.hint]
        moved = together([self.source.taken, self.source.shown, self.where.release])
        seen = self.desk.on(moved, self.live, looked, shown, self.notice, **BUSY)
        filled = [self.gallery, self.manners]
        self.desk.on(seen.then, self.gather, [self.source, self.where], filled, self.notice, **BUSY)
        taken = self.desk.on(self.gallery.select, self.take, [self.manners], self._placed, self.notice)
        taken.then(self.seen_again, looked, self.slider, **{**QUIET, "queue": True})

    def _listen_to_knobs(self) -> None:
        looked, shown = [self.source, self.where, *self._knobs], [self.slider, self.hint]
        self.style.input(self.open_group, self.style, self.groups, **QUIET)
        moved = together(getattr(knob, "release", None) or knob.input for knob in self._knobs)
        self.desk.on(moved, self.live, looked, shown, self.notice, **BUSY)

    def _listen_to_runs(self) -> None:
        desk = self.desk
        asked = [desk.memory, self.source, self.suffix, *self._knobs, *self.picture.components]
        try_it = functools.partial(self.start, _SECONDS)
        desk.on(self.preview.click, try_it, asked, [self.tried, desk.memory], self.notice)
        desk.on(self.run.click, functools.partial(self.start, None), asked, [self.done, desk.memory], self.notice)

    @property
    def _every(self) -> list[Any]:
        return [component for name in self.styles for component in self.forms[name].components]

    @property
    def _knobs(self) -> list[Any]:
        return [self.style, self.strength, self.temporal, *self._every]

    @property
    def _placed(self) -> list[Any]:
        """What a style with its values stands in."""
        return [self.style, self.strength, *self.groups, *self._every]

    def given(self, name: str, amount: float, steady: str, *values: Any) -> dict[str, Any]:
        """Parameters of the operation, by what stands in the fields of a style."""
        own = self._own(name, values)
        written = ":".join(f"{key}:{_plain(value)}" for key, value in self.forms[name].given(own).items())
        asked = {"style": name, "strength": amount, "temporal": steady, "values": written}
        return {key: value for key, value in asked.items() if value not in ("", None)}

    def _own(self, name: str, values: Sequence[Any]) -> Sequence[Any]:
        """The values of one style's fields, of those of all in a row."""
        if name not in self.forms:
            raise InvalidParams(f"there is no style {name!r}.")
        counts = {one: len(form.components) for one, form in self.forms.items()}
        before = sum(counts[one] for one in self.styles[: self.styles.index(name)])
        return values[before : before + counts[name]]

    def gather(self, chosen: Any, share: float) -> Iterator[Sequence[Any]]:
        """The gallery fills picture by picture; looks at what the knobs do come in between."""
        desk, path = self.desk, self.desk.path_of(chosen)
        shown: list[tuple[str, str]] = []
        known = desk.eye.see(looks.manners)
        for label, chain in known:
            shown.append((desk.eye.see(looks.in_a_style, path, share, chain, desk.workspace.pictures), label))
            yield [gr.update(value=[*shown], visible=True), known]

    def live(self, chosen: Any, share: float, *values: Any) -> Sequence[Any]:
        if not chosen:
            return [gr.skip(), gr.skip()]
        desk = self.desk
        asked = self.given(*values)
        pair = desk.eye.see(looks.styled, desk.path_of(chosen), share, asked, desk.workspace.pictures)
        return [gr.update(value=pair, visible=True), gr.update(visible=False)]

    def seen_again(self, *all: Any) -> Any:
        return self.live(*all)[0]

    def open_group(self, name: str) -> list[Any]:
        return [gr.update(visible=one == name) for one in self.styles]

    def take(self, shown: Sequence[Any], event: gr.SelectData) -> Sequence[Any]:
        """A style of the gallery with its values goes into the fields."""
        return self._into_fields(shown[event.index][1])

    def start(self, seconds: float | None, memory: Memory, chosen: Any, ending: str, *values: Any) -> Sequence[Any]:
        desk, path, knobs = self.desk, self.desk.path_of(chosen), len(self._knobs)
        asked, stored = self.given(*values[:knobs]), desk.given(self.picture, values[knobs:])
        params = {**asked, **stored}
        if seconds:
            params |= {"preview": seconds}
            return desk.submit(memory, "stylize-preview", "stylize", [path], params, name="preview.mp4", priority=5)
        memory = {**memory, "values": {**memory["values"], "convert": stored}}
        name = named(path, str(asked["style"]), ending, params)
        return desk.submit(memory, "stylize", "stylize", [path], params, name=name, remember=asked)

    def again(self, memory: Memory) -> list[Any]:
        """The style that was used last, in its fields."""
        kept = memory["values"].get("stylize")
        with suppress(CinemillError, KeyError):
            if isinstance(kept, dict):
                return self._into_fields(f"{kept['style']}={kept.get('values', '')}".rstrip("="), kept)
        return [gr.skip()] * len(self._placed)

    def _into_fields(self, chain: str, kept: dict[str, Any] | None = None) -> list[Any]:
        """Style, strength, which group is seen, and the fields of all styles, as a chain of one style has them."""
        from cinemill.filters import text

        step = next(step for step in text.chain(chain).steps if step.filter.name in self.styles)
        name, values = step.filter.name, step.params.model_dump(exclude_unset=True)
        shown: list[Any] = []
        for one in self.styles:
            form = self.forms[one]
            shown += form.shown(values) if one == name else [gr.skip()] * len(form.components)
        return [name, (kept or values).get("strength", 1), *self.open_group(name), *shown]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
