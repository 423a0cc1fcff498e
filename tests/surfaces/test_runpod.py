"""The serverless worker: what its inputs mean, and the SDK's own local server around it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from cinemill.engines import engines as catalogue
from cinemill.engines import install, pocketsphinx
from cinemill.errors import InvalidParams, MissingEngine, RequestError
from cinemill.jobs import processes
from cinemill.media.program import ffmpeg
from cinemill.settings import settings
from cinemill.storage import elsewhere
from cinemill.surfaces import runpod
from command import wait_until

WORKER = Path(__file__).parents[2] / ".venv-worker" / "bin" / "cinemill"
SPEECH = Path(__file__).parents[1] / "speech" / "ten.ogg"
Clip = Callable[[str], Path]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(("WHISPERX_", "BUCKET_", "STORAGE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JOBS_DIR", str(tmp_path / "jobs"))
    monkeypatch.setenv("CINEMILL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CINEMILL_OFFLINE", "1")
    settings.cache_clear()
    yield
    settings.cache_clear()


def answer(given: Any, told: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    heard = told if told is not None else []
    return runpod.answered({"id": "j", "input": given}, heard.append, threading.Event())


def mine(clip: Path, tmp_path: Path) -> str:
    """A copy where files of jobs may lie."""
    (tmp_path / "jobs").mkdir(exist_ok=True)
    path = tmp_path / "jobs" / clip.name
    path.write_bytes(clip.read_bytes())
    return str(path)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few seconds of speech."""
    path = tmp_path_factory.mktemp("words") / "words.ogg"
    subprocess.run([ffmpeg(), "-v", "error", "-i", SPEECH, "-t", "6", "-c", "copy", path], check=True)
    return path


def test_any_operation_answers_with_what_it_made(clip: Clip, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    film = mine(clip("one.mp4"), tmp_path)
    said = answer({"operation": "process", "inputs": [film], "params": {"codec": "ffv1"}}, told)
    assert said["outputs"][0]["name"] == "one.process.mkv"
    assert base64.b64decode(said["outputs"][0]["base64"])[:4] == b"\x1aE\xdf\xa3"
    assert told[0]["event"] == "planned"
    assert "inputs" not in told[0]
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == {"one.mp4"}, "nothing of the job stays"


def test_large_results_are_refused_with_a_sentence(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runpod, "_INLINE", 100)
    said = answer({"operation": "process", "inputs": [mine(clip("one.mp4"), tmp_path)]})
    assert "BUCKET_ENDPOINT_URL" in said["error"]


def test_folders_and_several_files_are_sent_whole_or_refused(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"operation": "package", "inputs": [mine(clip("one.mp4"), tmp_path)]}
    said = answer(given)
    made = {file["name"]: base64.b64decode(file["base64"]) for file in said["outputs"]}
    assert made["one.package/bagit.txt"].startswith(b"BagIt-Version"), list(made)
    assert made["one.package/data/one.mp4"] == clip("one.mp4").read_bytes()
    largest = max(file["size"] for file in said["outputs"])
    monkeypatch.setattr(runpod, "_INLINE", largest * 4 // 3 + 100)
    assert "and more, has" in answer(given)["error"], "none is too large for itself"


def test_addresses_of_results_lie_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"output": "s3://films/a/talk: one.mkv"}
    assert runpod._address(Path("talk_ one.mkv"), asked, "j") == "s3://films/a/talk: one.mkv"
    assert runpod._address(Path("talk.json"), asked, "j") == "s3://films/a/talk.json"
    assert runpod._address(Path("hls/v0/1.ts"), {"output": "s3://films/hls/"}, "j") == "s3://films/hls/v0/1.ts"
    assert runpod._address(Path("x.mkv"), {}, "j") is None
    monkeypatch.setenv("BUCKET_ENDPOINT_URL", "https://minio.example/films")
    assert runpod._address(Path("hls/1.ts"), {}, "j") == "s3://films/j/hls/1.ts"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "must be an object"),
        ({}, "audio_base64"),
        ({"operation": "proces", "inputs": []}, "did you mean process"),
        ({"operation": "process", "inputs": []}, "takes 1 files, 0 were given"),
        ({"operation": "process", "inputs": ["/etc/passwd"]}, "not in /runpod-volume"),
        ({"operation": "process", "inputs": ["http://127.0.0.1/x"]}, "this machine or its network"),
        ({"operation": "process", "inputs": ["x"], "parms": {}}, "'parms'"),
        ({"audio_base64": "%%%"}, "is not base64"),
        ({"audio_file": 5}, "no address"),
        ({"audio": "CLIP", "transcription": "pdf"}, "choose plain_text, formatted_text, srt, vtt"),
        ({"audio": "CLIP", "language": "en", "translate": True}, "translate"),
        ({"audio_file": "https://127.0.0.1/x"}, "this machine or its network"),
        ({"operation": "loudness", "inputs": ["CLIP"], "chunk_seconds": "long"}, "'long' is no number of seconds"),
    ],
)
def test_errors_are_texts(given: Any, sentence: str, tmp_path: Path) -> None:
    said = answer(json.loads(json.dumps(given).replace("CLIP", mine(SPEECH, tmp_path))))
    assert list(said) == ["error"]
    assert isinstance(said["error"], str)
    assert sentence in said["error"]


def test_names_of_voices_come_from_where_they_are_said() -> None:
    assert runpod.speaker("https://h/a.wav", "Ann") == "Ann"
    assert runpod.speaker("https://h/a.wav?name=Ben&x=1") == "Ben"
    assert runpod.speaker("https://h/a.wav#Cleo%20B") == "Cleo B"
    assert runpod.speaker("https://h/some%20voice.wav") == "some voice"
    assert len(runpod.speaker(f"https://h/{'v' * 100}.wav")) == 64
    with pytest.raises(InvalidParams):
        runpod.speaker("https://h/")


def test_inputs_of_whisperx_workers_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "audio_file": mine(SPEECH, tmp_path),
        "language": "en",
        "align_output": True,
        "diarization": True,
        "min_speakers": 2,
        "batch_size": 4,
        "temperature": 0.2,
        "vad_onset": 0.4,
        "initial_prompt": "Well.",
        "debug": True,
        "huggingface_access_token": "hf",
    }
    assert runpod.asked(given, tmp_path).params.model == "auto", "the embedded engine has its own"
    monkeypatch.setattr(runpod, "_has_whisper", lambda: True)
    params = runpod.asked(given, tmp_path).params
    assert (params.language, params.align, params.diarize, params.min_speakers) == ("en", True, True, 2)
    assert (params.batch_size, params.temperature, params.vad_onset) == (4, 0.2, 0.4)
    assert params.model == "large-v3"
    monkeypatch.setenv("WHISPERX_MODEL_DIR", str(tmp_path / "model"))
    assert runpod.asked(given, tmp_path).params.model == "large-v3", "there is no model.bin"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.bin").write_bytes(b"")
    assert runpod.asked(given, tmp_path).params.model == str(tmp_path / "model")
    monkeypatch.setenv("WHISPERX_MODEL_NAME", "small")
    assert runpod.asked(given, tmp_path).params.model == "small"
    monkeypatch.setenv("WHISPERX_MODEL", "tiny")
    assert runpod.asked(given, tmp_path).params.model == "tiny"


def test_speech_is_recognised_by_the_embedded_engine(words: Path, tmp_path: Path) -> None:
    said = answer({"audio_file": mine(words, tmp_path), "language": "en", "debug": True})
    assert said.get("segments"), said
    assert said["detected_language"] == "en"
    assert said["debug"]["params"]["language"] == "en"
    assert any("PocketSphinx" in note for note in said["debug"]["notes"])
    coded = base64.b64encode(words.read_bytes()).decode()
    said = answer({"audio_base64": coded, "language": "en", "transcription": "vtt", "word_timestamps": True})
    assert said["transcription"].startswith("WEBVTT")
    assert said["word_timestamps"]


def test_long_speech_without_storage_comes_as_a_preview(
    words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runpod, "_INLINE", 100)
    monkeypatch.setattr(runpod, "_PREVIEW", 1)
    said = answer({"audio_file": mine(words, tmp_path), "language": "en"})
    assert len(said["segments"]) == 1
    assert "BUCKET_" in said["note"]


def test_files_for_the_hub_are_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    hub = json.loads((root / ".runpod" / "hub.json").read_text())
    assert {"title", "description", "type", "category", "config"} <= set(hub)
    assert (hub["type"], hub["config"]["runsOn"]) == ("serverless", "GPU")
    assert hub["category"] in ("audio", "embedding", "language", "video", "image")
    assert {"containerDiskInGb", "gpuCount", "gpuIds"} <= set(hub["config"])
    assert all((root / ".runpod" / name).exists() for name in ("Dockerfile", "handler.py"))
    told = (root / "src/cinemill/surfaces/runpod.py").read_text() + (root / "src/cinemill/storage/s3.py").read_text()
    for variable in hub["config"]["env"]:
        assert {"name", "type", "default"} <= set(variable["input"])
        assert variable["key"].removeprefix("BUCKET_") in told, f"{variable['key']} means something"
    tests = json.loads((root / ".runpod" / "tests.json").read_text())
    assert {"gpuTypeId", "gpuCount", "allowedCudaVersions"} <= set(tests["config"])
    assert set(tests["config"]["allowedCudaVersions"]) <= set(hub["config"]["allowedCudaVersions"])
    # What they ask for is understood: all but the file itself, which lies elsewhere.
    monkeypatch.setattr(elsewhere, "fetch", lambda address, path, _: (path.parent.mkdir(), shutil.copy(SPEECH, path)))
    inputs = [test["input"] for test in tests["tests"]] + [json.loads((root / "test_input.json").read_text())["input"]]
    assert all({"name", "input", "timeout"} <= set(test) for test in tests["tests"])
    for number, given in enumerate(inputs):
        (tmp_path / str(number)).mkdir()
        assert runpod.asked(given, tmp_path / str(number)).params.language == "en"
    with pytest.raises(RequestError):
        runpod.asked({}, root)


def test_log_is_as_loud_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"operation": "loudness", "inputs": [mine(SPEECH, tmp_path)], "debug": True}
    for name, value, wanted, silent in [
        ("PRINT_MOUNTS", "1", " / ", "job j"),
        ("CONSOLE_LOG_LEVEL", "info", "INFO job j: loudness", "DEBUG"),
        ("DEBUG", "true", "DEBUG job j: {'event': 'planned'", "Traceback"),
    ]:
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            runpod.listen()
            said = answer(given)
        assert said["debug"]["operation"] == "loudness", said
        log = capsys.readouterr().out
        assert wanted in log
        assert silent not in log
    monkeypatch.setenv("CONSOLE_LOG_LEVEL", "loud")
    with pytest.raises(InvalidParams, match="LOUD is none of DEBUG"):
        runpod.listen()


def test_cancelled_job_ends_and_leaves_nothing(clip: Clip, tmp_path: Path) -> None:
    film = mine(clip("sound.mkv"), tmp_path)
    chain = {"chain": "denoise.nlmeans,denoise.nlmeans,denoise.nlmeans", "codec": "ffv1"}
    job = {"id": "j", "input": {"operation": "process", "inputs": [film], "params": chain, "chunk_seconds": 0.2}}
    told: list[dict[str, Any]] = []

    async def cancel() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def tell(what: dict[str, Any]) -> None:
            told.append(what)
            loop.call_soon_threadsafe(begun.set)

        work = asyncio.ensure_future(runpod.handled(job, tell))
        await begun.wait()
        work.cancel()
        await asyncio.sleep(0)
        work.cancel()  # as the service does that asks until it is so
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancel())
    assert told[0]["event"] == "planned"
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == {Path(film).name}


def test_cancelled_job_does_not_wait_for_a_silent_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runpod, "_GRACE", 0.05)
    pocketsphinx._host.describe()
    assert pocketsphinx._host._life
    os.kill(pocketsphinx._host._life.process.pid, signal.SIGSTOP)
    job = {"id": "j", "input": {"audio_file": mine(SPEECH, tmp_path), "language": "en"}}

    async def cancel() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(runpod.handled(job, lambda told: loop.call_soon_threadsafe(begun.set)))
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    try:
        asyncio.run(cancel())
    finally:
        pocketsphinx.stop()
    assert not [path for path in (tmp_path / "jobs").iterdir() if path.is_dir()]


def test_job_is_cancelled_while_its_file_comes(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def fetch(address: str, path: Path, progress: Callable[[int, int | None], None]) -> None:
        progress(1, None)
        stop.set()
        progress(2, None)

    monkeypatch.setattr(elsewhere, "fetch", fetch)
    job = {"id": "j", "input": {"audio_file": "https://h/a.wav"}}
    assert runpod.answered(job, lambda told: None, stop) == {"error": "the job was cancelled."}


_AT_WORK = """
import sys
from cinemill.surfaces import runpod
with runpod.jobs_folder() as folder:
    (folder / "in0").mkdir()
    (folder / "in0" / "film.mkv").write_bytes(bytes(1000))
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_folders_of_dead_workers_go_and_those_of_the_living_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_work() -> tuple[subprocess.Popen[bytes], Path]:
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", _AT_WORK], stdin=pipe, stdout=pipe)
        assert process.stdout
        return process, Path(process.stdout.readline().decode().strip())

    killed, left = at_work()
    living, kept = at_work()
    with killed, living:
        killed.kill()
        killed.wait()
        assert (left / "in0" / "film.mkv").exists()
        with runpod.jobs_folder() as mine:
            assert sorted(path for path in (tmp_path / "jobs").iterdir() if path.is_dir()) == sorted([kept, mine])
        assert (kept / "in0" / "film.mkv").exists()
        # What another machine says of its processes means nothing here: it counts how long it has been silent.
        monkeypatch.setattr(processes, "home", lambda: "another")
        runpod._sweep(tmp_path / "jobs")
        assert kept.exists()
        old = time.time() - 2 * runpod._SILENCE
        os.utime(kept, (old, old))
        runpod._sweep(tmp_path / "jobs")
        assert kept.exists(), "its word is younger"
        os.utime(kept / runpod._OWNER, (old, old))
        runpod._sweep(tmp_path / "jobs")
        assert not kept.exists()


def test_worker_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runpod, "_PULSE", 0.01)
    with runpod.jobs_folder() as folder:
        os.utime(folder / runpod._OWNER, (1, 1))
        wait_until(lambda: (folder / runpod._OWNER).stat().st_mtime > 1)


def test_answer_comes_piece_by_piece(clip: Clip, tmp_path: Path) -> None:
    given = {"operation": "process", "inputs": [mine(clip("one.mp4"), tmp_path)], "params": {"codec": "ffv1"}}

    async def pieces() -> list[dict[str, Any]]:
        return [piece async for piece in runpod.streamed({"id": "j", "input": given})]

    first, *_, last = asyncio.run(pieces())
    assert first["event"] == "planned"
    assert last["outputs"][0]["name"] == "one.process.mkv"


class Api:
    """The SDK's local server."""

    def __init__(self, tmp_path: Path, *more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            WORKER,
            "worker",
            "runpod",
            "--rp_serve_api",
            "--rp_api_host",
            "127.0.0.1",
            "--rp_api_port",
            self.port,
            *more,
        ]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([*map(str, command)], cwd=tmp_path, stdin=quiet, stdout=quiet, stderr=quiet)
        wait_until(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None
        try:
            self.ask("GET", "/docs", raw=True)
        except HTTPError:
            return True
        except OSError:
            return False
        return True

    def ask(self, method: str, path: str, body: Any = None, raw: bool = False) -> Any:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode() if body is not None else None,
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.read() if raw else json.loads(answer.read())


@contextmanager
def serving(tmp_path: Path, *more: str) -> Iterator[Api]:
    if not WORKER.exists():
        pytest.skip("`make worker` makes the environment that this needs")
    running = Api(tmp_path, *more)
    try:
        yield running
    finally:
        running.process.send_signal(signal.SIGTERM)
        try:
            running.process.wait(10)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the engine whisper in it."""
    folder = Path(os.environ.get("CINEMILL_TEST_ENGINES") or tmp_path_factory.mktemp("data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CINEMILL_DATA_DIR", str(folder))
        settings.cache_clear()
        try:
            list(install.install(catalogue.get("whisper")))
        except MissingEngine as error:
            pytest.skip(str(error))
        finally:
            settings.cache_clear()
    return folder


WHISPERX = {
    "language_detection_min_prob": 0,
    "language_detection_max_tries": 5,
    "initial_prompt": "Well.",
    "batch_size": 64,
    "temperature": 0,
    "vad_onset": 0.5,
    "vad_offset": 0.363,
    "align_output": True,
    "diarization": False,
    "huggingface_access_token": "",
    "min_speakers": 1,
    "max_speakers": 2,
    "debug": True,
}
"""What clients of such workers send when they send everything."""
FASTER_WHISPER = {
    "model": None,
    "transcription": "plain_text",
    "translate": False,
    "translation": "plain_text",
    "temperature": 0,
    "best_of": 5,
    "beam_size": 5,
    "patience": 1,
    "length_penalty": None,
    "suppress_tokens": "-1",
    "initial_prompt": None,
    "condition_on_previous_text": True,
    "temperature_increment_on_fallback": 0.2,
    "compression_ratio_threshold": 2.4,
    "logprob_threshold": -1.0,
    "no_speech_threshold": 0.6,
    "enable_vad": False,
    "word_timestamps": False,
}


def test_all_that_clients_send_is_understood_by_the_embedded_engine(words: Path, tmp_path: Path) -> None:
    path = mine(words, tmp_path)
    for given in ({"audio_file": path, **WHISPERX}, {"audio": path, **FASTER_WHISPER}):
        said = answer({**given, "language": "en"})
        assert said.get("segments"), said


@pytest.mark.slow
def test_whisper_hears_what_the_field_asks_for(engines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model of the tests, which spells badly in longer pieces; that it is heard, and how it is answered."""
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(engines))
    monkeypatch.setenv("WHISPERX_MODEL_DIR", str(SPEECH.parent / "tiny-whisper"))
    monkeypatch.setenv("WHISPERX_DEVICE", "cpu")
    settings.cache_clear()
    given = {"audio_file": mine(SPEECH, tmp_path), "language": "en", "batch_size": 2, "temperature": 0, "debug": True}
    try:
        here = answer(given)
        asked = {"audio": given["audio_file"], "language": "en", "suppress_tokens": "", "transcription": "srt"}
        known = answer({**FASTER_WHISPER, **asked, "translate": True, "translation": "vtt"})
        sent = answer({**WHISPERX, "audio_file": given["audio_file"], "language": "en"})
    finally:
        if host := install._hosts.pop("whisper", None):
            host.stop()
    assert here.get("segments"), here
    assert here["debug"]["params"]["model"].endswith("tiny-whisper")
    assert here["debug"]["params"]["device"] == "cpu"
    assert " --> " in known["transcription"]
    assert known["translation"].startswith("WEBVTT")
    assert sent.get("segments"), sent
    assert sent["debug"]["params"]["vad_method"] == "silero"
    with serving(tmp_path) as api:
        said = api.ask("POST", "/runsync", {"input": given})
    assert said["status"] == "COMPLETED"
    assert said["output"]["segments"] == here["segments"]
    assert said["output"]["detected_language"] == "en"


@pytest.mark.slow
def test_sdk_streams_what_happens(clip: Clip, tmp_path: Path) -> None:
    film = mine(clip("one.mp4"), tmp_path)
    with serving(tmp_path, "--stream") as api:
        queued = api.ask("POST", "/run", {"input": {"operation": "process", "inputs": [film]}})
        said = api.ask("POST", f"/stream/{queued['id']}")
        wrong = api.ask("POST", "/run", {"input": {"operation": "nothing"}})
        refused = api.ask("POST", f"/stream/{wrong['id']}")
    pieces = [piece["output"] for piece in said["stream"]]
    assert pieces[0]["event"] == "planned"
    assert pieces[-1]["outputs"][0]["name"] == "one.process.mp4"
    assert "nothing" in refused["stream"][-1]["output"]["error"]


@pytest.mark.slow
def test_sdk_runs_jobs_and_tells_of_them(api: Api, clip: Clip, tmp_path: Path) -> None:
    film = mine(clip("one.mp4"), tmp_path)
    given = {"input": {"operation": "process", "inputs": [film], "params": {"codec": "ffv1"}}}
    said = api.ask("POST", "/runsync", given)
    assert said["status"] == "COMPLETED"
    assert said["output"]["outputs"][0]["name"] == "one.process.mkv"
    wrong = api.ask("POST", "/runsync", {"input": {"operation": "nothing"}})
    assert wrong["status"] == "FAILED"
    assert isinstance(wrong["error"], str)
    assert api.ask("POST", "/status/nothing")["status"] == "FAILED"
    raw = api.ask("POST", "/runsync", {"input": {**given["input"], "params": {"codec": "ffv1"}, "output": "s3://b/k"}})
    assert raw["status"] == "FAILED"
    assert isinstance(raw["error"], str)
    queued = api.ask("POST", "/run", given)
    deadline = time.monotonic() + 60
    while (state := api.ask("POST", f"/status/{queued['id']}"))["status"] not in ("COMPLETED", "FAILED"):
        assert time.monotonic() < deadline
    assert state["status"] == "COMPLETED"
    assert state["output"]["outputs"]
