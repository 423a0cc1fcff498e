"""What a form makes of parameters and parameters of a form, without a browser."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

gr = pytest.importorskip("gradio", reason="gradio is not installed")

from cinemill.catalogue import filters, operations  # noqa: E402
from cinemill.errors import InvalidParams, OpenFailed  # noqa: E402
from cinemill.filters import text  # noqa: E402
from cinemill.jobs.queue import Queue  # noqa: E402
from cinemill.surfaces.web import fields, workspace  # noqa: E402
from cinemill.surfaces.web.desk import people  # noqa: E402
from cinemill.surfaces.web.tabs import subtitles  # noqa: E402


def drawn(name: str) -> fields.Form:
    async def draw() -> fields.Form:
        # Where no loop runs, Gradio makes one and never closes it.
        with gr.Blocks(analytics_enabled=False):
            return fields.form(operations.get(name).params, ())

    return asyncio.run(draw())


@pytest.mark.parametrize("name", list(operations))
def test_every_operation_has_a_form_that_says_nothing_when_left_alone(name: str) -> None:
    made = drawn(name)
    assert set(made.names) == set(operations.get(name).params.model_fields)
    assert made.given(component.value for component in made.components) == {}
    assert made.given(made.shown({})) == {}


def test_what_is_entered_is_what_the_operation_gets() -> None:
    made = drawn("restore")
    entered: dict[str, Any] = {"denoise": "0.4", "upscale": "1080p", "stabilise": True, "fps": "30000/1001", "crf": " "}
    values = [entered.get(name, component.value) for name, component in zip(made.names, made.components)]
    given = made.given(values)
    assert given == {"denoise": "0.4", "upscale": "1080p", "stabilise": True, "fps": "30000/1001"}
    params = operations.get("restore").params.of(given, "restore")
    assert (params.denoise, params.stabilise, float(params.fps)) == (0.4, True, pytest.approx(29.97, abs=0.001))
    assert made.given(made.shown(given)) == given


@pytest.mark.parametrize(
    ("written", "ms"), [("1:02.5", 62_500), ("0:00.285", 285), ("1:02:03,004", 3_723_004), ("62.5", 62_500)]
)
def test_times_are_read_as_people_write_them(written: str, ms: int) -> None:
    assert subtitles.milliseconds(written) == ms
    assert subtitles.milliseconds(subtitles.clock(ms)) == ms


def test_files_beyond_the_studio_are_refused(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    space = workspace.Workspace(queue)
    (tmp_path / "secret.txt").write_text("a secret")
    (queue.folder / "jobs" / "link.txt").symlink_to(tmp_path / "secret.txt")
    for path in (
        "/etc/passwd",
        "../secret.txt",
        queue.folder / "jobs/../../secret.txt",
        queue.folder / "jobs/link.txt",
    ):
        with pytest.raises(OpenFailed):
            space.owned(path)
    with pytest.raises(OpenFailed):
        space.owned(queue.folder / "queue.db")
    with pytest.raises(OpenFailed):
        space.take(tmp_path / "secret.txt", tmp_path / "arrivals")
    kept = space.written("something", "a/../b.txt")
    assert space.owned(kept).read_text() == "something"
    queue.close()


def test_sentences_name_files_without_their_folders() -> None:
    assert people(OpenFailed("/tmp/a b/x/film.mp4 is not there.")).endswith("film.mp4 is not there.")
    assert people(OpenFailed("0 / 1 and http://host/path/x stay.")) == "0 / 1 and http://host/path/x stay."


def test_every_filter_is_a_step_to_choose_and_one_that_its_parameters_take() -> None:
    steps = dict(zip(filters, (step for _, step in fields.steps())))
    assert steps["fit"] == "fit=width:…:height:…"
    assert steps["deflicker"] == "deflicker=window:15"
    for name, step in steps.items():
        try:
            filters.get(name).params.of({}, name)
        except InvalidParams:  # it must be told more
            continue
        assert text.chain(step).steps[0].filter is filters.get(name)
