"""What people choose is kept with the settings that made it, and becomes pairs to learn from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cinemill.errors import InvalidParams, OpenFailed, OutputRefused
from cinemill.learn import films, lab
from cinemill.operations import space, tuning
from command import Cinemill

WEAK, STRONG = "denoise.hqdn3d=strength:0.2", "denoise.hqdn3d=strength:0.8"


@pytest.fixture
def here(clip: Callable[[str], Path], tmp_path: Path) -> Path:
    """A lab with two moments of a film by three settings."""
    folder = tmp_path / "lab"
    items = list(lab.compare(folder, clip("film.mp4"), [WEAK, STRONG, ""], 2))
    assert [item.number for item in items] == list(range(6))
    return folder


def test_sheets_hide_which_is_which_and_pictures_do_not(here: Path) -> None:
    for item in lab.items(here):
        assert lab.sheet_of(here, item.number).exists()
        assert {item.a, item.b} < {WEAK, STRONG, ""}
        pictures = [cv2.imread(str(lab.picture_of(here, item.number, side))) for side in ("input", "a", "b")]
        for side, picture in zip("ab", pictures[1:]):
            is_same = np.array_equal(pictures[0], picture)
            assert is_same == (getattr(item, side) == "")
        assert item.figures["a"]["ssim"] <= 1
    assert len({item.swapped for item in lab.items(here)}) == 2


def test_choices_are_kept_with_what_made_them(here: Path) -> None:
    item = lab.items(here)[0]
    left = "b" if item.swapped else "a"
    assert lab.choose(here, 0, "left", 4) == left
    lab.choose(here, 1, "same")
    line = json.loads((here / "choices.jsonl").read_text("utf-8").splitlines()[0])
    assert line["choice"] == left
    assert line["stars"] == 4
    assert (line["a"], line["b"]) == (WEAK, STRONG)
    assert line["figures"] == item.figures


def test_the_setting_that_wins_comes_first_and_the_last_word_counts(here: Path) -> None:
    for item in lab.items(here):
        lab.choose(here, item.number, "a" if item.a == STRONG else "b")
        if STRONG in (item.a, item.b):
            lab.choose(here, item.number, "a" if item.b == STRONG else "b")
            lab.choose(here, item.number, "a" if item.a == STRONG else "b")
    found = lab.standings(here)
    assert found[0].chain == STRONG
    assert (found[0].won, found[0].lost, found[0].even) == (4, 0, 0)
    assert found[0].share > 0.7 > found[-1].share
    assert 1 <= found[-1].stars < found[0].stars <= 5


def test_choices_become_stars_of_a_search(here: Path) -> None:
    for item in lab.items(here):
        lab.choose(here, item.number, "a" if item.a == STRONG else "b" if item.b == STRONG else "same")
    target = space.target("denoise.hqdn3d", {})
    axes = target.all_axes()
    found = tuning.preferred(target, axes, here)
    assert [values["denoise.hqdn3d.strength"] for values, _ in found] == [0.8, 0.2]
    assert found[0][1] > 3 > found[1][1]
    with pytest.raises(InvalidParams, match="no choice"):
        tuning.preferred(space.target("pencil", {}), space.target("pencil", {}).all_axes(), here)


def test_what_is_approved_becomes_a_pair(here: Path, tmp_path: Path) -> None:
    lab.approve(here, 0, "a")
    mended = tmp_path / "mended.png"
    cv2.imwrite(str(mended), cv2.imread(str(lab.picture_of(here, 1, "input"))) // 2)
    folder = lab.approve(here, 1, mended=mended)
    for name in (films.INPUT, films.TARGET):
        assert sorted(path.name for path in (folder / name).iterdir()) == ["0000.png", "0001.png"]
    assert (folder / films.TARGET / "0001.png").stat().st_size > 100
    stretches = list(films.pairs(folder, 10, 1, []))
    assert len(stretches) == 2
    with pytest.raises(InvalidParams, match="which side"):
        lab.approve(here, 0, "same")
    cv2.imwrite(str(mended), np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(InvalidParams, match="of one size"):
        lab.approve(here, 1, mended=mended)
    mended.write_bytes(b"none")
    with pytest.raises(OpenFailed, match="not a picture"):
        lab.approve(here, 1, mended=mended)


def test_a_reference_may_be_approved_for_all(clip: Callable[[str], Path], cinemill: Cinemill) -> None:
    film = clip("film.mp4")
    asked = ["--chain", WEAK, "--chain", "pencil", "--moments", 2, "--reference", film]
    made = cinemill("lab", "compare", film, "-o", "lab", *asked)
    assert made.code == 0, made.err
    approved = cinemill("lab", "approve", "lab", "all=reference")
    assert "2 pairs in lab/pairs" in approved.out
    folder = cinemill.folder / "lab"
    for number in range(2):
        given, wanted = (
            cv2.imread(str(lab.pairs(folder) / name / f"{number:04d}.png")) for name in ("input", "target")
        )
        assert np.array_equal(given, wanted)
    refused = cinemill("lab", "approve", "lab", "all=mended.png")
    assert refused.code == 2
    assert "of one comparison" in refused.err


def test_a_reference_that_was_not_given_is_refused(here: Path) -> None:
    with pytest.raises(InvalidParams, match="made without a reference"):
        lab.approve(here, 0, "reference")


def test_what_cannot_be_is_refused(here: Path, clip: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="no comparison 6"):
        lab.choose(here, 6, "left")
    with pytest.raises(InvalidParams, match="choose left"):
        lab.choose(here, 0, "top")
    with pytest.raises(InvalidParams, match="1 to 5"):
        lab.choose(here, 0, "left", 7)
    with pytest.raises(InvalidParams, match="two settings"):
        list(lab.compare(tmp_path / "new", clip("film.mp4"), [WEAK]))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(OutputRefused, match="something else"):
        list(lab.compare(tmp_path / "full", clip("film.mp4"), [WEAK, STRONG]))


def test_a_line_that_a_kill_cut_off_is_passed_over(here: Path) -> None:
    with (here / "items.jsonl").open("a") as file:
        file.write('{"number": 6, "fil')
    assert len(lab.items(here)) == 6


def test_the_command_compares_chooses_and_approves(clip: Callable[[str], Path], cinemill: Cinemill) -> None:
    film = clip("film.mp4")
    made = cinemill("lab", "compare", film, "-o", "lab", "--chain", WEAK, "--chain", STRONG, "--moments", "1")
    assert made.code == 0, made.err
    assert "lab/0000.jpg" in made.out
    chosen = cinemill("lab", "choose", "lab", "0=left:5")
    assert "won 1, lost 0" in chosen.out
    approved = cinemill("lab", "approve", "lab", "0=right")
    assert "1 pairs in lab/pairs" in approved.out
    wrong = cinemill("lab", "choose", "lab", "left")
    assert wrong.code == 2
    assert "write the number of a sheet" in wrong.err
