import re
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cinemill.learn.scenery import leaves
from cinemill.measure.fields import Window, analyse, judge
from cinemill.measure.idet import Combing, combing
from cinemill.media import read
from cinemill.media.program import ffmpeg
from cinemill.media.types import Frame

STILL = "smptebars=s=320x240:r=25"
NOISE = "color=gray:s=320x240:r=25,noise=alls=50:allf=t"
FFV1 = ("-c:v", "ffv1")


def x264(flag: str) -> tuple[str, ...]:
    """Encoder options that write `tff`, `bff` or no interlacing flag."""
    interlaced = () if flag == "progressive" else ("-flags", "+ildct+ilme", "-x264-params", f"{flag}=1")
    return ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", *interlaced)


def run(*arguments: object, stdin: bytes = b"") -> str:
    command = [ffmpeg(), "-v", "error", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def moving(tmp_path_factory) -> Path:
    """100 progressive pictures of leaves that slide and turn, at 50 a second."""
    scene = leaves(np.random.default_rng(1), 4 / 3, 240)
    pictures = (scene.picture(number / 50, 320, 240, 1.0).tobytes() for number in range(100))
    path = tmp_path_factory.mktemp("moving") / "moving.mkv"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "320x240", "-r", "50", "-i", "pipe:0"]
    run(*raw, "-pix_fmt", "yuv420p", *FFV1, path, stdin=b"".join(pictures))
    return path


def clip(path: Path, source: Path | str, graph: str, *encoder: str, frames: int = 50) -> Path:
    """`source` (a file, or a graph that makes pictures) through `graph` into a file at `path`."""
    given = ["-i", source] if isinstance(source, Path) else ["-f", "lavfi", "-i", source]
    run(*given, "-vf", f"{graph},format=yuv420p", *encoder, "-frames:v", frames, path)
    return path


def woven(order: str) -> str:
    return f"tinterlace=interleave_{'top' if order == 'tff' else 'bottom'}"


def pulled_down(order: str) -> str:
    return (
        f"setpts=N*1001/24000/TB,fps=24000/1001,telecine=first_field={'top' if order == 'tff' else 'bottom'}:pattern=23"
    )


def field_order_of(path: Path):
    return analyse(read.probe(path))


@pytest.mark.parametrize("flag", ["tff", "bff", "progressive"])
@pytest.mark.parametrize("order", ["tff", "bff"])
def test_interlaced_pictures_are_recognised_whatever_their_flag(tmp_path, moving, order, flag):
    fields = field_order_of(clip(tmp_path / "a.mkv", moving, f"{woven(order)},setfield={flag[:4]}", *x264(flag)))
    assert (fields.verdict, fields.field_order, fields.metadata) == (order, order, flag)
    assert fields.measured
    assert fields.confidence > 0.9
    contradicted = any("shows otherwise" in line for line in fields.describe())
    assert contradicted == (flag != order)


@pytest.mark.parametrize("flag", ["tff", "bff", "progressive"])
def test_progressive_pictures_are_recognised_whatever_their_flag(tmp_path, moving, flag):
    fields = field_order_of(clip(tmp_path / "a.mkv", moving, f"setfield={flag[:4]}", *x264(flag)))
    assert (fields.verdict, fields.field_order, fields.metadata) == ("progressive", "progressive", flag)
    assert fields.confidence > 0.9


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("noise", ["", ",noise=alls=12:allf=t"])
def test_telecine_is_recognised_by_its_cadence_also_through_noise(tmp_path, moving, order, noise):
    graph = f"{pulled_down(order)}{noise},setfield={order}"
    fields = field_order_of(clip(tmp_path / "a.mkv", moving, graph, *x264(order), frames=60))
    assert (fields.verdict, fields.field_order) == ("telecine", order)
    assert fields.confidence > 0.7
    assert any("cadence" in line for line in fields.describe())


@pytest.mark.parametrize("still", [STILL, NOISE], ids=["static", "noise"])
@pytest.mark.parametrize("flag", ["tff", "bff", "progressive"])
def test_where_the_picture_shows_nothing_the_claim_is_taken_without_confidence(tmp_path, still, flag):
    fields = field_order_of(clip(tmp_path / "a.mkv", still, f"setfield={flag[:4]}", *x264(flag)))
    assert (fields.verdict, fields.field_order) == (flag, flag)
    assert not fields.measured
    assert fields.confidence <= 0.3
    assert any("the file's claim is taken" in line for line in fields.describe())


def test_interlacing_is_seen_through_noise_against_a_wrong_flag(tmp_path, moving):
    graph = f"{woven('bff')},noise=alls=40:allf=t,setfield=tff"
    fields = field_order_of(clip(tmp_path / "a.mkv", moving, graph, *x264("tff")))
    assert (fields.verdict, fields.measured) == ("bff", True)


def test_ten_bit_pictures_are_measured_alike(tmp_path, moving):
    path = clip(tmp_path / "a.mkv", moving, woven("bff"), *FFV1, "-pix_fmt", "yuv422p10le")
    assert field_order_of(path).verdict == "bff"


def test_dv_that_shows_nothing_is_bottom_field_first(tmp_path):
    still = "smptebars=s=720x576:r=25"
    fields = field_order_of(clip(tmp_path / "a.dv", still, "null", "-c:v", "dvvideo", frames=8))
    assert (fields.verdict, fields.measured) == ("bff", False)


def test_a_film_cut_together_from_both_is_mixed_and_says_when(tmp_path, moving):
    slow = "setpts=N/25/TB"
    half = clip(tmp_path / "i.mkv", moving, f"{woven('tff')},{slow}", *FFV1, "-r", "25")
    other = clip(tmp_path / "p.mkv", moving, slow, *FFV1, "-r", "25")
    listed = tmp_path / "list.txt"
    listed.write_text(f"file '{half}'\nfile '{other}'\n")
    run("-f", "concat", "-safe", "0", "-i", listed, "-c", "copy", tmp_path / "both.mkv")
    fields = analyse(read.probe(tmp_path / "both.mkv"), windows=4, window_frames=20)
    assert (fields.verdict, fields.field_order) == ("mixed", "tff")
    assert [window.verdict for window in fields.windows] == ["tff", "tff", "progressive", "progressive"]
    assert fields.describe()[-1] == "From 0:03.200: progressive."


def test_windows_are_spread_over_the_file_and_every_frame_of_them_is_counted(tmp_path, moving):
    path = clip(tmp_path / "a.mkv", moving, "null", *x264("progressive"), frames=100)
    windows = analyse(read.probe(path), windows=4, window_frames=15).windows
    assert [round(window.time * 50) for window in windows] == [0, 28, 57, 85]
    # The first frame of the file has none before it, the last none after it.
    assert [window.frames for window in windows] == [14, 15, 15, 14]


def test_one_frame_tells_nothing(tmp_path):
    fields = field_order_of(clip(tmp_path / "a.mkv", STILL, "null", *FFV1, frames=1))
    assert (fields.verdict, fields.confidence) == ("unknown", 0)
    assert fields.describe()[1] == "No frame could be measured."


@pytest.mark.parametrize("graph", [woven("tff"), "null", pulled_down("bff")])
def test_without_summing_columns_the_sums_are_those_of_idet(tmp_path, moving, graph):
    path = clip(tmp_path / "a.mkv", moving, graph, *FFV1, frames=30)
    printed = run("-i", path, "-vf", "extractplanes=y,idet,metadata=print:file=-", "-f", "null", "-")
    frames = list(read.frames(read.probe(path)))
    seen = list(combing([frames[0], *frames, frames[-1]], columns=1))
    assert [idet(frame) for frame in seen] == re.findall(r"idet\.single\.current_frame=(\w+)", printed)
    assert [frame.repeated for frame in seen] == re.findall(r"idet\.repeated\.current_frame=(\w+)", printed)


def idet(frame: Combing) -> str:
    """FFmpeg's own decision on the sums."""
    if frame.far_if_tff > 1.04 * frame.far_if_bff:
        return "tff"
    if frame.far_if_bff > 1.04 * frame.far_if_tff:
        return "bff"
    return "progressive" if frame.far_if_bff > 1.5 * frame.own else "undetermined"


@pytest.mark.parametrize("height", [1, 3, 4, 5])
def test_pictures_of_a_few_lines_are_undecided_rather_than_an_error(height):
    rng = np.random.default_rng(0)
    frames = [Frame((rng.integers(0, 256, (height, 3), np.uint8),), "gray", n, Fraction(1, 25)) for n in range(4)]
    assert len(list(combing(frames))) == 2


def window(verdict, **counts) -> Window:
    names = ("tff", "bff", "progressive", "undetermined", "repeated_top", "repeated_bottom", "repeated_neither")
    order = verdict if verdict in ("tff", "bff") else "progressive"
    return Window(time=0, verdict=verdict, field_order=order, **{**dict.fromkeys(names, 0), **counts})


def test_metadata_breaks_a_tie_and_nothing_else():
    tie = (window("tff", tff=50), window("bff", bff=50))
    assert judge(tie, "tff", "tff").field_order == "tff"
    assert judge(tie, "bff", "bff").field_order == "bff"
    clear = (window("tff", tff=50), window("tff", tff=50))
    assert judge(clear, "bff", "bff").verdict == "tff"


def test_little_or_contradictory_evidence_lowers_the_confidence():
    sure = judge((window("tff", tff=60),), "tff", "tff").confidence
    little = judge((window("tff", tff=4),), "tff", "tff").confidence
    contradicted = judge((window("tff", tff=60), window("bff", bff=12)), "tff", "tff").confidence
    assert sure > 0.95
    assert little < 0.4
    assert 0.4 < contradicted < 0.8
