"""Subtitles: speech becomes cues; they are played, seen over their sound, edited, checked and saved in every format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from cinemill.errors import CinemillError, InvalidParams, NoSuchStream, RequestError
from cinemill.jobs.queue import Job
from cinemill.surfaces.web import looks, widgets
from cinemill.surfaces.web.desk import BUSY, QUIET, Desk, Memory
from cinemill.surfaces.web.tabs.saving import named
from cinemill.surfaces.web.workspace import address

if TYPE_CHECKING:
    from cinemill.media.cues.types import Cue, Transcript

_FIRST = ("language", "engine", "model", "standard", "audience", "diarize", "speakers", "labels", "find_cuts")
_LOOKS = ("font", "size", "colour", "place", "box", "outline")
_HEADS = ["Start", "End", "Speaker", "Text"]
_TIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?$|(\d+(?:[.,]\d+)?)$")
_NAMES = {"verbose_json": "verbose.json", "diarized_json": "diarized.json"}


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading(
        "Subtitles", "Speech becomes subtitles that a broadcaster would accept, with the time of every word."
    )
    with widgets.columns():
        with widgets.asked():
            source = desk.source("subtitles", ["audio"])
            with gr.Accordion("Or record with the microphone", open=False):
                recorded = gr.Audio(sources=["microphone"], type="filepath", format="wav", show_label=False)
            form = desk.form("subtitle", _FIRST, without=("output_format", "karaoke", "highlight_words"))
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                run = gr.Button("Make subtitles", variant="primary", elem_id="subtitles-run")
        with widgets.answered():
            told = "Choose a recording, a video, or speak. The first cues are there within a minute."
            done = desk.card("subtitles", told, files=False)
            with gr.Column(visible=False) as editor:
                player = widgets.cues()
                table = gr.Dataframe(
                    headers=_HEADS,
                    datatype="str",
                    type="array",
                    interactive=True,
                    wrap=True,
                    column_widths=["14%", "14%", "14%", "58%"],
                    max_height=420,
                    label="Cues; changes are kept as you make them",
                    elem_id="subtitles-table",
                )
                checked = widgets.plain()
                links = widgets.plain()
                with gr.Accordion("Burn them into the picture", open=False, visible=False) as burning:
                    look = desk.form("burn", _LOOKS, without=("file", "track", "karaoke", "delay"))
                    burn = gr.Button("Burn", variant="primary", elem_id="subtitles-burn")
                burnt = desk.card("subtitles-burn", "")

    def record(path: str | None) -> Sequence[Any]:
        if not path:
            return [gr.skip()]
        return [desk.described(desk.workspace.copied(path), ["audio"])]

    def start(memory: Memory, chosen: Any, *values: Any) -> Sequence[Any]:
        path = desk.path_of(chosen)
        params = desk.given(form, values)
        return desk.submit(memory, "subtitles", "subtitle", [path], params, name=f"{path.stem}.json", remember=params)

    def show(id: str | None) -> Sequence[Any]:
        job = desk.queue.get(id or "")
        if job.state != "done":
            return [gr.update(visible=False), *[gr.skip()] * 5]
        transcript = _transcript(desk, job)
        burns = gr.update(visible=_kind(desk, job) == "video")
        return [gr.update(visible=True), _rows(transcript), *_shown(desk, job, transcript), burns]

    def edit(id: str | None, rows: Sequence[Sequence[Any]]) -> Sequence[Any]:
        job = desk.queue.get(id or "")
        transcript = _edited(_transcript(desk, job), rows)
        _keep(desk, job, transcript)
        return _shown(desk, job, transcript)

    def burn_in(memory: Memory, id: str | None, *values: Any) -> Sequence[Any]:
        job = desk.queue.get(id or "")
        if job.state != "done":
            raise RequestError("make subtitles first.")
        film = job.inputs[0]
        params = desk.given(look, values)
        asked = {**params, "file": str(_keep(desk, job, _transcript(desk, job)))}
        name = named(film, "subtitled", "mp4", params)
        return desk.submit(memory, "subtitles-burn", "burn", [film], asked, name=name, remember=params)

    desk.on(recorded.stop_recording, record, [recorded], [source], notice, **BUSY)
    desk.on(run.click, start, [desk.memory, source, *form.components], [done, desk.memory], notice)
    run.click(lambda: gr.update(visible=False), None, editor, **QUIET)
    desk.on(done.ended, show, [done], [editor, table, player, checked, links, burning], notice, **BUSY)
    desk.on(table.input, edit, [done, table], [player, checked, links], notice)
    desk.on(burn.click, burn_in, [desk.memory, done, *look.components], [burnt, desk.memory], notice)


def _transcript(desk: Desk, job: Job) -> Transcript:
    """The cues of a job as they were last edited. Raises OpenFailed."""
    from cinemill.media.cues import files

    edited = desk.workspace.named("edited.json", job.id)
    return files.read(edited if edited.exists() else desk.workspace.owned(job.outputs[0])).transcript


def _keep(desk: Desk, job: Job, transcript: Transcript) -> Path:
    """Write the cues down beside the job's output, which stays as it was made."""
    from cinemill.media.cues import files

    path = desk.workspace.named("edited.json", job.id)
    passing = path.with_suffix(".tmp")
    passing.write_text(files.written(transcript, "json"), "utf-8")
    passing.replace(path)
    return path


def clock(ms: int) -> str:
    """`0:04.250`, `1:02:03.000`."""
    minutes, rest = divmod(max(0, ms), 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 1000:02}.{rest % 1000:03}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def milliseconds(written: Any) -> int:
    """A time as people write it. Raises InvalidParams."""
    found = _TIME.match(str(written).strip())
    if not found:
        raise InvalidParams(f"{written!r} is no time; write it as 1:02.500 or 62.5.")
    hours, minutes, seconds, rest, alone = found.groups()
    if alone:
        return round(float(alone.replace(",", ".")) * 1000)
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int((rest or "0").ljust(3, "0"))


def _rows(transcript: Transcript) -> list[list[str]]:
    return [[clock(cue.start), clock(cue.end), cue.speaker or "", cue.text] for cue in transcript.cues]


def _edited(was: Transcript, rows: Sequence[Sequence[Any]]) -> Transcript:
    """The transcript as the table has it; cues that were left alone keep their words' times. Raises InvalidParams."""
    from cinemill.media.cues.types import Cue

    known = {(cue.start, cue.text): cue for cue in was.cues}
    cues: list[Cue] = []
    for number, row in enumerate(rows, 1):
        begin, end, speaker, text = (str(value if value is not None else "") for value in [*row, "", "", "", ""][:4])
        if not text.strip() and not begin.strip():
            continue
        try:
            cue = Cue(milliseconds(begin), milliseconds(end), _lines(text), speaker.strip() or None)
        except InvalidParams as error:
            raise InvalidParams(f"cue {number}: {error.sentence}") from None
        old = known.get((cue.start, cue.text))
        kept = old if old and old.end == cue.end else None
        cues.append(replace(kept, speaker=cue.speaker) if kept else cue)
    return replace(was, cues=tuple(sorted(cues, key=lambda cue: cue.start)))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.replace("\r", "").split("\n") if line.strip())


def _kind(desk: Desk, job: Job) -> str:
    return str(desk.eye.see(looks.facts, job.inputs[0], desk.workspace.pictures)["kind"])


def _shown(desk: Desk, job: Job, transcript: Transcript) -> list[Any]:
    """What the player, the check and the downloads show."""
    from cinemill.media.cues import files

    source = job.inputs[0]
    found = desk.eye.see(looks.facts, source, desk.workspace.pictures)
    wrong = _breaches(job, transcript, found.get("rate"))
    try:
        levels = desk.eye.see(looks.loudness, source)
    except NoSuchStream:
        levels = []
    value = {
        "url": address(source),
        "media": found["kind"],
        "name": source.name,
        "poster": address(Path(found["poster"])) if found["poster"] else None,
        "seconds": found["seconds"],
        "levels": levels,
        "language": transcript.language,
        "vtt": files.written(transcript, "vtt"),
        "cues": [
            {"start": cue.start / 1000, "end": cue.end / 1000, "text": cue.text, "wrong": number in wrong}
            for number, cue in enumerate(transcript.cues, 1)
        ],
    }
    return [value, _check(job, wrong), _downloads(desk, job, transcript)]


def _breaches(job: Job, transcript: Transcript, rate: str | None) -> dict[int, list[str]]:
    """By cue, counted from 1, what a broadcaster would send back."""
    from cinemill.media.cues import lint, rules

    given = job.params
    found = rules.rules(
        given.get("standard", "netflix"), given.get("language") or transcript.language, given.get("audience", "adult")
    )
    breaches: dict[int, list[str]] = {}
    for one in lint.lint(transcript, found, frame_rate=Fraction(rate) if rate else None):
        if one.severity == "error":
            breaches.setdefault(one.cue, []).append(one.found)
    return breaches


def _check(job: Job, wrong: dict[int, list[str]]) -> str:
    standard = escape(str(job.params.get("standard", "netflix")))
    if not wrong:
        return f'<p class="cm-soft" role="status">All cues keep the rules of {standard}.</p>'
    items = "".join(f"<li>Cue {cue}: {escape('; '.join(asks))}</li>" for cue, asks in sorted(wrong.items())[:30])
    return (
        f'<details class="cm-notes" role="status"><summary>{len(wrong)} cues break a rule of {standard}; what is asked:'
        f"</summary><ul>{items}</ul></details>"
    )


def _downloads(desk: Desk, job: Job, transcript: Transcript) -> str:
    """A link for each format there is."""
    from cinemill.media.cues import files

    links: list[str] = []
    for name, format in files.FORMATS.items():
        suffix = format.suffixes[0] if format.suffixes else f".{_NAMES[name]}"
        path = desk.workspace.named(f"{job.inputs[0].stem}{suffix}", job.id)
        try:
            path.write_text(files.written(transcript, name), "utf-8")
        except (CinemillError, ValueError):
            continue  # RTTM without speakers, say
        label = suffix.removeprefix(".").upper()
        links.append(
            f'<a class="cm-button cm-download" href="{escape(address(path))}" download="{escape(path.name)}"'
            f' aria-label="Download {escape(path.name)}">{label}</a>'
        )
    return f'<div class="cm-links" role="group" aria-label="Downloads">{"".join(links)}</div>'
