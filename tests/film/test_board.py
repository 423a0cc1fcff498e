"""Storyboards: read, checked, explained; and their schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cinemill.errors import InvalidParams, OpenFailed
from cinemill.film import board as boards
from cinemill.film.board import Storyboard

WHOLE = """\
size: portrait
rate: 30000/1001
transition: fadeblack 0.7
scenes:
  - colour: "#123"
    duration: 2
    narration: {text: Hello there., voice: someone}
  - title: The end
    ken_burns: in
    transition: {name: wipe-left, seconds: 1}
captions: highlight
"""


def test_short_forms_mean_what_they_stand_for() -> None:
    board = boards.parsed(WHOLE, Path("story.yaml"))
    assert board.pixels == (1080, 1920)
    assert (board.rate.numerator, board.rate.denominator) == (30000, 1001)
    assert (board.transition.name, board.transition.seconds) == ("fade-black", 0.7)
    assert board.scenes[0].colour == "#112233"
    assert board.scenes[1].ken_burns
    assert board.scenes[1].ken_burns.move == "in"
    assert board.captions
    assert board.captions.style == "highlight"


def test_a_storyboard_written_down_reads_back_as_itself() -> None:
    board = boards.parsed(WHOLE, Path("story.yaml"))
    assert boards.parsed(boards.text_of(board), Path("again.yaml")) == board
    assert boards.parsed(json.dumps(board.model_dump(mode="json")), Path("again.json")) == board


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (WHOLE + "musci: a.mp3\n", "line 12: no key is called 'musci'; did you mean music?"),
        (
            WHOLE.replace("duration", "duratoin"),
            "line 6: scenes[0]: no key is called 'duratoin'; did you mean duration or narration?",
        ),
        (
            WHOLE.replace("seconds: 1", "secnods: 1"),
            "line 10: scenes[1].transition: no key is called 'secnods'; did you mean seconds?",
        ),
        (WHOLE.replace("highlight", "higlight"), "line 11: captions.style: style=higlight is refused"),
        (
            WHOLE.replace("duration: 2", "duration: 0"),
            "line 6: scenes[0].duration: duration=0 is refused: it must be more",
        ),
        (WHOLE.replace("portrait", "16:9"), "line 1: size: size=16:9 is refused: write it as 1920x1080"),
        (WHOLE.replace("portrait", "641x480"), "both sides must be even"),
        ("scenes:\n  - duration: 3\n", "line 2: scenes[0]: a scene needs a picture, a video, a colour or a title."),
        ("scenes:\n  - colour: red\n    ken_burns: {start: [0, 0, 2, 1]}\n", "line 3: scenes[0].ken_burns.start"),
        ("scenes: []\n", "line 1: scenes: it must hold at least 1."),
        ("- a\n", "is no storyboard"),
        ("scenes: [\n", "line 2: this is not YAML"),
        ("captions: {words: [{text: a, start: 1, end: x}]}\nscenes: [{colour: red}]\n", "captions.words[0].end: end=x"),
    ],
)
def test_mistakes_are_named_with_their_line(written: str, told: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        boards.parsed(written, Path("story.yaml"))
    assert "story.yaml" in str(caught.value)
    assert told in str(caught.value)


def test_json_is_read_and_its_mistakes_have_lines_too() -> None:
    text = json.dumps({"scenes": [{"colour": "red", "durations": 3}]}, indent=2)
    with pytest.raises(InvalidParams, match=r"story\.json, line 5: scenes\[0\]: no key is called 'durations'"):
        boards.parsed(text, Path("story.json"))
    with pytest.raises(InvalidParams, match="line 1: this is not JSON"):
        boards.parsed("{", Path("story.json"))


def test_a_file_that_is_missing_is_named_with_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "sunrise.jpg").touch()
    (tmp_path / "story.yaml").write_text("scenes: [{picture: sunrize.jpg}]")
    with pytest.raises(OpenFailed, match=r"sunrize\.jpg is not there; did you mean sunrise\.jpg\?"):
        boards.read(tmp_path / "story.yaml")


def test_the_schema_knows_every_key_and_the_short_forms() -> None:
    schema = boards.schema()
    assert set(schema["properties"]) == set(Storyboard.model_fields)
    text = json.dumps(schema)
    assert '"short"' not in text
    captions = schema["$defs"]["Captions"]
    assert {kind.get("type") for kind in captions["anyOf"]} == {"string", "object"}
    assert all("description" in entry for entry in schema["properties"].values())
    assert yaml.safe_load(yaml.safe_dump(schema)) == schema
