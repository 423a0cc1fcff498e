"""How an output is called and stored, asked alike in all tabs that make a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

PICTURE = ("codec", "crf", "speed", "encoder", "pix_fmt", "threads")
_SUFFIXES = ("mp4", "mkv", "mov", "webm")
_HELD_BY = {"ffv1": "mkv", "prores": "mov", "vp9": "webm"}


def container() -> Any:
    """A choice of containers; mp4 plays everywhere."""
    info = "mp4 plays everywhere; mkv holds every kind of track; mov is for editing."
    return gr.Dropdown([*_SUFFIXES], value="mp4", label="File", info=info)


def named(source: Path, what: str, suffix: str, params: dict[str, Any]) -> str:
    """`tape.restored.mp4`. A codec that mp4 cannot hold has its own container."""
    if suffix == "mp4":
        suffix = _HELD_BY.get(str(params.get("codec", "")), suffix)
    return f"{source.stem}.{what}.{suffix}"
