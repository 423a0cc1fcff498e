"""Several inputs, and folders: each file is its own job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cinemill.errors import RequestError
from cinemill.surfaces import forms
from command import Cinemill, below

Take = Callable[..., Path]


def test_one_bad_file_stops_no_other(take: Take, folder: Path, cinemill: Cinemill) -> None:
    for name in ("zero.mp4", "text.mp4", "good.mp4"):
        take(name)
    said = cinemill("process", "zero.mp4", "text.mp4", "missing.mp4", "good.mp4", "-o", "out")
    assert said.code == 4
    assert below(folder / "out") == {"good.process.mp4"}
    assert "zero.mp4 is empty" in said.err
    assert "text.mp4 is not media" in said.err
    assert said.err.endswith("3 of 4 inputs failed.\n")


def test_naming_by_the_sound_stops_no_other_either(take: Take, folder: Path, cinemill: Cinemill) -> None:
    """The suffix of an extracted sound depends on what is in the file."""
    for name in ("text.mp4", "sound.mp4"):
        take(name)
    said = cinemill("extract-audio", "text.mp4", "sound.mp4", "-o", "out")
    assert said.code == 4
    assert below(folder / "out") == {"sound.extract-audio.m4a"}


def test_every_job_of_a_batch_ends_with_done_or_failed(take: Take, cinemill: Cinemill) -> None:
    for name in ("text.mp4", "good.mp4"):
        take(name)
    said = cinemill("process", "good.mp4", "text.mp4", "-o", "out", "--json")
    assert said.err == ""
    ends = [event for event in said.events if event["event"] in ("done", "failed")]
    assert [event["event"] for event in ends] == ["done", "failed"]
    assert ends[1]["inputs"] == ["text.mp4"]
    assert said.events[-1] == ends[1]


def test_folder_becomes_the_videos_in_it(take: Take, folder: Path, cinemill: Cinemill) -> None:
    for name in ("b.mp4", "a.mp4", "c.MP4", ".hidden.mp4"):
        take("good.mp4", f"tapes/{name}")
    take("still.png", "tapes/cover.png")
    take("empty", "tapes/folder.mp4")
    said = cinemill("process", "tapes", "-o", "out")
    assert said.code == 0, said.err
    assert below(folder / "out") == {"a.process.mp4", "b.process.mp4", "c.process.mp4"}


def test_outputs_of_an_earlier_run_are_no_inputs(take: Take, folder: Path, cinemill: Cinemill) -> None:
    take("good.mp4", "a.mp4")
    assert cinemill("process", ".").code == 0
    assert below(folder) == {"a.mp4", "a.process.mp4"}
    said = cinemill("process", ".", "--skip-existing", "--json")
    assert said.code == 0
    assert [event["event"] for event in said.events] == ["skipped"]
    assert below(folder) == {"a.mp4", "a.process.mp4"}


def test_existing_outputs_are_refused_skipped_or_replaced(take: Take, folder: Path, cinemill: Cinemill) -> None:
    for name in ("a.mp4", "b.mp4"):
        take("good.mp4", name)
    (folder / "out").mkdir()
    (folder / "out" / "a.process.mp4").write_text("mine")
    said = cinemill("process", "a.mp4", "b.mp4", "-o", "out")
    assert said.code == 2
    assert "exists already" in said.err
    assert (folder / "out" / "b.process.mp4").exists()
    said = cinemill("process", "a.mp4", "b.mp4", "-o", "out", "--skip-existing")
    assert said.code == 0
    assert said.out.count("is left alone") == 2
    assert (folder / "out" / "a.process.mp4").read_text() == "mine"
    assert cinemill("process", "a.mp4", "b.mp4", "-o", "out", "--overwrite").code == 0
    assert (folder / "out" / "a.process.mp4").read_bytes() != b"mine"


def test_single_input_goes_into_a_folder_that_is_named_as_one(take: Take, folder: Path, cinemill: Cinemill) -> None:
    take("good.mp4")
    assert cinemill("process", "good.mp4", "-o", "new/").code == 0
    assert below(folder / "new") == {"good.process.mp4"}


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def outputs(*inputs: str, output: str | None = None) -> list[str]:
    tasks = forms.batch("process", [Path(name) for name in inputs], output, {})
    return [str(task.request().output) for task in tasks]


def test_names_that_differ_in_their_suffix_keep_it(here: Path) -> None:
    assert outputs("a.avi", "a.mp4", "b.mp4") == ["a.avi.process.mkv", "a.mp4.process.mp4", "b.process.mp4"]


def test_same_file_twice_is_one_job(here: Path) -> None:
    assert outputs("a.mp4", "a.mp4") == ["a.process.mp4"]


def test_inputs_that_would_meet_in_one_output_are_refused(here: Path) -> None:
    with pytest.raises(RequestError, match=r"one/a\.mp4 and two/a\.mp4 would both become out/a\.mp4\.process"):
        outputs("one/a.mp4", "two/a.mp4", output="out")


def test_output_may_not_replace_another_input(take: Take, here: Path) -> None:
    take("good.mp4", "a.mp4")
    take("good.mp4", "a.process.mp4")
    with pytest.raises(RequestError, match="is an input"):
        outputs("a.mp4", "a.process.mp4")


def test_output_left_out_is_named_here(here: Path) -> None:
    assert outputs("far/away/film.webm") == ["film.process.mkv"]
    assert outputs("film.mov", output="out/") == ["out/film.process.mov"]
