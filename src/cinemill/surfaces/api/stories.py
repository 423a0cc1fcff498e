"""Films that other tools' clients ask for, as storyboards and narrations in our queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cinemill.catalogue import choices, operations
from cinemill.errors import MissingEngine, NotHere
from cinemill.jobs.queue import Job, Queue
from cinemill.jobs.shelf import Stored
from cinemill.media import suffixes
from cinemill.operations import get

KOKORO: Final = {
    "af": "heart alloy aoede bella jessica kore nicole nova river sarah sky",
    "am": "adam echo eric fenrir liam michael onyx puck santa",
    "bf": "emma isabella alice lily",
    "bm": "george lewis daniel fable",
}
"""Kokoro's English voices by the letters that their names begin with: language and sex."""
_LANGUAGES: Final = {
    **{"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi"},
    **{"i": "it", "j": "ja", "p": "pt-br", "z": "cmn"},
}


def kokoro_voices() -> list[str]:
    return [f"{kind}_{name}" for kind, names in KOKORO.items() for name in names.split()]


def voice_of(name: str | None) -> str | None:
    """Kokoro's voice of that name where it is installed; else a voice of the same language."""
    if not name or "_" not in name:
        return name or None
    return name if _is_here("kokoro") else _LANGUAGES.get(name[0])


def _is_here(engine: str) -> bool:
    from cinemill.engines import engines
    from cinemill.engines.install import is_installed

    return engine in engines and is_installed(engines.get(engine))


def film(queue: Queue, board: dict[str, Any], surface: str, name: str, id: str | None = None) -> Job:
    """A job that makes the film of a storyboard, whose files are paths."""
    _refuse_without("compose")
    document = json.dumps(board, ensure_ascii=False).encode()
    path = queue.shelf.write([document], "storyboard.json", 1 << 24).path
    options = {"surface": surface, "name": name, "confined": True}
    return queue.submit("compose", [path], {}, options=options, id=id)


def narration(queue: Queue, text: str, wanted: dict[str, Any], surface: str) -> Job:
    """A job that speaks a text. What the narrator does not know of `wanted` is left out."""
    _refuse_without("narrate")
    known = get("narrate").params.model_fields
    params = {key: value for key, value in wanted.items() if key in known and value not in (None, "")}
    if "engine" in params and params["engine"] not in choices(known["engine"]):
        del params["engine"]
    path = queue.shelf.write([text.encode()], "text.txt", 1 << 24).path
    options = {"surface": surface, "name": "speech.wav", "confined": True}
    return queue.submit("narrate", [path], {"captions": "none", **params}, options=options)


def _refuse_without(operation: str) -> None:
    if operation not in operations:
        raise MissingEngine(f"this installation has no operation {operation}.")


def find(queue: Queue, id: str) -> Path | Job | None:
    """The file of that id, or the job that makes it; None where there is neither."""
    try:
        return queue.shelf.get(id).path
    except NotHere:
        pass
    try:
        return queue.get(id)
    except NotHere:
        return None


def path_of(queue: Queue, id: str) -> Path:
    """The file of that id, uploaded or made. Raises NotHere."""
    found = find(queue, id)
    if isinstance(found, Job):
        found = next(iter(found.made.values()), None)
    if found is None:
        raise NotHere(f"File with ID {id} not found.", id=id)
    return found


def status(job: Job) -> str:
    """In these tools' words."""
    return {"done": "ready", "failed": "failed", "cancelled": "failed"}.get(job.state, "processing")


def shot(path: Path) -> dict[str, str]:
    """What a scene shows: a picture moves, a video plays."""
    return {"picture" if path.suffix.lower() in suffixes.PICTURE else "video": str(path)}


def named_like(shelf: list[Stored], words: list[str]) -> list[Path]:
    """Files whose names hold one of the words, the best first."""
    plain = [word.lower() for word in words if len(word) > 2]
    scored = [(sum(word in one.name.lower() for word in plain), one.path) for one in shelf]
    return [path for score, path in sorted(scored, key=lambda pair: -pair[0]) if score]
