"""The desktop application: one per studio and person; a second start hands its files to the first."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, QSettings, QTimer
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QMessageBox

from cinemill.settings import config_file
from cinemill.surfaces.desktop.link import Link
from cinemill.surfaces.desktop.sheets import Choice, Farewell
from cinemill.surfaces.desktop.tray import Tray, words
from cinemill.surfaces.desktop.window import Window

_HANDED: Final = 2000
"""Milliseconds that the first application has to take the files of a second one."""


def run(folder: Path, files: list[Path]) -> int:
    """Show the studio whose queue is in `folder`, or hand `files` to the one that shows it. The exit code."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")  # Chromium has none for root, and refuses to run
    made = QApplication([sys.argv[0]])
    made.setApplicationName("cinemill")
    made.setDesktopFileName("cinemill")
    made.setQuitOnLastWindowClosed(False)
    if handed(folder, files):
        return 0
    desktop = Desktop(folder)
    desktop.begin(files)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: desktop.leave())
    beat = QTimer()  # Python sees signals when it runs
    beat.timeout.connect(lambda: None)
    beat.start(500)
    return made.exec()


def _name(folder: Path) -> str:
    """Of the socket on which the first application listens."""
    return f"cinemill-{hashlib.blake2b(str(folder.absolute()).encode(), digest_size=8).hexdigest()}"


def handed(folder: Path, files: list[Path]) -> bool:
    """Whether another application shows this studio and has taken the files."""
    socket = QLocalSocket()
    socket.connectToServer(_name(folder))
    if not socket.waitForConnected(_HANDED):
        return False
    socket.write(json.dumps([str(path.absolute()) for path in files]).encode())
    socket.flush()
    socket.waitForBytesWritten(_HANDED)
    socket.disconnectFromServer()
    return True


class Desktop(QObject):
    """What people see and the line to the server, tied together."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.memory = QSettings(str(config_file().with_name("desktop.ini")), QSettings.Format.IniFormat)
        self.standing: dict[str, Any] = {"active": [], "ended": []}
        self._waiting: list[list[Path]] = []
        self._is_ready = False
        self._leaving = False
        self.link = Link(folder, int(str(self.memory.value("port", 0))))
        self.window = Window(self.memory, folder)
        self.tray = Tray()
        self.sheet: Choice | None = None
        self.farewell: Farewell | None = None
        self._server = QLocalServer(self)
        self._connect()

    def _connect(self) -> None:
        self.link.ready.connect(self._ready)
        self.link.jobs.connect(self._show)
        self.link.offered.connect(self._choose)
        self.link.submitted.connect(self._submitted)
        self.link.refused.connect(self.complain)
        self.link.failed.connect(self._failed)
        self.link.gone.connect(self._gone)
        self.window.given.connect(self.take)
        self.window.closing.connect(self.ask_to_leave)
        self.tray.shown.connect(self.window.come)
        self.tray.left.connect(self.ask_to_leave)
        self._server.newConnection.connect(self._called)

    def begin(self, files: list[Path]) -> None:
        QLocalServer.removeServer(_name(self.folder))  # that of one that was killed
        self._server.listen(_name(self.folder))
        self.window.show()
        self.link.start()
        if files:
            self.take(files)

    def take(self, paths: list[Path]) -> None:
        """Ask what shall be done with files and folders, as soon as somebody can answer."""
        if self._is_ready:
            self.link.ask(paths)
        else:
            self._waiting.append(paths)

    def ask_to_leave(self) -> None:
        """Leave at once where nothing runs, else ask."""
        if not self.standing["active"]:
            self.leave()
            return
        if self.farewell is not None:
            return
        self.window.come()
        self.farewell = Farewell(self.window, self.standing["active"], self.tray.is_there)
        self.farewell.leaving.connect(self.leave)
        self.farewell.staying.connect(self.window.hide)
        self.farewell.finished.connect(self._answered)
        self.farewell.open()

    def leave(self) -> None:
        """Let jobs keep what is finished; then end."""
        if self._leaving:
            return
        self._leaving = True
        self.window.close_for_good()
        self.tray.icon.hide()
        self._server.close()
        self.link.stop()

    def complain(self, sentence: str) -> None:
        box = QMessageBox(QMessageBox.Icon.Warning, "cinemill", sentence[:1].upper() + sentence[1:], parent=self.window)
        box.open()

    def _answered(self, *_: Any) -> None:
        self.farewell = None

    def _ready(self, port: int, cookie: str) -> None:
        self._is_ready = True
        self.memory.setValue("port", port)  # a page's memory belongs to its address
        self.window.open(port, cookie)
        for paths in self._waiting:
            self.link.ask(paths)
        self._waiting.clear()

    def _show(self, standing: dict[str, Any]) -> None:
        self.standing = standing
        self.tray.show(standing)
        text, share = words(standing["active"])
        self.window.setWindowTitle("cinemill" if share is None else f"{text} - cinemill")

    def _choose(self, offer: dict[str, Any]) -> None:
        self.window.come()
        self.sheet = Choice(self.window, offer, self.memory)
        self.sheet.chosen.connect(self.link.submit)
        self.sheet.open()

    def _submitted(self, count: int) -> None:
        self.window.go_to("Queue")
        self.window.statusBar().showMessage("1 job begins." if count == 1 else f"{count} jobs begin.", 8000)

    def _failed(self, sentence: str) -> None:
        self._is_ready = False
        self.window.tell(sentence)

    def _gone(self) -> None:
        QApplication.quit()

    def _called(self) -> None:
        """Another start: show the window, and take its files."""
        socket = self._server.nextPendingConnection()

        def read() -> None:
            said = json.loads(bytes(socket.readAll().data()) or b"[]")
            self.window.come()
            if said:
                self.take([Path(name) for name in said])

        socket.disconnected.connect(read)
