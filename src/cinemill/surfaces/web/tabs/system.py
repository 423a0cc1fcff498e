"""System: what works on this machine and why the rest does not, graphics processors, disks, settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

import gradio as gr

from cinemill.errors import InvalidParams
from cinemill.settings import Settings, config_file, keep, settings
from cinemill.surfaces.web import widgets
from cinemill.surfaces.web.desk import BUSY, Desk
from cinemill.surfaces.web.fields import label

_WORDS = {"works": "works", "absent": "not here", "broken": "broken"}


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading("System", "What this machine can do, tried out rather than guessed.")
    notice = widgets.notice()
    with gr.Row(elem_classes="cm-columns"):
        with gr.Column(scale=6, min_width=320):
            tried = gr.Button("Check again", size="sm", elem_id="system-check")
            checks = widgets.plain('<p class="cm-empty">The check appears here.</p>')
        with gr.Column(scale=5, min_width=320):
            now = widgets.plain()
            _change(desk)
            with gr.Accordion("All settings", open=False):
                listed = widgets.plain()

    def examine() -> Sequence[Any]:
        from cinemill.surfaces import doctor

        return [_checks(doctor.examine()), _now(desk), _settings()]

    desk.on(tried.click, examine, [], [checks, now, listed], notice, **BUSY)
    desk.when_shown("System", examine, [checks, now, listed], notice)


_CHANGED = (
    "threads",
    "offline",
    "job_lanes",
    "job_memory_gb",
    "job_cpu_hours",
    "stall_minutes",
    "keep_free_gb",
    "keep_days",
    "keep_gb",
    "upload_gb",
)
"""Settings that may be changed here: none that opens the machine to others, and none that moves what is kept."""


def _is_fixed(name: str) -> bool:
    """Whether the environment says what it is."""
    return f"CINEMILL_{name.upper()}" in os.environ


def _field(name: str) -> Any:
    info, value = Settings.model_fields[name], getattr(settings(), name)
    told = " ".join((info.description or "").split()) + (" The environment says so." if _is_fixed(name) else "")
    rest: dict[str, Any] = {"label": label(name), "info": escape(told, quote=False), "interactive": not _is_fixed(name)}
    if isinstance(value, bool):
        return gr.Checkbox(value, **rest)
    return gr.Number(value, precision=0 if isinstance(value, int) else None, **rest)


def _change(desk: Desk) -> None:
    """Fields for settings, kept in the file that the command line reads too."""
    with gr.Accordion("Change settings", open=False, elem_id="system-settings"):
        made = [_field(name) for name in _CHANGED]
        notice = widgets.notice()
        said = widgets.plain()
        save = gr.Button("Keep", variant="primary", size="sm", elem_id="system-keep")

    def keep_them(*values: Any) -> Sequence[Any]:
        here = settings()
        entered = {name: value for name, value in zip(_CHANGED, values) if not _is_fixed(name)}
        given = {name: value for name, value in entered.items() if value != getattr(here, name)}
        wrong = next((name for name, value in given.items() if value is None or value < 0), None)
        if wrong:
            raise InvalidParams(f"{label(wrong)} must be 0 or more.")
        try:
            keep(given)
        except OSError as error:
            raise InvalidParams(f"{config_file()} cannot be written: {error.strerror}.") from None
        names = ", ".join(label(name) for name in given) or "Nothing"
        told = (
            f"{names} changed, in {config_file()}. What concerns the queue holds from the next start of the studio on."
        )
        return [f'<p class="cm-soft" role="status">{escape(told)}</p>']

    desk.on(save.click, keep_them, made, [said], notice)
    desk.again(made, lambda memory: [getattr(settings(), name) for name in _CHANGED])


def _checks(found: Sequence[Any]) -> str:
    parts: list[str] = []
    for area, group in groupby(found, key=lambda one: one.area):
        rows = "".join(
            f'<tr><td class="cm-state" data-state="{one.state}">{_WORDS[one.state]}</td><td>{escape(one.name)}</td>'
            f"<td>{escape(one.detail)}</td></tr>"
            for one in group
        )
        parts.append(
            f"<caption class='cm-sr'>{escape(area)}</caption><tr><th colspan='3'>{escape(label(area))}</th></tr>{rows}"
        )
    tables = "".join(f'<table class="cm-table">{part}</table>' for part in parts)
    return f'<section class="cm-findings">{tables}</section>'


def _now(desk: Desk) -> str:
    """Cores, graphics processors and disks as they are at this moment."""
    from cinemill.hardware import cores, gpus

    rows = [("Processor", f"{cores()} cores for cinemill")]
    for gpu in gpus():
        facts = [
            f"{gpu.memory_mib} MiB" if gpu.memory_mib else "",
            f"{gpu.free_mib} MiB free" if gpu.free_mib is not None else "",
            f"{gpu.temperature:.0f} °C" if gpu.temperature is not None else "",
            f"{gpu.busy:.0%} busy" if gpu.busy is not None else "",
        ]
        rows.append((gpu.name, ", ".join(filter(None, facts))))
    if len(rows) == 1:
        rows.append(("Graphics processor", "none was found; everything runs on the processor"))
    usage = shutil.disk_usage(desk.queue.folder)
    rows.append(("Disk of the studio", f"{usage.free / 1e9:.0f} GB free of {usage.total / 1e9:.0f} GB"))
    rows.append(("Folder of the studio", str(desk.queue.folder)))
    return _table("At the moment", rows)


def _settings() -> str:
    """Every setting with its value and what it means."""
    here = settings()
    rows = [
        (name, f"{getattr(here, name)!s}\n{' '.join((info.description or '').split())}")
        for name, info in Settings.model_fields.items()
        if "token" not in name and "secret" not in name
    ]
    told = f"Written in {config_file()}, or given as CINEMILL_NAME, and read when the studio starts."
    return _table("Settings", rows, told)


def _table(title: str, rows: Sequence[tuple[str, str]], told: str = "") -> str:
    cells = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(value.partition(chr(10))[0])}"
        f"<br><span class='cm-soft'>{escape(value.partition(chr(10))[2])}</span></td></tr>"
        for name, value in rows
    )
    lead = f'<p class="cm-soft">{escape(told)}</p>' if told else ""
    return (
        f'<section class="cm-findings"><h3>{escape(title)}</h3>{lead}<table class="cm-table">{cells}</table></section>'
    )
