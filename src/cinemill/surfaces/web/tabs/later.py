"""Capture and Learn: tabs that are there as soon as the catalogue has operations for them."""

from __future__ import annotations

from cinemill.catalogue import operations
from cinemill.surfaces.web import widgets
from cinemill.surfaces.web.desk import Desk
from cinemill.surfaces.web.tabs import toolbox


def capture(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading("Capture", "From a deck, a camera or a screen straight to disk.")
    toolbox.choice(desk, [name for name in toolbox.CAPTURE if name in operations], "capture-tool")


def learn(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading("Learn", "What you approve becomes what it does the next time.")
    toolbox.choice(desk, [name for name in toolbox.LEARN if name in operations], "learn-tool")
