"""Graphs in this process and through the pipe give the same; refusals come in FFmpeg's words."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinemill.errors import EngineCrashed, InvalidParams
from cinemill.media import lavfi, pipe, program, read
from cinemill.media.colour import Colour
from cinemill.media.types import Frame
from clips import md5, run

Clip = Callable[[str], Path]
PQ = Colour("bt2020nc", "bt2020", "smpte2084", "limited")


def pictures(path: Path) -> list[Frame]:
    return list(read.frames(read.probe(path)))


def facts(frame: Frame) -> tuple[object, ...]:
    """All of a frame that can be compared; times in seconds."""
    base = frame.time_base
    tags = (frame.format, frame.colour, frame.sar, frame.field_order)
    return (frame.pts * base, frame.duration * base, *tags, md5(frame))


def forced(graph: str) -> str:
    """The same graph with labels, which only the program can run."""
    return f"[in]{graph}[out]"


class TestRoutes:
    """In this process or through the pipe: nobody can tell."""

    GRAPHS = (
        *("null", "hflip", "vflip", "crop=50:40:3:5", "pad=120:80:10:8", "transpose=clock"),
        *("scale=200:100:flags=bilinear", "scale=48:64,setsar=3/4", "setsar=64/45", "setdar=16/9", "format=gbrp"),
        *("format=yuv444p", "trim=start_frame=3", "select='not(mod(n,3))'", "setpts=2*PTS"),
    )

    @pytest.mark.parametrize("graph", GRAPHS)
    @pytest.mark.parametrize("name", ["vfr.mp4", "sar_pal.mp4", "422_10.mkv", "odd.mkv"])
    def test_both_give_equal_frames(self, clip: Clip, name: str, graph: str) -> None:
        frames = pictures(clip(name))[:12]
        assert lavfi.linear(graph)
        assert lavfi.linear(forced(graph)) is None
        inside, outside = list(lavfi.run(frames, graph)), list(lavfi.run(frames, forced(graph)))
        assert [facts(frame) for frame in inside] == [facts(frame) for frame in outside]

    @pytest.mark.parametrize("name", ["tff.mp4", "bff.ts"])
    def test_fields_are_told_to_the_program(self, clip: Clip, name: str) -> None:
        """The first and the last picture differ between versions of bwdif, the times do not."""
        frames = pictures(clip(name))
        graph = "bwdif=mode=send_field:parity=auto:deint=interlaced"
        inside = list(lavfi.run(frames, graph, "progressive"))
        outside = list(lavfi.run(frames, forced(graph), "progressive"))
        assert len(inside) == len(outside) == 2 * len(frames)
        assert [facts(frame) for frame in inside[1:-1]] == [facts(frame) for frame in outside[1:-1]]
        assert [facts(f)[:2] for f in inside] == [facts(f)[:2] for f in outside]

    def test_every_pts_of_a_variable_rate_survives_the_pipe(self, clip: Clip) -> None:
        frames = pictures(clip("vfr.mp4"))
        assert [facts(frame) for frame in lavfi.run(frames, forced("null"))] == [facts(frame) for frame in frames]

    def test_filters_that_only_the_program_has_take_the_pipe(self, clip: Clip) -> None:
        frames = pictures(clip("h264_b.mp4"))[:5]
        assert lavfi.linear("hqdn3d") is None
        out = list(lavfi.run(frames, "hqdn3d=0"))
        assert [f.pts * f.time_base for f in out] == [f.pts * f.time_base for f in frames]

    @pytest.mark.parametrize(
        "colour", [Colour(), PQ, Colour("bt709"), Colour("bt470bg", range="full"), Colour(range="limited")]
    )
    def test_colour_tags_pass_the_pipe(self, clip: Clip, colour: Colour) -> None:
        frames = [replace(frame, colour=colour) for frame in pictures(clip("422_10.mkv"))[:3]]
        assert {frame.colour for frame in lavfi.run(frames, forced("hflip"))} == {colour}

    def test_a_graph_that_changes_the_tags_is_believed(self, clip: Clip) -> None:
        frames = [
            replace(f, colour=Colour("bt2020nc", "bt2020", "smpte2084", "limited")) for f in pictures(clip("pq.mkv"))
        ]
        graph = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable,zscale=t=bt709:m=bt709:r=tv"
        (first, *_) = lavfi.run(frames, f"{graph},format=yuv420p")
        assert first.colour == Colour("bt709", "bt709", "bt709", "limited")


class TestLength:
    """How long a frame lasts is seen from the next one; the last ends where the source ends."""

    @pytest.mark.parametrize("route", [str, forced])
    def test_dropping_frames_makes_the_others_last_longer(self, clip: Clip, route: Callable[[str], str]) -> None:
        frames = pictures(clip("h264_b.mp4"))
        out = list(lavfi.run(frames, route("select='not(mod(n,4))'")))
        assert [frame.duration * frame.time_base for frame in out[:-1]] == [Fraction(4, 25)] * 9

    @pytest.mark.parametrize("route", [str, forced])
    def test_the_last_frame_keeps_its_length(self, clip: Clip, route: Callable[[str], str]) -> None:
        frames = pictures(clip("vfr.mp4"))[:9]
        assert frames[-1].duration != frames[-2].duration
        (*_, last) = lavfi.run(frames, route("hflip"))
        assert last.duration * last.time_base == frames[-1].duration * frames[-1].time_base

    @pytest.mark.parametrize("route", [str, forced])
    def test_a_single_frame_keeps_its_length(self, clip: Clip, route: Callable[[str], str]) -> None:
        frames = pictures(clip("one.mp4"))
        (only,) = lavfi.run(frames, route("hflip"))
        assert only.duration * only.time_base == Fraction(1, 25)

    def test_another_speed_changes_the_last_length_too(self, clip: Clip) -> None:
        frames = pictures(clip("h264_b.mp4"))
        (*_, last) = lavfi.run(frames, forced("setpts=0.5*PTS"))
        assert last.duration * last.time_base == Fraction(1, 50)


class TestShape:
    """The shape of a pixel after filters that change it. PyAV does not tell; arithmetic does."""

    @pytest.mark.parametrize("sar", [Fraction(1), Fraction(16, 15), Fraction(64, 45), Fraction(12, 11), Fraction(8, 9)])
    @pytest.mark.parametrize(
        ("graph", "expected"),
        [
            ("hflip", lambda sar: sar),
            ("transpose=clock", lambda sar: 1 / sar),
            ("transpose=clock,transpose=clock", lambda sar: sar),
            ("scale=48:64", lambda sar: sar * 2),
            ("scale=96*2:64", lambda sar: sar / 2),
            ("crop=48:32", lambda sar: sar),
            ("setsar=1", lambda sar: Fraction(1)),
            ("setsar=sar*2:max=1000", lambda sar: sar * 2),
            ("transpose=clock,scale=iw:ih/2", lambda sar: 1 / sar / 2),
        ],
    )
    def test_sar(self, clip: Clip, sar: Fraction, graph: str, expected: Callable[[Fraction], Fraction]) -> None:
        frame = replace(pictures(clip("one.mp4"))[0], sar=sar)
        (out,) = lavfi.run([frame], graph)
        assert out.sar == expected(sar)


class TestRefusals:
    """FFmpeg's words, and the right class."""

    @pytest.mark.parametrize(
        ("graph", "words"),
        [
            ("crop=w=9999", "Invalid too big or non positive size"),
            ("scale=foo=1", "(?i)option"),
            ("yadif=mode=9", "out of range"),
            ("nosuch", "No such filter: 'nosuch'"),
            ("hflip,nosuch=1", "nosuch|No option"),
            ("[in]crop=w=9999[out]", "Invalid too big or non positive size"),
            ("hqdn3d=1:2:3:4:5:6", "No option name near"),
            ("[in]hflip", ""),
        ],
    )
    def test_a_bad_graph_is_the_users_parameter(self, clip: Clip, graph: str, words: str) -> None:
        if graph == "[in]hflip":
            assert len(list(lavfi.run(pictures(clip("two.mp4")), graph))) == 2
            return
        with pytest.raises(InvalidParams, match=words) as caught:
            list(lavfi.run(pictures(clip("two.mp4")), graph))
        assert caught.value.sentence.startswith("FFmpeg refuses the graph")
        assert "0x" not in caught.value.sentence, "addresses help nobody"
        ours = ("4096", "yuv410p", "setparams")
        assert not any(word in caught.value.sentence for word in ours), "what was added is none of the user's"

    def test_log_lines_of_a_refusal_reach_no_logger(
        self, clip: Clip, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with caplog.at_level(logging.DEBUG), pytest.raises(InvalidParams):
            list(lavfi.run(pictures(clip("one.mp4")), "crop=w=9999"))
        assert not [record for record in caplog.records if record.name.startswith("libav")]
        assert capfd.readouterr().err == ""

    def test_a_program_that_dies_on_the_way_is_a_crash(self, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first pictures are out when it is killed."""
        running = program.running
        children: list[program.Child] = []

        def watched(arguments: list[str]) -> object:
            context = running(arguments)
            enter = context.__enter__

            class Watched:
                def __enter__(self) -> program.Child:
                    children.append(enter())
                    return children[-1]

                def __exit__(self, *error: object) -> object:
                    return context.__exit__(*error)

            return Watched()

        monkeypatch.setattr(pipe.program, "running", watched)
        frames = pictures(clip("h264_b.mp4"))

        def endless() -> Iterator[Frame]:
            for number in range(10_000):
                yield replace(frames[0], pts=number * 512)

        out = lavfi.run(endless(), forced("hflip"))
        next(out)
        children[-1].process.kill()
        with pytest.raises(EngineCrashed, match="ffmpeg ended with -9"):
            list(out)


class TestClosing:
    """Nothing stays behind."""

    @pytest.fixture(autouse=True)
    def _no_thread_stays(self) -> Iterator[None]:
        before = set(threading.enumerate())
        yield
        assert set(threading.enumerate()) <= before

    def test_closing_early_ends_the_program_and_the_threads(self, clip: Clip) -> None:
        frames = pictures(clip("h264_b.mp4")) * 40
        frames = [replace(frame, pts=place * 512) for place, frame in enumerate(frames)]
        out = lavfi.run(iter(frames), forced("hflip"))
        assert next(out).pts == 0
        assert programs() == 1
        out.close()
        assert programs() == 0

    def test_reading_to_the_end_ends_them_too(self, clip: Clip) -> None:
        list(lavfi.run(pictures(clip("h264_b.mp4")), forced("hflip")))
        assert programs() == 0

    def test_a_graph_that_stops_early_ends_while_frames_are_still_offered(self, clip: Clip) -> None:
        frames = pictures(clip("h264_b.mp4"))
        endless = (replace(frames[0], pts=number * 512) for number in range(3000))
        assert len(list(lavfi.run(endless, forced("trim=end_frame=3")))) == 3

    @pytest.mark.parametrize("route", [str, forced])
    @pytest.mark.parametrize("error", [ZeroDivisionError, OSError, KeyboardInterrupt])
    def test_an_error_upstream_comes_out_downstream(
        self, clip: Clip, route: Callable[[str], str], error: type[BaseException]
    ) -> None:
        frames = pictures(clip("h264_b.mp4"))

        def failing() -> Iterator[Frame]:
            yield from frames[:20]
            raise error("upstream")

        with pytest.raises(error, match="upstream"):
            list(lavfi.run(failing(), route("hflip")))
        assert programs() == 0

    def test_a_refused_graph_leaves_nothing(self, clip: Clip) -> None:
        with pytest.raises(InvalidParams):
            list(lavfi.run(pictures(clip("h264_b.mp4")), forced("crop=w=9999")))
        assert programs() == 0


def programs() -> int:
    """How many FFmpeg programs this process is running."""
    children = Path(f"/proc/self/task/{threading.main_thread().native_id}/children")
    if not children.exists():
        pytest.skip("only Linux tells")
    names = [Path(f"/proc/{child}/comm") for child in children.read_text().split()]
    return sum("ffmpeg" in name.read_text() for name in names if name.exists())


class TestText:
    """Graph text is taken apart as FFmpeg does it."""

    @pytest.mark.parametrize(
        ("graph", "steps"),
        [
            ("hflip", (("hflip", ""),)),
            ("hflip,vflip", (("hflip", ""), ("vflip", ""))),
            (" scale=2:3 , hflip", (("scale", "2:3"), ("hflip", ""))),
            ("select='eq(n,1)'", (("select", "eq(n,1)"),)),
            ("select=eq(n\\,1)", (("select", "eq(n,1)"),)),
        ],
    )
    def test_linear(self, graph: str, steps: object) -> None:
        assert lavfi.linear(graph) == steps

    @pytest.mark.parametrize("graph", ["[in]hflip", "split[a][b];[a]nullsink", "nosuch", "hflip;vflip"])
    def test_not_linear(self, graph: str) -> None:
        assert lavfi.linear(graph) is None

    @given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20))
    def test_an_escaped_value_is_one_value_again(self, value: str) -> None:
        """metadata=add takes any text; what comes back through a graph is what went in."""
        steps = lavfi.linear(f"metadata=mode=add:key=k:value={lavfi.escape(value)}") if "[" not in value else None
        if steps is None or any(c in value for c in "];"):
            return
        ((name, arguments),) = steps
        assert name == "metadata"
        assert arguments.count("key=k") >= 1

    @pytest.mark.parametrize("name", ["plain.ass", "it's.ass", "a:b.ass", "a,b;[c].ass", "back\\slash.ass", "ünï.ass"])
    def test_a_file_name_reaches_a_filter_whatever_it_contains(self, clip: Clip, tmp_path: Path, name: str) -> None:
        run("-i", clip("tracks.mkv"), "-map", "0:s:0", tmp_path / "plain.ass")
        (tmp_path / "plain.ass").rename(tmp_path / name)
        frames = [replace(frame, pts=5120) for frame in pictures(clip("h264_b.mp4"))[:1]]
        (out,) = lavfi.run(frames, f"subtitles=filename={lavfi.escape(str(tmp_path / name))}")
        assert not np.array_equal(out.planes[0], frames[0].planes[0]), "the words are in the picture"


def test_only_as_many_frames_are_drawn_as_are_needed(clip: Clip) -> None:
    drawn: list[int] = []

    def counted() -> Iterator[Frame]:
        for frame in pictures(clip("h264_b.mp4")):
            drawn.append(frame.pts)
            yield frame

    list(islice(lavfi.run(counted(), "hflip"), 3))
    assert len(drawn) <= 5


def test_no_frames_in_no_frames_out() -> None:
    assert list(lavfi.run([], "hflip")) == []
    assert list(lavfi.run([], forced("hflip"))) == []
