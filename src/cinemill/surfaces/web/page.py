"""The page: which tabs there are, and how they hang on a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.themes import Soft

from cinemill.catalogue import operations
from cinemill.surfaces.web import reports, widgets
from cinemill.surfaces.web.desk import Desk
from cinemill.surfaces.web.eye import Eye
from cinemill.surfaces.web.tabs import (
    capture,
    compose,
    goods,
    jobs,
    learn,
    restore,
    stylize,
    subtitles,
    system,
    toolbox,
)
from cinemill.surfaces.web.workspace import Workspace

if TYPE_CHECKING:
    from fastapi import FastAPI

    from cinemill.jobs.queue import Queue

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'"
)
"""No request to any other host, whatever comes into the page. Gradio's templates need eval."""
_FONT = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


@dataclass(frozen=True)
class _Tab:
    """`needs` are operations; a tab without one that exists is not shown."""

    title: str
    draw: Callable[[Desk], None]
    needs: tuple[str, ...] = ()


_TABS = (
    _Tab("Subtitles", subtitles.draw, ("subtitle",)),
    _Tab("Restore", restore.draw, ("restore",)),
    _Tab("Stylize", stylize.draw, ("stylize",)),
    _Tab("Compose", compose.draw, ("compose",)),
    _Tab("Capture", capture.draw),
    _Tab("Learn", learn.draw),
    _Tab("Toolbox", toolbox.draw),
    _Tab("Queue", jobs.draw),
    _Tab("Models & engines", goods.draw),
    _Tab("System", system.draw),
)


def page(queue: Queue) -> gr.Blocks:
    """The page over a queue. Nothing in it reaches beyond this server."""
    workspace, eye = Workspace(queue), Eye()
    workspace.tidy()
    with gr.Blocks(title="cinemill", analytics_enabled=False, fill_width=True) as made:
        desk = Desk(queue, workspace, eye)
        widgets.plain((_HERE / "header.html").read_text("utf-8"))
        shown: dict[str, Any] = {}
        with gr.Tabs(elem_id="tabs") as desk.tabs:
            for tab in _TABS:
                if not tab.needs or any(name in operations for name in tab.needs):
                    with gr.Tab(tab.title, id=tab.title) as shown[tab.title]:
                        tab.draw(desk)
        desk.watch_tabs(shown)
        desk.restore(made)
    made.queue(default_concurrency_limit=8)
    return made


def mount(app: FastAPI, queue: Queue, **options: Any) -> FastAPI:
    """As `web.mount` says."""
    made = page(queue)
    reports.add_to(app, queue)
    given: dict[str, Any] = {
        "theme": _theme(),
        "css": (_HERE / "page.css").read_text("utf-8"),
        "head": f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<script>{(_HERE / 'page.js').read_text('utf-8')}</script>",
        "allowed_paths": [str(folder) for folder in Workspace(queue).folders],
        "favicon_path": str(_HERE / "icon.svg"),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "mcp_server": False,
        "pwa": False,
        "show_error": False,
        **options,
    }
    return gr.mount_gradio_app(app, made, path="/", **given)


def _theme() -> Any:
    """Soft in blue and slate, with fonts that are on the machine."""
    return Soft(primary_hue="blue", secondary_hue="blue", neutral_hue="slate", font=[*_FONT], font_mono=[*_MONO]).set(
        body_background_fill="*neutral_50",
        block_shadow="none",
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_padding="0",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_title_text_weight="600",
        block_info_text_color="*neutral_500",
        block_padding="10px 14px",
        form_gap_width="0px",
        input_border_width="1px",
        input_border_color="*neutral_200",
        input_shadow="none",
        layout_gap="14px",
        block_label_background_fill="none",
        block_label_background_fill_dark="none",
        block_label_text_color="*neutral_600",
        block_label_border_width="0px",
        checkbox_border_color="*neutral_300",
        checkbox_border_width="1px",
    )
