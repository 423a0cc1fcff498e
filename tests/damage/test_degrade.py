import json
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cinemill
from cinemill.catalogue import presets
from cinemill.damage import film, tape
from cinemill.damage.amounts import Film, Tape, Telecine
from cinemill.damage.cadence import truths
from cinemill.errors import InvalidParams, UnknownName
from cinemill.filters import Chain
from cinemill.jobs import run as jobs
from cinemill.jobs.events import Planned
from cinemill.media import read
from cinemill.media.types import Frame
from cinemill.operations.degrade import Degrade, DegradeOperation
from cinemill.surfaces import forms

LOSSLESS = {"codec": "ffv1"}
TO_TAPE = "simulate.telecine=rate:25,simulate.tape=luma_noise:4:line_jitter:1:dropouts:3:head_switch:4"
OURS = [preset for preset in presets().values() if preset.operation == "degrade"]
Clip = Callable[[str], Path]


def frames(path: Path) -> list[Frame]:
    return list(read.frames(read.probe(path)))


def chain_for(source: Path, **params: Any) -> tuple[Chain, list[str]]:
    return DegradeOperation().chain(Degrade.of(params, "degrade"), read.probe(source))


def log_of(path: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The first line of a log, and the records of each filter."""
    first, *rest = map(json.loads, path.with_name(path.name + ".truth.jsonl").read_text("utf-8").splitlines())
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in rest:
        found[line["filter"]].append(line)
    return first, found


def test_in_chunks_it_is_the_same_as_in_one(clip: Clip, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    cinemill.run("degrade", clip("film.mp4"), whole, chain=TO_TAPE, **LOSSLESS)
    request = forms.request("degrade", [clip("film.mp4")], cut, {"chain": TO_TAPE, **LOSSLESS})
    (planned,) = (event for event in jobs.run(request, chunk_seconds=0.3) if isinstance(event, Planned))
    assert planned.chunks > 2
    for one, other in zip(frames(whole), frames(cut), strict=True):
        assert (one.pts, one.field_order) == (other.pts, other.field_order)
        assert all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes))


def test_no_strength_leaves_the_weave_alone_bit_for_bit(clip: Clip, tmp_path: Path) -> None:
    out = tmp_path / "woven.mkv"
    chain = TO_TAPE.replace("head_switch:4", "chroma_shift:2")
    cinemill.run("degrade", clip("film.mp4"), out, chain=chain, strength=0, **LOSSLESS)
    source = {one.pts * one.time_base: one for one in frames(clip("film.mp4"))}
    known = truths(iter(source.values()), Telecine(rate=Fraction(25)))
    for one, told in zip(frames(out), known, strict=True):
        for parity, (time, _, _) in enumerate(told.fields):
            for plane, original in zip(one.planes, source[time].planes):
                assert np.array_equal(plane[parity::2], original[parity::2])


def test_log_tells_what_was_done_to_every_picture(clip: Clip, tmp_path: Path) -> None:
    out = tmp_path / "film.mkv"
    chain = "fps=16,scale=width:128,simulate.film=weave:1:dirt:4:flicker:0.1," + TO_TAPE
    cinemill.run("degrade", clip("film.mp4"), out, chain=chain, seed=5, truth=True, **LOSSLESS)
    first, log = log_of(out)
    assert first["source"] == "film.mp4"
    assert first["chain"][2]["params"]["seed"] == 5
    size = (128, frames(out)[0].height)
    assert [line["time"] for line in log["simulate.tape"]] == [str(f.pts * f.time_base) for f in frames(out)]
    for line in log["simulate.tape"]:
        p = Tape(seed=5, luma_noise=4, line_jitter=1, dropouts=3, head_switch=4)
        assert line == {**line, **tape.truth(Fraction(line["time"]), *size, p).record()}
    times = [Fraction(line["time"]) for line in log["simulate.film"]]
    assert times == [Fraction(n, 16) for n in range(len(times))]
    for time, line in zip(times, log["simulate.film"]):
        known = film.truth(time, *size, Film(seed=5, weave=1, dirt=4, flicker=0.1))
        assert line == {**line, **json.loads(json.dumps(known.record()))}
    shown = [Fraction(time) for line in log["simulate.telecine"] for time, _, _ in line["fields"]]
    assert len(shown) == 2 * len(frames(out))
    assert set(shown) <= set(times)


def test_log_agrees_with_the_pixels(clip: Clip, tmp_path: Path) -> None:
    out, clean = tmp_path / "tape.mkv", tmp_path / "clean.mkv"
    chain = "simulate.telecine=rate:25,simulate.tape=dropouts:3"
    cinemill.run("degrade", clip("film.mp4"), out, chain=chain, truth=True, **LOSSLESS)
    cinemill.run("degrade", clip("film.mp4"), clean, chain=chain, strength=0, **LOSSLESS)
    lines = log_of(out)[1]["simulate.tape"]
    assert sum(len(line["dropouts"]) for line in lines) > 50
    for one, other, line in zip(frames(out), frames(clean), lines, strict=True):
        lost = {(one["row"], x) for one in line["dropouts"] for x in range(one["start"], one["start"] + one["length"])}
        changed = set(zip(*map(list, np.nonzero(one.planes[0] != other.planes[0]))))
        assert changed <= lost
        assert len(changed) >= 0.8 * len(lost)


@pytest.mark.parametrize("preset", OURS, ids=lambda preset: preset.name)
def test_presets_have_known_names_and_make_what_they_say(preset: Any, clip: Clip) -> None:
    request = forms.request("degrade", [clip("sound.mp4")], None, {}, preset.name)
    chain, _ = DegradeOperation().chain(request.params, read.probe(clip("sound.mp4")))
    # A small picture of three frames: what matters is that every step takes what the one before gives.
    (last,) = islice(chain.run(read.frames(read.probe(clip("sound.mp4")))), 2, 3)
    size, rate = (last.width, last.height), 1 / last.time_base
    assert (size, rate) in {
        ((720, 576), Fraction(25)),
        ((720, 480), Fraction(30000, 1001)),
        ((320, 214), Fraction(15)),
    }
    wanted = {"dv": "bff", "old-web-video": "progressive"}.get(preset.name, "tff")
    assert last.field_order == wanted
    assert last.width * last.sar / last.height == pytest.approx(1.5, rel=0.01)


def test_all_presets_that_people_know_are_there() -> None:
    names = "8mm-film dv dvd hi8 old-web-video super8-film vhs-ntsc vhs-pal"
    assert sorted(preset.name for preset in OURS) == names.split()


def test_amounts_replace_those_of_the_chain_and_strength_scales_them(clip: Clip) -> None:
    chain, notes = chain_for(clip("film.mp4"), chain=TO_TAPE, amounts="luma_noise:9:dropouts:0", strength=0.5, seed=8)
    assert chain.steps[1].params == Tape(seed=8, luma_noise=4.5, line_jitter=0.5, head_switch=4)
    assert chain.steps[0].params == Telecine(rate=Fraction(25))
    assert any("seed 8" in note for note in notes)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"amounts": "luma_nose:9"}, UnknownName),
        ({"amounts": "luma_noise"}, InvalidParams),
        ({"amounts": "luma_noise:-1"}, InvalidParams),
        ({"chain": "simulate.tape=luma_noise:900"}, InvalidParams),
        ({"chain": "simulate.tapes"}, UnknownName),
    ],
)
def test_what_cannot_be_is_refused(params: dict[str, str], error: type[Exception], clip: Clip) -> None:
    with pytest.raises(error):
        chain_for(clip("film.mp4"), **{"chain": TO_TAPE, **params})


def test_without_a_chain_it_says_that_presets_have_one() -> None:
    with pytest.raises(InvalidParams, match="Presets"):
        Degrade.of({}, "degrade")


def test_interlaced_source_is_deinterlaced_before_it_is_damaged(clip: Clip) -> None:
    chain, notes = chain_for(clip("bff.mp4"), chain=TO_TAPE, strength=0)
    assert chain.steps[0].filter.name.startswith("deinterlace")
    assert any("interlaced" in note for note in notes)
    out = list(islice(chain.run(frames(clip("bff.mp4"))), 3))
    assert [one.field_order for one in out] == ["tff"] * 3


def test_depth_of_the_source_is_kept(clip: Clip) -> None:
    chain, _ = chain_for(clip("422_10.mkv"), chain=TO_TAPE)
    (one,) = islice(chain.run(read.frames(read.probe(clip("422_10.mkv")))), 1)
    assert one.format == "yuv422p10le"
    assert np.any(one.planes[0] % 4)


def test_real_clip_becomes_a_tape(real: Clip) -> None:
    source = real("big_buck_bunny_0_30.webm")
    params = Degrade.of(presets()["degrade-vhs-pal"].params, "degrade")
    damaged, _ = DegradeOperation().chain(params, read.probe(source))
    clean, _ = DegradeOperation().chain(
        params.model_copy(update={"strength": 0.0, "amounts": "head_switch:0"}), read.probe(source)
    )
    pictures = [list(islice(one.run(read.frames(read.probe(source), start=9000)), 2)) for one in (damaged, clean)]
    for worn, whole in zip(*pictures):
        error = worn.planes[0].astype(float) - whole.planes[0]
        assert 22 < 20 * np.log10(255 / error[:-8].std()) < 34, "PSNR"
        assert error[-8:].std() > 2 * error[:-8].std()
        assert (worn.pts, worn.time_base, worn.sar) == (whole.pts, whole.time_base, Fraction(64, 45))
