"""What can be seen of a session while it goes on: pictures and figures in a folder, and a word that ends it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from cinemill.media.decks import Arrival, Deck
    from cinemill.media.types import Frame

STOP: Final = "stop"
"""The file that ends a session."""
SEEN: Final = "seen"
"""The file that is touched by whoever looks."""
FIGURES: Final = "figures.json"
PICTURE: Final = "picture.jpg"
SCOPES: Final = "scopes.jpg"
_INTERVAL: Final = 0.12
"""Seconds between pictures that are shown: looking must not cost what is stored."""
_OFTEN: Final = 0.25
"""Seconds between figures, and between looks for the word that ends it."""
_GRAPH: Final = "split[a][b];[a]waveform=c=1:s=ire:g=green,scale=720:256[w];[b]vectorscope=m=color3:g=green[v]"


class Told:
    """Figures in a folder, and the file that ends it. With `unseen`, so many seconds without a look do, too."""

    def __init__(self, folder: Path, unseen: float | None = None) -> None:
        self.folder, self.unseen = folder, unseen
        self._began = time.time()
        self._told = self._asked = 0.0
        self._stopped = False
        folder.mkdir(parents=True, exist_ok=True)

    def figures(self, values: dict[str, Any], always: bool = False) -> None:
        """Write them down, a few times a second at most."""
        now = time.monotonic()
        if always or now - self._told >= _OFTEN:
            self._told = now
            put(self.folder / FIGURES, json.dumps(values).encode())

    def stopped(self) -> bool:
        """Whether somebody wants no more of it."""
        now = time.monotonic()
        if not self._stopped and now - self._asked >= _OFTEN:
            self._asked = now
            self._stopped = (self.folder / STOP).exists() or self._is_forgotten()
        return self._stopped

    def _is_forgotten(self) -> bool:
        if self.unseen is None:
            return False
        last = self._began
        with suppress(OSError):
            last = max(last, (self.folder / SEEN).stat().st_mtime)
        return time.time() - last > self.unseen


def figures(folder: Path) -> dict[str, Any]:
    """What was told last; nothing before."""
    with suppress(OSError, ValueError):
        return json.loads((folder / FIGURES).read_bytes())
    return {}


def stop(folder: Path) -> None:
    """End the session that is told of in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STOP).touch()


class Shown:
    """The pictures of a deck in a folder, drawn beside the work. Use it as a context."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._frame: Frame | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def watched(self, deck: Deck) -> Deck:
        """The same deck, whose pictures are shown."""
        return Watched(deck, self._show)

    def _show(self, frame: Frame) -> None:
        self._frame = frame

    def _draw(self) -> None:
        last: Frame | None = None
        while not self._over.wait(_INTERVAL):
            frame = self._frame
            if frame is not None and frame is not last:
                last = frame
                put(self.folder / PICTURE, jpeg(frame))
                put(self.folder / SCOPES, jpeg(scoped(frame)))


class Watched:
    """A deck whose pictures are handed to somebody else as well."""

    def __init__(self, deck: Deck, show: Any) -> None:
        self._deck, self._show = deck, show
        self.name, self.rate, self.standard, self.bits = deck.name, deck.rate, deck.standard, deck.bits

    def arrivals(self) -> Iterator[Arrival]:
        from cinemill.media.decks import Picture

        for arrival in self._deck.arrivals():
            if isinstance(arrival, Picture):
                self._show(arrival.frame)
            yield arrival


def jpeg(frame: Frame) -> bytes:
    """The frame as it should look, as a JPEG."""
    from cinemill.measure import sheet

    return sheet.jpeg(sheet.picture(frame), 80)


def scoped(frame: Frame) -> Frame:
    """Waveform of luma, and the vectorscope, as one picture."""
    from cinemill.media import lavfi

    flat = replace(frame, field_order="progressive")
    graph = f"{_GRAPH};[w]format=yuv444p[w2];[v]scale=256:256,format=yuv444p[v2];[w2][v2]hstack,setsar=1"
    return next(lavfi.run(iter([flat]), graph))


def put(path: Path, data: bytes) -> None:
    """Whole or not at all; on a full disk, not."""
    passing = path.with_suffix(".tmp")
    with suppress(OSError):
        passing.write_bytes(data)
        passing.replace(path)
