"""The addresses of short-video-maker, for those whose workflows call it: scenes in, a film by id.

What a scene shows is looked for among the uploads, by their names: its search terms, then whatever is there; a colour
where nothing is. Music likewise, by its mood. Nothing is fetched from a stock site.
"""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path
from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError

from cinemill.errors import NotHere
from cinemill.jobs.queue import Job, Queue
from cinemill.media import suffixes
from cinemill.surfaces.api import asked, stories
from cinemill.surfaces.api.studio import studio_of

_SURFACE = "short-video"
MOODS: Final = (
    *("sad", "melancholic", "happy", "euphoric/high", "excited", "chill", "uneasy", "angry", "dark", "hopeful"),
    *("contemplative", "funny/quirky"),
)
_VOLUMES: Final = {"muted": 0.0, "low": 0.15, "medium": 0.35, "high": 0.6}
_GROUNDS: Final = ("#1e293b", "#0f766e", "#7c2d12", "#4c1d95", "#14532d", "#831843")


class SceneAsked(BaseModel):
    text: str = Field(min_length=1, max_length=10_000)
    """What is said."""
    searchTerms: list[str] = []
    """Words in the names of uploads that the scene may show."""
    media: str | None = None
    """The id of an upload, or an address: what the scene shows. Beside what the other tool knows."""


class ConfigAsked(BaseModel):
    paddingBack: float = Field(0, ge=0, le=60_000)
    """Milliseconds after the last word."""
    music: str | None = None
    captionPosition: Literal["top", "center", "bottom"] = "bottom"
    captionBackgroundColor: str | None = None
    voice: str = "af_heart"
    orientation: Literal["portrait", "landscape"] = "portrait"
    musicVolume: Literal["muted", "low", "medium", "high"] = "high"


class ShortAsked(BaseModel):
    scenes: list[SceneAsked] = Field(min_length=1, max_length=200)
    config: ConfigAsked = Field(default_factory=lambda: ConfigAsked.model_validate({}))


def router() -> APIRouter:
    routes = APIRouter(prefix="/api", tags=["short videos"])
    body = {"required": True, "content": {"application/json": {"schema": _schema()}}}
    routes.post("/short-video", status_code=201, openapi_extra={"requestBody": body})(make)
    routes.get("/short-videos")(list_all)
    routes.get("/short-video/{id}/status")(status)
    routes.get("/short-video/{id}", response_class=FileResponse)(download)
    routes.delete("/short-video/{id}")(delete)
    routes.get("/voices")(voices)
    routes.get("/music-tags")(moods)
    return routes


def _schema() -> dict[str, Any]:
    from cinemill.surfaces.api.jobs import inlined

    return inlined(ShortAsked.model_json_schema())


async def make(request: Request) -> Response:
    """Make a short film; its id."""
    try:
        told = ShortAsked.model_validate(json.loads(await request.body()))
    except ValidationError as error:
        missing = {".".join(map(str, one["loc"])): one["msg"] for one in error.errors()}
        first = next(iter(missing.items()))
        message = f"{first[0]}: {first[1]}"
        return JSONResponse({"error": "Validation failed", "message": message, "missingFields": missing}, 400)
    except ValueError as error:
        return JSONResponse({"error": "Validation failed", "message": f"not JSON: {error}", "missingFields": {}}, 400)
    from fastapi.concurrency import run_in_threadpool

    job = await run_in_threadpool(_begin, studio_of(request).queue, told)
    return JSONResponse({"videoId": job.id}, 201)


def _begin(queue: Queue, told: ShortAsked) -> Job:
    config = told.config
    shelf = list(queue.shelf)
    seen = [one for one in shelf if one.path.suffix.lower() in suffixes.VIDEO | suffixes.PICTURE]
    heard = [one for one in shelf if one.path.suffix.lower() in suffixes.SOUND]
    grounds, others = cycle(_GROUNDS), cycle([one.path for one in seen] or [None])
    used: set[Path] = set()
    scenes: list[dict[str, Any]] = []
    for scene in told.scenes:
        found = [path for path in stories.named_like(seen, scene.searchTerms) if path not in used]
        path = asked.place(queue, scene.media) if scene.media else next(iter(found), None)
        path = path or next(others)
        used |= {path} if path else set()
        shown: dict[str, Any] = {**stories.shot(path), "volume": 0} if path else {"colour": next(grounds)}
        scenes.append({**shown, "narration": scene.text})
    board: dict[str, Any] = {
        "size": config.orientation,
        "voice": stories.voice_of(config.voice),
        "pause": min(60.0, config.paddingBack / 1000) if config.paddingBack else 0.3,
        "scenes": scenes,
        "captions": {"style": "highlight", "position": config.captionPosition.replace("center", "middle")},
    }
    if config.captionBackgroundColor:
        board["captions"]["highlight"] = config.captionBackgroundColor
    music = stories.named_like(heard, [config.music or ""])
    if music and config.musicVolume != "muted":
        board["music"] = {"file": str(music[0]), "volume": _VOLUMES[config.musicVolume]}
    return stories.film(queue, {key: value for key, value in board.items() if value}, _SURFACE, "short.mp4")


def _get(request: Request, id: str) -> Job:
    job = studio_of(request).queue.get(id)
    if job.options.get("surface") != _SURFACE:
        raise NotHere(f"there is no video {id!r}.", id=id)
    return job


def status(request: Request, id: str) -> dict[str, Any]:
    """processing, ready or failed; one that nobody knows is not found."""
    job = _get(request, id)
    told: dict[str, Any] = {"status": stories.status(job)}
    return {**told, "error": job.error} if job.error else told


def list_all(request: Request) -> dict[str, list[dict[str, str]]]:
    """List the films, the newest first."""
    jobs = studio_of(request).queue.jobs(limit=1000)
    ours = [job for job in jobs if job.options.get("surface") == _SURFACE]
    return {"videos": [{"id": job.id, "status": stories.status(job)} for job in ours]}


def download(request: Request, id: str) -> FileResponse:
    """The film."""
    job = _get(request, id)
    path = next(iter(job.made.values()), None)
    if path is None:
        raise NotHere(f"video {id} is {stories.status(job)}.", id=id)
    return FileResponse(path, media_type="video/mp4", filename=f"{id}.mp4", content_disposition_type="inline")


def delete(request: Request, id: str) -> dict[str, bool]:
    """Forget a film, or end the making of it."""
    queue = studio_of(request).queue
    if _get(request, id).has_ended:
        queue.remove(id)
    else:
        queue.cancel(id)
    return {"success": True}


def voices() -> list[str]:
    """Names of voices."""
    return stories.kokoro_voices()


def moods() -> list[str]:
    """Names of moods."""
    return list(MOODS)
