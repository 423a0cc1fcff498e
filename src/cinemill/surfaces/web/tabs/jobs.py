"""Queue: every job, live, with what it made and what it said."""

from __future__ import annotations

from typing import Any

from cinemill.surfaces.web import widgets
from cinemill.surfaces.web.desk import Desk, plainly


def draw(desk: Desk) -> None:
    """Lay the tab out."""
    widgets.heading("Queue", "What runs, waits and is done. Jobs go on when this page is closed, and after a restart.")
    views = desk.views

    @plainly
    def all(asked: dict[str, Any]) -> dict[str, Any]:
        return views.all()

    @plainly
    def act(asked: dict[str, Any]) -> None:
        views.act(asked["id"], asked["name"])

    @plainly
    def inside(asked: dict[str, Any]) -> dict[str, Any]:
        return views.inside(asked["id"])

    widgets.queue([all, act, inside])
