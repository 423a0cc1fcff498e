"""Subtitles of any format in any style, with a font that has their letters; and a picture to judge it by."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import clips
from cinemill.errors import InvalidParams, OutputRefused
from cinemill.filters.subtitles import Subtitles, typeface
from cinemill.jobs import run as jobs
from cinemill.media import fonts
from cinemill.media.cues import files
from cinemill.media.cues.types import Cue, Transcript, Word
from cinemill.surfaces import forms

WORDS = (Word("HELLO", 0, 500), Word("WORLD", 500, 1000))
CUES = Transcript((Cue(0, 1000, ("HELLO WORLD",), None, WORDS),), "en")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grey") / "grey.mkv"
    clips.run("-f", "lavfi", "-i", "color=gray:s=320x180:r=10:d=1", "-c:v", "ffv1", path)
    return path


def look(video: Path, file: Path, **params: Any) -> np.ndarray:
    """The preview, (H, W, 3) BGR, as differences from grey."""
    output = file.parent / "look.png"
    request = forms.request("burn-preview", [video], output, {"file": str(file), **params})
    list(jobs.run(request, overwrite=True))
    picture = cv2.imread(str(output)).astype(int)
    return picture - picture[0, 0]


@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ttml", "json", "tsv", "lrc"])
def test_every_format_is_drawn(name: str, video: Path, tmp_path: Path) -> None:
    file = tmp_path / f"it's.{name}"
    file.write_text(files.written(CUES, name))
    assert np.abs(look(video, file, at=0.2)).max() > 80


def test_style_decides_place_colour_and_size(video: Path, tmp_path: Path) -> None:
    file = tmp_path / "cues.srt"
    file.write_text(files.written(CUES, "srt"))

    def rows(picture: np.ndarray) -> np.ndarray:
        return np.flatnonzero(np.abs(picture).max(axis=(1, 2)) > 60)

    plain, top, large = (look(video, file, **how) for how in ({}, {"place": "top"}, {"size": 40}))
    assert rows(plain).min() > 100
    assert rows(top).max() < 80
    assert np.ptp(rows(large)) > 1.5 * np.ptp(rows(plain))
    yellow = look(video, file, colour="#ffff00", size=40)
    blue, green = yellow[..., 0].min(), yellow[..., 1].max()
    assert blue < -80
    assert green > 80
    assert 60 < rows(look(video, file, place="middle")).mean() < 120


def test_karaoke_lights_words_one_after_another(video: Path, tmp_path: Path) -> None:
    file = tmp_path / "cues.json"
    file.write_text(files.written(CUES, "json"))
    early, late = (look(video, file, karaoke="word", size=30, at=at) for at in (0.2, 0.8))
    assert (late > 100).sum() > 1.4 * (early > 100).sum()


def test_a_font_that_lacks_letters_is_replaced_and_said(tmp_path: Path) -> None:
    if "DejaVu Sans" not in fonts.families():
        pytest.skip("DejaVu Sans is not on this machine")
    file = tmp_path / "cues.srt"
    file.write_text(files.written(Transcript((Cue(0, 1000, ("ქართული ენა",)),)), "srt"))
    known = {face.family for face in fonts.faces() if ord("ქ") in fonts.covered(face)}
    for lacking in sorted(set(fonts.families()) - known)[:1]:
        family, notes = typeface(Subtitles(file=file, font=lacking))
        assert family == "DejaVu Sans"
        assert notes == [f"{lacking} lacks letters that the subtitles need; DejaVu Sans is taken."]
    _, notes = typeface(Subtitles(file=file, font="No Such Font"))
    assert notes == ["no font No Such Font is on this machine; DejaVu Sans is taken."]


def test_letters_that_no_font_has_are_named(tmp_path: Path) -> None:
    file = tmp_path / "cues.srt"
    file.write_text(files.written(Transcript((Cue(0, 1000, ("A \U00012000",)),)), "srt"))
    _, notes = typeface(Subtitles(file=file))
    if any(0x12000 in fonts.covered(face) for face in fonts.faces()):
        pytest.skip("this machine has cuneiform")
    assert "U+12000" in notes[0]


def test_letters_that_another_font_has_are_drawn_with_it() -> None:
    if not fonts.faces():
        pytest.skip("this machine has no fonts")
    assert fonts.undrawn("A\U00012000").replace("\U00012000", "") == ""
    assert fonts.undrawn("") == ""


def test_a_font_is_named_for_what_is_missing() -> None:
    assert fonts.holders("に한😀") == "Noto Sans CJK and Noto Emoji"


def test_broken_fonts_are_left_out(tmp_path: Path) -> None:
    for name, data in {"a.ttf": b"", "b.ttf": b"\0\1\0\0\xff\xff" + b"x" * 50, "c.ttc": b"ttcf" + b"\xff" * 40}.items():
        (tmp_path / name).write_bytes(data)
        assert fonts.faces_of(tmp_path / name) == []
    assert fonts.covered(fonts.Face("x", "Regular", tmp_path / "b.ttf", 0)) == frozenset()


def test_wrong_colours_and_outputs_are_refused(video: Path, tmp_path: Path) -> None:
    file = tmp_path / "cues.srt"
    shutil.copy(__file__, file)
    with pytest.raises(InvalidParams, match="#rrggbb"):
        forms.request("burn", [video], None, {"colour": "purplish"})
    request = forms.request("burn-preview", [video], tmp_path / "look.mp4", {"file": str(file)})
    with pytest.raises(OutputRefused, match=r"\.png"):
        list(jobs.run(request))
