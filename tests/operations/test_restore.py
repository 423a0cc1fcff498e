"""A tape with a known truth, restored as a user would; small, and damaged by the simulator."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import pytest

import cinemill
from cinemill.catalogue import presets
from cinemill.jobs.events import Planned
from cinemill.learn import procedural
from cinemill.measure import quality
from cinemill.media import read
from cinemill.media.types import Frame
from clips import run

WORN = "chroma_shift:3:luma_noise:4:chroma_noise:4:head_switch:8:dropouts:3"


def stored(frames: Iterable[Frame], rate: int, path: Path) -> None:
    """`frames` as a file, without loss."""
    raw = path.with_suffix(".yuv")
    with raw.open("wb") as file:
        for frame in frames:
            file.writelines(plane.tobytes() for plane in frame.planes)
    run("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "320x256", "-r", rate, "-i", raw, "-c:v", "ffv1", path)
    raw.unlink()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a scene at 50 pictures a second, 320x256."""
    path = tmp_path_factory.mktemp("clean") / "clean.mkv"
    start = int(next(time for time in procedural.cuts(24, 2) if time) * 50)
    stored(islice(procedural.scenes(320, 256, Fraction(50), 24, 2), start, start + 100), 50, path)
    return path


@pytest.fixture(scope="module")
def tape(clean: Path) -> Path:
    """The same as 25 interlaced frames a second, worn."""
    path = clean.with_name("tape.mkv")
    chain = f"simulate.telecine=rate:25:field_order:tff,simulate.tape={WORN}"
    cinemill.run("process", clean, path, chain=chain, codec="ffv1")
    return path


def restored(source: Path, target: Path, **wishes: Any) -> tuple[list[str], list[str]]:
    """Steps and notes of a restoration to `target`."""
    plan = next(event for event in cinemill.events("restore", source, target, **wishes) if isinstance(event, Planned))
    deque(cinemill.events("restore", source, target, overwrite=True, **wishes), maxlen=0)
    return [step.partition("=")[0] for step in plan.steps[:-1]], list(plan.notes)


def luma(clean: Path, made: Path) -> float:
    one, other = (read.frames(read.probe(path)) for path in (clean, made))
    return quality.summarise(list(quality.compare(one, other))).psnr_y


def test_a_worn_tape_is_looked_at_mended_and_explained(clean: Path, tape: Path, tmp_path: Path) -> None:
    made, plain = tmp_path / "made.mkv", tmp_path / "plain.mkv"
    steps, notes = restored(tape, made, codec="ffv1")
    assert steps[0] == "dropouts"
    assert {"head-switch", "chroma-align", "deinterlace.learned", "denoise.mc"} <= set(steps)
    told = " ".join(notes)
    assert re.search(r"The lowest [789] rows are torn", told)
    assert re.search(r"Colour lies (2\.[7-9]|3\.[0-3]) px to the right", told)
    assert "Noise:" in told
    assert read.probe(made).video.frame_rate == 50
    restored(tape, plain, codec="ffv1", chain="deinterlace=field_order:tff")
    assert luma(clean, made) > luma(clean, plain) + 2


def test_clean_pictures_are_left_as_they_are(clean: Path, tmp_path: Path) -> None:
    steps, _ = restored(clean, tmp_path / "made.mkv", codec="ffv1")
    assert steps == []
    assert luma(clean, tmp_path / "made.mkv") == float("inf")


def test_whole_pictures_that_are_marked_as_fields_are_marked_as_what_they_are(clean: Path, tmp_path: Path) -> None:
    marked, made = tmp_path / "marked.mkv", tmp_path / "made.mkv"
    cinemill.run("process", clean, marked, chain="mark-fields=field_order:tff", codec="ffv1")
    steps, _ = restored(marked, made)
    assert steps == ["mark-fields"]
    assert not any(step.startswith("deinterlace") for step in steps)
    assert {frame.field_order for frame in islice(read.frames(read.probe(made)), 5)} == {"progressive"}


def test_a_chain_of_the_users_is_not_argued_with(tape: Path, tmp_path: Path) -> None:
    steps, notes = restored(tape, tmp_path / "made.mkv", chain="crop=left:8")
    assert steps == ["crop"]
    assert notes[0] == "The chain is yours; nothing was analysed."


def test_a_preview_is_a_short_film_and_a_sheet_of_before_and_after(tape: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    restored(tape, made, preview=0.6)
    info = read.probe(made)
    assert [track.kind for track in info.tracks] == ["video"]
    assert len(list(read.frames(info))) == 30
    sheet = cv2.imread(str(tmp_path / "made.before-after.png"))
    assert sheet.shape[0] > 200
    assert sheet.std() > 20


def test_the_script_of_qtgmc_is_saved_for_other_tools(tape: Path, tmp_path: Path) -> None:
    script = tmp_path / "tape.vpy"
    restored(tape, tmp_path / "made.mkv", export_vpy=str(script), denoise=0)
    assert str(tape) in script.read_text()
    compile(script.read_text(), "tape.vpy", "exec")


@pytest.mark.parametrize("name", [preset.name for preset in presets().values() if preset.operation == "restore"])
def test_each_preset_makes_a_tape_better(clean: Path, tape: Path, tmp_path: Path, name: str) -> None:
    made, plain = tmp_path / "made.mkv", tmp_path / "plain.mkv"
    cinemill.run("restore", tape, made, preset=name, codec="ffv1", stabilise=False)
    cinemill.run("restore", tape, plain, codec="ffv1", chain="deinterlace=field_order:tff")
    assert luma(clean, made) > luma(clean, plain) + 0.5
