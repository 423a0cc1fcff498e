"""What a chain does around its filters: formats, fusing, refusing, colour, threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.filters import Chain, parallel, text
from cinemill.media import lavfi
from cinemill.media.colour import Colour
from cinemill.media.types import Frame
from pictures import CUBE, chain, movie, run, time, worst, woven


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The graphs that a chain runs, as it runs them."""
    seen: list[str] = []
    real = lavfi.run

    def noted(frames: Any, graph: str, *rest: Any) -> Iterator[Frame]:
        seen.append(graph)
        return real(frames, graph, *rest)

    monkeypatch.setattr(lavfi, "run", noted)
    return seen


def test_empty_chain_gives_the_very_frames_back() -> None:
    frames = movie(3)
    assert list(map(id, Chain().run(frames))) == list(map(id, frames))


def test_neighbouring_graphs_run_as_one(graphs: list[str]) -> None:
    run("denoise,scale=height:24,flip,chroma-shift=cb_x:1", movie(3))
    assert len(graphs) == 1


def test_steps_without_strength_are_left_out(graphs: list[str]) -> None:
    frames = movie(3)
    written = "denoise=0,deband=strength:0,white-balance=temperature:3000:strength:0,denoise=method:nlmeans:strength:0"
    out = run(written, frames)
    assert list(map(id, out)) == list(map(id, frames))
    assert graphs == []
    assert text.chain("denoise=0,deflicker=window:4").halo(Fraction(25)) == (2, 2)


def test_deinterlacer_stands_alone_because_it_reads_flags_that_a_pipe_loses(graphs: list[str]) -> None:
    frames = woven(movie(12), "tff")
    mixed = [replace(frame, field_order="progressive") if n < 2 else frame for n, frame in enumerate(frames)]
    out = run("deinterlace,denoise,scale=height:24", mixed)
    assert len(out) == 2 + 8
    assert len(graphs) == 2


def test_formats_change_once_for_neighbours_that_want_the_same(graphs: list[str], tmp_path: Path) -> None:
    file = tmp_path / "a.cube"
    file.write_text(CUBE)
    lut = {"filter": "lut", "params": {"file": str(file)}}
    out = run(text.chain(["white-balance=4000", lut, "scale=height:24", "levels=gamma:1.2"]), movie(2))
    assert {frame.format for frame in out} == {"yuv420p"}
    assert len(graphs) == 3, "to RGB, three filters as one, and back for levels"


@pytest.mark.parametrize("format", ["yuv420p10le", "yuv422p10le"])
def test_ten_bits_stay_ten_bits(format: str) -> None:
    written = (
        "deinterlace,denoise,deband,deflicker,scale=height:40,levels=gamma:1.1,white-balance=5000,fps=30,rotate=90"
    )
    out = run(written, woven(movie(8, format, noise=0), "tff"))
    assert {frame.format for frame in out} == {format}
    assert len(np.unique(out[2].planes[0])) > 256


def test_a_filter_of_eight_bits_refuses_ten_and_says_how_to_accept_the_loss() -> None:
    with pytest.raises(UnsupportedMedia, match=r"without a loss; put format=yuv422p before it"):
        run("denoise=method:nlmeans", movie(1, "yuv422p10le"))
    assert run("format=yuv422p,denoise=method:nlmeans", movie(1, "yuv422p10le"))[0].format == "yuv422p"


@pytest.mark.parametrize("written", ["format=yuv420p10le", "lavfi=format=yuv420p10le"])
def test_a_format_that_was_asked_for_stays_and_is_seen_by_what_follows(written: str) -> None:
    assert run(f"{written},scale=height:24", movie(2))[0].format == "yuv420p10le"
    with pytest.raises(UnsupportedMedia, match="nlmeans"):
        run(f"{written},denoise.nlmeans", movie(2))


def test_matrix_that_height_implied_is_told_when_the_height_no_longer_implies_it() -> None:
    small = movie(1, colour=Colour())
    assert run("scale=height:720", small)[0].colour == Colour(matrix="smpte170m")
    assert run("scale=height:400", small)[0].colour == Colour()
    large = movie(1, size=(64, 720), colour=Colour())
    assert run("scale=width:32:height:40", large)[0].colour.matrix == "bt709"
    # What a graph states itself is left alone; bt470bg is FFmpeg's other name for the same matrix.
    assert run('lavfi="scale=32:40:out_color_matrix=bt601"', large)[0].colour.matrix == "bt470bg"


def test_steps_are_checked_on_the_frame_that_reaches_them() -> None:
    assert run("scale=height:96,crop=top:60", movie(1))[0].height == 36
    with pytest.raises(UnsupportedMedia, match="leaves nothing of a 32x24 picture"):
        next(text.chain("scale=height:24,crop=top:30").run(movie(1)))


def test_a_graph_that_ffmpeg_refuses_is_refused_before_the_first_frame() -> None:
    with pytest.raises(InvalidParams, match="nosuchfilter"):
        next(text.chain("lavfi=nosuchfilter").run(movie(1)))


def test_user_graph_may_say_that_it_deinterlaces() -> None:
    frames = woven(movie(8), "tff")
    written = 'lavfi=graph:"estdif=deint=all,hqdn3d":field_order:progressive:speed:2,scale=height:24'
    out = run(written, frames)
    assert {frame.field_order for frame in out} == {"progressive"}
    assert text.chain(written).rate(Fraction(25)) == 50


def test_field_order_of_new_pictures_reaches_the_deinterlacer() -> None:
    """Frames that numpy made carry no flags of libav; the Frame's own word counts."""
    frames = woven(movie(8), "bff")
    assert len(run("levels=gamma:1.1,deinterlace", frames)) == 8
    flagged = run("deinterlace", frames)
    named = run("deinterlace=field_order:bff", frames)
    assert [worst(a, b) for a, b in zip(flagged, named)] == [0] * 8


def test_labelled_graphs_take_one_stream_apart_and_together() -> None:
    frames = movie(3)
    out = run('lavfi="split[a][b];[a]hflip[c];[b][c]blend=all_mode=average"', frames)
    assert [time(frame) for frame in out] == [time(frame) for frame in frames]
    plane = frames[0].planes[0].astype(int)
    assert np.abs(out[0].planes[0] - (plane + plane[:, ::-1]) / 2).max() <= 1


def test_threads_keep_the_order_and_hold_few_frames() -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in movie(20):
            taken.append(frame.pts)
            yield frame

    stream = parallel(source(), lambda frame: frame, 3)
    next(stream)
    assert len(taken) <= 4
    assert [frame.pts for frame in stream] == list(range(1, 20))


def test_what_goes_wrong_in_a_filter_or_before_it_is_heard() -> None:
    def broken(frame: Frame) -> Frame:
        raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        list(parallel(movie(4), broken, 2))

    def source() -> Iterator[Frame]:
        yield from movie(3)
        raise UnsupportedMedia("upstream")

    for written in ("scale=height:24", "denoise", "levels=gamma:2", "deinterlace=field_order:tff"):
        with pytest.raises(UnsupportedMedia, match="upstream"):
            list(text.chain(written).run(source(), 2))


@pytest.mark.parametrize(
    ("written", "halo"),
    [
        ("", (0, 0)),
        ("crop=top:2,levels", (0, 0)),
        ("deflicker=window:5", (2, 2)),
        ("deinterlace,deflicker=window:5", (2, 2)),
        ("fps=5,deflicker=window:5", (11, 11)),
        ("fps=5,denoise", (56, 1)),
        ("deinterlace,ivtc", None),
        ("lavfi=negate", None),
        ("lavfi=graph:negate:halo:2", (2, 2)),
    ],
)
def test_halo_is_counted_in_frames_of_the_source(written: str, halo: Any) -> None:
    assert text.chain(written).halo(Fraction(25)) == halo


def test_a_chain_of_a_real_clip_keeps_its_clock(real: Any) -> None:
    from cinemill.media import read

    info = read.probe(real("fire2.mp4"))
    source = [frame.pts * frame.time_base for frame, _ in zip(read.frames(info), range(20))]
    out = [
        frame.pts * frame.time_base
        for frame, _ in zip(chain(("denoise", {}), ("scale", {"height": 96})).run(read.frames(info)), range(20))
    ]
    assert out == source
