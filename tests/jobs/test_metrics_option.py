"""`--metrics`: any operation that makes a video can measure it; a kill or a refusal leaves nothing half done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command import Cinemill, below


def test_any_operation_that_makes_video_is_measured_with_lines_and_a_page(
    cinemill: Cinemill, source: Path, folder: Path
) -> None:
    said = cinemill("convert", source, "-o", "out.mkv", "--crf", 40, "--speed", "ultrafast", "--metrics", "--json")
    assert said.code == 0, said.err
    done = said.events[-1]
    assert done["event"] == "done"
    assert [Path(path).name for path in done["outputs"]] == ["out.mkv", "out.metrics.jsonl", "out.metrics.html"]
    assert below(folder) == {"out.mkv", "out.metrics.jsonl", "out.metrics.html"}
    lines = [json.loads(line) for line in (folder / "out.metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 192
    found = done["result"]["metrics"]
    assert 20 < found["psnr_y"]["mean"] < 45
    assert found["psnr_y"]["mean"] == pytest.approx(sum(line["psnr_y"] for line in lines) / 192)
    assert "measuring" in {event["event"] for event in said.events}
    assert "SSIM" in (folder / "out.metrics.html").read_text()


def test_losses_none_means_identical_lines(cinemill: Cinemill, source: Path, folder: Path) -> None:
    said = cinemill("process", source, "-o", "out.mkv", "--codec", "ffv1", "--metrics", "--json")
    assert said.code == 0, said.err
    lines = [json.loads(line) for line in (folder / "out.metrics.jsonl").read_text().splitlines()]
    assert {line["psnr"] for line in lines} == {None}
    assert {line["mse"] for line in lines} == {0}


def test_a_larger_and_an_excerpted_output_are_measured_too(cinemill: Cinemill, source: Path, folder: Path) -> None:
    said = cinemill("process", source, "-o", "big.mkv", "--chain", "scale=height:128", "--metrics", "--json")
    assert said.code == 0, said.err
    assert said.events[-1]["result"]["metrics"]["psnr_y"]["mean"] > 30
    preview = ("--chain", "", "--preview", 1, "--codec", "ffv1")
    said = cinemill("restore", source, "-o", "part.mkv", *preview, "--metrics", "--json")
    assert said.code == 0, said.err
    assert said.events[-1]["result"]["metrics"]["mse"]["max"] == 0
    assert 20 < len((folder / "part.metrics.jsonl").read_text().splitlines()) < 30


def test_an_operation_that_makes_no_video_says_so_at_once(cinemill: Cinemill, source: Path, folder: Path) -> None:
    said = cinemill("extract-audio", source, "-o", "sound.flac", "--metrics")
    assert said.code == 2
    assert "extract-audio makes no video" in said.err
    assert below(folder) == set()


def test_a_page_that_is_there_is_not_replaced_unasked(cinemill: Cinemill, source: Path, folder: Path) -> None:
    (folder / "out.metrics.html").write_text("mine")
    said = cinemill("process", source, "-o", "out.mkv", "--codec", "ffv1", "--metrics")
    assert said.code == 2
    assert "out.metrics.html exists already" in said.err
    assert (folder / "out.metrics.html").read_text() == "mine"
    assert cinemill("process", source, "-o", "out.mkv", "--codec", "ffv1", "--metrics", "--overwrite").code == 0
    assert (folder / "out.metrics.html").read_text() != "mine"


def test_killed_while_measuring_the_same_command_ends_it(cinemill: Cinemill, source: Path, folder: Path) -> None:
    command = ("process", source, "-o", "out.mkv", "--codec", "ffv1", "--chunk-seconds", 2, "--metrics", "--json")
    running = cinemill.start(*command)
    running.until("measuring")
    running.kill()
    assert not (folder / "out.mkv").exists()
    said = cinemill(*command)
    assert said.code == 0, said.err
    assert said.events[0]["done"] == 192
    assert below(folder) == {"out.mkv", "out.metrics.jsonl", "out.metrics.html"}
