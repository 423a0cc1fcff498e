"""Piper (GPL-3.0): voices that sound human and take little, one small file each, quick on any processor.

Its voices are files that their makers publish, `NAME.onnx` with `NAME.onnx.json` beside it: any folder of them will do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cinemill.engines import declare

ENGINE = declare(
    "piper",
    file=__file__,
    summary="Piper: small voices for some fifty languages, quick on any processor; you put the voices' files in place.",
    python=">=3.10,<3.15",
    size_mb=250,
)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice in a folder. `speakers`: names of those in it, none where there is one."""

    path: Path
    language: str
    rate: int
    speakers: tuple[str, ...]


def folder() -> Path:
    """Where voices are looked for that nobody named a folder for."""
    from cinemill.settings import settings

    return settings().data_dir / "voices" / "piper"


def voices(place: Path) -> Mapping[str, Voice]:
    """The voices in a folder and those below it, by name. What cannot be read is none."""
    found: dict[str, Voice] = {}
    for path in sorted(place.rglob("*.onnx")):
        voice = _voice(path)
        if voice:
            found[path.stem] = voice
    return found


def _voice(path: Path) -> Voice | None:
    try:
        told = json.loads(Path(f"{path}.json").read_text("utf-8"))
        code = told.get("language", {}).get("code") or told["espeak"]["voice"]
        speakers = sorted(told.get("speaker_id_map") or {}, key=lambda name: told["speaker_id_map"][name])
        return Voice(path, str(code).replace("_", "-"), int(told["audio"]["sample_rate"]), tuple(speakers))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
