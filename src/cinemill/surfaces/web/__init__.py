"""The page at /: tabs computed from the catalogue and arranged by care, mounted into the server of the API.

Importing this loads no Gradio, which takes seconds: the process that looks at files goes through here too.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    from cinemill.jobs.queue import Queue


def mount(app: FastAPI, queue: Queue, **options: Any) -> FastAPI:
    """Hang the page on a server, below everything that it serves already. `options` are Gradio's, such as auth."""
    # Nothing is told to anybody; it is read when Gradio is imported.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    page = importlib.import_module("cinemill.surfaces.web.page")  # which imports its neighbours through here
    return page.mount(app, queue, **options)
