"""realesrgan-ncnn-vulkan is a program of somebody else's; a stand-in with its options enlarges, or misbehaves."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from repairs import clean, through

from cinemill.errors import EngineCrashed, InvalidParams, MissingEngine

STAND_IN = """#!{python}
import sys, pathlib, cv2
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert options["-n"].startswith("real") and options["-f"] == "png"
if "{fault}" == "dies":
    sys.exit("no vulkan device")
scale = 1 if "{fault}" == "small" else int(options["-s"])
for path in sorted(pathlib.Path(options["-i"]).iterdir()):
    picture = cv2.imread(str(path))
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=0)
    cv2.imwrite(str(pathlib.Path(options["-o"], path.name)), large)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    program = tmp_path / "realesrgan-ncnn-vulkan"
    program.write_text(STAND_IN.format(python=sys.executable, fault=getattr(request, "param", "")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("scale", [2, 4])
def test_every_frame_comes_back_larger_at_its_own_time(scale: int) -> None:
    frames = clean(2, 18, size=(64, 48))
    made = through(f"upscale.ncnn=scale:{scale}", frames)
    assert [frame.pts for frame in made] == [frame.pts for frame in frames]
    for small, large in zip(frames, made):
        assert (large.width, large.height) == (64 * scale, 48 * scale)
        middle = large.planes[0][scale // 2 :: scale, scale // 2 :: scale].astype(int)
        assert np.abs(middle - small.planes[0]).mean() < 3
        assert large.time_base == Fraction(1, 25)


@pytest.mark.parametrize(("stand_in", "said"), [("dies", "no vulkan device"), ("small", "size")], indirect=["stand_in"])
def test_a_program_that_fails_is_quoted(stand_in: None, said: str) -> None:
    with pytest.raises(EngineCrashed, match=said):
        through("upscale.ncnn=scale:2", clean(2, 2, size=(64, 48)))


@pytest.mark.usefixtures("stand_in")
def test_a_scale_that_the_model_has_not_is_refused() -> None:
    with pytest.raises(InvalidParams, match="enlarges by 4 only"):
        through("upscale.ncnn=model:realesrgan-x4plus:scale:2", clean(2, 1, size=(64, 48)))


def test_without_the_program_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingEngine, match=r"not on the PATH; install it, or use upscale\.model"):
        through("upscale.ncnn", clean(2, 1, size=(64, 48)))
