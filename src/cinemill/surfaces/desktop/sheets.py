"""What the window asks: what shall be done with files that were dropped, and whether to leave while jobs run."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)


class Choice(QDialog):
    """What shall be done with `offer["paths"]`. `chosen(operation, paths, output or None, preset or None)`."""

    chosen = Signal(str, list, object, object)

    def __init__(self, parent: QWidget, offer: dict[str, Any], memory: QSettings) -> None:
        super().__init__(parent)
        self.offer, self._memory = offer, memory
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_titled(offer["paths"]))
        self.setMinimumWidth(560)
        self.operation, self.preset, self.output = QComboBox(), QComboBox(), QLineEdit()
        self.summary = QLabel(wordWrap=True)
        self.output.setPlaceholderText(f"beside the source, in {offer['folder']}")
        self.output.setClearButtonEnabled(True)
        for one in offer["choices"]:
            self.operation.addItem(one["name"].replace("-", " "), one)
        browse = QPushButton("Choose …")
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.addWidget(self.output)
        place.addWidget(browse)
        form = QFormLayout()
        form.addRow("What to do", self.operation)
        form.addRow("", self.summary)
        form.addRow("Preset", self.preset)
        form.addRow("Result", place)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Start")
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        whole = QVBoxLayout(self)
        whole.addLayout(form)
        whole.addWidget(self.buttons)
        self.operation.currentIndexChanged.connect(self._show)
        last = self.operation.findText(str(memory.value(self._key(), "")))
        self.operation.setCurrentIndex(max(0, last))
        self._show()

    @property
    def is_one_file(self) -> bool:
        paths = self.offer["paths"]
        return len(paths) == 1 and Path(paths[0]).is_file()

    def _key(self) -> str:
        return f"last/{self.offer['kinds'][0]}"

    def _show(self) -> None:
        one = self.operation.currentData()
        self.summary.setText(one["summary"])
        self.preset.clear()
        self.preset.addItem("none", None)
        for name in one["presets"]:
            self.preset.addItem(name, name)
        self.preset.setEnabled(bool(one["presets"]))

    def _browse(self) -> None:
        dialog = QFileDialog(self, "Where the result goes", self.offer["folder"])
        if self.is_one_file:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        else:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.output.setText)
        dialog.open()

    def _accept(self) -> None:
        self._memory.setValue(self._key(), self.operation.currentText())
        name, preset = self.operation.currentData()["name"], self.preset.currentData()
        self.chosen.emit(name, self.offer["paths"], self.output.text().strip() or None, preset)
        self.accept()


def _titled(paths: list[str]) -> str:
    first = Path(paths[0]).name
    return f"What shall be done with {first}" + (f" and {len(paths) - 1} more?" if len(paths) > 1 else "?")


class Farewell(QMessageBox):
    """Whether to leave while jobs run: `leaving()`, or `staying()` out of sight where there is a tray."""

    leaving = Signal()
    staying = Signal()

    def __init__(self, parent: QWidget, jobs: list[dict[str, Any]], has_tray: bool) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setIcon(QMessageBox.Icon.Question)
        self.setWindowTitle("cinemill")
        count = f"{len(jobs)} jobs are" if len(jobs) > 1 else "A job is"
        self.setText(f"{count} not done.")
        self.setInformativeText("What is finished is kept, and the rest goes on when cinemill is opened again.")
        self.setDetailedText("\n".join(f"{job['title']}: {job['told']}" for job in jobs))
        self.leave = self.addButton("Quit, go on next time", QMessageBox.ButtonRole.AcceptRole)
        self.stay = self.addButton("Go on in the background", QMessageBox.ButtonRole.ActionRole) if has_tray else None
        self.back = self.addButton(QMessageBox.StandardButton.Cancel)
        self.buttonClicked.connect(self._answered)

    def _answered(self, button: Any) -> None:
        if button is self.leave:
            self.leaving.emit()
        elif self.stay is not None and button is self.stay:
            self.staying.emit()
