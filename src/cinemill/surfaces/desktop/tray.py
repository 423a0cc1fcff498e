"""What remains of the window when people look elsewhere: an icon with a ring of progress, and notices of the system."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, QProcess, QRectF, Qt, Signal
from PySide6.QtGui import QAction, QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

ICON: Final = Path(__file__).parents[1] / "web" / "icon.svg"
_SIZE: Final = 64
_GREEN: Final = "#22c55e"


class Tray(QObject):
    """`shown()` when people want the window, `left()` when they want to quit. `notified(title, text)` for each word."""

    shown = Signal()
    left = Signal()
    notified = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._plain = QIcon(str(ICON))
        self._told: set[str] = set()
        self.icon = QSystemTrayIcon(self._plain)
        self.icon.setToolTip("cinemill")
        self._menu = QMenu()
        self.standing = QAction("No jobs", self._menu)
        self.standing.setEnabled(False)
        self._menu.addAction(self.standing)
        self._menu.addSeparator()
        self._menu.addAction("Show the studio", self.shown.emit)
        self._menu.addAction("Quit", self.left.emit)
        self.icon.setContextMenu(self._menu)
        self.icon.activated.connect(self._activated)
        self.icon.messageClicked.connect(self.shown.emit)
        if self.is_there:
            self.icon.show()

    @property
    def is_there(self) -> bool:
        """Whether this desktop has a place for such icons."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def show(self, standing: dict[str, Any]) -> None:
        """How the jobs stand: the ring, the words, and a notice of each that has ended since the last look."""
        text, share = words(standing["active"])
        self.standing.setText(text)
        self.icon.setToolTip(f"cinemill: {text}" if standing["active"] else "cinemill")
        self.icon.setIcon(self._plain if share is None else _ringed(self._plain, share))
        for job in standing["ended"]:
            if job["id"] not in self._told and job["state"] != "cancelled":
                self.notify(f"{job['title']}: {'done' if job['state'] == 'done' else 'failed'}", said_of(job))
            self._told.add(job["id"])

    def notify(self, title: str, text: str) -> None:
        """A notice of the system. Where there is no tray to say it, the desktop's own program for notices does."""
        self.notified.emit(title, text)
        if self.is_there and QSystemTrayIcon.supportsMessages():
            self.icon.showMessage(title, text, self._plain)
        elif program := shutil.which("notify-send"):
            QProcess.startDetached(program, ["--app-name=cinemill", f"--icon={ICON}", title, text])

    def _activated(self, reason: Any) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.shown.emit()


def words(active: list[dict[str, Any]]) -> tuple[str, float | None]:
    """How the jobs stand in a few words, and how far those that run have come, None where nothing runs."""
    running = [job for job in active if job["state"] == "running"]
    if not active:
        return "No jobs", None
    if not running:
        return f"{len(active)} waiting", None
    share = sum(job["share"] or 0.0 for job in running) / len(running)
    first = running[0]["title"] if len(running) == 1 else f"{len(running)} jobs"
    return f"{share:.0%}, {first}", share


def said_of(job: dict[str, Any]) -> str:
    """What a notice says of a job that has ended."""
    if job["state"] != "done":
        return job["error"] or job["told"]
    return ", ".join(Path(path).name for path in job["made"]) or job["told"]


def _ringed(icon: QIcon, share: float) -> QIcon:
    picture = QPixmap(icon.pixmap(_SIZE, _SIZE))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    place = QRectF(5, 5, _SIZE - 10, _SIZE - 10)
    for colour, part in ((QColor(255, 255, 255, 90), 1.0), (QColor(_GREEN), share)):
        painter.setPen(QPen(colour, 8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawArc(place, 90 * 16, -round(360 * 16 * part))
    painter.end()
    return QIcon(picture)
