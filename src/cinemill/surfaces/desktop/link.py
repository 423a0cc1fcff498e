"""The window's end of the line to its server's process: lines out, signals in, nothing waits."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

_GRACE: Final = 15_000
"""Milliseconds that the server has to stop in order."""
_LIVES: Final = 3
"""How often it is begun again without having been ready."""


class Link(QObject):
    """`ready(port, cookie)`, `jobs(standing)`, `offered(offer)`, `submitted(count)`, `refused(sentence)`,
    `failed(sentence)` when there is no server and will be none, `gone()` after `stop`."""

    ready = Signal(int, str)
    jobs = Signal(dict)
    offered = Signal(dict)
    submitted = Signal(int)
    refused = Signal(str)
    failed = Signal(str)
    gone = Signal()

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__()
        self._folder, self._port = folder, port
        self._rest = b""
        self._stopping = False
        self._told = ""
        self._tries = 0
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._broken)

    @property
    def log(self) -> Path:
        """What the server's process prints."""
        return self._folder / "desktop.log"

    def start(self) -> None:
        self._tries += 1
        self._rest = b""
        self._folder.mkdir(parents=True, exist_ok=True)
        around = QProcessEnvironment.systemEnvironment()
        around.insert("CINEMILL_TOKEN", secrets.token_urlsafe(32))
        self._process.setProcessEnvironment(around)
        self._process.setStandardErrorFile(str(self.log))
        module = ["-m", "cinemill.surfaces.desktop.backend"]
        self._process.start(sys.executable, [*module, str(self._folder), str(self._port)])

    def ask(self, paths: list[Path]) -> None:
        """What could be done with these; `offered` or `refused` answers."""
        self._send({"offer": [str(path) for path in paths]})

    def submit(self, operation: str, paths: list[str], output: str | None, preset: str | None) -> None:
        """Do it; `submitted` or `refused` answers."""
        self._send({"submit": {"operation": operation, "paths": paths, "output": output, "preset": preset}})

    def stop(self) -> None:
        """Let jobs keep what is finished, and end; `gone` says when."""
        self._stopping = True
        if self._process.state() == QProcess.ProcessState.NotRunning:
            self.gone.emit()
            return
        self._process.closeWriteChannel()
        QTimer.singleShot(_GRACE, self._process.kill)

    def _send(self, message: dict[str, Any]) -> None:
        self._process.write(json.dumps(message).encode() + b"\n")

    def _read(self) -> None:
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, said: dict[str, Any]) -> None:
        if "ready" in said:
            self._tries, self._port = 0, said["ready"]
            self.ready.emit(said["ready"], said["cookie"])
        self._told = said.get("failed", self._told)
        for name, signal in (("jobs", self.jobs), ("offer", self.offered), ("refused", self.refused)):
            if name in said:
                signal.emit(said[name])
        if "submitted" in said:
            self.submitted.emit(said["submitted"])

    def _ended(self, code: int, status: Any) -> None:
        if self._stopping:
            self.gone.emit()
        elif self._told or self._tries >= _LIVES:
            self.failed.emit(self._told or f"the server ended with {code}; {self.log} says more.")
        else:
            QTimer.singleShot(500, self.start)  # jobs have not noticed, and the next server finds them

    def _broken(self, error: Any) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.failed.emit(f"{os.path.basename(sys.executable)} could not be started.")
