"""A serverless worker of RunPod: one handler over the catalogue.

Three forms of input: `{"operation": …, "inputs": […], "params": {…}}` for anything; what whisperX workers take
(`audio_file`, …); what workers of faster-whisper take (`audio` or `audio_base64`, …). The operation that both of the
latter mean is the one that makes subtitles.

Errors are always texts. A result that is too large for an answer goes to storage, or is refused with a sentence.
Everything that a job brings here or makes lies in a folder of its own and goes when it ends, however it ends: what a
worker left that was killed goes before the next job of another one.

The environment: JOBS_DIR and TMPDIR, where jobs lie; CONSOLE_LOG_LEVEL (or DEBUG=1), how much is logged; PRINT_MOUNTS=1
logs what is mounted; WHISPERX_MODEL, WHISPERX_MODEL_NAME, WHISPERX_MODEL_DIR (if a model.bin is in it) and
WHISPERX_DEVICE, which model hears, and on what; HF_HOME, TORCH_HOME and their kind, where models are kept.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from cinemill.catalogue import file_kinds, operations
from cinemill.engines import host
from cinemill.errors import Cancelled, CinemillError, InvalidParams, MissingResource, RequestError, TooLarge
from cinemill.jobs import events as ev
from cinemill.jobs import processes
from cinemill.jobs import run as jobs
from cinemill.operations import Request, get
from cinemill.storage import elsewhere, s3
from cinemill.surfaces import forms

Job = dict[str, Any]
Tell = Callable[[dict[str, Any]], None]
Bring = Callable[[Any], Path]
"""Makes a file of a job of an address or a path."""
_INLINE: Final = 8_000_000
"""Bytes of a result that are sent in the answer; the service takes 10 MB."""
_PREVIEW: Final = 50
"""Segments that are sent where all of them are too many and no storage is known."""
_BREATH: Final = 1.0
"""Seconds between two words of progress."""
_CALM: Final = 0.005
"""What that is of the time since the job began, later on: all words of days still go into one answer."""
_SENDING: Final = 600.0
"""Seconds after which the SDK gives up sending a word."""
_GRACE: Final = 5.0
"""Seconds in which a cancelled job may end by itself; then the engines that it waits for are ended, each time."""
_PULSE: Final = 30.0
"""Seconds between two signs of life of a job's folder."""
_SILENCE: Final = 3600.0
"""Seconds without one after which a folder belongs to nobody, where its worker cannot be asked."""
_FOLDERS: Final = "cinemill-worker-"
_LONGEST_NAME: Final = 64
_BUSINESS: Final = ("inputs", "input", "output", "preset", "params", "operation", "chunk_seconds", "metrics", "debug")


_log = logging.getLogger("cinemill.worker")


def start(preload: bool = False, stream: bool = False) -> None:
    """Serve jobs until the service ends the worker; `stream` answers piece by piece. Raises MissingResource."""
    os.environ.setdefault("RUNPOD_INIT_TIMEOUT", "600")
    try:
        import runpod  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingResource("the worker needs RunPod's SDK; `pip install 'cinemill[worker]'` brings it.") from None
    listen()
    # The SDK forks a process that would answer SIGTERM as the command does, with a traceback.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    if preload:
        warm()
    serverless: Any = runpod.serverless
    serverless.register_fitness_check(check)

    async def handler(job: Job) -> dict[str, Any]:
        def tell(told: dict[str, Any]) -> None:
            serverless.progress_update(job, told)

        return await handled(job, tell)

    if stream:
        serverless.start({"handler": streamed, "return_aggregate_stream": True})
    else:
        serverless.start({"handler": handler})


def listen() -> None:
    """Log as the environment says: CONSOLE_LOG_LEVEL, or DEBUG, or warnings alone. Raises InvalidParams."""
    told = os.environ.get("CONSOLE_LOG_LEVEL", "").upper() or ("DEBUG" if _is_set("DEBUG") else "WARNING")
    if told not in _LEVELS:
        raise InvalidParams(f"CONSOLE_LOG_LEVEL={told} is none of {', '.join(_LEVELS)}.")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.handlers, _log.propagate = [handler], False
    _log.setLevel(told)
    if _is_set("PRINT_MOUNTS"):
        print(Path("/proc/mounts").read_text("utf-8"), flush=True)


_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("1", "true", "yes", "on")


def check() -> None:
    """What must work before any job is taken. Raises RuntimeError, which keeps the worker from the queue."""
    with jobs_folder() as folder:
        (folder / "room").write_bytes(b"x")
    if shutil.disk_usage(tempfile.gettempdir()).free < 1 << 30:
        raise RuntimeError(f"less than 1 GB is free in {tempfile.gettempdir()}.")
    operations.discover()


def warm() -> None:
    """Load what the first job would wait for, by hearing a second of silence. What is missing is said, not raised."""
    import wave

    with jobs_folder() as folder:
        with wave.open(str(folder / "silence.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(bytes(32_000))
        try:
            request = asked({"audio_file": str(folder / "silence.wav")}, folder)
            for _ in jobs.run(request):
                pass
        except CinemillError as error:
            print(f"preloading: {error.sentence}", flush=True)


async def handled(job: Job, tell: Tell) -> dict[str, Any]:
    """The answer to a job. Cancelling it ends the work and is passed on; nothing is told after the answer is known."""
    stop = threading.Event()
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(None, answered, job, tell, stop)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await _ended(work, host.kill_all)
        raise


async def _ended(work: asyncio.Future[Any], hasten: Callable[[], None]) -> None:
    """Wait until `work` is over, and hasten it now and then; the service may ask more than once for that."""
    while not work.done():
        with suppress(asyncio.CancelledError):
            if not (await asyncio.wait([work], timeout=_GRACE))[0]:
                hasten()


async def streamed(job: Job) -> AsyncGenerator[dict[str, Any], None]:
    """What happens to a job, and its answer last, each as it comes. Closing it ends the work."""
    words: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(handled(job, lambda told: _put(loop, words, told)))
    try:
        while not (work.done() and words.empty()):
            word = asyncio.ensure_future(words.get())
            await asyncio.wait([word, work], return_when=asyncio.FIRST_COMPLETED)
            if word.done():
                yield word.result()
            else:
                word.cancel()
        yield await work
    finally:
        work.cancel()
        await _ended(work, lambda: None)


def _put(loop: asyncio.AbstractEventLoop, words: asyncio.Queue[dict[str, Any]], told: dict[str, Any]) -> None:
    loop.call_soon_threadsafe(words.put_nowait, told)


def answered(job: Job, tell: Tell, stop: threading.Event) -> dict[str, Any]:
    """The answer to a job, or `{"error": TEXT}`."""
    given, id = job.get("input"), str(job.get("id") or "job")
    words = _Words(tell)
    try:
        if not isinstance(given, dict):
            raise RequestError("input must be an object of names and values.")
        with jobs_folder() as folder:
            return _worked(given, folder, id, words.say, stop)
    except CinemillError as error:
        _log.warning("job %s: %s", id, error.sentence)
        return {"error": error.sentence}
    except Cancelled:
        _log.info("job %s was cancelled", id)
        return {"error": "the job was cancelled."}
    except Exception as error:
        _log.exception("job %s met a fault", id)
        return {"error": f"the worker met a fault of its own, {type(error).__name__}: {error}."}
    finally:
        words.end()


class _Words:
    """Words of progress on their way. The SDK sends each in a thread; one that came after the answer would take its
    place."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._sending: set[threading.Thread] = set()

    def say(self, told: dict[str, Any]) -> None:
        """Tell without waiting until it is heard; how far it is, only where nothing is on its way: more will come."""
        self._sending = {thread for thread in self._sending if thread.is_alive()}
        if self._sending and told.get("event") in (ev.Progress.kind, ev.Joining.kind):
            return
        before = set(threading.enumerate())
        self._tell(told)
        for thread in set(threading.enumerate()) - before:
            if str(getattr(getattr(thread, "_target", None), "__module__", "")).startswith("runpod"):
                self._sending.add(thread)

    def end(self) -> None:
        """Wait until all is told."""
        until = time.monotonic() + _SENDING
        for thread in self._sending:
            thread.join(max(0.0, until - time.monotonic()))
        self._sending.clear()


def _worked(given: dict[str, Any], folder: Path, id: str, tell: Tell, stop: threading.Event) -> dict[str, Any]:
    started = time.monotonic()
    notes: list[str] = []

    def told(what: dict[str, Any]) -> None:
        _log.debug("job %s: %s", id, what)
        notes.extend([*what.get("notes", ()), *([what["note"]] if "note" in what else [])])
        tell(what)

    def follow(done: int, total: int | None) -> None:
        if stop.is_set():
            raise Cancelled

    request = asked(given, folder, follow)
    _log.info("job %s: %s", id, request.operation)
    done = _performed(request, given, told, stop)
    if english := _english(request, given):
        _performed(english, given, told, stop)
    answer = _answer(request, given, done, id, follow)
    seconds = round(time.monotonic() - started, 3)
    _log.info("job %s is done, in %.1f s", id, seconds)
    if given.get("debug"):
        params = request.params.model_dump(mode="json", exclude={"hf_token"})
        answer["debug"] = {"operation": request.operation, "params": params, "notes": notes}
    return {**answer, "seconds": seconds}


@contextmanager
def jobs_folder() -> Generator[Path, None, None]:
    """A folder that goes when its job ends, in JOBS_DIR or where TMPDIR says. What dead workers left there goes now."""
    above = Path(os.environ.get("JOBS_DIR") or tempfile.gettempdir())
    above.mkdir(parents=True, exist_ok=True)
    _sweep(above)
    made = tempfile.TemporaryDirectory(prefix=_FOLDERS, dir=above, ignore_cleanup_errors=True)
    with made as folder, _signed(Path(folder)):
        yield Path(folder)


@contextmanager
def _signed(folder: Path) -> Generator[None, None, None]:
    """Say in a folder whose it is, and again and again that this one lives."""
    word = folder / _OWNER
    word.write_text(json.dumps({**processes.me(), "home": processes.home()}), "utf-8")
    ended = threading.Event()

    def live() -> None:
        while not ended.wait(_PULSE):
            with suppress(OSError):
                os.utime(word)

    threading.Thread(target=live, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _sweep(above: Path) -> None:
    """Remove folders whose workers are dead for certain."""
    for folder in above.glob(f"{_FOLDERS}*"):
        if _is_left(folder):
            _log.info("%s was left by a worker that died, and goes", folder)
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Whether nobody works in a folder any more: its process is gone, or, on another machine, silent for very long."""
    word = folder / _OWNER
    with suppress(OSError, ValueError, KeyError, TypeError):
        owner = json.loads(word.read_text("utf-8"))
        if owner["home"] and owner["home"] == processes.home():
            return not processes.is_alive(owner)
    try:
        # By the clock of the disk, which several machines may share.
        with tempfile.NamedTemporaryFile(dir=folder.parent) as now:
            seen = max(path.stat().st_mtime for path in (folder, word) if path.exists())
            return os.fstat(now.fileno()).st_mtime - seen > _SILENCE
    except (OSError, ValueError):
        return False


_OWNER: Final = "owner.json"


def asked(given: dict[str, Any], folder: Path, follow: elsewhere.Progress | None = None) -> Request[Any]:
    """What an input asks for, with all its files in `folder`; `follow` hears how they come. Raises CinemillError."""

    def bring(value: Any) -> Path:
        return _brought(value, folder, follow)

    if "operation" in given:
        return _plain(given, folder, bring)
    if "audio_file" in given:
        return _request(_speech(), [bring(given["audio_file"])], _whisperx(given, bring), given, folder)
    if "audio" in given or "audio_base64" in given:
        return _request(_speech(), [_sound(given, folder, bring)], _faster_whisper(given), given, folder)
    raise RequestError(
        'input needs "operation" (with "inputs" and "params"), or "audio_file", "audio" or "audio_base64" for speech. '
        f"Operations: {', '.join(operations)}."
    )


def _plain(given: dict[str, Any], folder: Path, bring: Bring) -> Request[Any]:
    operation = get(str(given["operation"]))
    unknown = [name for name in given if name not in _BUSINESS]
    if unknown:
        raise RequestError(f'input has {unknown[0]!r}, which is not known; parameters go into "params".')
    params = given.get("params") or {}
    if not isinstance(params, dict):
        raise InvalidParams("params must be an object of names and values.")
    named = given.get("inputs") or ([given["input"]] if "input" in given else [])
    files = [bring(one) for one in (named if isinstance(named, list) else [named])]
    known = operation.params.model_fields
    values = {
        name: str(bring(value)) if name in known and file_kinds(known[name]) - {"weights"} else value
        for name, value in params.items()
    }
    return _request(operation.name, files, values, given, folder)


def _request(
    operation: str, files: Sequence[Path], params: dict[str, Any], given: dict[str, Any], folder: Path
) -> Request[Any]:
    """A request whose output lies in `folder` until it is sent."""
    wanted = get(operation).inputs
    if not get(operation).together and len(files) != len(wanted):
        raise RequestError(f"{operation} takes {len(wanted)} files, {len(files)} were given.")
    asked = forms.request(operation, files, None, params, given.get("preset"))
    name = elsewhere.name(str(given.get("output") or "")) if given.get("output") else ""
    if operation == _speech() and "operation" not in given:
        name = "speech.json"
    if not name:
        name = f"{files[0].stem if files else 'result'}.{operation}{get(operation).suffix(asked)}"
    made = folder / "made"
    made.mkdir(exist_ok=True)
    return forms.request(operation, files, made / name, params, given.get("preset"))


def _speech() -> str:
    """The operation that turns speech into text, by what it takes."""
    for name, operation in operations.items():
        if {"vad_onset", "speaker_samples", "initial_prompt"} <= set(operation.params.model_fields):
            return name
    raise MissingResource("no operation here recognises speech.")


_SAME: Final = ("language", "initial_prompt", "batch_size", "temperature", "vad_onset", "vad_offset")


def _model(given: dict[str, Any]) -> dict[str, Any]:
    """Which model, and where it runs, as the environment of such workers says it."""
    chosen = given.get("model") or os.environ.get("WHISPERX_MODEL") or os.environ.get("WHISPERX_MODEL_NAME")
    folder = os.environ.get("WHISPERX_MODEL_DIR", "")
    if not chosen and folder and (Path(folder) / "model.bin").is_file():
        chosen = folder
    device = os.environ.get("WHISPERX_DEVICE")
    if not chosen and not _has_whisper():
        return {}  # the embedded engine has a model of its own
    return {
        "model": chosen or "large-v3",
        **({"device": device} if device else {}),
        **({"download": True} if os.environ.get("CINEMILL_OFFLINE", "") in ("", "0") else {}),
    }


def _has_whisper() -> bool:
    from cinemill.engines import engines
    from cinemill.engines.install import is_installed

    return is_installed(engines.get("whisper"))


def _whisperx(given: dict[str, Any], bring: Bring) -> dict[str, Any]:
    """What the inputs of whisperX workers mean."""
    params = _model(given) | {name: given[name] for name in _SAME if given.get(name) not in (None, "")}
    if "vad_onset" in params or "vad_offset" in params:
        params["vad_method"] = "silero"
    if given.get("align_output"):
        params["align"] = True
    if given.get("diarization") or given.get("speaker_verification"):
        params["diarize"] = True
    if token := given.get("huggingface_access_token") or os.environ.get("HF_TOKEN"):
        params["hf_token"] = token
    for name in ("min_speakers", "max_speakers"):
        if given.get(name) is not None and params.get("diarize"):
            params[name] = given[name]
    if given.get("speaker_verification") and given.get("speaker_samples"):
        params["speaker_samples"] = json.dumps([*_voices(given["speaker_samples"], bring)])
    return _known(params)


def _voices(samples: Any, bring: Bring) -> Iterator[dict[str, str]]:
    """Files of known voices with their names, as the operation takes them."""
    if not isinstance(samples, list):
        raise InvalidParams("speaker_samples must be a list of objects with url, and name where you like.")
    taken: set[str] = set()
    for sample in samples:
        told = sample if isinstance(sample, dict) else {"url": sample}
        url = told.get("url") or told.get("file_path")
        if not isinstance(url, str):
            raise InvalidParams(f"speaker_samples: {sample!r} has no url.")
        name = speaker(url, told.get("name"))
        if name in taken:
            raise InvalidParams(f"speaker_samples: two voices are called {name!r}; give each a name.")
        taken.add(name)
        yield {"name": name, "url": str(bring(url))}


def speaker(url: str, name: object = None) -> str:
    """What a voice is called: as it is said, by ?name=, by #fragment, or by its file, cut at 64 characters."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query).get("name", [""])[0]
    stem = unquote(Path(parts.path).stem)
    said = next((str(text).strip() for text in (name, asked, unquote(parts.fragment), stem) if text), "")
    plain = re.sub(r"[\s,=]+", " ", said).strip()[:_LONGEST_NAME]
    if not plain:
        raise InvalidParams(f"speaker_samples: {url} says no name.")
    return plain


_TASKS: Final = (
    "best_of",
    "beam_size",
    "patience",
    "length_penalty",
    "suppress_tokens",
    "initial_prompt",
    "temperature_increment_on_fallback",
    "compression_ratio_threshold",
    "logprob_threshold",
    "no_speech_threshold",
    "temperature",
    "language",
)


def _faster_whisper(given: dict[str, Any]) -> dict[str, Any]:
    """What the inputs of faster-whisper workers mean."""
    params = _model(given) | {name: given[name] for name in _TASKS if given.get(name) not in (None, "")}
    for name in _KINDS_OF:
        if (kind := given.get(name) or _KINDS[0]) not in _KINDS:
            raise InvalidParams(f"{name}={kind} is refused: choose {', '.join(_KINDS)}.")
    if not given.get("enable_vad", False):
        params["vad_method"] = "none"
    return _known(params)


_SIMPLE: Final = ("language", "align", "diarize", "min_speakers", "max_speakers", "hf_token", "speaker_samples")
_KINDS_OF: Final = ("transcription", "translation")
_KINDS: Final = ("plain_text", "formatted_text", "srt", "vtt")


def _english(request: Request[Any], given: dict[str, Any]) -> Request[Any] | None:
    """What makes the translation that workers of faster-whisper give beside what was said."""
    if not given.get("translate") or "operation" in given or "audio_file" in given:
        return None
    params = request.params.model_copy(update={"task": "translate"})
    return replace(request, params=params, output=_translation(request))


def _translation(request: Request[Any]) -> Path:
    assert request.output
    return request.output.with_name("translation.json")


def _known(params: dict[str, Any]) -> dict[str, Any]:
    """Those that the operation has; without a model, those that the embedded engine understands."""
    fields = get(_speech()).params.model_fields
    return {name: value for name, value in params.items() if name in (fields if "model" in params else _SIMPLE)}


def _sound(given: dict[str, Any], folder: Path, bring: Bring) -> Path:
    if given.get("audio"):
        return bring(given["audio"])
    try:
        raw = base64.b64decode(str(given["audio_base64"]).rpartition(",")[2], validate=True)
    except binascii.Error:
        raise RequestError("audio_base64 is not base64.") from None
    path = folder / "audio"
    path.write_bytes(raw)
    return path


def _brought(value: Any, folder: Path, follow: elsewhere.Progress | None) -> Path:
    """A file of a job: from an address, guarded, or a path under RUNPOD's volume, JOBS_DIR or the job's own folder."""
    if not isinstance(value, str) or not value:
        raise RequestError(f"{value!r} is no address of a file.")
    address = elsewhere.address(value)
    if address is None:
        path = Path(value).resolve()
        mine = [folder, Path("/runpod-volume"), *map(Path, filter(None, [os.environ.get("JOBS_DIR")]))]
        if not any(path.is_relative_to(one.resolve()) for one in mine):
            raise RequestError(f"{value} is not an address (https://, s3://) and not in /runpod-volume.")
        return path
    number = len(list(folder.iterdir()))
    path = folder / f"in{number}" / elsewhere.name(address.partition("#")[0])
    elsewhere.fetch(address.partition("#")[0] if address.startswith("http") else address, path, follow)
    return path


def _performed(request: Request[Any], given: dict[str, Any], tell: Tell, stop: threading.Event) -> ev.Done:
    """Run it, telling how far it is. Raises CinemillError, and Cancelled."""
    begun = said = time.monotonic()
    how: dict[str, Any] = {"chunk_seconds": _seconds(given["chunk_seconds"])} if given.get("chunk_seconds") else {}
    # Closed at once where it is cancelled: its folder goes next, and nothing may be at work in it then.
    with closing(jobs.run(request, metrics=bool(given.get("metrics")), **how)) as events:
        for event in events:
            if stop.is_set():
                raise Cancelled
            if isinstance(event, ev.Done):
                return event
            if not isinstance(event, ev.Planned | ev.Progress | ev.Noted | ev.Joining):
                continue
            now = time.monotonic()
            if isinstance(event, ev.Planned | ev.Noted) or now - said >= max(_BREATH, _CALM * (now - begun)):
                said = now
                told = {key: value for key, value in event.as_dict().items() if key not in ("inputs", "output")}
                tell(told)
    raise AssertionError("a job ends with Done or an error")


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidParams(f"chunk_seconds={value!r} is no number of seconds.") from None


def _answer(
    request: Request[Any], given: dict[str, Any], done: ev.Done, id: str, follow: elsewhere.Progress
) -> dict[str, Any]:
    """What a job gives: its files in storage or in the answer itself, and what is said of them. Raises TooLarge."""
    assert request.output
    if "operation" not in given:
        return _spoken(json.loads(request.output.read_text("utf-8")), request, given, id, follow)
    made = [(file, file.relative_to(path.parent)) for path in done.outputs for file in _within(path)]
    files = [(file, name.as_posix(), _address(name, given, id)) for file, name in made]
    _refuse_large([file for file, _, address in files if not address])
    kept = [_kept(*file, follow) for file in files]
    answer: dict[str, Any] = {"operation": request.operation, "outputs": kept, "result": _safe(done.result)}
    if len(json.dumps(answer)) <= _INLINE:
        return answer
    said = request.output.with_name("result.json")
    said.write_text(json.dumps(answer.pop("result")), "utf-8")
    address = _address(Path(said.name), given, id)
    if not address:
        _refuse_large([said, *(file for file, _, address in files if not address)])
    return {**answer, "result": None, "full": _kept(said, said.name, address, follow)}


def _within(path: Path) -> list[Path]:
    """A file, or all files of a folder."""
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def _address(name: Path, given: dict[str, Any], id: str) -> str | None:
    """Where a file goes: to the address that is asked for, or beside it, or into the bucket of the environment."""
    wanted = str(given.get("output") or "").rstrip("/")
    if not wanted.startswith("s3://"):
        return s3.destination(f"{id}/{name.as_posix()}")
    above, _, last = wanted.rpartition("/")
    first, *more = name.parts
    return "/".join([above, last if first == elsewhere.name(wanted) else first, *more])


def _refuse_large(files: Sequence[Path]) -> None:
    """Raises TooLarge for files that go together into no answer."""
    size = sum(file.stat().st_size for file in files)
    if size * 4 / 3 > _INLINE:
        named = files[0].name if len(files) == 1 else f"what was made, {files[0].name} and more,"
        raise TooLarge(
            f"{named} has {size / 1e6:.1f} MB, more than an answer may hold; set BUCKET_ENDPOINT_URL, "
            "BUCKET_ACCESS_KEY_ID and BUCKET_SECRET_ACCESS_KEY, or name an output such as s3://bucket/key."
        )


def _kept(path: Path, name: str, address: str | None, follow: elsewhere.Progress) -> dict[str, Any]:
    """A file as an address in storage, or in the answer."""
    told = {"name": name, "size": path.stat().st_size}
    if address:
        elsewhere.store(path, address, overwrite=True, progress=follow)
        return {**told, "address": address, "url": elsewhere.presigned(address)}
    return {**told, "base64": base64.b64encode(path.read_bytes()).decode()}


def _spoken(
    said: dict[str, Any], request: Request[Any], given: dict[str, Any], id: str, follow: elsewhere.Progress
) -> dict[str, Any]:
    """Segments as the workers of whisperX and faster-whisper give them."""
    assert request.output
    english = _translation(request)
    segments = said.get("segments", [])
    language = said.get("language") or getattr(request.params, "language", None)
    answer: dict[str, Any] = {"segments": segments, "detected_language": language}
    if "audio_file" not in given:
        answer |= {
            "transcription": _text(request.output, given.get("transcription")),
            "translation": _text(english, given.get("translation")) if english.is_file() else None,
            "model": getattr(request.params, "model", None),
            "device": getattr(request.params, "device", None),
            "word_timestamps": _words(segments) if given.get("word_timestamps") else None,
        }
    if len(json.dumps(answer)) <= _INLINE:
        return answer
    if address := _address(Path(request.output.name), given, id):
        return {**_shortened(answer, segments), "full": _kept(request.output, request.output.name, address, follow)}
    return {
        **_shortened(answer, segments),
        "note": f"only the first {_PREVIEW} of {len(segments)} segments; set BUCKET_*",
    }


def _shortened(answer: dict[str, Any], segments: list[Any]) -> dict[str, Any]:
    return {
        **answer,
        "segments": segments[:_PREVIEW],
        "transcription": None,
        "translation": None,
        "word_timestamps": None,
    }


def _words(segments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [word for segment in segments for word in segment.get("words", [])]


def _text(path: Path, kind: str | None) -> str:
    """The whole text of what was heard: plain, a line for each segment, or as subtitles."""
    from cinemill.media.cues import files

    if kind in ("srt", "vtt"):
        return files.written(files.read(path).transcript, kind)
    lines = [str(segment.get("text", "")).strip() for segment in json.loads(path.read_text("utf-8"))["segments"]]
    return ("\n" if kind == "formatted_text" else " ").join(lines)


def _safe(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
