"""The window: a view of the studio's page, and what a browser cannot do with files."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QSettings, QSize, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QIcon, QKeySequence
from PySide6.QtNetwork import QNetworkCookie
from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QFileDialog, QMainWindow

from cinemill.surfaces.desktop import tray

_SIZE: Final = QSize(1320, 900)
_ZOOMS: Final = (0.5, 2.0)
_OVER: Final = "!!document.elementFromPoint({x}, {y})?.closest('.cm-source, .upload-container')"
_MESSAGE: Final = """<!doctype html><meta charset="utf-8"><style>
body{{font:17px system-ui,sans-serif;max-width:38rem;margin:30vh auto;padding:0 1rem;color:#1e293b;text-align:center}}
@media (prefers-color-scheme:dark){{body{{background:#0f172a;color:#e2e8f0}}}}
</style><p role="status">{0}</p>"""


class Page(QWebEnginePage):
    """Shows the studio and nothing else: any other address is for the browser of the system."""

    def __init__(self, profile: QWebEngineProfile, window: Window) -> None:
        super().__init__(profile, window)
        self._window = window
        self.newWindowRequested.connect(self._other)
        self.renderProcessTerminated.connect(lambda *_: self.triggerAction(QWebEnginePage.WebAction.Reload))

    def acceptNavigationRequest(self, url: QUrl, kind: Any, is_main: bool) -> bool:
        if not is_main or url.scheme() in ("data", "about") or self._window.is_own(url):
            return True
        QDesktopServices.openUrl(url)
        return False

    def _other(self, request: Any) -> None:
        if self._window.is_own(request.requestedUrl()):
            self.download(request.requestedUrl())
        else:
            QDesktopServices.openUrl(request.requestedUrl())


class View(QWebEngineView):
    """Files that are dropped where the page has a place for one go there; anywhere else, and folders, `dropped`."""

    dropped = Signal(list)

    def __init__(self, parent: QMainWindow) -> None:
        super().__init__(parent)
        self._over_place = False
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: Any) -> None:
        self._over_place = False
        super().dragEnterEvent(event)
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dragMoveEvent(self, event: Any) -> None:
        super().dragMoveEvent(event)
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            at, zoom = event.position(), self.zoomFactor()
            script = _OVER.format(x=at.x() / zoom, y=at.y() / zoom)
            self.page().runJavaScript(script, self._seen)

    def _seen(self, is_over: Any) -> None:
        self._over_place = bool(is_over)

    def dropEvent(self, event: Any) -> None:
        paths = local(event.mimeData().urls())
        if not paths or (self._over_place and all(path.is_file() for path in paths)):
            super().dropEvent(event)
            return
        event.acceptProposedAction()
        self.dropped.emit(paths)


def local(urls: list[QUrl]) -> list[Path]:
    """The files and folders of this machine among addresses."""
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]


class Window(QMainWindow):
    """`given(paths)` for files that somebody dropped or opened, `closing()` when somebody wants to close it."""

    given = Signal(list)
    closing = Signal()

    def __init__(self, memory: QSettings, storage: Path) -> None:
        super().__init__()
        self._memory = memory
        self._address = QUrl()
        self._may_close = False
        self.setWindowTitle("cinemill")
        self.setWindowIcon(QIcon(str(tray.ICON)))
        self.view = View(self)
        self.profile = QWebEngineProfile("cinemill", self)
        self.profile.setPersistentStoragePath(str(storage / "browser"))
        self.profile.setCachePath(str(storage / "browser" / "cache"))
        self.profile.downloadRequested.connect(self._save)
        self.view.setPage(Page(self.profile, self))
        self.view.dropped.connect(self.given.emit)
        self.setCentralWidget(self.view)
        self._add_menus()
        self.resize(_SIZE)
        if (kept := memory.value("geometry")) is not None:
            self.restoreGeometry(kept)
        self.view.setZoomFactor(float(memory.value("zoom", 1.0)))
        self.tell("Starting the studio …")

    def is_own(self, url: QUrl) -> bool:
        """Whether an address is the studio's."""
        return not self._address.isEmpty() and (url.host(), url.port()) == (self._address.host(), self._address.port())

    def tell(self, sentence: str) -> None:
        """Show a sentence in the place of the page."""
        self.view.setHtml(_MESSAGE.format(escape(sentence)))

    def open(self, port: int, cookie: str) -> None:
        """Show the studio at `port`, which lets in whoever has the cookie."""
        self._address = QUrl(f"http://127.0.0.1:{port}/")
        name, _, value = cookie.partition("=")
        shown = QNetworkCookie(name.encode(), value.encode())
        shown.setHttpOnly(True)
        self.profile.cookieStore().setCookie(shown, self._address)
        self.view.load(self._address)

    def go_to(self, tab: str) -> None:
        """Open a tab of the page."""
        script = (
            f"[...document.querySelectorAll('[role=tab]')].find((one) => one.textContent.trim() === '{tab}')?.click()"
        )
        self.view.page().runJavaScript(script)

    def come(self) -> None:
        """Be in front of everything."""
        self.setVisible(True)
        self.setWindowState(self.windowState() & ~self.windowState().WindowMinimized)
        self.raise_()
        self.activateWindow()

    def close_for_good(self) -> None:
        self._memory.setValue("geometry", self.saveGeometry())
        self._memory.setValue("zoom", self.view.zoomFactor())
        self._may_close = True
        self.close()
        self.view.page().deleteLater()  # before its profile, or Chromium complains

    def closeEvent(self, event: Any) -> None:
        if self._may_close:
            event.accept()
            return
        event.ignore()
        self.closing.emit()

    def _add_menus(self) -> None:
        file = self.menuBar().addMenu("&File")
        file.addAction("&Open files …", QKeySequence.StandardKey.Open, self._choose_files)
        file.addAction("Open a &folder …", self._choose_folder)
        file.addSeparator()
        file.addAction("&Quit", QKeySequence.StandardKey.Quit, self.closing.emit)
        view = self.menuBar().addMenu("&View")
        view.addAction("&Reload", QKeySequence.StandardKey.Refresh, self.view.reload)
        view.addAction("&Larger", QKeySequence.StandardKey.ZoomIn, lambda: self._zoom(1.1))
        view.addAction("&Smaller", QKeySequence.StandardKey.ZoomOut, lambda: self._zoom(1 / 1.1))
        view.addAction("&Actual size", QKeySequence("Ctrl+0"), lambda: self.view.setZoomFactor(1.0))

    def _zoom(self, by: float) -> None:
        low, high = _ZOOMS
        self.view.setZoomFactor(min(high, max(low, self.view.zoomFactor() * by)))

    def _choose_files(self) -> None:
        dialog = QFileDialog(self, "Open files", str(self._memory.value("folder", "")))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self._take)
        dialog.open()

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, "Open a folder", str(self._memory.value("folder", "")))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.filesSelected.connect(self._take)
        dialog.open()

    def _take(self, names: list[str]) -> None:
        paths = [Path(name) for name in names]
        self._memory.setValue("folder", str(paths[0].parent))
        self.given.emit(paths)

    def _save(self, download: Any) -> None:
        """Ask where a download goes. The view wants the answer at once, so this one dialog is waited for."""
        folder = Path(str(self._memory.value("saved", download.downloadDirectory())))
        chosen, _ = QFileDialog.getSaveFileName(self, "Save", str(folder / download.downloadFileName()))
        if not chosen:
            download.cancel()
            return
        path = Path(chosen)
        self._memory.setValue("saved", str(path.parent))
        download.setDownloadDirectory(str(path.parent))
        download.setDownloadFileName(path.name)
        download.isFinishedChanged.connect(lambda: self.statusBar().showMessage(f"{path.name} is saved.", 8000))
        download.accept()
