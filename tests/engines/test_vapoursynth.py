"""The first engine, installed for real and asked for real pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from cinemill import settings
from cinemill.damage.amounts import Telecine
from cinemill.damage.cadence import telecined
from cinemill.engines import engines, install
from cinemill.engines.vapoursynth import qtgmc
from cinemill.errors import EngineError, MissingEngine
from cinemill.filters import text
from cinemill.learn.procedural import scenes
from cinemill.media.types import Frame

ENGINE = engines.get("vapoursynth")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The engine in a data directory of the tests' own; skips where no fitting Python is."""
    try:
        install.find_python(ENGINE)
    except MissingEngine as error:
        pytest.skip(str(error))
    folder = Path(os.environ.get("CINEMILL_TEST_ENGINES") or tmp_path_factory.mktemp("data"))
    before = os.environ.get("CINEMILL_DATA_DIR")
    os.environ["CINEMILL_DATA_DIR"] = str(folder)
    settings.settings.cache_clear()
    said = list(install.install(ENGINE))
    assert "ready" in said[-1] or "is installed" in said[-1]
    yield folder
    install.warm("vapoursynth").stop()
    install._hosts.clear()
    if before is None:
        del os.environ["CINEMILL_DATA_DIR"]
    else:
        os.environ["CINEMILL_DATA_DIR"] = before
    settings.settings.cache_clear()


@pytest.fixture(scope="module")
def clean() -> list[Frame]:
    """From the first scene after the title, where things move."""
    return list(islice(scenes(192, 144, Fraction(50), 6, seed=4), 200, 260))


@pytest.fixture(scope="module")
def woven(clean: list[Frame]) -> list[Frame]:
    return list(telecined(iter(clean), Telecine(rate=Fraction(25))))


def psnr(made: list[Frame], true: list[Frame]) -> float:
    errors = [
        np.mean((a.planes[0][8:-8, 8:-8].astype(float) - b.planes[0][8:-8, 8:-8]) ** 2)
        for a, b in zip(made[6:-6], true[6:-6])
    ]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def test_the_engine_says_what_it_is(installed: Path) -> None:
    found = install.examine(ENGINE)
    assert found["works"] is True
    assert "vapoursynth R81" in found["detail"]


@pytest.mark.parametrize("filter", ["deinterlace.qtgmc=preset:fast", "deinterlace.nnedi"])
def test_fields_become_the_pictures_they_came_from(
    installed: Path, clean: list[Frame], woven: list[Frame], filter: str
) -> None:
    made = list(text.chain(filter).run(iter(woven)))
    assert [f.pts * f.time_base for f in made] == [f.pts * f.time_base for f in clean]
    assert {f.field_order for f in made} == {"progressive"}
    wrong = list(text.chain(f"{filter}:field_order:bff" if "=" in filter else f"{filter}=bff").run(iter(woven)))
    assert psnr(made, clean) > psnr(wrong, clean) + 3


def test_qtgmc_in_chunks_is_qtgmc_in_one_piece(installed: Path, woven: list[Frame]) -> None:
    chain = text.chain("deinterlace.qtgmc=preset:slow")
    halo = chain.halo(Fraction(25))
    assert halo is not None
    whole = {f.pts: f for f in chain.run(iter(woven))}
    cut = 15
    for start, stop in ((0, cut), (cut, len(woven))):
        piece = woven[max(0, start - halo[0]) : stop + halo[1]]
        times = {f.pts * f.time_base for f in woven[start:stop]}
        first, last = min(times), max(times)
        for frame in chain.run(iter(piece)):
            if first <= frame.pts * frame.time_base <= last:
                assert all(np.array_equal(a, b) for a, b in zip(frame.planes, whole[frame.pts].planes))


def test_ten_bits_stay_ten_bits(installed: Path, woven: list[Frame]) -> None:
    made = list(text.chain("format=yuv422p10le,deinterlace.nnedi=field_order:tff").run(iter(woven[:4])))
    assert {f.format for f in made} == {"yuv422p10le"}
    assert len(made) == 8


def test_progressive_frames_pass_untouched(installed: Path, clean: list[Frame]) -> None:
    made = list(text.chain("deinterlace.qtgmc").run(iter(clean[:3])))
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(made, clean))


def test_a_frame_that_cannot_be_worked_on_is_refused_by_the_engine(installed: Path) -> None:
    facts = {"width": 64, "height": 64, "bits": 8, "subsampling": [1, 1], "tff": True, "matrix": 6, "method": "nnedi"}
    answers = install.warm("vapoursynth").run(facts, stream=iter(()), deadline=60)
    with pytest.raises(EngineError, match="no frame was sent"):
        list(answers)


def test_a_missing_engine_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEMILL_DATA_DIR", str(tmp_path))
    settings.settings.cache_clear()
    with pytest.raises(MissingEngine, match="cinemill engines install vapoursynth"):
        install.command(ENGINE)
    settings.settings.cache_clear()


def test_a_missing_python_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_pythons", lambda: iter(()))
    with pytest.raises(MissingEngine, match=r"needs Python >=3\.12.*Install one"):
        install.find_python(ENGINE)


@pytest.mark.parametrize("preset", qtgmc.PRESETS)
def test_a_saved_script_is_python_and_names_its_source(preset: str) -> None:
    script = qtgmc.script("tape 'one'.avi", preset, tff=True)
    compile(script, "qtgmc.vpy", "exec")
    assert repr("tape 'one'.avi") in script
