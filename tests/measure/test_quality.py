import logging
import math
import re
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cinemill.errors import RequestError
from cinemill.measure import vmaf as vmaf_module
from cinemill.measure.quality import Unmatched, compare, decibels, squared_error, ssim, summarise
from cinemill.measure.vmaf import vmaf
from cinemill.media import program, read
from cinemill.media.colour import Colour
from cinemill.media.types import Frame

RNG = np.random.default_rng(0)


def frame(luma: np.ndarray, number: int = 0, time_base: Fraction = Fraction(1, 25), format: str = "gray") -> Frame:
    return Frame((luma,), format, number, time_base, 1)


def grey(value: float, number: int = 0, **rest) -> Frame:
    return frame(np.full((32, 48), value, np.uint8), number, **rest)


def noise(shape=(32, 48), peak: int = 255, dtype=np.uint8) -> np.ndarray:
    return RNG.integers(0, peak + 1, shape, dtype)


def run(*arguments: object) -> str:
    done = subprocess.run([program.ffmpeg(), "-v", "error", *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> tuple[Path, Path]:
    """Ten pictures, lossless, and the same through a hard-working encoder."""
    folder = tmp_path_factory.mktemp("clips")
    clean, coded = folder / "clean.mkv", folder / "coded.mkv"
    source = "testsrc2=s=320x240:r=25,format=yuv420p"
    run("-f", "lavfi", "-i", source, "-frames:v", 10, "-c:v", "ffv1", clean)
    run("-i", clean, "-c:v", "libx264", "-preset", "veryfast", "-crf", 35, coded)
    return clean, coded


def test_psnr_equals_that_of_ffmpeg_plane_by_plane_and_in_all(clips):
    clean, coded = clips
    printed = run("-i", coded, "-i", clean, "-lavfi", "psnr=stats_file=-", "-f", "null", "-")
    pairs = list(compare(read.frames(read.probe(clean)), read.frames(read.probe(coded))))
    assert len(pairs) == 10
    for name, values in {
        "psnr_y": [pair.psnr_y for pair in pairs],
        "psnr_u": [pair.psnr_planes[1] for pair in pairs],
        "psnr_v": [pair.psnr_planes[2] for pair in pairs],
        "psnr_avg": [pair.psnr for pair in pairs],
    }.items():
        theirs = [float(value) for value in re.findall(rf"{name}:([\d.]+)", printed)]
        assert values == pytest.approx(theirs, abs=0.006), name


@pytest.mark.parametrize(("dtype", "peak"), [(np.uint8, 255), (np.uint16, 65535)])
def test_squared_error_is_exact_at_the_ends_of_the_scale(dtype, peak):
    a, b = np.zeros((1080, 1920), dtype), np.full((1080, 1920), peak, dtype)
    assert squared_error(a, b) == squared_error(b, a) == 1080 * 1920 * peak**2
    a, b = noise((40, 50), peak, dtype), noise((40, 50), peak, dtype)
    assert squared_error(a, b) == sum((int(x) - int(y)) ** 2 for x, y in zip(a.flat, b.flat))


def slow_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004, equations 13 to 17, window by window in double precision."""
    x = np.arange(-5, 6)
    weights = np.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for top in range(a.shape[0] - 10):
        for left in range(a.shape[1] - 10):
            p, q = (plane[top : top + 11, left : left + 11].astype(float) for plane in (a, b))
            mp, mq = (weights * p).sum(), (weights * q).sum()
            vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
            both = (weights * (p - mp) * (q - mq)).sum()
            values.append((2 * mp * mq + c1) * (2 * both + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return float(np.mean(values))


def test_ssim_equals_a_slow_reference():
    a = np.clip(120 + 60 * np.sin(np.arange(50) / 4)[None, :] + RNG.normal(0, 5, (40, 50)), 0, 255)
    for other in (a + RNG.normal(0, 12, a.shape), a * 0.7, 255 - a, np.full_like(a, 250), a):
        expected = slow_ssim(a.astype(np.float32), other.astype(np.float32))
        assert ssim(a.astype(np.float32), other.astype(np.float32)) == pytest.approx(expected, abs=1e-4)


def test_identical_pictures_are_infinitely_good_and_the_summary_stays_finite_in_its_means():
    (pair,) = compare([grey(90)], [grey(90)])
    assert pair.psnr == pair.psnr_y == math.inf
    assert pair.ssim == 1
    total = summarise(compare([grey(90), grey(90, 1)], [grey(90), grey(95, 1)]))
    assert total.psnr_y_mean == pytest.approx((100 + decibels(25)) / 2)
    assert total.psnr_y == total.psnr == pytest.approx(decibels(12.5))
    assert (total.psnr_y_min, total.worst) == (pytest.approx(decibels(25)), pytest.approx(0.04))


def test_a_constant_error_does_not_flicker_and_an_alternating_one_does_by_its_swing():
    pictures = [noise() // 2 + 40 for _ in range(6)]
    clean = [frame(p, n) for n, p in enumerate(pictures)]
    steady = [frame(p + 9, n) for n, p in enumerate(pictures)]
    blinking = [frame(p + (9 if n % 2 else 3), n) for n, p in enumerate(pictures)]
    assert next(compare(clean, steady)).flicker is None
    assert summarise(compare(clean, steady)).flicker == 0
    assert summarise(compare(clean, blinking)).flicker == pytest.approx(6)


def test_a_shallower_picture_is_shifted_up_to_the_deeper():
    shallow = noise(peak=200)
    deep = shallow.astype(np.uint16) << 2
    (pair,) = compare([frame(deep, format="gray10le")], [frame(shallow)])
    assert pair.mse == (0.0,)
    (pair,) = compare([frame(deep + 4, format="gray10le")], [frame(shallow)])
    # One code value of 8 bits is 4/1023 of the peak of 10 bits.
    assert pair.psnr_y == pytest.approx(20 * math.log10(1023 / 4))


def test_frames_are_paired_by_time_across_clocks_and_leftovers_are_counted():
    values = range(10, 250, 20)
    clean = [grey(v, n) for n, v in enumerate(values)]
    late_by_a_third = Fraction(1, 75)
    kept = [0, 1, *range(3, 12)]
    other = [grey(values[n], 3 * n + 1, time_base=late_by_a_third) for n in kept]
    extra = grey(5, -9, time_base=late_by_a_third)
    unmatched = Unmatched()
    pairs = list(compare(clean, [extra, *other], unmatched))
    assert [pair.mse for pair in pairs] == [(0.0,)] * 11
    assert [round(pair.time * 75) for pair in pairs] == [3 * n + 1 for n in kept]
    assert (unmatched.reference, unmatched.distorted) == (1, 1)


def test_a_clock_of_whole_milliseconds_is_the_same_rate():
    clean = [grey(10 * n, n, time_base=Fraction(1001, 60000)) for n in range(12)]
    rounded = [grey(10 * n, round(n * 1001 / 60), time_base=Fraction(1, 1000)) for n in range(12)]
    assert len(list(compare(clean, rounded))) == 12


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ([frame(np.zeros((30, 48), np.uint8))], r"48x30 cannot be measured against 48x32; scale"),
        ([grey(0, n, time_base=Fraction(1, 50)) for n in range(4)], r"50 pictures a second .* against 25"),
        ([grey(0, n, time_base=Fraction(1, 24)) for n in range(4)], r"24 pictures a second .* against 25"),
        ([Frame((noise(), noise((16, 24)), noise((16, 24))), "yuv420p", 0, Fraction(1, 25))], r"yuv420p .* gray"),
        ([Frame((noise((32, 48, 3)),), "rgb24", 0, Fraction(1, 25))], r"bring rgb24 to yuv444p"),
        ([replace(grey(0), colour=Colour(range="full"))], r"limited range and the other full"),
    ],
    ids=["size", "rate", "near rate", "format", "rgb", "range"],
)
def test_what_cannot_be_compared_is_refused_before_the_first_pair(other, said):
    limited = Colour(range="limited")
    with pytest.raises(RequestError, match=said):
        compare([replace(grey(0, n), colour=limited) for n in range(4)], other)


def test_streams_without_a_common_moment_are_refused_at_the_end():
    with pytest.raises(RequestError, match="none of the 3 pictures"):
        list(compare([grey(0, n) for n in range(3)], [grey(0, n + 100) for n in range(3)]))


def test_a_picture_smaller_than_the_window_has_a_similarity_too():
    small = noise((6, 7)).astype(np.float32)
    assert ssim(small, small) == pytest.approx(1)
    assert ssim(small, 255 - small) < 0


def test_vmaf_prefers_the_original_to_its_encoding(clips):
    clean, coded = clips
    best, worse = vmaf(clean, clean), vmaf(clean, coded)
    assert best is not None
    assert worse is not None
    assert best > 95
    assert 0 <= worse < best - 5


def test_vmaf_of_different_sizes_is_refused(clips, tmp_path):
    run("-i", clips[0], "-vf", "scale=160:120", "-c:v", "ffv1", tmp_path / "small.mkv")
    with pytest.raises(RequestError, match="160x120 against 320x240"):
        vmaf(clips[0], tmp_path / "small.mkv")


def test_without_libvmaf_there_is_no_number_but_a_reason(clips, tmp_path, monkeypatch, caplog):
    bare = tmp_path / "ffmpeg"
    bare.write_text("#!/bin/sh\necho ' .. psnr VV->V'\n")
    bare.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(bare))
    caches = (program.ffmpeg, vmaf_module._has_libvmaf)
    for cache in caches:
        cache.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert vmaf(*clips) is None
    finally:
        for cache in caches:
            cache.cache_clear()
    assert "without libvmaf" in caplog.text
