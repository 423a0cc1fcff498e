"""Jobs with networks: other weights are another job; where a network runs and what it ran out of is told and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import clips
import networks
from cinemill.catalogue import file_kinds, filters
from cinemill.errors import OutOfMemory
from cinemill.filters import text
from cinemill.jobs import run
from cinemill.jobs.events import Done, Noted, PartDone, Planned
from cinemill.models import onnx_backend, sessions
from cinemill.operations import Request
from cinemill.operations.process import Process
from command import Cinemill, framemd5


@pytest.fixture
def model(folder: Path) -> Path:
    return networks.onnx_file(folder / "net.onnx")


def job(source: Path, *more: object) -> tuple[object, ...]:
    steps = "denoise.model=model:net.onnx:tile:96"
    coding = ("--codec", "ffv1", "--chunk-seconds", 2, "--json")
    return ("process", source, "-o", "out.mkv", "--chain", steps, *coding, *more)


def stopped(cinemill: Cinemill, source: Path, *more: object) -> None:
    """A job of which some parts are made."""
    running = cinemill.start(*job(source, *more))
    running.until("part")
    running.kill()


def test_weights_that_were_replaced_between_stop_and_go_are_a_plan_mismatch(
    cinemill: Cinemill, source: Path, folder: Path, model: Path
) -> None:
    stopped(cinemill, source)
    networks.onnx_file(model, edge=0.1)
    said = cinemill(*job(source))
    assert said.code == 7
    error = said.events[-1]["error"]
    assert error["type"] == "PlanMismatch"
    assert error["field"] == "model net.onnx"
    assert "--restart" in error["message"]
    assert cinemill(*job(source, "--restart")).code == 0


def test_the_same_weights_written_anew_are_the_same_job(
    cinemill: Cinemill, source: Path, folder: Path, model: Path
) -> None:
    stopped(cinemill, source)
    content = model.read_bytes()
    model.unlink()
    model.write_bytes(content)
    said = cinemill(*job(source))
    assert said.code == 0, said.err
    assert said.events[0]["done"] >= 48
    resumed = framemd5(folder / "out.mkv")
    assert cinemill(*job(source, "--overwrite")).code == 0
    assert framemd5(folder / "out.mkv") == resumed


def test_an_onnx_file_that_comes_to_lie_beside_the_weights_is_another_job(folder: Path) -> None:
    weights = folder / "net.safetensors"
    weights.write_bytes(b"weights")
    alone = sessions.digest(str(weights))
    networks.onnx_file(folder / "net.onnx")
    assert sessions.digest(str(weights)) != alone


def test_a_model_that_is_gone_is_missed_by_name(cinemill: Cinemill, source: Path, folder: Path, model: Path) -> None:
    stopped(cinemill, source)
    model.unlink()
    said = cinemill(*job(source))
    assert said.code == 3
    assert "net.onnx is not there" in said.events[-1]["error"]["message"]


def test_every_parameter_that_names_a_model_says_so() -> None:
    named = {
        f"{name}.{key}"
        for name, item in filters.items()
        for key, field in item.params.model_fields.items()
        if ("cinemill models list" in (field.description or "") or key == "model")
        and not hasattr(item.params, "models")
    }
    marked = {
        f"{name}.{key}"
        for name, item in filters.items()
        for key, field in item.params.model_fields.items()
        if "weights" in file_kinds(field) and not hasattr(item.params, "models")
    }
    own = {"upscale.ncnn.model"}  # the program's
    assert named - own == marked
    assert {"denoise.model.model", "faces.detector", "inpaint.model"} <= marked


def test_a_style_is_the_network_of_the_registry() -> None:
    assert text.chain("neural=candy").models == ("style-candy",)
    assert text.chain("neural=own.onnx").models == ("own.onnx",)


def test_a_chain_names_its_models_and_those_that_are_mixed_in() -> None:
    chain = text.chain("upscale=denoise_strength:0.5,faces=strength:0,inpaint=left:1:width:2:height:2,denoise.model")
    assert chain.models == ("realesr-general-x4v3", "realesr-general-wdn-x4v3", "scunet-psnr")


def test_where_a_network_runs_and_why_is_told_when_the_job_is_planned(
    cinemill: Cinemill, source: Path, folder: Path, model: Path
) -> None:
    said = cinemill(*job(source, "--dry-run"))
    assert said.code == 0, said.err
    (note,) = [note for note in said.events[0]["notes"] if "net.onnx" in note]
    assert note.startswith("net.onnx runs by onnxruntime on ")
    assert "the model is an ONNX file" in note
    assert (
        "net.onnx runs by onnxruntime" in cinemill(*[word for word in job(source, "--dry-run") if word != "--json"]).out
    )


def _request(source: Path, model: Path, output: Path) -> Request[Any]:
    steps = f'denoise.model=model:"{model}"'
    return Request("process", Process(codec="ffv1", chain=steps), (source,), output)


def test_memory_that_runs_out_is_an_event_and_in_the_result_of_a_job_that_was_resumed_too(
    source: Path, folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.forget()
    film = folder / "film.mkv"
    clips.run("-i", source, "-vf", "scale=256:192", "-frames:v", 40, "-c:v", "ffv1", film)
    whole = onnx_backend.OnnxSession._computed

    def crowded(self: Any, pictures: Any) -> Any:
        if pictures.shape[2] * pictures.shape[3] > 150 * 150:
            raise OutOfMemory("cpu has not enough memory.", device="cpu")
        return whole(self, pictures)

    request = _request(film, model, folder / "out.mkv")
    events = run.run(request, chunk_seconds=1)
    planned = next(events)
    assert isinstance(planned, Planned)
    assert any("net.onnx runs by onnxruntime" in note for note in planned.notes)
    monkeypatch.setattr(onnx_backend.OnnxSession, "_computed", crowded)
    noted: list[str] = []
    for event in events:
        noted += [event.note] if isinstance(event, Noted) else []
        if isinstance(event, PartDone):
            break
    events.close()
    assert noted == ["onnxruntime on cpu ran out of memory; going on with tiles of 128 px."]
    monkeypatch.undo()
    *_, done = run.run(request, chunk_seconds=1)
    assert isinstance(done, Done)
    assert done.result["notes"] == noted
    assert done.result["frames"] == 40
    sessions.forget()
