"""The operation stylize: styles and presets as chains, a video from end to end, a gallery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import cinemill
from cinemill.errors import InvalidParams, OutputRefused, UnknownName
from cinemill.operations.stylize import Stylize, manners, styled


def chain_of(**values: object) -> str:
    return str(styled(Stylize.of(values, "stylize")))


SOFT = "comic=finest:10.0:edge:2.5:dots:0.65"
"""The comic whose dots are steadied."""


@pytest.mark.parametrize(
    ("values", "chain"),
    [
        ({"style": "comic"}, "comic"),
        ({"style": "comic", "values": "dot:9:panel:2"}, "comic=dot:9.0:panel:2.0"),
        ({"style": "comic", "temporal": "on"}, "comic=finest:10.0:edge:2.5:dots:0.65:anchor:scene,temporal"),
        (
            {"style": "comic", "temporal": "on", "values": "anchor:paper"},
            "comic=finest:10.0:edge:2.5:dots:0.65,temporal",
        ),
        ({"style": "cinematic", "strength": 0.5}, "cinematic=strength:0.5"),
        ({"style": "neural"}, "neural,temporal"),
        ({"style": "neural", "temporal": "off", "values": "candy"}, "neural=model:candy"),
    ],
)
def test_style_becomes_filters(values: dict[str, object], chain: str) -> None:
    assert chain_of(**values) == chain


@pytest.mark.parametrize(
    ("values", "error"), [("dott:9", InvalidParams), ("dot:900", InvalidParams), ("dot:9,pencil", InvalidParams)]
)
def test_values_that_do_not_fit_the_style_are_refused(values: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        chain_of(style="comic", values=values)
    assert "\n" not in str(caught.value)


def test_presets_leave_the_style_to_the_user(clip: Callable[[str], Path], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = cinemill.run("stylize", clip("film.mp4"), out, preset="speed", style="pencil", encoder="libx264")
    assert done.outputs == (out,)
    colours = next(cinemill.open(out).frames()).planes[1]
    assert np.abs(colours.astype(int) - 128).max() <= 3, "graphite is grey"


def test_chunked_is_as_whole(clip: Callable[[str], Path], tmp_path: Path) -> None:
    from cinemill.jobs import run as jobs
    from cinemill.surfaces import forms

    made: list[list[bytes]] = []
    for seconds in (0.5, 60):
        out = tmp_path / f"{seconds}.mkv"
        (task,) = forms.batch("stylize", [clip("film.mp4")], out, {"style": "cartoon", "codec": "ffv1"})
        list(jobs.run(task.request(), chunk_seconds=seconds))
        made.append([frame.planes[0].tobytes() for frame in cinemill.open(out).frames()])
    assert made[0] == made[1]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_gallery_shows_every_manner(clip: Callable[[str], Path], tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"sheet{suffix}"
    cinemill.run("stylize", clip("film.mp4"), out, gallery=True)
    picture = cv2.imread(str(out))
    rows = -(-(1 + len(manners())) // 3)
    assert picture.shape[0] > rows * 360
    assert picture.std() > 10


def test_gallery_is_a_picture(clip: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match="a gallery becomes"):
        cinemill.run("stylize", clip("film.mp4"), tmp_path / "sheet.mp4", gallery=True)


def test_unknown_style_and_preset_are_refused(clip: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="choose pencil, cartoon"):
        cinemill.run("stylize", clip("film.mp4"), tmp_path / "a.mp4", style="oil")
    with pytest.raises(UnknownName, match="did you mean quality"):
        cinemill.run("stylize", clip("film.mp4"), tmp_path / "a.mp4", preset="qualty")
