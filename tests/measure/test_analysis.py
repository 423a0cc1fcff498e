"""The whole analysis of files: what the simulator did is found, and on clean files nothing is."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from footage import at, moving

from cinemill.catalogue import preset
from cinemill.filters import text
from cinemill.measure import analysis
from cinemill.measure.analysis import Findings
from cinemill.media import read
from cinemill.media.program import ffmpeg
from cinemill.media.types import Frame
from cinemill.operations import advice

FIELDS, NTSC_FIELDS, NTSC_FILM = Fraction(50), Fraction(60000, 1001), Fraction(24000, 1001)
PRESETS = {
    "vhs-pal": (FIELDS, "interlaced", "tff"),
    "hi8": (FIELDS, "interlaced", "tff"),
    "vhs-ntsc": (NTSC_FIELDS, "interlaced", "tff"),
    "dv": (NTSC_FIELDS, "interlaced", "bff"),
    "dvd": (NTSC_FILM, "2:3", "tff"),
    "8mm-film": (FIELDS, "pulldown", "tff"),
    "super8-film": (FIELDS, "pulldown", "tff"),
    "old-web-video": (Fraction(30), "progressive", "progressive"),
}
"""Pictures a second of the source, and what becomes of them: the cadence and the earlier field."""


def written(frames: Sequence[Frame], path: Path) -> Path:
    """A lossless file of frames at a steady rate, which says nothing of its fields."""
    first = frames[0]
    size, rate = (
        f"{first.width}x{first.height}",
        1 / (frames[1].pts * frames[1].time_base - first.pts * first.time_base),
    )
    command = [ffmpeg(), "-v", "error", "-f", "rawvideo", "-pix_fmt", first.format, "-s", size, "-r", str(rate)]
    command += ["-i", "pipe:0", "-c:v", "ffv1", str(path)]
    pixels = b"".join(plane.tobytes() for frame in frames for plane in frame.planes)
    subprocess.run(command, input=pixels, check=True)
    return path


def scenes(rate: Fraction, count: int) -> list[Frame]:
    """Two scenes of `count` pictures each."""
    return at([*moving("wheels", count, 1, 720, 576), *moving("leaves", count, 1, 720, 576)], rate)


def chain_of(name: str) -> str:
    return str(preset(name, "degrade").params["chain"])


def amount(chain: str, name: str) -> float:
    """What a chain does of something, in one pass."""
    found = re.search(rf"[:=]{name}:([\d.]+)", chain)
    return float(found[1]) if found else 0.0


def noise_of(chain: str, frames: Sequence[Frame]) -> tuple[float, float]:
    """Sigma of luma and of colour that noise makes of these frames: with it against without."""
    quiet = re.sub(r"(noise|grain):[\d.]+", r"\1:0", chain)
    apart: list[list[float]] = []
    for one, other in zip(text.chain(chain).run(frames), text.chain(quiet).run(frames)):
        # The torn rows at the foot have noise of their own.
        differences = [(a.astype(float) - b)[: a.shape[0] * 15 // 16] for a, b in zip(one.planes, other.planes)]
        apart.append([float(np.sqrt(np.mean(np.clip(difference, -40, 40) ** 2))) for difference in differences])
    luma, *chroma = np.mean(apart, axis=0)
    return float(luma), float(np.mean(chroma))


def looked_at(name: str, path: Path) -> tuple[Findings, tuple[float, float]]:
    chain, rate = chain_of(name), PRESETS[name][0]
    frames = scenes(rate, 40 if rate < 40 else 64)
    damaged = list(text.chain(chain).run(frames))
    found = analysis.analyse(read.probe(written(damaged, path / "a.mkv")))
    return found, noise_of(chain, frames[:8])


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_what_a_preset_does_to_pictures_is_found(name: str, tmp_path: Path) -> None:
    chain, (_, cadence, order) = chain_of(name), PRESETS[name]
    findings, (luma, chroma) = looked_at(name, tmp_path)
    found = findings.whole
    assert found.cadence == cadence
    assert found.fields.field_order == order
    assert abs(found.head_switch - amount(chain, "head_switch")) <= 1
    assert not found.bars
    if "tape" in chain:
        assert found.chroma_shift
        passes = amount(chain, "passes") or 1
        assert found.chroma_shift.px == pytest.approx(passes * amount(chain, "chroma_shift"), abs=0.25)
        assert found.noise.luma == pytest.approx(luma, rel=0.1)
        assert found.noise.chroma == pytest.approx(chroma, rel=0.1)
    elif "film" in chain:
        # Grain is strongest in middle grey, and noise is that of most of the picture.
        assert found.noise.luma == pytest.approx(luma, rel=0.25)
        assert found.defects
        assert found.defects.dirt > 0.3
        assert found.flicker == pytest.approx(amount(chain, "flicker"), rel=0.5)
    else:
        assert found.noise.luma is not None
        assert found.noise.luma < 0.7
        assert found.blocking > 0.25


def test_clean_pictures_need_nothing(tmp_path: Path) -> None:
    frames = at([*moving("wheels", 30, 1), *moving("leaves", 30, 1)], 25)
    info = read.probe(written(frames, tmp_path / "a.mkv"))
    findings = analysis.analyse(info)
    assert not [one.step for one in advice.advice(findings, info.video) if one.step]
    assert [scene.time for scene in findings.scenes] == [0, 1.2]


SANE = {
    "chaplin.mp4": {"crop"},
    "fire2.mp4": {"deblock", "levels", "stabilise"},
    "big_buck_bunny_0_30.webm": set[str](),
}
"""What real files need: a wide frame around old film, and a phone's blocks, shake and full range. One needs nothing."""


@pytest.mark.parametrize("name", SANE)
def test_real_files_cause_no_false_alarm(name: str, real: Callable[[str], Path]) -> None:
    info = read.probe(real(name))
    findings = analysis.analyse(info, windows=5, scan="none")
    told = {one.name for one in advice.advice(findings, info.video) if one.step}
    assert told <= SANE[name]
