"""Filters against the FFmpeg program's own, against slow references, and against pictures whose truth is known."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinemill.errors import InvalidParams, UnsupportedMedia
from cinemill.filters import text
from cinemill.media.colour import Colour
from cinemill.media.program import ffmpeg
from cinemill.media.types import FieldOrder, Frame
from pictures import (
    CUBE,
    TAGGED,
    chain,
    end,
    movie,
    ntsc_in_milliseconds,
    psnr,
    run,
    time,
    timed,
    variable,
    worst,
    woven,
)


def program(frames: Sequence[Frame], graph: str, like: Frame, format: str = "") -> list[Frame]:
    """`frames` through the FFmpeg program as raw bytes; the outcome has the size and format of `like`."""
    first = frames[0]
    source = b"".join(plane.tobytes() for frame in frames for plane in frame.planes)
    size = f"{first.width}x{first.height}"
    read = ["-f", "rawvideo", "-pix_fmt", first.format, "-s", size, "-r", "25", "-i", "-"]
    written = ["-f", "rawvideo", "-pix_fmt", format or first.format, "-fps_mode", "passthrough", "-"]
    command = [ffmpeg(), "-v", "error", *read, "-vf", graph, *written]
    done = subprocess.run(command, input=source, capture_output=True, check=True).stdout
    samples = np.frombuffer(done, like.layout.dtype)
    shapes = like.layout.shapes(like.width, like.height)
    sizes = [int(np.prod(shape)) for shape in shapes]
    assert len(samples) % sum(sizes) == 0, f"{len(samples)} samples are no frames of {like}"
    made = []
    for number, whole in enumerate(samples.reshape(-1, sum(sizes))):
        parts = np.split(whole, np.cumsum(sizes)[:-1])
        planes = tuple(part.reshape(shape).copy() for part, shape in zip(parts, shapes))
        made.append(replace(like, planes=planes, pts=number))
    return made


def assert_like_the_program(frames: list[Frame], written: str, graph: str, tolerance: int = 0) -> list[Frame]:
    ours = run(written, frames)
    theirs = program(frames, graph, ours[0])
    assert len(ours) == len(theirs)
    assert max(worst(one, other) for one, other in zip(ours, theirs)) <= tolerance
    return ours


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p10le", "yuv444p", "gray"])
@pytest.mark.parametrize("kernel", ["lanczos", "spline", "bicubic", "bilinear", "area"])
def test_scale_is_that_of_the_program(format: str, kernel: str) -> None:
    graph = f"scale=40:30:flags={kernel}+accurate_rnd+full_chroma_inp"
    assert_like_the_program(movie(2, format), f"scale=width:40:height:30:kernel:{kernel}", graph)


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p", "yuv444p10le", "yuv411p", "gbrp", "rgb24"])
def test_crop_is_that_of_the_program(format: str) -> None:
    out = assert_like_the_program(
        movie(2, format), "crop=left:8:top:4:right:3:bottom:6", "crop=iw-11:ih-10:8:4:exact=1"
    )
    assert (out[0].width, out[0].height) == (53, 38)


def test_crop_begins_where_chroma_and_fields_begin() -> None:
    (whole,) = movie(1)
    (out,) = run("crop=left:3:top:7", [whole])
    assert (out.width, out.height) == (62, 42)
    assert np.array_equal(out.planes[0], whole.planes[0][6:, 2:])
    (out,) = run("crop=top:7", [replace(whole, field_order="tff")])
    assert np.array_equal(out.planes[0], whole.planes[0][4:])
    assert np.array_equal(out.planes[1], whole.planes[1][2:])


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p", "yuv444p10le", "gbrp"])
@pytest.mark.parametrize("colour", ["black", "red", "#336699"])
@pytest.mark.parametrize("range", ["limited", "full"])
def test_pad_is_that_of_the_program(format: str, colour: str, range: Any) -> None:
    frames = movie(2, format, colour=Colour("smpte170m", range=range))
    told = f"setparams=range={range}:colorspace=smpte170m," if format != "gbrp" else ""
    pad = f"pad=iw+6:ih+8:2:6:{colour}"
    # The program rounds to 8 bits first: its white is 943 of 940.
    out = assert_like_the_program(
        frames,
        f"pad=left:2:right:4:top:6:bottom:2:colour:'{colour}'",
        told + pad,
        1 << (bits - 8) if (bits := frames[0].layout.bits) > 8 else 1,
    )
    assert (out[0].width, out[0].height) == (70, 56)


def test_pad_keeps_odd_sizes_and_the_fields_apart() -> None:
    (whole,) = movie(1, size=(61, 47), field_order="tff")
    (out,) = run("pad=top:7:left:3:right:2:bottom:1", [whole])
    assert (out.width, out.height) == (65, 52)
    assert np.array_equal(out.planes[0][4:51, 2:63], whole.planes[0])
    assert np.array_equal(out.planes[1][2:26, 1:32], whole.planes[1])
    assert out.planes[0][0, 0] == 16
    assert out.planes[1][0, 0] == 128


@pytest.mark.parametrize(("format", "black", "white"), [("yuv420p10le", 64, 940), ("gray", 16, 235), ("gbrp", 0, 255)])
def test_borders_have_exact_values(format: str, black: int, white: int) -> None:
    for colour, value in (("black", black), ("white", white)):
        (out,) = run(f"pad=left:8:colour:{colour}", movie(1, format))
        assert set(out.planes[0][:, :8].ravel()) == {value}


def test_unknown_colours_are_refused() -> None:
    with pytest.raises(InvalidParams, match="give a name such as black, or #rrggbb"):
        run("pad=left:2:colour:blurple", movie(1))


@pytest.mark.parametrize(
    ("size", "sar", "wanted", "inside"),
    [
        ((64, 48), Fraction(1), (100, 48), (64, 48, 18, 0)),
        ((64, 48), Fraction(1), (101, 101), (101, 76, 0, 12)),
        ((72, 57), Fraction(16, 15), (80, 60), (80, 60, 0, 0)),
        ((72, 48), Fraction(64, 45), (64, 64), (64, 30, 0, 17)),
        ((64, 2), Fraction(1), (16, 16), (16, 2, 0, 7)),
    ],
)
def test_fit_makes_square_pixels_in_the_middle_of_the_frame(
    size: tuple[int, int], sar: Fraction, wanted: tuple[int, int], inside: tuple[int, int, int, int]
) -> None:
    frames = [
        replace(frame, planes=tuple(np.full_like(p, 200) for p in frame.planes))
        for frame in movie(1, "yuv444p", size, sar=sar)
    ]
    (out,) = run(f"fit=width:{wanted[0]}:height:{wanted[1]}", frames)
    width, height, left, top = inside
    assert (out.width, out.height, out.sar) == (*wanted, 1)
    drawn = np.zeros(wanted[::-1], bool)
    drawn[top : top + height, left : left + width] = True
    assert np.array_equal(out.planes[0] == 200, drawn)
    assert set(out.planes[0][~drawn]) <= {16}


@pytest.mark.parametrize(
    ("written", "size", "sar"),
    [
        ("scale=height:24", (32, 24), Fraction(16, 15)),
        ("scale=width:128", (128, 96), Fraction(16, 15)),
        ("scale=width:32:height:48", (32, 48), Fraction(32, 15)),
        ("scale=height:24:square:true", (34, 24), Fraction(1)),
        ("scale=square:true", (68, 48), Fraction(1)),
        ("rotate=90", (48, 64), Fraction(15, 16)),
        ("rotate=180", (64, 48), Fraction(16, 15)),
        ("flip", (64, 48), Fraction(16, 15)),
    ],
)
def test_pixels_keep_their_shape_on_the_screen(written: str, size: tuple[int, int], sar: Fraction) -> None:
    (out,) = run(written, movie(1, sar=Fraction(16, 15)))
    assert (out.width, out.height, out.sar) == (*size, sar)


@pytest.mark.parametrize("format", ["yuv420p", "yuv444p10le", "gray", "gbrp"])
@pytest.mark.parametrize(("degrees", "turns"), [(90, -1), (180, 2), (270, 1)])
def test_rotate_turns_clockwise(format: str, degrees: int, turns: int) -> None:
    (whole,) = movie(1, format)
    (out,) = run(f"rotate={degrees}", [whole])
    assert all(np.array_equal(a, np.rot90(b, turns)) for a, b in zip(out.planes, whole.planes))


@pytest.mark.parametrize("format", ["yuv422p", "yuv422p10le", "yuv411p"])
def test_rotate_by_a_quarter_resamples_chroma_that_is_finer_one_way(format: str) -> None:
    (whole,) = movie(1, format, noise=0)
    (out,) = run("rotate=90", [whole])
    (back,) = run("rotate=270", [out])
    assert out.format == format
    assert np.array_equal(back.planes[0], whole.planes[0])
    assert (
        psnr(
            replace(back, planes=back.planes[1:2], format="gray" + format[7:]),
            replace(whole, planes=whole.planes[1:2], format="gray" + format[7:]),
        )
        > 30
    )


def test_flip_mirrors() -> None:
    (whole,) = movie(1, size=(62, 46))
    (across,), (over,) = run("flip", [whole]), run("flip=vertical", [whole])
    assert all(np.array_equal(a, b[:, ::-1]) for a, b in zip(across.planes, whole.planes))
    assert all(np.array_equal(a, b[::-1]) for a, b in zip(over.planes, whole.planes))


@pytest.mark.parametrize("method", ["bwdif", "yadif", "w3fdif"])
@pytest.mark.parametrize("output", ["field", "frame"])
@pytest.mark.parametrize("order", ["tff", "bff"])
def test_deinterlacers_are_those_of_the_program(method: str, output: str, order: FieldOrder) -> None:
    frames = woven(movie(16), order)
    mode = output if method == "w3fdif" else f"send_{output}"
    ours = run(f"deinterlace.{method}=output:{output}", frames)
    theirs = program(frames, f"setfield={order},{method}=mode={mode}", ours[0])
    assert len(ours) == len(theirs)
    # The program's FFmpeg is newer, and its bwdif treats the borders of the first and last frame otherwise.
    border = slice(4, -4) if method == "bwdif" else slice(None)
    for one, other in zip(ours, theirs):
        assert all(np.array_equal(a[border], b[border]) for a, b in zip(one.planes, other.planes))


def test_yadif_of_deep_pictures_is_the_same_every_time() -> None:
    frames = woven(movie(8, "yuv444p10le", (128, 96)), "tff")
    first = run("deinterlace.yadif", frames)
    for _ in range(8):
        assert [worst(a, b) for a, b in zip(run("deinterlace.yadif", frames), first)] == [0] * 8


@pytest.mark.parametrize("shift", [(3, 0, 0, 0), (-2, 1, 0, 0), (0, 0, 5, -4), (1, 1, -1, -1)])
def test_chroma_shift_moves_right_and_down(shift: tuple[int, int, int, int]) -> None:
    (whole,) = movie(1)
    names = ("cb_x", "cb_y", "cr_x", "cr_y")
    (out,) = run(chain(("chroma-shift", dict(zip(names, shift)))), [whole])
    assert np.array_equal(out.planes[0], whole.planes[0])
    for plane, source, (x, y) in zip(out.planes[1:], whole.planes[1:], (shift[:2], shift[2:])):
        rows = np.clip(np.arange(source.shape[0]) - y, 0, source.shape[0] - 1)
        columns = np.clip(np.arange(source.shape[1]) - x, 0, source.shape[1] - 1)
        assert np.array_equal(plane, source[rows][:, columns])


@pytest.mark.parametrize("format", ["gbrp", "rgb24", "gbrp16le"])
def test_lut_is_that_of_the_program_and_of_the_file(format: str, tmp_path: Path) -> None:
    file = tmp_path / "it's a: look, [1].cube"
    file.write_text(CUBE)
    plain = tmp_path / "plain.cube"
    plain.write_text(CUBE)
    frames = movie(1, format)
    (out,) = run(chain(("lut", {"file": file})), frames)
    (theirs,) = program(frames, f"lut3d=file={plain}:interp=tetrahedral", out)
    # Ours looks up 16 bits, whatever goes in.
    assert worst(out, theirs) <= (0 if format == "gbrp16le" else 1)
    # The table is linear in each channel: red 0.1 … 0.9, green as it is, blue 0 … 0.9.
    top = (1 << out.layout.bits) - 1
    red, green, blue = np.moveaxis(out.planes[0], 2, 0) if format == "rgb24" else [out.planes[i] for i in (2, 0, 1)]
    r, g, b = np.moveaxis(frames[0].planes[0], 2, 0) if format == "rgb24" else [frames[0].planes[i] for i in (2, 0, 1)]
    for made, wanted in ((red, 0.1 * top + 0.8 * r), (green, 1.0 * g), (blue, 0.9 * b)):
        assert np.abs(made - wanted).max() <= 1


def test_lut_in_the_middle_of_yuv_gives_yuv_back(tmp_path: Path) -> None:
    """A table that changes nothing costs what the way to 8-bit RGB and back costs, and no more."""
    file = tmp_path / "same.cube"
    corners = [f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    file.write_text("\n".join(["LUT_3D_SIZE 2", *corners]))
    frames = [
        replace(f, planes=(f.planes[0], *(p // 4 + 96 for p in f.planes[1:]))) for f in movie(2, "yuv444p", noise=0)
    ]
    out = run(chain(("lut", {"file": file})), frames)
    assert {frame.format for frame in out} == {"yuv444p"}
    assert {frame.colour for frame in out} == {TAGGED}
    assert max(worst(one, other) for one, other in zip(out, frames)) <= 1


def shown_at(frames: Sequence[Frame], rate: Fraction) -> list[tuple[Fraction, Frame]]:
    """At every tick inside the stream the frame that is on screen: a slow reading of the definition.

    A fine clock may have rounded times by half a unit.
    """
    found = []
    unit = frames[0].time_base
    late = unit / 2 if unit * rate <= Fraction(1, 8) else 0
    for tick in range(int(end(frames[-1]) * rate) + 2):
        moment = tick / rate
        started = [frame for frame in frames if time(frame) - late <= moment]
        if started and moment < end(frames[-1]) - late:
            found.append((moment, started[-1]))
    return found


@pytest.mark.parametrize("rate", ["5", "24", "25", "30000/1001", "59.94", "1/2", "12.5"])
@pytest.mark.parametrize("clocked", [list, ntsc_in_milliseconds, variable])
def test_fps_shows_what_is_on_screen(rate: str, clocked: Any) -> None:
    frames = clocked(movie(50, size=(16, 8)))
    chosen = text.chain(f"fps={rate}")
    out = run(chosen, frames)
    wanted = shown_at(frames, chosen.rate(Fraction(25)))
    assert [time(frame) for frame in out] == [moment for moment, _ in wanted]
    assert all(frame.planes is source.planes for frame, (_, source) in zip(out, wanted))
    assert all(end(frame) == time(frame) + 1 / chosen.rate(Fraction(25)) for frame in out)


@pytest.mark.parametrize("rate", [15, 24, 30, 60])
def test_fps_keeps_every_picture_of_a_stream_whose_times_were_rounded(rate: int) -> None:
    """As Matroska rounds them to milliseconds."""
    frames = timed(movie(30), [round(Fraction(1000 * n, rate)) for n in range(30)], Fraction(1, 1000), 1000 // rate)
    assert [frame.planes for frame in run(f"fps={rate}", frames)] == [frame.planes for frame in frames]


def test_fps_gives_a_last_frame_of_unknown_length_that_of_the_one_before() -> None:
    frames = [replace(frame, duration=0) for frame in timed(movie(3), [0, 40, 80], Fraction(1, 1000), 0)]
    assert len(run("fps=50", frames)) == 6
    assert len(run("fps=50", frames[:1])) == 1


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p10le", "gray", "yuv444p16le"])
@pytest.mark.parametrize("range", ["limited", "full"])
def test_levels_follow_the_formula(format: str, range: Any) -> None:
    (whole,) = movie(1, format, colour=Colour(range=range))
    (out,) = run("levels=black:10:white:80:gamma:1.6:saturation:1.5", [whole])
    bits = whole.layout.bits
    scale = 2.0 ** (bits - 8)
    low, high = (0.0, 2.0**bits - 1) if range == "full" else (16 * scale, 235 * scale)
    light = ((whole.planes[0] - low) / (high - low) - 0.1) / 0.7
    light = np.where(light < 0, -(np.abs(light) ** (1 / 1.6)), np.abs(light) ** (1 / 1.6))
    wanted = np.clip(light * (high - low) + low, 0, 2.0**bits - 1)
    assert np.abs(out.planes[0] - wanted).max() <= 0.5 + 1e-6
    for plane, source in zip(out.planes[1:], whole.planes[1:]):
        grey = 2.0 ** (bits - 1)
        assert np.abs(plane - np.clip((source - grey) * 1.5 + grey, 0, 2.0**bits - 1)).max() <= 0.5 + 1e-6


def test_levels_change_nothing_by_themselves_and_take_upside_down_pictures() -> None:
    frames = movie(2, size=(61, 47))
    assert [worst(a, b) for a, b in zip(run("levels", frames), frames)] == [0, 0]
    one, other = run("flip=vertical,levels=gamma:2", frames), run("levels=gamma:2,flip=vertical", frames)
    assert [worst(a, b) for a, b in zip(one, other)] == [0, 0]


def test_white_balance_below_6500_is_warmer_and_at_6500_nothing() -> None:
    grey = [replace(f, planes=tuple(np.full_like(p, 128) for p in f.planes)) for f in movie(1, "gbrp")]

    def balanced(kelvin: int) -> tuple[int, int, int]:
        (out,) = run(f"white-balance={kelvin}", grey)
        green, blue, red = (int(plane[0, 0]) for plane in out.planes)
        return red, green, blue

    assert balanced(6500) == (128, 128, 128)
    red, _, blue = balanced(4000)
    assert red > 128 > blue
    red, _, blue = balanced(9000)
    assert red < 128 < blue


def telecined(film: Sequence[Frame], order: FieldOrder) -> list[Frame]:
    """2:3 pulldown by definition: the fields of four film frames over five video frames."""
    fields = [frame for number, frame in enumerate(film) for frame in [frame] * (2 + number % 2)]
    pictures = woven(fields[: len(fields) // 2 * 2], order)
    return [replace(picture, time_base=Fraction(1001, 30_000)) for picture in pictures]


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("told", [True, False])
def test_ivtc_gives_exactly_the_film_back(order: FieldOrder, told: bool) -> None:
    film = movie(48, noise=0)
    video = telecined(film, order)
    assert len(video) == 60
    if not told:
        video = [replace(frame, field_order="progressive") for frame in video]
    wanted = text.chain("ivtc" if told else f"ivtc=field_order:{order}")
    out = run(wanted, video)
    assert wanted.rate(Fraction(30_000, 1001)) == Fraction(24_000, 1001)
    assert [time(frame) for frame in out] == [n * Fraction(1001, 24_000) for n in range(48)]
    assert {end(frame) - time(frame) for frame in out} == {Fraction(1001, 24_000)}
    # The very last fields have no partner any more.
    assert [worst(a, b) for a, b in zip(out[:46], film)] == [0] * 46


def test_ivtc_of_a_clock_in_milliseconds_stays_with_the_sound() -> None:
    video = ntsc_in_milliseconds(telecined(movie(400, size=(32, 16)), "tff"))
    out = run("ivtc", video)
    assert len(out) == 400
    drift = [abs(time(frame) - Fraction(1, 2) - n * Fraction(1001, 24_000)) for n, frame in enumerate(out)]
    assert max(drift) <= Fraction(1, 1000)


@pytest.mark.parametrize("method", ["bwdif", "yadif", "w3fdif"])
@pytest.mark.parametrize("order", ["tff", "bff"])
def test_deinterlaced_pictures_are_close_to_the_original(method: str, order: FieldOrder) -> None:
    original = movie(40, size=(96, 64), noise=0)
    video = woven(original, order)
    wrong = "bff" if order == "tff" else "tff"
    good, bad = (run(f"deinterlace.{method}=field_order:{o}", video) for o in (order, wrong))
    middle = range(8, 32)
    rights = np.mean([psnr(good[n], original[n]) for n in middle])
    wrongs = np.mean([psnr(bad[n], original[n]) for n in middle])
    assert rights > 32
    assert rights > wrongs + 3


def test_deinterlacers_let_progressive_frames_pass() -> None:
    whole, woven_frames = movie(12, noise=0), woven(movie(24, noise=0), "tff")
    mixed = [a if n % 6 < 3 else b for n, (a, b) in enumerate(zip(whole, woven_frames))]
    out = run("deinterlace", mixed)
    assert len(out) == 12 + 6
    starts = {time(frame): frame for frame in out}
    passed = [n for n in range(12) if n % 6 < 3]
    assert [worst(starts[Fraction(n, 25)], mixed[n]) for n in passed] == [0] * 6
    assert [end(starts[Fraction(n, 25)]) for n in passed] == [Fraction(n + 1, 25) for n in passed]


def checkers(count: int, noise: float) -> list[Frame]:
    """Drifting light over a board that stands still: what a denoiser should keep."""
    y, x = np.mgrid[:96, :128]
    grey = np.full((48, 64), 128, np.uint8)
    frames: list[Frame] = []
    for number in range(count):
        dice = np.random.default_rng([number, 7])
        light = (
            128 + 60 * np.sin((x + number / 2) / 25) * np.cos((y + number / 3) / 30) + 20 * ((x // 20 + y // 20) % 2)
        )
        plane = np.rint(light + dice.normal(0, noise, light.shape)).clip(0, 255).astype(np.uint8)
        frames.append(Frame((plane, grey.copy(), grey.copy()), "yuv420p", number, Fraction(1, 25), 1))
    return frames


@pytest.mark.parametrize(("method", "noise", "gain"), [("hqdn3d", 4, 4), ("nlmeans", 8, 4)])
def test_denoisers_come_closer_to_the_clean_picture(method: str, noise: float, gain: float) -> None:
    clean, noisy = checkers(10, 0), checkers(10, noise)
    out = run(f"denoise.{method}=strength:0.6", noisy)
    assert psnr(out[8], clean[8]) > psnr(noisy[8], clean[8]) + gain


def test_hqdn3d_without_time_looks_at_one_frame_only() -> None:
    frames = checkers(3, 4)
    assert worst(run("denoise=temporal:0", frames)[2], run("denoise=temporal:0", frames[2:])[0]) == 0
    assert worst(run("denoise", frames)[2], run("denoise", frames[2:])[0]) > 0


def test_deband_smooths_a_step() -> None:
    step = np.repeat(np.uint16([[400] * 32 + [404] * 32]), 48, 0)
    chroma = np.full((24, 32), 512, np.uint16)
    frame = Frame((step, chroma, chroma.copy()), "yuv420p10le", 0, Fraction(1, 25), 1)
    (out,) = run("deband=strength:0.5", [frame])
    assert {400, 404} < set(out.planes[0].ravel())
    (untouched,) = run("deband=strength:0.02", [frame])
    assert set(untouched.planes[0].ravel()) == {400, 404}


CUES = "1\n00:00:00,200 --> 00:00:00,400\nHELLO\n\n2\n00:00:00,600 --> 00:00:00,800\nHELLO\n"


def written_on(frames: Sequence[Frame], plain: Sequence[Frame]) -> list[int]:
    return [n for n, (a, b) in enumerate(zip(frames, plain)) if worst(a, b) > 50]


@pytest.mark.parametrize("name", ["plain.srt", "it's, [1]: a=b;c.srt", "Überschrift %d.srt"])
def test_subtitles_appear_at_their_own_times(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(CUES)
    plain = movie(25, noise=0)
    burnt = run(chain(("subtitles", {"file": file, "size": 60})), plain)
    assert written_on(burnt, plain) == [5, 6, 7, 8, 9, 15, 16, 17, 18, 19]
    late = run(chain(("subtitles", {"file": file, "size": 60, "delay": 0.2})), plain)
    assert written_on(late, plain) == [10, 11, 12, 13, 14, 20, 21, 22, 23, 24]
    assert [time(frame) for frame in late] == [time(frame) for frame in plain]


def test_files_that_are_not_there_are_named_before_the_first_frame(tmp_path: Path) -> None:
    for name in ("subtitles", "lut"):
        with pytest.raises(InvalidParams, match=r"none\.x is not there"):
            next(chain((name, {"file": tmp_path / "none.x"})).run(movie(1)))


@pytest.mark.parametrize(
    "written", ["scale=height:24", "rotate=90", "rotate=180", "fit=width:64:height:64", "flip=vertical"]
)
def test_interlaced_pictures_are_refused_until_deinterlaced(written: str) -> None:
    frames = woven(movie(8), "tff")
    with pytest.raises(UnsupportedMedia, match="deinterlace them first"):
        run(written, frames)
    assert len(run(f"deinterlace,{written}", frames)) == 8
    assert len(run(f"denoise,deinterlace,{written}", frames)) == 8


@pytest.mark.parametrize("written", ["flip", "scale=width:32:height:48", "crop=left:4", "pad=top:4", "levels=gamma:2"])
def test_what_does_not_mix_fields_takes_interlaced_pictures(written: str) -> None:
    assert {frame.field_order for frame in run(written, woven(movie(4), "bff"))} == {"bff"}
