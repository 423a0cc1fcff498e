"""`cinemill tune` as a command: it finds what is known to be best, goes on after a kill, and keeps a preset."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import clips
from command import COMMAND, Cinemill, below

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`clean.mkv`, and `noisy.mkv`, which is the same with noise. Never write to them."""
    folder = tmp_path_factory.mktemp("films")
    source = "testsrc2=s=96x64:r=12,trim=end_frame=24,format=yuv420p"
    clips.run("-f", "lavfi", "-i", source, "-c:v", "ffv1", folder / "clean.mkv")
    clips.run(
        "-i", folder / "clean.mkv", "-vf", "noise=alls=24:allf=t:all_seed=1", "-c:v", "ffv1", folder / "noisy.mkv"
    )
    return folder


def done(said: Any) -> dict[str, Any]:
    assert said.code == 0, said.out + said.err
    return said.events[-1]


def command(films: Path, *more: object) -> tuple[object, ...]:
    short = ("--seconds", 0.5, "--excerpts", 1, "--json")
    return ("tune", "denoise", films / "noisy.mkv", "--reference", films / "clean.mkv", "-o", "study", *short, *more)


def test_a_grid_finds_the_best_of_all_and_the_preset_is_taken(
    cinemill: Cinemill, films: Path, folder: Path, home: Path
) -> None:
    search = ("--search", "strength=0..1:0.25", "--search", "method=hqdn3d|nlmeans", "--method", "grid")
    found = done(cinemill(*command(films, *search, "--trials", 99)))
    trials = found["trials"]
    assert len(trials) == 10
    by_psnr = sorted(trials, key=lambda trial: -trial["figures"]["psnr_y"])
    assert [trial["number"] for trial in trials[:3]] == [trial["number"] for trial in by_psnr[:3]]
    idle = next(trial for trial in trials if trial["values"] == {"strength": 0, "method": "hqdn3d"})
    assert trials[0]["figures"]["psnr_y"] > idle["figures"]["psnr_y"] + 1
    preset = tomllib.loads((home / "data" / "presets" / "study.toml").read_text())
    assert preset["operation"] == "process"
    assert preset["params"] == found["params"]
    assert cinemill("process", films / "noisy.mkv", "--preset", "study", "-o", "out.mkv", "--codec", "ffv1").code == 0
    compared = cinemill("compare", films / "clean.mkv", "out.mkv", "--no-vmaf", "--json").events[-1]
    assert compared["result"]["summary"]["psnr_y_mean"] == pytest.approx(trials[0]["figures"]["psnr_y"], abs=1)


def test_the_report_is_one_page_with_plots_pictures_and_the_command(
    cinemill: Cinemill, films: Path, folder: Path
) -> None:
    search = ("--search", "strength=0..1", "--search", "method=hqdn3d|nlmeans")
    found = done(cinemill(*command(films, *search, "--trials", 3, "--best", 2, "--preset", "mine")))
    page = Path(found["outputs"][0]).read_text()
    assert "cinemill process INPUT --preset mine" in page
    assert " --rate " in page
    assert page.count("<circle") == 3 * 3
    assert "nan" not in re.findall(r"c[xy]=\"([^\"]*)\"", page)
    assert page.count("<figcaption>trial") == 2
    assert "<figcaption>reference" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert {"study/study.db", "study/report.html", "study/pictures/0-0.jpg"} <= below(folder)


def test_killed_and_started_again_it_ends_as_if_it_had_not_been(cinemill: Cinemill, films: Path, folder: Path) -> None:
    search = ("--search", "strength=0..1", "--trials", 13, "--preset", "one")
    whole = done(cinemill(*command(films, *search)))
    other = [word if word != "study" else "again" for word in command(films, *search)]
    running = cinemill.start(*(word for word in other if word != "--json"))
    assert running.process.stdout
    for line in running.process.stdout:
        if line.strip().startswith("4/13"):
            break
    running.kill()
    resumed = done(cinemill(*other, "--overwrite"))
    assert [trial["values"] for trial in resumed["trials"]] == [trial["values"] for trial in whole["trials"]]
    assert resumed["params"] == whole["params"]


def test_more_trials_go_on_from_those_there_are_and_ratings_turn_the_order(
    cinemill: Cinemill, films: Path, folder: Path
) -> None:
    search = ("--search", "strength=0.1..0.9", "--seed", 3)
    first = done(cinemill(*command(films, *search, "--trials", 3)))
    worst = first["trials"][-1]["number"]
    stars = [word for number in range(3) for word in ("--rate", f"{number}={5 if number == worst else 1}")]
    rated = done(cinemill(*command(films, *search, "--trials", 3, *stars)))
    assert rated["trials"][0]["number"] == worst
    assert rated["trials"][0]["stars"] == 5
    more = done(cinemill(*command(films, *search, "--trials", 5)))
    assert len(more["trials"]) == 5
    assert {trial["number"]: trial["values"] for trial in more["trials"]}.items() >= {
        trial["number"]: trial["values"] for trial in first["trials"]
    }.items()


def test_an_operation_is_tuned_by_what_it_costs(cinemill: Cinemill, films: Path, folder: Path) -> None:
    said = cinemill(
        *("tune", "convert", films / "clean.mkv", "-o", "small", "--set", "picture=encode", "--set", "speed=ultrafast"),
        *(
            "--search",
            "crf=10..50:10",
            "--goal",
            "kbps",
            "--method",
            "grid",
            "--seconds",
            0.5,
            "--excerpts",
            1,
            "--json",
        ),
    )
    assert done(said)["params"]["crf"] == 50
    assert done(said)["params"]["picture"] == "encode"


def test_values_that_cannot_be_had_are_passed_over_and_said(cinemill: Cinemill, films: Path, folder: Path) -> None:
    short = ("--seconds", 0.5, "--excerpts", 1, "--json", "--method", "grid")
    crop = ("tune", "crop", films / "clean.mkv", "-o", "cut", "--goal", "sharpness:1", *short)
    said = cinemill(*crop, "--search", "left=0|40|200")
    assert [trial["values"]["left"] for trial in done(said)["trials"]] in ([0, 40], [40, 0])
    assert "cannot be: " in said.err
    none = cinemill(*[word if word != "cut" else "none" for word in crop], "--search", "left=200|300")
    assert none.code == 2
    assert "none of the trials worked" in none.events[-1]["error"]["message"]


def test_a_goal_that_needs_a_source_of_the_same_shape_says_so(cinemill: Cinemill, films: Path, folder: Path) -> None:
    crop = ("tune", "crop", films / "clean.mkv", "-o", "cut", "--search", "left=40|50", "--goal", "ssim", "--json")
    said = cinemill(*crop, "--seconds", 0.5, "--excerpts", 1)
    assert said.code == 2
    assert "ssim: it was not measured" in said.events[-1]["error"]["message"]


def test_people_are_asked_for_stars_until_they_answer_and_stopping_keeps_what_there_is(
    cinemill: Cinemill, films: Path, folder: Path
) -> None:
    words = [*command(films, "--search", "strength=0..1", "--trials", 3, "--ask")]
    words.remove("--json")
    answered = subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=folder,
        env=cinemill.environment,
        input="9\n5\n1\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert answered.returncode == 130
    assert "study/pictures/1-0.jpg" in answered.stdout
    assert "stopped after 3 trials, which are kept" in answered.stderr
    rest = done(cinemill(*command(films, "--search", "strength=0..1", "--trials", 3)))
    assert {trial["number"]: trial["stars"] for trial in rest["trials"]} == {0: 5, 1: 1, 2: None}


def test_without_optuna_one_sentence_says_how_to_get_it(cinemill: Cinemill, films: Path, folder: Path) -> None:
    (folder / "hidden").mkdir()
    (folder / "hidden" / "optuna.py").write_text("raise ImportError('not here')")
    said = cinemill(*command(films)[:-1], PYTHONPATH=str(folder / "hidden"))
    assert said.code == 3
    assert "pip install 'cinemill[tune]'" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["tune", "denoise", "noisy.mkv", "-o", "new"], "say what is good"),
        (["tune", "denoize", "noisy.mkv", "-o", "new", "--goal", "ssim"], "did you mean"),
        (["tune", "denoise", "noisy.mkv", "-o", "new", "--goal", "ssim", "--method", "random"], "tpe or grid"),
        (["tune", "denoise", "noisy.mkv", "-o", "new", "--goal", "ssim", "--rate", "a=b"], "write the number"),
        (["tune", "denoise", "noisy.mkv", "-o", ".", "--goal", "ssim"], "something else than a study"),
        (["tune", "denoise", "noisy.mkv", "-o", "noisy.mkv", "--goal", "ssim"], "is a file"),
        (["tune", "denoise", "none.mkv", "-o", "new", "--goal", "ssim"], "is not there"),
        (["tune", "denoise", "noisy.mkv", "-o", "new", "--goal", "ssim", "--search", "strength=0..9"], "0 … 1"),
        (["tune", "denoise", "noisy.mkv", "-o", "new", "--goal", "ssim", "--set", "crf"], "NAME=VALUE"),
        (["tune", "denoise", "noisy.mkv", "-o", "new", "--goal", "ssim", "--trials", "0"], "no trial yet"),
    ],
)
def test_what_is_asked_wrongly_is_answered(
    change: list[str], said: str, cinemill: Cinemill, films: Path, folder: Path
) -> None:
    (folder / "noisy.mkv").write_bytes((films / "noisy.mkv").read_bytes())
    answer = cinemill(*change)
    assert answer.code in (2, 4)
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_another_question_in_the_same_folder_is_refused_and_a_preset_is_not_overwritten(
    cinemill: Cinemill, films: Path, folder: Path, home: Path
) -> None:
    done(cinemill(*command(films, "--search", "strength=0..1", "--trials", 1)))
    other = cinemill(*command(films, "--search", "strength=0..0.5", "--trials", 1))
    assert other.code == 7
    assert "axes ['strength=0..1'], now it is ['strength=0..0.5']" in other.events[-1]["error"]["message"]
    assert "--restart" in other.events[-1]["error"]["message"]
    taken = cinemill(*[w if w != "study" else "new" for w in command(films, "--trials", 1)], "--preset", "study")
    assert taken.code == 2
    assert "there is a preset called study" in taken.out + taken.err
    again = done(cinemill(*command(films, "--search", "strength=0..0.5", "--trials", 2, "--restart")))
    assert len(again["trials"]) == 2
    assert json.loads(json.dumps(again))["preset"] == "study"
