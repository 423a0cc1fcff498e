"""`inpaint=box:auto` over a file: the logo is found once, before the job is cut, and what it hid comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import cinemill as studio
import clips
from cinemill.media import read
from command import Cinemill, framemd5

SIZE, COUNT, RATE = (320, 192), 48, 12
TRUE = (250, 20, 24, 24)
"""Where the logo is: left, top, width, height."""


def _raw(pictures: list[np.ndarray], path: Path) -> None:
    raw = path.with_suffix(".raw")
    raw.write_bytes(b"".join(np.ascontiguousarray(picture, np.uint8).tobytes() for picture in pictures))
    given = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", RATE, "-i", raw]
    clips.run(*given, "-c:v", "ffv1", "-g", 12, "-pix_fmt", "gray", path)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`clean.mkv`: a pan over a texture; `logo.mkv`: with a ring over it; `still.mkv`: one picture and the ring."""
    folder = tmp_path_factory.mktemp("films")
    dice = np.random.default_rng(2)
    wide = cv2.GaussianBlur(dice.normal(0, 1, (SIZE[1], SIZE[0] + 5 * COUNT)).astype(np.float32), (0, 0), 2.5)
    wide = np.clip(128 + wide * (45 / wide.std()), 16, 235)
    clean = [wide[:, 5 * n : 5 * n + SIZE[0]] for n in range(COUNT)]
    ring = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(ring, (TRUE[0] + 12, TRUE[1] + 12), 9, 255, 4, cv2.LINE_AA)
    alpha = ring / 255 * 0.9
    over = [picture * (1 - alpha) + 245 * alpha for picture in clean]
    _raw(clean, folder / "clean.mkv")
    _raw(over, folder / "logo.mkv")
    _raw([over[0]] * 40, folder / "still.mkv")
    return folder


def error(path: Path, films: Path) -> float:
    """Mean absolute error against the clean film where the logo was, in code values, but for both ends."""
    inside = np.s_[TRUE[1] : TRUE[1] + TRUE[3], TRUE[0] : TRUE[0] + TRUE[2]]
    ours, true = (list(read.frames(read.probe(file))) for file in (path, films / "clean.mkv"))
    pairs = list(zip(ours, true))[10:-10]
    return float(np.mean([np.abs(a.planes[0][inside].astype(float) - b.planes[0][inside]).mean() for a, b in pairs]))


def job(films: Path, *more: object, chain: str = "inpaint=box:auto") -> tuple[Any, ...]:
    coding = ("--codec", "ffv1", "--chunk-seconds", 1, "--json")
    return ("process", films / "logo.mkv", "-o", "out.mkv", "--chain", chain, *coding, *more)


def test_the_logo_is_found_told_and_filled_in_chunks_as_in_the_whole(
    cinemill: Cinemill, films: Path, folder: Path
) -> None:
    said = cinemill(*job(films))
    assert said.code == 0, said.err
    planned = said.events[0]
    assert planned["chunks"] > 2
    (note,) = [note for note in planned["notes"] if "stays while the picture moves" in note]
    size, left, top = note.removesuffix(".").rpartition(" ")[2].split("+")
    width, height = map(int, size.split("x"))
    assert abs(int(left) + width / 2 - (TRUE[0] + 12)) < 4
    assert abs(int(top) + height / 2 - (TRUE[1] + 12)) < 4
    assert max(width, height) < 36
    assert error(folder / "out.mkv", films) < 0.35 * error(films / "logo.mkv", films)
    in_chunks = framemd5(folder / "out.mkv")
    assert cinemill(*job(films, "--overwrite", "--chunk-seconds", 60)).code == 0
    assert framemd5(folder / "out.mkv") == in_chunks


def test_it_is_looked_for_in_the_pictures_that_reach_the_filter(cinemill: Cinemill, films: Path, folder: Path) -> None:
    cropped = cinemill(*job(films, "--dry-run", chain="crop=left:200,inpaint=box:auto"))
    assert cropped.code == 0, cropped.err
    (note,) = [note for note in cropped.events[0]["notes"] if "stays while" in note]
    assert 40 < int(note.split("+")[-2]) < 56


def test_where_nothing_moves_it_says_so_before_anything_is_made(cinemill: Cinemill, films: Path, folder: Path) -> None:
    said = cinemill("process", films / "still.mkv", "-o", "out.mkv", "--chain", "inpaint=box:auto", "--json")
    assert said.code == 2
    assert "finds nothing that stays while the picture moves" in said.events[-1]["error"]["message"]
    assert json.loads(said.out.splitlines()[-1])["event"] == "failed"
    assert list(folder.iterdir()) == []


def test_in_python_too(films: Path) -> None:
    first = next(iter(studio.open(films / "logo.mkv").filter("inpaint", box="auto", window=2).frames()))
    assert first.pts == 0
