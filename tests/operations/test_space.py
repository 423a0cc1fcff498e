"""What may be searched: written as people write it, refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from cinemill.errors import CinemillError, InvalidParams, UnknownName
from cinemill.operations import tuning
from cinemill.operations.space import Axis, target


def axis(written: str, what: str = "denoise,scale=height:1080") -> Axis:
    return target(what, {}).axis(written)


@pytest.mark.parametrize(
    ("written", "grid"),
    [
        ("strength=0..0.8", [0, 0.2, 0.4, 0.6, 0.8]),
        ("strength=0.1..0.35:0.1", [0.1, 0.2, 0.3]),
        ("strength", [0, 0.25, 0.5, 0.75, 1]),
        ("denoise.strength=0..1:0.5", [0, 0.5, 1]),
        ("denoise.hqdn3d.strength=-1..1:1", [-1, 0, 1]),
        ("scale.height=100..103", [100, 101, 102, 103]),
        ("scale.height=480|720", [480, 720]),
        ("square", [False, True]),
        ("method", ["basicvsr", "hqdn3d"]),
        ("method=hqdn3d|nlmeans", ["hqdn3d", "nlmeans"]),
    ],
)
def test_an_axis_is_read_as_it_is_written(written: str, grid: list[Any]) -> None:
    found = axis(written).grid()
    if written == "method":
        assert {"hqdn3d", "nlmeans", "mc"} <= set(found)
    else:
        assert found == grid


@pytest.mark.parametrize(
    ("written", "wrong", "said"),
    [
        ("strenght=0..1", UnknownName, "did you mean"),
        ("strength=1..0", InvalidParams, "the first must be less"),
        ("strength=0..1:2", InvalidParams, "a step fit between"),
        ("strength=high", InvalidParams, "LOW..HIGH"),
        ("scale.height=10..20:0.5", InvalidParams, "whole number"),
        ("method=hqdn3d|hqdn4d", UnknownName, "did you mean"),
        ("sharpen.strength=0..1", UnknownName, "parameter"),
    ],
)
def test_what_cannot_be_searched_is_refused(written: str, wrong: type[CinemillError], said: str) -> None:
    with pytest.raises(wrong, match=said):
        axis(written)


def test_a_parameter_without_bounds_needs_them_from_people() -> None:
    with pytest.raises(InvalidParams, match="no bounds of its own"):
        target("convert", {}).axis("encoder")


def test_a_name_that_two_steps_have_must_say_which() -> None:
    twice = target("denoise.nlmeans,denoise.hqdn3d", {})
    with pytest.raises(InvalidParams, match=r"denoise\.nlmeans\.strength, denoise\.hqdn3d\.strength"):
        twice.axis("strength=0..1")
    assert twice.with_values({"denoise.nlmeans.strength": 0.5})["chain"].startswith("denoise.nlmeans=strength:0.5,")
    same = target("denoise,denoise", {})
    assert same.with_values({"denoise.hqdn3d#2.strength": 0.9})["chain"] == (
        "denoise.hqdn3d,denoise.hqdn3d=strength:0.9"
    )


def test_values_go_into_the_chain_or_the_operation() -> None:
    chain = target("denoise=strength:0.2,scale=height:1080", {"crf": "20"})
    assert chain.operation == "process"
    assert chain.with_values({"denoise.temporal": 0.5}) == {
        "crf": "20",
        "chain": "denoise.hqdn3d=strength:0.2:temporal:0.5,scale=height:1080",
    }
    assert chain.with_values({"denoise.method": "nlmeans"})["chain"].startswith("denoise.nlmeans=strength:0.2,")
    restore = target("restore", {"chain": "denoise"})
    assert restore.with_values({"crf": 21, "strength": 0.1}) == {"chain": "denoise.hqdn3d=strength:0.1", "crf": 21}


def test_all_that_is_open_and_has_bounds_is_searched_when_nobody_says() -> None:
    assert [axis.name for axis in target("denoise=strength:0.3", {}).all_axes()] == ["denoise.hqdn3d.temporal"]
    names = [axis.name for axis in target("upscale", {"to": "1080p"}).all_axes()]
    assert "crf" not in names
    assert "to" not in names
    assert target("scale=height:64", {}).axis("square").among == (False, True)
    assert "square" not in [axis.name.rpartition(".")[2] for axis in target("scale=height:64", {}).all_axes()]


def test_what_is_there_before_is_the_first_trial_unless_it_lies_outside() -> None:
    chain = target("denoise=strength:0.2", {})
    inside, outside = chain.axis("strength=0..1"), chain.axis("strength=0.5..1")
    assert chain.defaults([inside]) == {"strength": 0.2}
    assert chain.defaults([outside]) is None
    assert chain.defaults([chain.axis("method")]) == {"method": "hqdn3d"}


def test_ends_that_a_parameter_does_not_take_are_refused_before_anything_is_made() -> None:
    chain = target("denoise", {})
    with pytest.raises(InvalidParams, match="it must lie in 0 … 1"):
        tuning.attempt(chain, [chain.axis("strength=0..3")])
    with pytest.raises(InvalidParams, match="crf"):
        tuning.attempt(target("convert", {}), [target("convert", {}).axis("crf=10..90")])


def test_stars_are_worth_a_standard_deviation_each() -> None:
    assert tuning.worths([1.0, 3.0], [None, None]) == [1.0, 3.0]
    assert tuning.worths([1.0, 3.0], [None, 3]) == [-1.0, 1.0]
    assert tuning.worths([1.0, 3.0], [5, None]) == [1.0, 1.0]
    assert tuning.worths([2.0, 2.0], [5, 1]) == [2.0, -2.0]


@pytest.mark.parametrize(
    ("written", "weights"),
    [
        ("ssim", {"ssim": 1}),
        ("psnr_y, warping", {"psnr_y": 1, "warping": -1}),
        ("sharpness:0.5,fps", {"sharpness": 0.5, "fps": 1}),
        ("", {}),
    ],
)
def test_a_goal_is_a_sum_of_figures(written: str, weights: dict[str, float]) -> None:
    assert tuning.Goal.of(written).weights == weights


@pytest.mark.parametrize(
    ("written", "said"), [("sim", "did you mean"), ("sharpness", "yours to say"), ("ssim:x", "x is no number")]
)
def test_a_goal_that_cannot_be_is_refused(written: str, said: str) -> None:
    with pytest.raises(CinemillError, match=said):
        tuning.Goal.of(written)
