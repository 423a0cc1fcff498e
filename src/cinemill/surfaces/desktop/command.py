"""`cinemill desktop`: the studio in a window, or the entry that lets file managers open films with it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from cinemill.errors import MissingResource, RequestError

_ENTRY: Final = """[Desktop Entry]
Type=Application
Name=cinemill
GenericName=Media studio
Comment=Restore, subtitle, narrate and convert video
Exec={program} desktop %F
Icon=cinemill
Terminal=false
StartupWMClass=cinemill
Categories=AudioVideo;Video;AudioVideoEditing;
MimeType={types};
"""
_TYPES: Final = (
    "video/mp4 video/x-matroska video/x-msvideo video/quicktime video/mpeg video/webm video/dv video/mp2t video/ogg "
    "video/x-ms-wmv video/x-flv video/3gpp application/mxf audio/mpeg audio/flac audio/x-wav audio/mp4 audio/ogg "
    "application/x-subrip text/vtt"
)


def desktop(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Files or folders to begin with.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="FOLDER", help="For the queue, uploads and results.")
    ] = None,
    associate: Annotated[
        bool, typer.Option("--associate", help="Let file managers of Linux open films with cinemill, and do no more.")
    ] = False,
) -> None:
    """Open the studio in a window of its own, with a tray icon, notices and files dropped onto it.

    Example: cinemill desktop tape.avi
    """
    if associate:
        typer.echo(f"{associated()} is written; file managers offer cinemill for films, sound and subtitles.")
        return
    missing = [name for name in ("PySide6", "fastapi", "gradio") if importlib.util.find_spec(name) is None]
    if missing:
        told = f"the window needs {', '.join(missing)}; `pip install 'cinemill[desktop]'` brings what it needs."
        raise MissingResource(told)
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _DISPLAYS):
        raise RequestError("there is no display to open a window on; `cinemill serve` gives the same in a browser.")
    from cinemill.settings import settings
    from cinemill.surfaces.desktop import app

    code = app.run(folder or settings().data_dir / "studio", [path.absolute() for path in files or []])
    if code:
        raise typer.Exit(code)


_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def associated() -> Path:
    """Write the entry for menus and file managers, and its icon, for this user. Raises RequestError elsewhere."""
    if sys.platform != "linux":
        raise RequestError("file managers of this system ask themselves: open a film with … and choose cinemill.")
    share = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    entry, icon = share / "applications" / "cinemill.desktop", share / "icons/hicolor/scalable/apps/cinemill.svg"
    for path in (entry, icon):
        path.parent.mkdir(parents=True, exist_ok=True)
    program = shutil.which("cinemill") or f"{sys.executable} -m cinemill.surfaces.cli"
    entry.write_text(_ENTRY.format(program=program, types=";".join(_TYPES.split())), "utf-8")
    shutil.copyfile(Path(__file__).parents[1] / "web" / "icon.svg", icon)
    return entry
