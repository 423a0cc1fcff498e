"""Drives the window as its user does: `drive.py first|second FOLDER FILM PICTURES`. Any assertion ends it with 1."""

from __future__ import annotations

import sys
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


class Driver:
    def __init__(self, folder: Path, pictures: Path) -> None:
        self.pictures = pictures
        self.notices: list[tuple[str, str]] = []
        self.gone = False
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


if __name__ == "__main__":
    phase, folder, film, pictures = sys.argv[1], *map(Path, sys.argv[2:5])
    made = QApplication(sys.argv[:1])
    made.setQuitOnLastWindowClosed(False)
    driver = Driver(folder, pictures)
    {"first": first, "second": second}[phase](driver, film)
    print(f"it stood still for {driver.pulse.longest:.2f} s at most", flush=True)
    assert driver.pulse.longest < STILL
    print("all is well", flush=True)
