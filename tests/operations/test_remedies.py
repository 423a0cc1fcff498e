"""What restore makes of advice and wishes: steps in the order in which they work, and a sentence for each."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cinemill.catalogue import filters
from cinemill.media.types import VideoTrack
from cinemill.operations import advice, remedies
from cinemill.operations.advice import Advice
from cinemill.operations.wishes import Restore

VIDEO = VideoTrack(0, "video", "h264", Fraction(1, 25), width=720, height=576)
TAPE = [
    Advice("Fields.", "Each becomes a picture.", "deinterlace=field_order:tff"),
    Advice("8 rows are torn.", "They are filled.", "head-switch=rows:8"),
    Advice("Colour lies beside.", "It is moved back.", "chroma-align=x:3:y:1"),
    Advice("Noise: strong.", "It is averaged away.", "denoise.mc"),
    Advice("Dropouts.", "They are filled.", "dropouts"),
    Advice("Black bars.", "They are cut off.", "crop=left:8"),
    Advice("It is one scene."),
]


def chosen(told: list[Advice] = TAPE, **wishes: Any) -> tuple[list[str], list[str]]:
    chain, notes = remedies.chosen(Restore.of(wishes, "restore"), told, VIDEO)
    return [str(step) for step in chain.steps], notes


def names(**wishes: Any) -> list[str]:
    return [step.partition("=")[0] for step in chosen(**wishes)[0]]


def test_steps_work_field_by_field_before_pictures_are_whole_and_bars_stay() -> None:
    steps, notes = chosen()
    assert steps[0] == "dropouts"
    assert names() == ["dropouts", "head-switch", "chroma-align", "deinterlace.learned", "denoise.mc"]
    assert "Black bars. Left; --crop is for that." in notes
    assert "8 rows are torn. They are filled." in notes
    assert "It is one scene." in notes


def test_no_leaves_what_was_found_and_says_so() -> None:
    steps, notes = chosen(dropouts="no", denoise=0, head_switch=0)
    assert [step.partition("=")[0] for step in steps] == ["chroma-align", "deinterlace.learned"]
    assert "Dropouts. Left, as you say." in notes


@pytest.mark.parametrize(
    ("wish", "step"),
    [
        ({"head_switch": 4}, "head-switch=rows:4"),
        ({"chroma_align": -2}, "chroma-align=x:-2"),
        ({"denoise": 0.5}, "denoise.mc=strength:0.5"),
        ({"denoiser": "hqdn3d"}, "denoise.hqdn3d"),
        ({"deinterlace": "yadif"}, "deinterlace.yadif=field_order:tff"),
        ({"fields": "bff"}, "deinterlace.learned=field_order:bff"),
        ({"crop": True}, "crop=left:8"),
    ],
)
def test_what_the_user_says_wins_over_what_was_measured(wish: dict[str, Any], step: str) -> None:
    assert any(made.startswith(step) for made in chosen(**wish)[0])


@pytest.mark.parametrize("fields", ["progressive", "telecine"])
def test_named_fields_replace_those_that_were_found(fields: str) -> None:
    made = names(fields=fields)
    assert "deinterlace.learned" not in made
    assert ("ivtc" in made) == (fields == "telecine")


@pytest.mark.parametrize("name", ["dropouts", "dirt", "scratches", "deflicker", "chroma_noise", "deblock", "dehalo"])
def test_yes_does_what_nothing_asks_for(name: str) -> None:
    steps, notes = chosen([], **{name: "yes"})
    assert [step.partition("=")[0] for step in steps] == [name.replace("_", "-")]
    assert notes == [f"{name.replace('_', '-')}: nothing asks for it but you."]


@pytest.mark.parametrize("name", ["deband", "levels", "stabilise"])
def test_flags_are_wishes(name: str) -> None:
    assert not chosen([])[0]
    assert len(chosen([], **{name: True})[0]) == 1


def test_steady_pictures_are_said_to_be_steady() -> None:
    steps, notes = chosen([], stabilise=True)
    assert steps == ["stabilise"]
    assert "steady" in notes[0]
    _, notes = chosen([Advice("The picture shakes by 1.0 px from frame to frame.", "It is held steady.", "stabilise")])
    assert notes == ["The picture shakes by 1.0 px from frame to frame. Left; --stabilise is for that."]


def test_taste_comes_last() -> None:
    made = names(height=1080, grain=0.2, deband=True)
    assert made[-3:] == ["scale", "deband", "grain"]


def test_everything_that_was_told_makes_one_chain() -> None:
    assert [step.filter.name for step in remedies.all_of(TAPE).steps][-1] == "crop"


def test_whatever_advice_proposes_has_a_place_in_the_order() -> None:
    written = re.findall(r'"([a-z-]+)["=.]', Path(advice.__file__).read_text("utf-8"))
    proposed = set(written) & {name.partition(".")[0] for name in filters}
    assert {"deinterlace", "ivtc", "mark-fields", "denoise"} <= proposed
    assert proposed <= set(remedies.ORDER)


def test_pictures_are_added_before_each_is_enlarged() -> None:
    steps, notes = chosen([], fps="60", upscale="1080p")
    assert [step.partition("=")[0] for step in steps] == ["interpolate.flow", "upscale.learned", "scale"]
    assert steps[2].startswith("scale=height:1080:square:true")
    assert any("A network enlarges 576 lines to 1080" in note for note in notes)
    assert any("`cinemill models get rife-4.26`" in note for note in notes)


def test_what_is_large_enough_is_not_enlarged() -> None:
    steps, notes = remedies.chosen(Restore(upscale="720p"), [], replace(VIDEO, height=1080))
    assert not steps.steps
    assert notes == ["It has 1080 lines already; 720p would not be more."]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Advice("Film.", "Put together again.", "ivtc=field_order:tff"), "deinterlace=qtgmc is not used: fields are"),
        (Advice("Progressive."), "deinterlace=qtgmc is not used: no field was found"),
    ],
)
def test_a_method_that_is_named_and_not_needed_is_told(told: Advice, said: str) -> None:
    assert any(note.startswith(said) for note in chosen([told], deinterlace="qtgmc")[1])
    assert not any("is not used" in note for note in chosen([told])[1])
    assert any(note.startswith("denoiser=nlmeans is not used") for note in chosen([told], denoiser="nlmeans")[1])
