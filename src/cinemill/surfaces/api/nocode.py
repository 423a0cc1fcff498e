"""The addresses of ai-agents-no-code-tools, for those whose workflows call it: forms in, ids out, files by id.

A file that is made has the id of its job; one that failed says so, which there it did not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from cinemill.errors import InvalidParams, JobError
from cinemill.jobs.queue import Job
from cinemill.surfaces.api import asked, openai, stories
from cinemill.surfaces.api.studio import studio_of

_SURFACE = "no-code"
Text = Annotated[str | None, Form()]
Number = Annotated[float | None, Form()]


def router() -> APIRouter:
    routes = APIRouter(prefix="/api/v1/media", tags=["no-code tools"])
    routes.post("/audio-tools/transcribe")(transcribe)
    routes.get("/audio-tools/tts/kokoro/voices")(voices)
    routes.post("/audio-tools/tts/kokoro")(kokoro)
    routes.post("/audio-tools/tts/chatterbox")(chatterbox)
    routes.post("/storage")(upload)
    routes.get("/storage")(list_files)
    routes.get("/storage/{file_id}", response_class=FileResponse)(download)
    routes.delete("/storage/{file_id}")(delete)
    routes.get("/storage/{file_id}/status")(status)
    routes.get("/fonts")(fonts)
    routes.post("/video-tools/merge")(merge)
    routes.post("/video-tools/generate/tts-captioned-video")(captioned)
    return routes


async def transcribe(
    request: Request, audio_file: Annotated[UploadFile, File()], language: Text = None
) -> dict[str, Any]:
    """Write down what is said in a file."""
    from cinemill.media.cues import files

    queue = studio_of(request).queue
    path = await run_in_threadpool(asked.place, queue, audio_file)
    params = {"output_format": "json", **({"language": language} if language else {})}
    options = {"surface": _SURFACE, "name": "words.json", "confined": True}
    job = queue.submit("subtitle", [path], params, options=options, priority=10)
    job = await openai.finished(studio_of(request), job, request)
    transcript = (await run_in_threadpool(files.read, job.outputs[0], "json")).transcript
    text = " ".join(line for cue in transcript.cues for line in cue.lines)
    return {"transcription": text, "duration": max((cue.end for cue in transcript.cues), default=0) / 1000}


def voices() -> dict[str, list[str]]:
    """Names of voices."""
    return {"voices": stories.kokoro_voices()}


def kokoro(request: Request, text: Annotated[str, Form()], voice: Text = None, speed: Number = None) -> dict[str, str]:
    """Speak a text."""
    if voice and voice not in stories.kokoro_voices():
        raise InvalidParams(f"Invalid voice: {voice}. Valid voices: {stories.kokoro_voices()}")
    wanted = {"voice": stories.voice_of(voice or "af_heart"), "speed": speed}
    return {"file_id": stories.narration(studio_of(request).queue, _said(text), wanted, _SURFACE).id}


def chatterbox(
    request: Request,
    text: Annotated[str, Form()],
    sample_audio_id: Text = None,
    sample_audio_file: Annotated[UploadFile | None, File()] = None,
    exaggeration: Number = None,
    cfg_weight: Number = None,
    temperature: Number = None,
) -> dict[str, str]:
    """Speak a text in the voice of a sample."""
    queue = studio_of(request).queue
    sample = asked.place(queue, sample_audio_file) if sample_audio_file else None
    sample = stories.path_of(queue, sample_audio_id) if sample_audio_id and sample is None else sample
    wanted = {
        "engine": "chatterbox",
        "sample": str(sample) if sample else None,
        "exaggeration": exaggeration,
        "cfg_weight": cfg_weight,
        "temperature": temperature,
    }
    return {"file_id": stories.narration(queue, _said(text), wanted, _SURFACE).id}


def _said(text: str) -> str:
    if not text.strip():
        raise InvalidParams("text must be given.")
    return text


def upload(
    request: Request,
    file: Annotated[UploadFile | None, File()] = None,
    url: Text = None,
    media_type: Annotated[Literal["image", "video", "audio"], Form()] = "video",
) -> dict[str, str]:
    """Keep a file; its id."""
    if file is None and not url:
        raise InvalidParams("Either file or url must be provided.")
    path = asked.place(studio_of(request).queue, file or url)
    return {"file_id": path.parent.name}


def list_files(request: Request) -> dict[str, list[dict[str, Any]]]:
    """List the files that were uploaded."""
    shelf = studio_of(request).queue.shelf
    return {"files": [{"file_id": one.id, "name": one.name, "size": one.size} for one in shelf]}


def download(request: Request, file_id: str) -> FileResponse:
    """Download a file, uploaded or made."""
    path = stories.path_of(studio_of(request).queue, file_id)
    return FileResponse(path, filename=path.name, content_disposition_type="attachment")


def delete(request: Request, file_id: str) -> dict[str, str]:
    """Remove a file, or the job that makes it."""
    queue = studio_of(request).queue
    found = stories.find(queue, file_id)
    if isinstance(found, Job):
        if not found.has_ended:
            queue.cancel(file_id)
        else:
            queue.remove(file_id)
    elif found is not None:
        if any(found in job.inputs for job in queue.jobs(["queued", "running", "paused"], limit=100_000)):
            raise JobError("a job needs this file.")
        queue.shelf.remove(file_id)
    return {"status": "success"}


def status(request: Request, file_id: str) -> dict[str, Any]:
    """Whether a file is there: processing, ready, failed or not_found."""
    found = stories.find(studio_of(request).queue, file_id)
    if found is None:
        return {"status": "not_found"}
    if isinstance(found, Path):
        return {"status": "ready"}
    told: dict[str, Any] = {"status": stories.status(found), "progress": round(100 * found.progress.share)}
    return {**told, "error": found.error} if found.error else told


def fonts() -> dict[str, list[str]]:
    """Names of fonts for captions."""
    from cinemill.media import fonts as found

    return {"fonts": sorted(found.families())}


def merge(
    request: Request,
    video_ids: Annotated[str, Form()],
    background_music_id: Text = None,
    background_music_volume: Annotated[float, Form(ge=0, le=4)] = 0.5,
) -> dict[str, str]:
    """Put videos one after another, with music under them."""
    queue = studio_of(request).queue
    ids = [id.strip() for id in video_ids.split(",") if id.strip()]
    if not ids:
        raise InvalidParams("At least one video ID is required.")
    paths = [stories.path_of(queue, id) for id in ids]
    board: dict[str, Any] = {"scenes": [{"video": str(path)} for path in paths], "fit": "contain"}
    if background_music_id:
        music = stories.path_of(queue, background_music_id)
        board["music"] = {"file": str(music), "volume": background_music_volume}
    return {"file_id": stories.film(queue, board, _SURFACE, "merged.mp4").id}


def captioned(
    request: Request,
    background_id: Annotated[str, Form()],
    text: Text = None,
    width: Annotated[int, Form(ge=16, le=8192)] = 1080,
    height: Annotated[int, Form(ge=16, le=8192)] = 1920,
    audio_id: Text = None,
    kokoro_voice: Text = "af_heart",
    kokoro_speed: Annotated[float, Form(ge=0.25, le=4)] = 1.0,
    language: Text = None,
    image_effect: Text = "ken_burns",
    caption_config_line_count: Annotated[int | None, Form(ge=1, le=6)] = None,
    caption_config_line_max_length: Annotated[int | None, Form(ge=1, le=200)] = None,
    caption_config_font_size: Annotated[int | None, Form(ge=8, le=200)] = None,
    caption_config_font_name: Text = None,
    caption_config_font_bold: Annotated[bool | None, Form()] = None,
    caption_config_font_color: Text = None,
    caption_config_subtitle_position: Annotated[Literal["top", "center", "bottom"], Form()] = "top",
    caption_config_stroke_color: Text = None,
) -> dict[str, str]:
    """A film of a picture, a voice, and what it says in the picture."""
    queue = studio_of(request).queue
    if not audio_id and not (text and text.strip()):
        raise InvalidParams("Either text or audio_id must be provided.")
    spoken: dict[str, Any] = {"text": text} if text and text.strip() else {}
    if audio_id:
        spoken["file"] = str(stories.path_of(queue, audio_id))
    else:
        spoken |= {"voice": stories.voice_of(kokoro_voice), "speed": kokoro_speed}
    side = min(width, height)
    captions = {
        "position": {"center": "middle"}.get(caption_config_subtitle_position, caption_config_subtitle_position),
        "lines": caption_config_line_count,
        # One character a line is the default there, and stands for one word at a time.
        "length": caption_config_line_max_length if (caption_config_line_max_length or 0) > 1 else None,
        "style": "word" if caption_config_line_max_length == 1 else None,
        "size": min(50.0, 100 * caption_config_font_size / side) if caption_config_font_size else None,
        "font": caption_config_font_name,
        "bold": caption_config_font_bold,
        "colour": caption_config_font_color,
        "outline_colour": caption_config_stroke_color,
    }
    scene: dict[str, Any] = {**stories.shot(stories.path_of(queue, background_id)), "narration": _given(spoken)}
    if "picture" in scene:
        scene["ken_burns"] = "right" if image_effect == "pan" else "auto"
    board = {
        "size": f"{width // 2 * 2}x{height // 2 * 2}",
        "language": language,
        "scenes": [scene],
        "captions": _given(captions),
    }
    return {"file_id": stories.film(queue, _given(board), _SURFACE, "captioned.mp4").id}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
