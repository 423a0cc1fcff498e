"""OpenAI's audio endpoints, as its clients know them: transcriptions, translations, speech, models.

Each request is a job like any other, and stands in the queue's history. Names of OpenAI's models and voices stand for
what is here; a name that nobody knows means "the best there is".
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.datastructures import UploadFile

from cinemill.catalogue import operations
from cinemill.errors import CinemillError, InvalidParams, JobError, MissingEngine, NotHere, RequestError
from cinemill.jobs.queue import Job
from cinemill.operations import get
from cinemill.surfaces.api import asked
from cinemill.surfaces.api.studio import Studio, studio_of

HEARS: Final = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize")
"""Names of OpenAI's that stand for our best recogniser."""
SPEAKS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
_SIZES: Final = ("tiny", "base", "small", "medium", "large-v1", "large-v2", "large-v3", "turbo", "distil-large-v3")
_MADE: Final = 1_750_000_000
"""What is said of when a model was made: clients want a number."""
_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_SOUNDS: Final = {
    "mp3": (".mp3", "audio/mpeg"),
    "opus": (".opus", "audio/ogg"),
    "aac": (".m4a", "audio/mp4"),
    "flac": (".flac", "audio/flac"),
    "wav": (".wav", "audio/wav"),
    "pcm": (".wav", "audio/pcm"),
}
_LONGEST_TEXT: Final = 100_000
_LONGEST_VOICE: Final = 10_000_000
"""Bytes of a sample of a voice."""
_FIRST: Final = 10
"""Priority: somebody waits."""


def router() -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])
    form = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}
    routes.post("/audio/transcriptions", response_class=Response, openapi_extra=form)(transcriptions)
    routes.post("/audio/translations", response_class=Response, openapi_extra=form)(translations)
    speaks = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SPEECH}}}}
    routes.post("/audio/speech", response_class=Response, openapi_extra=speaks)(speech)
    routes.get("/models")(models)
    routes.get("/models/{id}")(model)
    return routes


_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["file", "model"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "model": {"type": "string"},
        "language": {"type": "string"},
        "prompt": {"type": "string"},
        "response_format": {"type": "string", "enum": list(_FORMATS)},
        "temperature": {"type": "number", "minimum": 0, "maximum": 1},
        "stream": {"type": "boolean"},
        "timestamp_granularities[]": {"type": "array", "items": {"type": "string", "enum": ["word", "segment"]}},
        "known_speaker_names[]": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
        "known_speaker_references[]": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
    },
}
_SPEECH: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["model", "input", "voice"],
    "properties": {
        "model": {"type": "string"},
        "input": {"type": "string", "maxLength": _LONGEST_TEXT},
        "voice": {"type": "string"},
        "response_format": {"type": "string", "enum": list(_SOUNDS)},
        "speed": {"type": "number", "minimum": 0.25, "maximum": 4},
        "stream_format": {"type": "string", "enum": ["audio", "sse"]},
    },
}


def problem(error: CinemillError) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if error.http_status < 500 else "server_error"
    told = {"message": error.sentence, "type": kind, "param": None, "code": type(error).__name__}
    return {"error": told}


def models() -> dict[str, Any]:
    """List what may be named as a model."""
    return {"object": "list", "data": [_model(name) for name in _names()]}


def model(id: str) -> dict[str, Any]:
    """Show what may be named as a model."""
    if id not in _names():
        raise NotHere(f"there is no model {id!r}.", id=id)
    return _model(id)


def _names() -> list[str]:
    spoken = [*SPEAKS, *_speaking_engines()] if "narrate" in operations else []
    return [*HEARS, *_SIZES, "pocketsphinx", *spoken]


def _speaking_engines() -> list[str]:
    from cinemill.catalogue import choices

    return [name for name in choices(get("narrate").params.model_fields["engine"]) if name != "auto"]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _MADE, "owned_by": "cinemill"}


async def transcriptions(request: Request) -> Response:
    """Write down what is said in a file."""
    return await _heard(request, "transcribe")


async def translations(request: Request) -> Response:
    """Write down in English what is said in a file."""
    return await _heard(request, "translate")


async def _heard(request: Request, task: str) -> Response:
    try:
        form = await request.form(max_files=8, max_fields=100)
    except Exception as error:
        raise RequestError(f"the form cannot be read: {error}.") from None
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise InvalidParams("file must be given, as a part of the form with a file name.")
    format = str(form.get("response_format") or "json")
    if format not in _FORMATS:
        raise InvalidParams(f"response_format={format} is refused: choose {', '.join(_FORMATS)}.")
    studio = studio_of(request)
    params = _listening(form, task)
    words = "word" in _listed(form, "timestamp_granularities")
    known = _known(form)

    def submit() -> Job:
        path = asked.place(studio.queue, file)
        if known:
            voices = [{"name": name, "url": str(_voice(studio, name, url))} for name, url in known]
            params["speaker_samples"] = voices
        return studio.queue.submit(
            "subtitle", [path], params, options={"name": f"{path.stem}.json", "confined": True}, priority=_FIRST
        )

    job = await run_in_threadpool(submit)
    if str(form.get("stream", "")).lower() in ("true", "1"):
        return StreamingResponse(_stream(studio, job), media_type="text/event-stream")
    job = await finished(studio, job, request)
    return await run_in_threadpool(_written, job, format, words, task)


def _listening(form: Any, task: str) -> dict[str, Any]:
    """Parameters of a recognition. What only Whisper takes is left out where it is not here."""
    from cinemill.engines import engines
    from cinemill.engines.install import is_installed

    name = str(form.get("model") or HEARS[0])
    params: dict[str, Any] = {"output_format": "json"}
    if form.get("language"):
        params["language"] = str(form["language"])
    if task == "translate":
        params["task"] = task
    if form.get("response_format") == "diarized_json" and is_installed(engines.get("resemblyzer")):
        params |= {"diarize": True, "segment_resolution": "sentence"}
    if name == "pocketsphinx":
        return {**params, "engine": name}
    if is_installed(engines.get("whisper")):
        params |= {"model": name} if name in _SIZES else {}
        if form.get("prompt"):
            params["initial_prompt"] = str(form["prompt"])
        with suppress(ValueError):
            temperature = float(form.get("temperature") or 0)
            params |= {"temperature": temperature} if temperature else {}
    return params


def _listed(form: Any, name: str) -> list[str]:
    return [str(value) for value in form.getlist(f"{name}[]") + form.getlist(name)]


def _known(form: Any) -> list[tuple[str, str]]:
    """Names of speakers with samples of their voices. Raises InvalidParams, MissingEngine for what cannot be had."""
    from cinemill.engines import engines
    from cinemill.engines.install import command

    names, samples = _listed(form, "known_speaker_names"), _listed(form, "known_speaker_references")
    if not names and not samples:
        return []
    if form.get("response_format") != "diarized_json":
        raise InvalidParams("known_speaker_names are told apart with response_format=diarized_json only.")
    if len(names) != len(samples):
        raise InvalidParams(f"{len(names)} known_speaker_names stand beside {len(samples)} known_speaker_references.")
    if not all(name.strip() for name in names):
        raise InvalidParams("a known speaker has no name.")
    command(engines.get("resemblyzer"))
    return list(zip(names, samples))


def _voice(studio: Studio, name: str, given: str) -> Path:
    """The sample of a voice, given as data, as an upload's id or as an address, as a file. Raises InvalidParams."""
    head, comma, data = given.partition(",")
    if not given.startswith("data:"):
        return asked.place(studio.queue, given)
    try:
        raw = b64decode(data, validate=True) if comma and head.endswith(";base64") else b""
    except ValueError:
        raw = b""
    if not raw:
        raise InvalidParams(f"the known_speaker_references of {name} is no data URL in base64.")
    return studio.queue.shelf.write([raw], "voice", _LONGEST_VOICE).path


def _written(job: Job, format: str, words: bool, task: str) -> Response:
    """What was heard, as it was asked for."""
    from cinemill.media.cues import files

    transcript = files.read(job.outputs[0], "json").transcript
    text = " ".join(line for cue in transcript.cues for line in cue.lines)
    seconds = max((cue.end for cue in transcript.cues), default=0) / 1000
    usage = {"type": "duration", "seconds": round(seconds)}
    if format in ("srt", "vtt"):
        plain = replace(transcript, cues=tuple(replace(cue, words=()) for cue in transcript.cues))
        return PlainTextResponse(files.written(plain, format))
    if format == "text":
        return PlainTextResponse(text + "\n")
    if format == "json":
        return JSONResponse({"text": text, "usage": usage})
    record = json.loads(files.written(transcript, format))
    if format == "verbose_json":
        record["task"] = task
        if not words:
            del record["words"]
    return JSONResponse({**record, "usage": usage})


async def _stream(studio: Studio, job: Job) -> AsyncIterator[str]:
    """The text in pieces, then whole, as server-sent events. While the job works, the line is kept open."""
    from cinemill.media.cues import files

    try:
        async for event in studio.follow(job.id, 0):
            if event is None or event["event"] == "progress":
                yield ": working\n\n"
        job = _ended(studio.queue.get(job.id))
        transcript = await run_in_threadpool(lambda: files.read(job.outputs[0], "json").transcript)
    except CinemillError as error:
        yield f"event: error\ndata: {json.dumps(problem(error))}\n\n"
        return
    pieces = [" ".join(cue.lines) for cue in transcript.cues]
    for number, piece in enumerate(pieces):
        yield _event({"type": "transcript.text.delta", "delta": (" " if number else "") + piece})
    yield _event({"type": "transcript.text.done", "text": " ".join(pieces)})


def _event(told: dict[str, Any]) -> str:
    return f"event: {told['type']}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"


async def speech(request: Request) -> Response:
    """Speak a text."""
    if "narrate" not in operations:
        raise MissingEngine("nothing here speaks yet.")
    try:
        told = json.loads(await request.body())
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}.") from None
    text = told.get("input") if isinstance(told, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise InvalidParams("input must be the text to speak.")
    if len(text) > _LONGEST_TEXT:
        raise InvalidParams(f"input has {len(text)} characters; {_LONGEST_TEXT} are taken at most.")
    format = told.get("response_format") or "mp3"
    if format not in _SOUNDS:
        raise InvalidParams(f"response_format={format} is refused: choose {', '.join(_SOUNDS)}.")
    studio = studio_of(request)
    suffix, kind = _SOUNDS[format]
    params = _speaking(told)

    def submit() -> Job:
        path = studio.queue.shelf.write([text.encode()], "speech.txt", 8 * _LONGEST_TEXT).path
        options = {"name": f"speech{suffix}", "confined": True}
        return studio.queue.submit("narrate", [path], params, options=options, priority=_FIRST)

    job = await finished(studio, await run_in_threadpool(submit), request)
    path = job.outputs[0]
    if told.get("stream_format") == "sse":
        return StreamingResponse(_spoken(path.read_bytes()), media_type="text/event-stream")
    if format == "pcm":
        return Response(await run_in_threadpool(_samples, path.read_bytes()), media_type=kind)
    return FileResponse(path, media_type=kind)


def _speaking(told: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a narration."""
    voice = told.get("voice")
    voice = voice.get("id") if isinstance(voice, dict) else voice
    params: dict[str, Any] = {"captions": "none", "sample_rate": 24_000}
    if isinstance(voice, str) and voice:
        params["voice"] = voice
    if told.get("speed") is not None:
        params["speed"] = told["speed"]
    if told.get("model") in _speaking_engines():
        params["engine"] = told["model"]
    known = get("narrate").params.model_fields
    return {key: value for key, value in params.items() if key in known}


def _samples(wav: bytes) -> bytes:
    """The samples of a WAV file, 16 bits each."""
    at = 12
    while at + 8 <= len(wav):
        size = int.from_bytes(wav[at + 4 : at + 8], "little")
        if wav[at : at + 4] == b"data":
            return wav[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return b""


async def _spoken(sound: bytes) -> AsyncIterator[str]:
    for at in range(0, len(sound), 1 << 15):
        yield _event({"type": "speech.audio.delta", "audio": b64encode(sound[at : at + (1 << 15)]).decode()})
    yield _event({"type": "speech.audio.done"})


async def finished(studio: Studio, job: Job, request: Request) -> Job:
    """The job when it is done. Whoever goes away takes it along. Raises the error that it failed with."""
    async for event in studio.follow(job.id, 0):
        is_news = event is not None and event["event"] != "progress"
        if not is_news and await request.is_disconnected():
            studio.queue.cancel(job.id)
            raise JobError("whoever asked went away.")
    return _ended(studio.queue.get(job.id))


def _ended(job: Job) -> Job:
    if job.state == "done":
        return job
    raise failure_of(job)


def failure_of(job: Job) -> CinemillError:
    """What a job failed with, as the error it was."""
    from cinemill import errors

    told = job.failure or {"type": "JobError", "message": f"job {job.id} was cancelled."}
    found = getattr(errors, str(told["type"]), CinemillError)
    kind = found if isinstance(found, type) and issubclass(found, CinemillError) else CinemillError
    error = CinemillError.__new__(kind)
    CinemillError.__init__(error, str(told["message"]))
    return error
