"""What `compare` writes, by the suffix of its output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cinemill as studio
import clips
from cinemill.errors import OutputRefused


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clip and the same a little brighter."""
    folder = tmp_path_factory.mktemp("pair")
    clean, bright = folder / "clean.mkv", folder / "bright.mkv"
    clips.run("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25,format=yuv420p", "-frames:v", 10, "-c:v", "ffv1", clean)
    clips.run("-i", clean, "-vf", "lutyuv=y=val+3", "-c:v", "ffv1", bright)
    return clean, bright


def test_lines_are_one_a_frame_with_every_figure(pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = studio.run("compare", *pair, tmp_path / "found.jsonl", vmaf=False)
    lines = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert len(lines) == 10
    assert {"mse", "psnr", "psnr_y", "ssim", "edges", "sharpness", "warping", "flicker"} <= lines[0].keys()
    assert all(line["edges"] > 0.99 for line in lines)
    assert all(line["flicker"] < 0.5 for line in lines[1:])
    told = {row[0]: row[1] for row in done.result["table"]}
    assert told["edge coherence"].startswith(("0.99", "1.0"))
    assert "reference" in told["warping error, code values"]


def test_the_page_has_a_plot_of_each_kind(pair: tuple[Path, Path], tmp_path: Path) -> None:
    studio.run("compare", *pair, tmp_path / "found.html", vmaf=False)
    page = (tmp_path / "found.html").read_text()
    assert page.count('<svg class="plot"') == 4


def test_another_suffix_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match=r"becomes \.html"):
        studio.run("compare", *pair, tmp_path / "found.txt")
