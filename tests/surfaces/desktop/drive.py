"""Drives the window as its user does: `drive.py first|second|panel|bare FOLDER FILM PICTURES`. Any assertion ends it
with 1.

`panel` and `bare` want a session's bus, on which they start a panel to show notices, and the former the icon too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QPushButton

from cinemill.surfaces.desktop.app import Desktop, handed

PATIENCE = 120.0
STILL = 5.0
"""Seconds for which the window may answer nobody, on a machine with much else to do."""
COPY, LEFT, NONE = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait as the application itself does."""
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < end, f"in vain: {what}"
        QTest.qWait(20)
    print(what, flush=True)
    return found


class Pulse:
    """Sees for how long the application answered nobody."""

    def __init__(self) -> None:
        self.last, self.longest = time.monotonic(), 0.0
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(20)

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest, self.last = max(self.longest, now - self.last), now


class Panel:
    """The desktop's panel, a process of its own: `said` is what it said so far."""

    def __init__(self, *how: str) -> None:
        words = [sys.executable, str(Path(__file__).with_name("panel.py")), *how]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.said: list[dict[str, Any]] = [json.loads(self.process.stdout.readline())]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def order(self, words: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def look(self) -> dict[str, Any]:
        """The icon and its menu as they are now; the application has to tell, so it goes on meanwhile."""
        before, end = len(self.said), time.monotonic() + PATIENCE
        self.order("look")
        while True:
            found = {key: value for one in self.said[before:] for key, value in one.items()}
            if {"tip", "menu"} <= found.keys():
                return found
            assert time.monotonic() < end, "the icon does not answer"
            QTest.qWait(20)

    def busy(self) -> dict[str, Any]:
        """What `look` finds once some of a job is done."""
        found = self.look()
        return found if found["menu"][0].partition("%")[0].strip("0").isdigit() else {}

    def notice(self) -> list[str]:
        return next((one["notice"] for one in self.said if "notice" in one), [])

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


class Driver:
    def __init__(self, folder: Path, pictures: Path) -> None:
        self.pictures = pictures
        self.notices: list[tuple[str, str]] = []
        self.gone = False
        self.panel: Any = None
        self.desktop = Desktop(folder)
        self.desktop.tray.notified.connect(lambda *words: self.notices.append(words))
        self.desktop.link.gone.connect(lambda: setattr(self, "gone", True))
        self.desktop.begin([])
        until(lambda: self.desktop._is_ready, "the server is ready")
        until(lambda: self.asked("document.querySelectorAll('[role=tab]').length") > 3, "the page is shown")
        self.pulse = Pulse()

    def asked(self, script: str) -> Any:
        """What the page answers."""
        answers: list[Any] = []
        self.desktop.window.view.page().runJavaScript(script, answers.append)
        end = time.monotonic() + 10
        while not answers and time.monotonic() < end:
            QTest.qWait(10)
        return (answers or [0])[0] or 0

    def picture(self, name: str) -> None:
        QTest.qWait(600)
        QApplication.primaryScreen().grabWindow(0).save(str(self.pictures / f"{name}.png"))

    def drop(self, *paths: Path) -> Any:
        """Drop files on the middle of the window; the question that is asked."""
        self.desktop.sheet = None
        data, view = QMimeData(), self.desktop.window.view
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        at = view.rect().center()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # there is no other way to make one by hand
            view.dragEnterEvent(QDragEnterEvent(at, COPY, data, LEFT, NONE))
        view.dropEvent(QDropEvent(QPointF(at), COPY, data, LEFT, NONE))
        until(lambda: self.desktop.sheet, f"{len(paths)} dropped, and asked about")
        return self.desktop.sheet


def first(driver: Driver, film: Path) -> None:
    """A dropped file becomes a job and a notice; closing while another runs asks, and quitting keeps it."""
    desktop = driver.desktop
    driver.picture("page")
    sheet = driver.drop(film)
    sheet.operation.setCurrentText("process")
    output = film.with_name("dropped.mkv")
    sheet.output.setText(str(output))
    driver.picture("sheet")
    QTest.mouseClick(sheet.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    until(lambda: driver.notices, "a notice came")
    assert driver.notices[0] == ("Process film.mp4: done", "dropped.mkv"), driver.notices
    assert output.is_file()
    driver.picture("done")
    assert handed(desktop.folder, [film.with_name("long.mkv")])  # as a second start does
    desktop.sheet = None
    until(lambda: desktop.sheet, "a second start handed its file over")
    desktop.sheet.operation.setCurrentText("restore")
    QTest.mouseClick(desktop.sheet.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    parts = film.with_name(".long.restore.mkv.cinemill")
    until(lambda: list(parts.glob("part-0000?")), "a part is finished")
    driver.picture("running")
    desktop.window.resize(1111, 777)
    desktop.window.close()
    until(lambda: desktop.farewell and desktop.farewell.isVisible(), "closing asks")
    driver.picture("farewell")
    back = next(button for button in desktop.farewell.findChildren(QPushButton) if button is desktop.farewell.back)
    QTest.mouseClick(back, LEFT)
    until(lambda: desktop.farewell is None, "cancelled")
    assert desktop.window.isVisible()
    desktop.window.close()
    until(lambda: desktop.farewell and desktop.farewell.isVisible(), "closing asks again")
    QTest.mouseClick(desktop.farewell.leave, LEFT)
    until(lambda: driver.gone, "the server stopped in order")
    assert not film.with_name("long.restore.mkv").exists()
    assert list(parts.glob("part-0000?"))


def second(driver: Driver, film: Path) -> None:
    """What was cut off goes on by itself; the window is where it was; leaving when nothing runs asks nothing."""
    desktop = driver.desktop
    assert (desktop.window.width(), desktop.window.height()) == (1111, 777)
    until(lambda: driver.notices, "the job went on and ended")
    assert driver.notices == [("Restore long.mkv: done", "long.restore.mkv")], driver.notices
    driver.picture("resumed")
    desktop.window.close()
    until(lambda: driver.gone, "it left without a question")
    assert desktop.farewell is None


def panel(driver: Driver, film: Path) -> None:
    """What a panel shows while the window is hidden, and what its user's clicks do."""
    desktop, shown = driver.desktop, driver.panel
    assert desktop.tray.is_there
    idle = shown.look()
    assert (idle["tip"], idle["menu"]) == ("cinemill", ["No jobs", "Show the studio", "Quit"])
    sheet = driver.drop(film.with_name("long.mkv"))
    sheet.operation.setCurrentText("restore")
    QTest.mouseClick(sheet.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    busy = until(shown.busy, "progress is shown")
    assert busy["menu"][0].endswith("%, Restore long.mkv"), busy
    assert busy["picture"] != idle["picture"]  # the ring
    for click in ("press icon", "choose Show the studio"):
        desktop.window.hide()
        shown.order(click)
        until(desktop.window.isVisible, click)
    desktop.window.hide()
    assert until(shown.notice, "a notice is shown") == ["Restore long.mkv: done", "long.restore.mkv"]
    assert until(shown.look, "the icon is looked at")["menu"][0] == "No jobs"
    assert shown.look()["picture"] == idle["picture"]
    assert not desktop.window.isVisible()
    shown.order("press notice")
    until(desktop.window.isVisible, "press notice")
    shown.order("choose Quit")
    until(lambda: driver.gone, "it left")


def bare(driver: Driver, film: Path) -> None:
    """A desktop without a tray is told by its own program for notices."""
    assert not driver.desktop.tray.is_there
    sheet = driver.drop(film)
    sheet.operation.setCurrentText("process")
    sheet.output.setText(str(film.with_name("dropped.mkv")))
    QTest.mouseClick(sheet.buttons.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    assert until(driver.panel.notice, "notify-send said it") == ["Process film.mp4: done", "dropped.mkv"]
    driver.desktop.window.close()
    until(lambda: driver.gone, "it left")


if __name__ == "__main__":
    phase, folder, film, pictures = sys.argv[1], *map(Path, sys.argv[2:5])
    up = Panel(phase) if phase in ("panel", "bare") else None  # before Qt asks whether there is one
    made = QApplication(sys.argv[:1])
    made.setQuitOnLastWindowClosed(False)
    driver = Driver(folder, pictures)
    driver.panel = up
    {"first": first, "second": second, "panel": panel, "bare": bare}[phase](driver, film)
    if up:
        up.close()
    print(f"it stood still for {driver.pulse.longest:.2f} s at most", flush=True)
    assert driver.pulse.longest < STILL
    print("all is well", flush=True)
