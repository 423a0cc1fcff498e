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
_AS_SET = ("as it is set", "")
_LETTING_GO = 8.0
"""Seconds that a deck that is only looked at has to be let go of."""
_NONE = (
    "No capture device was found on this machine. Try it without a deck: the mock deck plays a tape that does not "
    "exist, with the faults that you ask for."
)


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading("Capture", "From the deck to disk, losing nothing, with everything counted that goes wrong.")
    tab = _Capture(desk)
    with widgets.columns():
        with widgets.asked():
            tab.draw_deck()
        with widgets.answered():
            tab.draw_picture()
    tab.listen()


class _Capture:
    """The parts of the tab, and what they answer."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def draw_deck(self) -> None:
        self.device = gr.Dropdown(
            [], label="Device", info="Looked for when this tab is opened.", elem_id="capture-device"
        )
        self.found = widgets.plain()
        with gr.Row(elem_classes="cm-fields"):
            self.socket = gr.Dropdown([_AS_SET], value="", label="Input", info="Socket of the device.")
            self.standard = gr.Dropdown([_AS_SET], value="", label="Standard", info="Of an analog tape.")
        with gr.Accordion("Tape of the mock deck", open=True, visible=False, elem_id="capture-tape") as self.tape:
            self.mock = fields.form(
                MockTape, ("seconds", "pace", "drops", "duplicates", "blanks"), without=("dv", "standard")
            )
        self.form = self.desk.form("capture", ("kind", "length"), without=_WITHOUT)
        self.name = gr.Textbox("tape", label="Name", info="Of the file that is made.", elem_id="capture-name")
        self.notice = widgets.notice()
        with gr.Row(elem_classes="cm-actions"):
            self.look = gr.Button("Look", elem_id="capture-look")
            self.record = gr.Button("Record", variant="primary", elem_id="capture-record")

    def draw_picture(self) -> None:
        self.shown = widgets.deck(
            "Look shows what the deck plays and stores nothing. Record stores it, until you stop it.", _live(self.desk)
        )
        self.done = self.desk.card("capture", "")
        self.restore = gr.Button("Restore this", variant="primary", visible=False, elem_id="capture-restore")

    def listen(self) -> None:
        desk, choices = self.desk, [self.socket, self.standard, self.tape]
        desk.again([self.shown], lambda memory: [memory["jobs"].get("capture-live")])
        desk.when_shown("Capture", self.find, [self.device, self.found, *choices], self.notice, [self.device])
        desk.on(self.device.input, self.settle, [self.device], choices, self.notice)
        asked = [desk.memory, self.device, self.socket, self.standard, self.name]
        asked += [*self.mock.components, *self.form.components]
        answered = [self.shown, desk.memory, self.restore]
        for button, stores in ((self.look, False), (self.record, True)):
            desk.on(button.click, functools.partial(self.begin, stores), asked, answered, self.notice, **BUSY)
        desk.on(self.shown.ended, self.ended, [desk.memory, self.shown], [self.done, desk.memory], self.notice)
        self.done.ended(self.offer, self.done, self.restore, **QUIET)
        desk.hands(self.restore.click, "Restore", self.done, self.notice)

    def find(self, chosen: str | None) -> Sequence[Any]:
        known = _known()
        real = [one for one in known if one.system != "mock"]
        choices = [(f"{one.name}: {_KINDS.get(one.kind, one.kind)}", one.id) for one in known]
        here = chosen if chosen in [one.id for one in known] else real[0].id if real else "mock"
        notes = [f"{one.name}: {one.note}" for one in real if one.note]
        told = "".join(f'<p class="cm-soft">{escape(note)}</p>' for note in (notes if real else [_NONE]))
        return [gr.update(choices=choices, value=here), told, *self.settle(here)]

    def settle(self, chosen: str) -> Sequence[Any]:
        """What can be chosen of a device."""
        one = _device(chosen)
        sockets = [_AS_SET, *((each, each) for each in one.inputs)]
        standards = [_AS_SET, *((each.upper(), each) for each in one.standards)]
        return [
            gr.update(choices=sockets, value="", visible=len(sockets) > 1),
            gr.update(choices=standards, value="", visible=len(standards) > 1),
            gr.update(visible=one.system == "mock"),
        ]

    def begin(
        self, stores: bool, memory: Memory, chosen: str, into: str, kind: str, called: str, *values: Any
    ) -> Sequence[Any]:
        desk, one, tape = self.desk, _device(chosen), len(self.mock.components)
        _let_go(desk, memory)
        own, id = desk.given(self.form, values[tape:]), secrets.token_hex(8)
        params = {
            **own,
            "device": one.id + self._tape_of(one, values[:tape]),
            "folder": str(desk.queue.place(id) / "live"),
            "store": stores,
            **({"input": into} if into and one.system != "mock" else {}),
            **({"standard": kind} if kind else {}),
        }
        ending = ".dv" if one.kind == "dv" else ".mkv"
        # It opens a device, so it is not confined; what is opened is one of those that were found.
        options = {"confined": False, "lane": "deck", "on": "serial", **({} if stores else {"file": False})}
        file = f"{called.strip() or 'tape'}{ending}" if stores else ""
        found, memory = desk.submit(
            memory, "capture-live", "capture", [], params, name=file, remember=own, options=options, id=id
        )
        return [found, memory, gr.update(visible=False)]

    def _tape_of(self, one: Device, values: Sequence[Any]) -> str:
        """What the mock deck is to play, as its id takes it."""
        written = ",".join(f"{key}={value}" for key, value in self.mock.given(values).items())
        return f":{written}" if one.system == "mock" and written else ""

    def ended(self, memory: Memory, id: str | None) -> Sequence[Any]:
        """The card takes over what was stored, or what went wrong."""
        job = self.desk.queue.get(id or "")
        if not job.params.get("store", True) and job.state != "failed":
            return [gr.skip(), gr.skip()]
        return [job.id, {**memory, "jobs": {**memory["jobs"], "capture": job.id}}]

    def offer(self, id: str | None) -> Any:
        with suppress(CinemillError):
            return gr.update(visible=bool(self.desk.queue.get(id or "").outputs))
        return gr.update(visible=False)


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
