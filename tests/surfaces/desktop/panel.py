"""A desktop's panel on the session's bus: it has a place for icons and shows notices, and its user clicks when told to.
With the word `bare` it shows notices and has no place for icons.

Reads lines on standard input: `look`, `press icon`, `press notice`, `choose LABEL`. Says JSON lines: `{"is": "up"}`,
`{"notice": [title, text]}`, `{"tip": TEXT, "picture": [WIDTH, HEX]}` of the icon, `{"menu": [label, ...]}`.

Source: freedesktop.org's StatusNotifierItem and Desktop Notifications, and com.canonical.dbusmenu.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

WATCHER, NOTICES, ITEM = "org.kde.StatusNotifierWatcher", "org.freedesktop.Notifications", "org.kde.StatusNotifierItem"
MENU, PROPERTIES = "com.canonical.dbusmenu", "org.freedesktop.DBus.Properties"
DESCRIBED = f"""<node><interface name="{WATCHER}">
<method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
<property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
<property name="ProtocolVersion" type="i" access="read"/></interface></node>"""
OWN = {"IsStatusNotifierHostRegistered": ("b", True), "ProtocolVersion": ("i", 0)}
Answer = tuple[str, tuple[Any, ...]]


def say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


class Panel:
    def __init__(self) -> None:
        self.bus = open_dbus_connection("SESSION")
        self.asked: dict[int, Callable[[tuple[Any, ...]], None]] = {}
        self.item = ""
        self.count = 0
        for name in (NOTICES,) if "bare" in sys.argv else (WATCHER, NOTICES):
            self.bus.send_and_get_reply(message_bus.RequestName(name))
        say(**{"is": "up"})

    def serve(self, orders: SimpleQueue[str]) -> None:
        while True:
            try:
                self.hear(self.bus.receive(timeout=0.05))
            except TimeoutError:
                pass
            try:
                order = orders.get_nowait()
            except Empty:
                continue
            if not order:
                return
            self.obey(*order.split(maxsplit=1))

    def hear(self, message: Message) -> None:
        fields, kind = message.header.fields, message.header.message_type
        if kind is MessageType.method_call:
            reply = self.answer(fields[HeaderFields.member], message.body, fields[HeaderFields.sender])
            self.bus.send(new_method_return(message, *reply))
        elif kind is MessageType.method_return and (then := self.asked.pop(fields[HeaderFields.reply_serial], None)):
            then(message.body)

    def answer(self, member: str, body: tuple[Any, ...], sender: str) -> Answer:
        match member:
            case "Introspect":
                return "s", (DESCRIBED,)
            case "Get":
                return "v", (OWN[body[1]],)
            case "GetAll":
                return "a{sv}", (OWN,)
            case "RegisterStatusNotifierItem":
                self.item = sender
                return "", ()
            case "GetCapabilities":
                return "as", (["body", "actions"],)
            case "GetServerInformation":
                return "ssss", ("panel", "cinemill", "1", "1.2")
            case "Notify":
                self.count += 1
                say(notice=[body[3], body[4]])
                return "u", (self.count,)
            case _:
                return "", ()

    def obey(self, verb: str, what: str = "") -> None:
        match verb, what:
            case "look", _:
                self.ask("/StatusNotifierItem", PROPERTIES, "GetAll", "s", (ITEM,), self.looked)
                self.ask("/MenuBar", MENU, "GetLayout", "iias", (0, -1, []), lambda body: say(menu=[*labels(body[1])]))
            case "press", "icon":
                self.ask("/StatusNotifierItem", ITEM, "Activate", "ii", (0, 0))
            case "press", "notice":
                where = DBusAddress("/org/freedesktop/Notifications", interface=NOTICES)
                self.bus.send(new_signal(where, "ActionInvoked", "us", (self.count, "default")))
            case _:
                self.ask("/MenuBar", MENU, "GetLayout", "iias", (0, -1, []), lambda body: self.choose(body[1], what))

    def choose(self, menu: Any, label: str) -> None:
        clicked = (labels(menu)[label], "clicked", ("i", 0), 0)
        self.ask("/MenuBar", MENU, "Event", "isvu", clicked)

    def looked(self, body: tuple[Any, ...]) -> None:
        found = body[0]
        largest = max(found["IconPixmap"][1], default=(0, 0, b""))
        say(tip=found["ToolTip"][1][2], picture=[largest[0], bytes(largest[2]).hex()])

    def ask(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str,
        body: tuple[Any, ...],
        then: Callable[[tuple[Any, ...]], None] | None = None,
    ) -> None:
        serial = next(self.bus.outgoing_serial)
        if then:
            self.asked[serial] = then
        to = DBusAddress(path, self.item, interface)
        self.bus.send(new_method_call(to, member, signature, body), serial=serial)


def labels(menu: Any) -> dict[str, int]:
    """Entries of a menu by what they say, in their order."""
    entries = [entry[1] for entry in menu[2]]
    return {properties["label"][1]: number for number, properties, _ in entries if "label" in properties}


def main() -> None:
    orders: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            orders.put(line.strip())
        orders.put("")

    threading.Thread(target=read, daemon=True).start()
    Panel().serve(orders)


if __name__ == "__main__":
    main()
