"""Parameters of an operation or a filter -> fields of a form, and what stands in the fields -> parameters.

Labels, help, ranges and choices are computed from the declaration; nothing is said twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic.fields import FieldInfo

from cinemill.catalogue import Params, extra, file_kinds, filters, span
from cinemill.errors import CinemillError
from cinemill.surfaces.forms import Entry, entries

_STEPS = 1000
"""Values that a slider can still be set to by hand; wider ranges get a field for a number."""
_LANGUAGES = [
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "da",
    "nb",
    "fi",
    "cs",
    "el",
    "hu",
    "ro",
    "tr",
    "uk",
    "ru",
    "ar",
    "he",
    "hi",
    "zh",
    "ja",
    "ko",
    "vi",
    "th",
    "id",
]
_SHORT = ("crf", "dv", "fps", "lufs", "lut", "qc", "sdh", "vad", "vmaf", "vpy", "wer")
"""Words that are letters."""
_LONG = ("text", "script", "prompt", "initial_prompt", "chain")
"""Parameters that hold more than a line."""


@dataclass
class Form:
    """Fields in the order of the declaration. `names` and `components` go together."""

    params: type[Params]
    names: list[str] = field(default_factory=list[str])
    components: list[Any] = field(default_factory=list[Any])

    @property
    def menus(self) -> list[Any]:
        """The fields in which a model is chosen."""
        chosen = [name for name in self.names if file_kinds(self.params.model_fields[name]) == {"weights"}]
        return [one for name in chosen if isinstance(one := self.component(name), gr.Dropdown)]

    def component(self, name: str) -> Any:
        return self.components[self.names.index(name)]

    def given(self, values: Iterable[Any]) -> dict[str, Any]:
        """What differs from the defaults, of the fields' values in order."""
        entered = {name: self._plain(name, value) for name, value in zip(self.names, values)}
        return {name: value for name, value in entered.items() if not self._is_left(name, value)}

    def shown(self, given: dict[str, Any]) -> list[Any]:
        """Values for the fields, in order: those given, and defaults elsewhere."""
        return [in_field(given.get(name, self._default(name)), self._component_type(name)) for name in self.names]

    def _is_left(self, name: str, value: Any) -> bool:
        """Whether a field says nothing beyond the default. Choices are text in a menu and may be numbers elsewhere."""
        default = self._default(name)
        if value is None or value == default or (value is False and default is None):
            return True
        return isinstance(value, str) and value == str(default)

    def _default(self, name: str) -> Any:
        info = self.params.model_fields[name]
        return None if info.is_required() else info.default

    def _component_type(self, name: str) -> type[Any]:
        return type(self.component(name))

    def _plain(self, name: str, value: Any) -> Any:
        """The value as parameters take it; None for a field that is left alone."""
        if isinstance(value, str):
            value = value.strip()
        if value == "" or value == []:
            return None
        info = self.params.model_fields[name]
        if isinstance(value, float) and value.is_integer() and _is_whole(info):
            return int(value)
        return value


def in_field(value: Any, component: type[Any]) -> Any:
    """A parameter's value as its field shows it."""
    if component in (gr.Checkbox, gr.Slider, gr.Number, gr.File):
        return value
    return "" if value is None else str(value)


def form(params: type[Params], first: Sequence[str], *, without: Sequence[str] = ()) -> Form:
    """Draw the fields: those of `first` in view, the others folded away under Advanced. `without` leaves some out."""
    made = Form(params)
    known = {entry.name: entry for entry in entries(params) if entry.name not in without}
    _draw(made, [known.pop(name) for name in first if name in known])
    if known:
        with gr.Accordion("Advanced", open=False, elem_classes="cm-advanced"):
            _groups(made, [*known.values()])
    return made


def _groups(made: Form, rest: Sequence[Entry]) -> None:
    """Fields under the words of the class that they are inherited from."""
    groups = list(dict.fromkeys(entry.group for entry in rest))
    for group in groups:
        if len(groups) > 1:
            gr.Markdown(f"#### {group}", elem_classes="cm-group")
        _draw(made, [entry for entry in rest if entry.group == group])


def _draw(made: Form, chosen: Sequence[Entry]) -> None:
    """Fields two beside each other; long texts and files have a line to themselves."""
    with gr.Column(elem_classes="cm-fields"):
        for row in _rows(chosen):
            for entry in row:
                made.names.append(entry.name)
                drawn = component(entry, made.params.model_fields[entry.name])
                if len(row) == 1:
                    drawn.elem_classes = [*drawn.elem_classes, "cm-whole"]
                made.components.append(drawn)


def _rows(chosen: Sequence[Entry]) -> list[list[Entry]]:
    rows: list[list[Entry]] = []
    for entry in chosen:
        beside = rows and len(rows[-1]) == 1 and not {entry.name, rows[-1][0].name} & set(_LONG)
        files = entry.kind == "file" or bool(rows and rows[-1][0].kind == "file")
        if beside and not files:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows


def label(name: str, unit: str | None = None) -> str:
    """`max_line_width` -> `Max line width (characters)`."""
    words = [word.upper() if word in _SHORT else word for word in name.replace("_", " ").replace("-", " ").split()]
    told = " ".join(words)
    return told[:1].upper() + told[1:] + (f" ({unit})" if unit else "")


def component(entry: Entry, info: FieldInfo) -> Any:
    """The field for a parameter: slider for a range, menu for choices, box for yes and no."""
    told: dict[str, Any] = {"label": label(entry.name, extra(info, "unit")), "info": escape(entry.help, quote=False)}
    if entry.kind == "flag" or set(entry.choices) == {"True", "False"}:
        return gr.Checkbox(bool(entry.default), **told)
    if entry.kind == "choice":
        return _choice(entry, told)
    if entry.kind == "file":
        told = {"label": _with_help(told), "elem_classes": "cm-upload"}
        return gr.File(file_count="single", type="filepath", height=64, **told)
    if entry.kind == "number":
        return _number(entry, info, told)
    if "weights" in file_kinds(info):
        return gr.Dropdown([*models()], value=in_field(entry.default, str), allow_custom_value=True, **told)
    if entry.name == "language":
        choices = [("found by itself", ""), *((code, code) for code in _LANGUAGES)]
        return gr.Dropdown(choices, value="", allow_custom_value=True, **told)
    if entry.name == "chain":
        return _chain(entry, told)
    lines = 3 if entry.name in _LONG else 1
    return gr.Textbox(in_field(entry.default, str), lines=lines, max_lines=12, **told)


_ADD = "(chain, step) => [step ? [chain.trim().replace(/,$/, ''), step].filter(Boolean).join(',') : chain, '']"


def _chain(entry: Entry, told: dict[str, Any]) -> Any:
    """A field for a chain, and a menu that writes filters into it."""
    with gr.Column():
        written = gr.Textbox(in_field(entry.default, str), lines=3, max_lines=12, **told)
        choices = [("choose one", ""), *steps()]
        menu = gr.Dropdown(choices, value="", label="Add a filter", filterable=True, elem_classes="cm-add-filter")
        menu.input(None, [written, menu], [written, menu], js=_ADD, api_visibility="private")
    return written


def steps() -> list[tuple[str, str]]:
    """Every filter as a menu tells it, and as a step of a chain: with what it must be told, left open as `…`, or with
    its first parameters at their defaults."""
    return [(f"{name}: {found.summary}", _step(name, found.params)) for name, found in filters.items()]


def _step(name: str, params: type[Params]) -> str:
    known = entries(params)
    needed = [f"{one.name}:…" for one in known if one.required]
    plain = [
        f"{one.name}:{one.default:g}" for one in known if one.kind == "number" and isinstance(one.default, int | float)
    ]
    told = ":".join(needed or plain[:2])
    return f"{name}={told}" if told else name


def _with_help(told: dict[str, Any]) -> str:
    return f"{told['label']}. {told['info']}"


def _choice(entry: Entry, told: dict[str, Any]) -> Any:
    optional = entry.default is None and not entry.required
    choices = [("left out", ""), *((name, name) for name in entry.choices)] if optional else [*entry.choices]
    chosen = "" if optional else str(entry.default if entry.default is not None else entry.choices[0])
    return gr.Dropdown(choices, value=chosen, filterable=len(choices) > 12, **told)


def _number(entry: Entry, info: FieldInfo, told: dict[str, Any]) -> Any:
    limits, whole = span(info), _is_whole(info)
    if limits and isinstance(entry.default, int | float) and (not whole or limits[1] - limits[0] <= _STEPS):
        low, high = limits
        step = 1 if whole else 0.01 if high - low <= 10 else 0.1 if high - low <= 100 else 1
        return gr.Slider(low, high, value=entry.default, step=step, **told)
    if entry.span:
        told["info"] = f"{told['info']} ({entry.span})"
    if entry.default is None or "Fraction" in str(info.annotation):
        # A field for numbers would show 0 where nothing is said.
        return gr.Textbox(in_field(entry.default, str), placeholder="left out", **told)
    return gr.Number(entry.default, precision=0 if whole else None, **told)


def _is_whole(info: FieldInfo) -> bool:
    return "int" in str(info.annotation) and "float" not in str(info.annotation)


def models() -> list[str]:
    """Models that are on this machine, for menus. What is wrong with them, other tabs say."""
    from cinemill.models import registry, store

    try:
        return [model.name for model in registry.models().values() if store.is_here(model)]
    except CinemillError:
        return []


def files_of(given: dict[str, Any]) -> list[Path]:
    """Values that name files that were uploaded."""
    return [value for value in given.values() if isinstance(value, Path)]
