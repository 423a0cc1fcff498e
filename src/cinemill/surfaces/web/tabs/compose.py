"""Compose: pictures and clips become scenes of a table; voice, captions, music; a quick preview, then the film."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from cinemill.errors import InvalidParams
from cinemill.media import suffixes
from cinemill.surfaces.web import fields, widgets
from cinemill.surfaces.web.desk import QUIET, Desk, Memory

_HEADS = ["#", "Shows", "Title", "Seconds", "Spoken", "Camera", "Transition"]
_SHOWS, _CAPTIONS = 1, ("style", "position", "size", "colour", "highlight", "box", "uppercase", "font")
_MUSIC = ("volume", "duck", "loop", "fade_in", "fade_out")
_PREVIEW = 5.0
_HOW = (
    "A row is a scene, in the order of its number. Leave “Seconds” empty, and a scene lasts as long as what is spoken "
    "or as its clip, else four seconds. A row with a title and nothing to show is a title card."
)


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    from cinemill.film import board

    widgets.heading("Compose", "Pictures and clips become a film, with a moving camera, a voice, captions and music.")
    with widgets.columns():
        with widgets.asked():
            media = desk.source("compose", ["video", "image"], label="Choose pictures and clips", many=True)
            size = gr.Radio([*board.SIZES], value="landscape", label="Shape")
            with gr.Row(elem_classes="cm-fields"):
                camera = gr.Dropdown(_options(board.Direction), value="auto", label="Camera over pictures")
                transition = gr.Dropdown(_options(board.TransitionName), value="fade", label="From scene to scene")
            with gr.Accordion("Voice", open=False):
                voice = desk.source("compose-voice", ["audio"], label="Choose a recording of the whole narration")
                script = gr.Textbox(
                    label="What is said", info="Of the recording, for the times of words; alone, it is spoken.", lines=3
                )
            with gr.Accordion("Captions", open=False):
                captions = gr.Checkbox(False, label="Captions of what is said")
                lettering = fields.form(board.Captions, _CAPTIONS, without=_others(board.Captions, _CAPTIONS))
            with gr.Accordion("Music", open=False):
                music = desk.source("compose-music", ["audio"], label="Choose music")
                mixing = fields.form(board.Music, _MUSIC, without=_others(board.Music, _MUSIC))
            with gr.Accordion("Advanced", open=False):
                stored = desk.form("compose", ("rate", "codec", "crf", "speed"), without=("preview", "size"))
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                preview = gr.Button("Preview five seconds", elem_id="compose-preview")
                run = gr.Button("Render", variant="primary", elem_id="compose-run")
        with widgets.answered():
            done = desk.card("compose", "")
            tried = desk.card("compose-preview", "")
            table = gr.Dataframe(
                headers=_HEADS,
                datatype="str",
                type="array",
                interactive=True,
                wrap=True,
                column_widths=["6%", "20%", "13%", "14%", "19%", "13%", "15%"],
                label="Storyboard",
                elem_id="compose-table",
            )
            widgets.plain(f'<p class="cm-soft">{_HOW}</p>')

    def arrange(chosen: Any, rows: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """New files become scenes at the end; those that are gone leave."""
        names = [one["name"] for one in chosen or []]
        kept = [row for row in _written(rows) if not row[_SHOWS] or row[_SHOWS] in names]
        shown = {row[_SHOWS] for row in kept}
        new = [["", name, "", "", "", "", ""] for name in names if name not in shown]
        return [[[str(number), *row[1:]] for number, row in enumerate([*kept, *new], 1)]]

    def start(seconds: float | None, memory: Memory, *values: Any) -> Sequence[Any]:
        places = iter(values)
        chosen, rows, shape, moves, follows, spoken, said, shown_words, song = (next(places) for _ in range(9))
        rest = [*places]
        letters = desk.given(lettering, rest[: len(lettering.components)])
        mixed = desk.given(mixing, rest[len(lettering.components) : len(lettering.components) + len(mixing.components)])
        params = desk.given(stored, rest[len(lettering.components) + len(mixing.components) :])
        paths = {one["name"]: str(desk.path_of(one)) for one in chosen or []}
        told: dict[str, Any] = {"size": shape, "ken_burns": moves, "transition": follows}
        told["scenes"] = _scenes(rows, paths)
        narration = {"text": said.strip()} if said and said.strip() else {}
        if spoken:
            narration["file"] = str(desk.path_of(spoken))
        if narration:
            told["narration"] = narration
        if shown_words:
            told["captions"] = letters or True
        if song:
            told["music"] = {"file": str(desk.path_of(song)), **mixed}
        story = _kept(desk, told)
        name = "preview.mp4" if seconds else "film.mp4"
        where = "compose-preview" if seconds else "compose"
        asked = {**params, "preview": seconds} if seconds else params
        return desk.submit(memory, where, "compose", [story], asked, name=name)

    desk.on(media.taken, arrange, [media, table], [table], notice)
    values = [media, table, size, camera, transition, voice, script, captions, music]
    values += [*lettering.components, *mixing.components, *stored.components]
    desk.on(preview.click, functools.partial(start, _PREVIEW), [desk.memory, *values], [tried, desk.memory], notice)
    desk.on(run.click, functools.partial(start, None), [desk.memory, *values], [done, desk.memory], notice)
    table.change(functools.partial(_remember, "compose-table"), [desk.memory, table], desk.memory, **QUIET)
    desk.again([table], _table_again)


def _options(choices: Any) -> list[str]:
    return [str(choice) for choice in get_args(choices)]


def _others(params: Any, first: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in params.model_fields if name not in first)


def _remember(what: str, memory: Memory, rows: Sequence[Sequence[Any]]) -> Memory:
    return {**memory, "values": {**memory["values"], what: _written(rows)}}


def _table_again(memory: Memory) -> list[Any]:
    kept = memory["values"].get("compose-table")
    return [kept if isinstance(kept, list) and kept else gr.skip()]


def _written(rows: Sequence[Sequence[Any]] | None) -> list[list[str]]:
    """Rows with something in them, as text, in the order of their numbers."""
    told = [[str(cell if cell is not None else "").strip() for cell in row] for row in rows or []]
    told = [row for row in told if any(row[1:])]
    return sorted(told, key=lambda row: float(row[0]) if row[0].replace(".", "", 1).isdigit() else len(told) + 1)


def _scenes(rows: Sequence[Sequence[Any]], paths: dict[str, str]) -> list[dict[str, Any]]:
    """Rows as scenes of a storyboard. Raises InvalidParams."""
    scenes: list[dict[str, Any]] = []
    for number, (_, shows, title, seconds, spoken, moves, follows) in enumerate(_written(rows), 1):
        if shows and shows not in paths:
            raise InvalidParams(f"scene {number} shows {shows}, which was not uploaded.")
        suffix = Path(shows).suffix.lower()
        what = "picture" if suffix in suffixes.PICTURE else "video"
        scene: dict[str, Any] = {what: paths[shows]} if shows else {}
        scene |= {"title": title} if title else {}
        scene |= {"duration": seconds} if seconds else {}
        scene |= {"narration": {"text": spoken}} if spoken else {}
        scene |= {"ken_burns": moves} if moves else {}
        scene |= {"transition": follows} if follows else {}
        scenes.append(scene)
    if not scenes:
        raise InvalidParams("a film needs a scene: choose pictures or clips, or write a title into the table.")
    return scenes


def _kept(desk: Desk, told: dict[str, Any]) -> Path:
    """The storyboard as a file of the studio, checked. Raises InvalidParams."""
    import json
    import tempfile

    from cinemill.film import board

    text = json.dumps(told, ensure_ascii=False, indent=1)
    with tempfile.TemporaryDirectory(prefix="cinemill-") as folder:
        path = Path(folder) / "storyboard.json"
        try:
            board.parsed(text, path)
        except InvalidParams as error:
            raise InvalidParams(error.sentence.replace(f"{path}, ", "").replace(str(path), "the storyboard")) from None
        path.write_text(text, "utf-8")
        return desk.workspace.copied(path)
