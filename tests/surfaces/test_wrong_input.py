"""A wrong input or wish gets one clear sentence and the right exit code, and nothing else is touched."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from command import Cinemill, below

Take = Callable[..., Path]

OUT = ["-o", "new/out.mp4"]
WRONG: dict[str, tuple[list[str], int, str]] = {
    "missing file": (["process", "missing.mp4", *OUT], 4, "missing.mp4 is not there"),
    "folder without videos": (["process", "empty", *OUT], 4, "empty holds no videos"),
    "empty file": (["process", "zero.mp4", *OUT], 4, r"zero.mp4 is empty \(0 bytes\)"),
    "text": (["process", "text.mp4", *OUT], 4, "text.mp4 is not media"),
    "no index": (["process", "headless.mp4", *OUT], 4, r"headless.mp4 has no index \(moov\)"),
    "sound alone": (["process", "sound.mp4", *OUT], 4, "sound.mp4 has no moving picture; it holds .*audio"),
    "still picture": (["process", "still.png", *OUT], 2, "still.png is a still picture"),
    "below a file": (["process", "good.mp4", "-o", "zero.mp4/out.mp4"], 2, "zero.mp4 is a file"),
    "input as output": (["process", "good.mp4", "-o", "good.mp4", "--overwrite"], 2, "never written to"),
    "input by another way": (["process", "good.mp4", "-o", "empty/../good.mp4", "--overwrite"], 2, "never written to"),
    "input by a link": (["process", "good.mp4", "-o", "link.mp4", "--overwrite"], 2, "never written to"),
    "output exists": (["process", "good.mp4", "-o", "text.mp4"], 2, "text.mp4 exists already; add --overwrite"),
    "unknown suffix": (["process", "good.mp4", "-o", "out.pm4"], 2, r"suffix \.pm4; this goes into \.mp4"),
    "no suffix": (["process", "good.mp4", "-o", "out"], 2, r"suffix \(none\)"),
    "unknown operation": (["restor", "good.mp4"], 2, "no such command 'restor'.*did you mean 'restore'"),
    "unknown jobs command": (["jobs", "lst"], 2, "did you mean 'list'"),
    "unknown option": (["process", "good.mp4", "--crff", "3"], 2, "no such option: --crff; did you mean --crf"),
    "missing value": (["process", "good.mp4", "--crf"], 2, "--crf.*requires an argument"),
    "missing input": (["process"], 2, "process needs an input"),
    "unknown filter": (["process", "good.mp4", "--chain", "denois"], 2, "'denois'; did you mean denoise"),
    "unknown filter parameter": (
        ["process", "good.mp4", "--chain", "denoise=strenth:1"],
        2,
        "no parameter is called 'strenth'; did you mean strength",
    ),
    "filter value out of range": (
        ["process", "good.mp4", "--chain", "scale=height:99999"],
        2,
        "height=99999 is refused: .*… .* px",
    ),
    "option out of range": (["process", "good.mp4", "--crf", "99"], 2, "crf=99 is refused: .*0 … 63"),
    "option out of range with unit": (
        ["restore", "good.mp4", "--height", "2"],
        2,
        "height=2 is refused: .*16 … 8192 px",
    ),
    "unknown choice": (["process", "good.mp4", "--codec", "h265"], 2, "codec=h265 is refused: .*hevc"),
    "unknown preset": (["process", "good.mp4", "--preset", "edti"], 2, "'edti'; did you mean edit"),
    "preset of another operation": (["process", "good.mp4", "--preset", "dvd"], 2, "no process preset .*'dvd'"),
    "unknown place": (
        ["process", "good.mp4", "--on", "moon"],
        2,
        "'moon'; there are: auto, http://HOST:7860, processes",
    ),
    "chunks of nothing": (["process", "good.mp4", "--chunk-seconds", "0"], 2, "'--chunk-seconds'.*0.1"),
    "many into one": (
        ["process", "good.mp4", "text.mp4", "-o", "out.mp4"],
        2,
        "several inputs .*name a folder with -o",
    ),
    "unknown job": (["jobs", "show", "12345678"], 2, "no job is called '12345678'"),
    "probe of nothing": (["probe", "missing.mp4"], 4, "missing.mp4 is not there"),
}


@pytest.fixture
def desk(take: Take, folder: Path) -> Path:
    """One of everything."""
    for name in ("good.mp4", "zero.mp4", "text.mp4", "headless.mp4", "sound.mp4", "still.png", "empty"):
        take(name)
    (folder / "link.mp4").symlink_to("good.mp4")
    return folder


@pytest.mark.parametrize("case", WRONG)
def test_wrong_wish_gets_one_sentence_and_touches_nothing(
    case: str, desk: Path, cinemill: Cinemill, home: Path
) -> None:
    arguments, code, sentence = WRONG[case]
    before = contents(desk)
    said = cinemill(*arguments)
    assert re.search(sentence, said.err, re.IGNORECASE), said
    assert said.code == code, said
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert contents(desk) == before
    assert not home.exists()


@pytest.mark.parametrize("case", ["missing file", "text", "unknown option", "unknown preset", "unknown operation"])
def test_programs_are_told_in_json(case: str, desk: Path, cinemill: Cinemill) -> None:
    arguments, code, sentence = WRONG[case]
    said = cinemill(*arguments, "--json")
    assert said.code == code
    (event,) = said.events
    assert event["event"] == "failed"
    assert re.search(sentence, event["error"]["message"], re.IGNORECASE)
    assert said.err == ""


def contents(folder: Path) -> dict[str, bytes | None]:
    return {name: (folder / name).read_bytes() if (folder / name).is_file() else None for name in below(folder)}


def test_damage_in_the_middle_is_reported_with_its_time_and_the_rest_is_kept(take: Take, cinemill: Cinemill) -> None:
    take("damaged.mp4")
    said = cinemill("process", "damaged.mp4", "-o", "out.mp4", "--json")
    assert said.code == 0
    result = said.events[-1]["result"]
    assert result["frames"] > 80
    assert re.search(r"\d damaged picture.* at 0:0[12]\.", " ".join(result["notes"]))


def test_file_that_begins_with_a_dash_is_recognised(take: Take, folder: Path, cinemill: Cinemill) -> None:
    take("good.mp4", "-x.mp4")
    said = cinemill("process", "-x.mp4", "-o", "out.mp4")
    assert said.code == 2
    assert "write ./-x.mp4" in said.err
    assert cinemill("process", "./-x.mp4", "-o", "out.mp4").code == 0
    assert cinemill("process", "-o", "two.mp4", "--", "-x.mp4").code == 0
    assert below(folder) == {"-x.mp4", "out.mp4", "two.mp4"}


def test_names_may_be_what_they_like(take: Take, folder: Path, cinemill: Cinemill) -> None:
    names = ["with space", "it's «é» 日本", 'a"b', "a[b]{c}%d", "a:b?c*d", "#1 & co;"]
    for name in names:
        take("good.mp4", f"{name}.mp4")
    said = cinemill("process", *(f"{name}.mp4" for name in names), "-o", "out")
    assert said.code == 0, said.err
    assert below(folder / "out") == {f"{name}.process.mp4" for name in names}
    assert all(f"{name}.mp4 →" in said.out for name in names)


def test_name_that_is_not_unicode_is_refused(take: Take, folder: Path, cinemill: Cinemill) -> None:
    take("good.mp4")
    odd = os.fsdecode(b"caf\xe9.mp4")
    take("good.mp4", odd)
    said = cinemill("process", odd, "-o", "out.mp4")
    assert said.code == 4
    assert "is not UTF-8; rename it" in said.err
    assert cinemill("process", "good.mp4", "-o", os.fsdecode(b"out\xe9.mp4")).code == 2
    assert len(cinemill("process", odd, "-o", "out.mp4", "--json").events) == 1


@pytest.mark.parametrize(
    ("variables", "settings"), [({"CINEMILL_THREADS": "many"}, ""), ({}, 'threads = "many"'), ({}, "threads = ")]
)
def test_wrong_setting_is_said_so(
    variables: dict[str, str], settings: str, take: Take, home: Path, cinemill: Cinemill
) -> None:
    take("good.mp4")
    home.mkdir()
    (home / "settings.toml").write_text(settings)
    said = cinemill("process", "good.mp4", "-o", "out.mp4", **variables)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert str(home / "settings.toml") in said.err


def test_dry_run_says_what_would_be_done_and_writes_nothing(
    take: Take, folder: Path, home: Path, cinemill: Cinemill
) -> None:
    take("good.mp4")
    said = cinemill("restore", "good.mp4", "-o", "new/out.mkv", "--height", 32, "--dry-run")
    assert said.code == 0
    assert "96 frames" in said.out
    assert "scale" in said.out
    (event,) = cinemill("restore", "good.mp4", "-o", "new/out.mkv", "--dry-run", "--json").events
    assert event["event"] == "planned"
    assert below(folder) == {"good.mp4"}
    assert not home.exists()


@pytest.mark.parametrize("arguments", [["-o", "good.mp4"], ["-o", "taken.mp4"], ["-o", "x.mp4", "--crf", "99"]])
def test_dry_run_refuses_what_the_run_would_refuse(
    arguments: list[str], take: Take, folder: Path, cinemill: Cinemill
) -> None:
    take("good.mp4")
    take("text.mp4", "taken.mp4")
    assert cinemill("process", "good.mp4", *arguments, "--dry-run").code == 2


def test_explicit_value_wins_over_preset_and_preset_over_default(take: Take, cinemill: Cinemill) -> None:
    take("good.mp4")

    def plan(*arguments: str) -> str:
        (event,) = cinemill("process", "good.mp4", "-o", "out.mkv", "--dry-run", "--json", *arguments).events
        return event["steps"][-1]

    assert "libx264" in plan()
    assert "prores" in plan("--preset", "edit")
    assert "libx264" in plan("--preset", "edit", "--codec", "h264")
