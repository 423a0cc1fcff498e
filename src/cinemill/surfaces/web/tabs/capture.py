"""Capture: a deck is looked at and recorded, what goes wrong is counted, and the result goes on to Restore."""

from __future__ import annotations

import base64
import functools
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from cinemill.errors import CinemillError, NotHere, RequestError
from cinemill.media.decks import MockTape
from cinemill.operations.sessions import live
from cinemill.surfaces.web import fields, views, widgets
from cinemill.surfaces.web.desk import BUSY, QUIET, Desk, Memory, plainly

if TYPE_CHECKING:
    from cinemill.media.devices import Device

_WITHOUT = ("folder", "device", "input", "standard", "store", "segment")
_LETTING_GO = 8.0
"""Seconds that a deck that is only looked at has to be let go of."""
_NONE = (
    "No capture device was found on this machine. Try it without a deck: the mock deck plays a tape that does not "
    "exist, with the faults that you ask for."
)


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading("Capture", "From the deck to disk, losing nothing, with everything counted that goes wrong.")
    with gr.Row(elem_classes="cm-columns"):
        with gr.Column(scale=4, min_width=320):
            device = gr.Dropdown(
                [], label="Device", info="Looked for when this tab is opened.", elem_id="capture-device"
            )
            found = widgets.plain()
            with gr.Row(elem_classes="cm-fields"):
                socket = gr.Dropdown([("as it is set", "")], value="", label="Input", info="Socket of the device.")
                standard = gr.Dropdown([("as it is set", "")], value="", label="Standard", info="Of an analog tape.")
            with gr.Accordion("Tape of the mock deck", open=True, visible=False, elem_id="capture-tape") as tape:
                mock = fields.form(
                    MockTape, ("seconds", "pace", "drops", "duplicates", "blanks"), without=("dv", "standard")
                )
            form = desk.form("capture", ("kind", "length"), without=_WITHOUT)
            name = gr.Textbox("tape", label="Name", info="Of the file that is made.", elem_id="capture-name")
            notice = widgets.notice()
            with gr.Row(elem_classes="cm-actions"):
                look = gr.Button("Look", elem_id="capture-look")
                record = gr.Button("Record", variant="primary", elem_id="capture-record")
        with gr.Column(scale=6, min_width=320):
            shown = widgets.deck(
                "Look shows what the deck plays and stores nothing. Record stores it, until you stop it.", _live(desk)
            )
            done = desk.card("capture", "")
            restore = gr.Button("Restore this", variant="primary", visible=False, elem_id="capture-restore")
    desk.again([shown], lambda memory: [memory["jobs"].get("capture-live")])

    def find(chosen: str | None) -> Sequence[Any]:
        known = _known()
        real = [one for one in known if one.system != "mock"]
        choices = [(f"{one.name}: {_KINDS.get(one.kind, one.kind)}", one.id) for one in known]
        here = chosen if chosen in [one.id for one in known] else real[0].id if real else "mock"
        notes = [f"{one.name}: {one.note}" for one in real if one.note]
        told = "".join(f'<p class="cm-soft">{escape(note)}</p>' for note in (notes if real else [_NONE]))
        return [gr.update(choices=choices, value=here), told, *settle(here)]

    def settle(chosen: str) -> Sequence[Any]:
        """What can be chosen of a device."""
        one = _device(chosen)
        sockets = [("as it is set", ""), *((each, each) for each in one.inputs)]
        standards = [("as it is set", ""), *((each.upper(), each) for each in one.standards)]
        return [
            gr.update(choices=sockets, value="", visible=len(sockets) > 1),
            gr.update(choices=standards, value="", visible=len(standards) > 1),
            gr.update(visible=one.system == "mock"),
        ]

    def begin(
        store: bool, memory: Memory, chosen: str, into: str, kind: str, called: str, *values: Any
    ) -> Sequence[Any]:
        one = _device(chosen)
        _let_go(desk, memory)
        tape_values, own = values[: len(mock.components)], values[len(mock.components) :]
        written = ",".join(f"{key}={value}" for key, value in mock.given(tape_values).items())
        id = secrets.token_hex(8)
        params = {
            **desk.given(form, own),
            "device": one.id + (f":{written}" if one.system == "mock" and written else ""),
            "folder": str(desk.queue.place(id) / "live"),
            "store": store,
            **({"input": into} if into and one.system != "mock" else {}),
            **({"standard": kind} if kind else {}),
        }
        ending = ".dv" if one.kind == "dv" else ".mkv"
        # It opens a device, so it is not confined; what is opened is one of those that were found.
        options = {"confined": False, "lane": "deck", "on": "serial", **({} if store else {"file": False})}
        file = f"{called.strip() or 'tape'}{ending}" if store else ""
        kept = desk.given(form, own)
        found, memory = desk.submit(
            memory, "capture-live", "capture", [], params, name=file, remember=kept, options=options, id=id
        )
        return [found, memory, gr.update(visible=False)]

    def ended(memory: Memory, id: str | None) -> Sequence[Any]:
        """The card takes over what was stored, or what went wrong."""
        job = desk.queue.get(id or "")
        if not job.params.get("store", True) and job.state != "failed":
            return [gr.skip(), gr.skip()]
        return [job.id, {**memory, "jobs": {**memory["jobs"], "capture": job.id}}]

    def offer(id: str | None) -> Any:
        with suppress(CinemillError):
            return gr.update(visible=bool(desk.queue.get(id or "").outputs))
        return gr.update(visible=False)

    desk.when_shown("Capture", find, [device, found, socket, standard, tape], notice, [device])
    desk.on(device.input, settle, [device], [socket, standard, tape], notice)
    asked = [desk.memory, device, socket, standard, name, *mock.components, *form.components]
    answered = [shown, desk.memory, restore]
    desk.on(look.click, functools.partial(begin, False), asked, answered, notice, **BUSY)
    desk.on(record.click, functools.partial(begin, True), asked, answered, notice, **BUSY)
    desk.on(shown.ended, ended, [desk.memory, shown], [done, desk.memory], notice)
    done.ended(offer, done, restore, **QUIET)
    desk.hands(restore.click, "Restore", done, notice)


_KINDS = {
    "analog": "analog video",
    "dv": "DV",
    "sdi": "SDI",
    "camera": "a camera",
    "screen": "the screen",
    "virtual": "a virtual camera",
    "unknown": "unknown",
}


def _known() -> list[Device]:
    from cinemill.media import devices

    return devices.devices(mock=True)


def _device(id: str | None) -> Device:
    """The device of that id. Nothing but what was found is opened. Raises RequestError."""
    found = next((one for one in _known() if one.id == id), None)
    if found is None:
        raise RequestError("this device is not there any more; open the tab again to look for others.")
    return found


def _let_go(desk: Desk, memory: Memory) -> None:
    """End what only looks at a deck: a device is open once. Raises RequestError while it records."""
    try:
        job = desk.queue.get(memory["jobs"].get("capture-live") or "")
    except NotHere:
        return
    if job.has_ended:
        return
    if job.params.get("store", True):
        raise RequestError("it records already; stop that first.")
    live.stop(Path(job.params["folder"]))
    until = time.monotonic() + _LETTING_GO
    while time.monotonic() < until and not desk.queue.get(job.id).has_ended:
        time.sleep(0.1)


def _live(desk: Desk) -> list[Any]:
    """What the page's script asks for while a deck plays."""

    @plainly
    def look(asked: dict[str, Any]) -> dict[str, Any]:
        job = desk.queue.get(asked["id"])
        folder = Path(job.params["folder"])
        told = views.brief(job)
        known = live.figures(folder)
        with suppress(OSError):
            (folder / live.SEEN).touch()
        pictures = {} if job.has_ended and not known else {one: _data(folder / one) for one in _PICTURES}
        return {**told, "stores": job.params.get("store", True), "figures": known, "pictures": pictures}

    @plainly
    def act(asked: dict[str, Any]) -> None:
        desk.views.act(asked["id"], asked["name"])

    return [look, act]


_PICTURES = (live.PICTURE, live.SCOPES)


def _data(path: Path) -> str | None:
    """A small picture that is replaced all the time, as the page shows it."""
    with suppress(OSError):
        return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return None
