"""Presets as files that users hand on to one another."""

from __future__ import annotations

from pathlib import Path

from cinemill.catalogue import preset_text, presets, read_preset, save_preset
from cinemill.errors import UnknownName
from cinemill.operations import get


def add(file: Path) -> Path:
    """Keep the preset in a file; says where. Raises RequestError when it does not fit its operation."""
    found = read_preset(file)
    get(found.operation).params.of(found.params, f"preset {file}")
    return save_preset(found)


def text(name: str) -> str:
    """Presets of a name, one for each operation that has it, as files hold them. Raises UnknownName."""
    found = [one for one in presets().values() if one.name == name]
    if not found:
        raise UnknownName("preset", name, [one.name for one in presets().values()])
    return "\n".join(map(preset_text, found))
