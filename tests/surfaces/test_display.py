"""What people and programs see: bars on a terminal, plain lines elsewhere, JSON and nothing but JSON when asked."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cinemill.operations import Offer
from cinemill.surfaces import offers, show
from command import COMMAND, PATIENCE, Cinemill

Take = Callable[..., Path]


def on_terminal(cinemill: Cinemill, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and all that a terminal of 80 columns is sent."""
    far, near = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cinemill.folder,
        env={**cinemill.environment, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
        stdin=near,
        stdout=near,
        stderr=near,
    )
    os.close(near)
    said = b""
    try:
        while data := os.read(far, 65536):
            said += data
    except OSError:  # how Linux says that the other side has gone
        pass
    os.close(far)
    return process.wait(PATIENCE), said.decode()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_terminal_shows_a_bar_with_the_time_left(take: Take, cinemill: Cinemill) -> None:
    take("good.mp4")
    code, said = on_terminal(cinemill, "process", "good.mp4", "-o", "out.mkv", "--chunk-seconds", "1")
    assert code == 0
    assert "━" in said
    assert re.search(r"\d+ % .*frames/s .* s left", plain(said))
    assert "looking at the input" in said
    assert re.search(r"done out\.mkv  \d", plain(said).splitlines()[-1])


def test_pipe_gets_plain_lines(take: Take, cinemill: Cinemill) -> None:
    take("good.mp4")
    said = cinemill("process", "good.mp4", "-o", "out.mkv", FORCE_COLOR="")
    assert said.err == ""
    assert "\x1b" not in said.out
    assert "━" not in said.out
    assert "\r" not in said.out
    assert "looking" not in said.out
    assert said.out.startswith("process good.mp4 → out.mkv\n")
    assert said.out.splitlines()[-1].startswith("done out.mkv")


def test_no_color_is_obeyed(take: Take, cinemill: Cinemill) -> None:
    take("good.mp4")
    code, said = on_terminal(cinemill, "process", "good.mp4", "-o", "out.mkv", NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", said), "a colour"
    _, said = on_terminal(cinemill, "process", "missing.mp4", "-o", "out.mkv", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", said), "a colour"


def test_dumb_terminal_gets_lines(take: Take, cinemill: Cinemill) -> None:
    take("good.mp4")
    code, said = on_terminal(cinemill, "process", "good.mp4", "-o", "out.mkv", TERM="dumb")
    assert code == 0
    assert "\x1b" not in said
    assert "100%" in said


def test_json_is_all_there_is_on_standard_output(take: Take, cinemill: Cinemill) -> None:
    take("good.mp4")
    said = cinemill("process", "good.mp4", "-o", "out.mkv", "--json", "--chunk-seconds", 1)
    kinds = [event["event"] for event in said.events]
    assert len(kinds) == len(said.out.splitlines())
    assert said.err == ""
    assert kinds[0] == "planned"
    assert kinds[-1] == "done"
    assert kinds.count("done") == 1
    assert set(kinds) <= {"planned", "progress", "part", "joining", "done"}
    joining = kinds.index("joining")
    assert "part" not in kinds[joining:]
    assert kinds.count("part") == said.events[0]["chunks"]
    assert said.events[-1]["outputs"] == [str(cinemill.folder / "out.mkv")]
    shape = {"event", "done", "total", "unit", "rate", "eta"}
    assert all(set(event) == shape for event in said.events if event["event"] == "progress")


def test_json_survives_any_encoding(take: Take, cinemill: Cinemill) -> None:
    take("good.mp4", "日本.mp4")
    said = cinemill("process", "日本.mp4", "-o", "out.mkv", "--json", PYTHONIOENCODING="ascii")
    assert said.code == 0
    assert said.events[0]["inputs"] == [str(cinemill.folder / "日本.mp4")]
    said = cinemill("process", "日本.mp4", "-o", "out2.mkv", PYTHONIOENCODING="ascii")
    assert said.code == 0, said.err


@pytest.mark.parametrize("arguments", [["filters"], ["process", "good.mp4", "-o", "out.mkv", "--json"]])
def test_reader_that_goes_away_is_no_fault(arguments: list[str], take: Take, cinemill: Cinemill) -> None:
    take("good.mp4")
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cinemill.folder,
        env=cinemill.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.close()
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert complaint == b""
    assert not (cinemill.folder / "out.mkv").exists()


def test_a_question_that_nobody_answers_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert not offers._agreed(Offer("thing", "A thing is not here.", lambda: iter(())))


def test_words_of_other_programs_are_no_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    show.Console().rich.print("-map 0:v:0")
    assert capsys.readouterr().out == "-map 0:v:0\n"
