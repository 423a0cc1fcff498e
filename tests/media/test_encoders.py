"""The encoder is the one that works here, and it stores all of what it is given."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cinemill.errors import UnsupportedMedia
from cinemill.media import encoders, native
from cinemill.media.colour import Colour
from cinemill.media.formats import layout
from cinemill.media.output import VideoOutput, VideoSpec
from cinemill.media.types import Frame, Hdr

POINTS = ((34_000, 16_000), (13_250, 34_500), (7500, 3000), (15_635, 16_450))
HDR = Hdr(
    display=tuple(
        (Fraction(x, 50_000), Fraction(y, 50_000))
        for x, y in ((34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450))
    ),
    min_luminance=Fraction(1, 200),
    max_luminance=Fraction(1000),
    max_cll=1000,
    max_fall=400,
)


def picture(format: str = "yuv420p", width: int = 128, height: int = 96, **facts: object) -> Frame:
    plan = layout(format)
    planes = tuple(np.zeros(shape, plan.dtype) for shape in plan.shapes(width, height))
    return Frame(planes, format, 0, Fraction(1, 25), 1, **facts)


def chosen(output: VideoOutput, frame: Frame, hdr: Hdr | None = None) -> tuple[VideoSpec, list[str]]:
    return encoders.spec_for(output, frame, Fraction(25), hdr, cores=2)


def works(name: str) -> bool:
    spec, _ = chosen(VideoOutput(encoder="libx264"), picture())
    return encoders.trial(spec.model_copy(update={"encoder": name, "options": {}})) is None


@pytest.mark.skipif(works("h264_nvenc"), reason="NVENC works here")
def test_software_is_chosen_where_hardware_is_only_listed_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert "h264_nvenc" in av.codecs_available, "every build lists it"
    with caplog.at_level(logging.INFO, "cinemill.media.encoders"):
        spec, notes = chosen(VideoOutput(), picture(width=160, height=90))
    assert spec.encoder == "libx264"
    assert notes == []
    reasons = [record.message for record in caplog.records if "h264_nvenc is not used: " in record.message]
    assert len(reasons) == 1
    assert len(reasons[0]) > len("h264_nvenc is not used: "), "FFmpeg's words follow"


@pytest.mark.parametrize(
    ("codec", "encoder", "format"),
    [
        *(("h264", "libx264", "yuv420p"), ("hevc", "libx265", "yuv420p10le"), ("av1", "libsvtav1", "yuv420p10le")),
        *(("vp9", "libvpx-vp9", "yuv444p"), ("ffv1", "ffv1", "yuv422p10le"), ("prores", "prores_ks", "yuv422p10le")),
    ],
)
def test_each_codec_has_an_encoder_that_works_and_keeps_the_format(codec: str, encoder: str, format: str) -> None:
    spec, _ = chosen(VideoOutput(codec=codec, encoder=encoder), picture(format))
    assert (spec.encoder, spec.pix_fmt) == (encoder, format)
    assert encoders.trial(spec) is None


@pytest.mark.parametrize(
    ("codec", "format", "stored"),
    [
        *(("h264", "yuv411p", "yuv422p"), ("h264", "gray10le", "gray10le"), ("h264", "rgb24", "yuv444p")),
        *(("hevc", "rgb24", "gbrp"), ("prores", "yuv420p", "yuv422p10le"), ("ffv1", "yuv411p", "yuv411p")),
        *(("hevc", "yuv420p12le", "yuv420p12le"), ("h264", "yuv420p9le", "yuv420p10le")),
    ],
)
def test_a_format_that_the_encoder_does_not_take_becomes_one_that_holds_it(
    codec: str, format: str, stored: str
) -> None:
    software = {"h264": "libx264", "hevc": "libx265"}.get(codec, "auto")
    assert chosen(VideoOutput(codec=codec, encoder=software), picture(format))[0].pix_fmt == stored


def test_a_format_that_no_encoder_holds_is_refused_with_all_reasons() -> None:
    with pytest.raises(UnsupportedMedia, match=r"av1 cannot store 128x96 yuv444p16le here") as caught:
        chosen(VideoOutput(codec="av1"), picture("yuv444p16le"))
    assert "libsvtav1 cannot store yuv444p16le" in caught.value.sentence
    assert "name a --pix-fmt to accept the loss" in caught.value.sentence


def test_a_named_format_accepts_the_loss() -> None:
    spec, _ = chosen(VideoOutput(encoder="libx264", pix_fmt="yuv420p"), picture("yuv444p16le"))
    assert spec.pix_fmt == "yuv420p"


@pytest.mark.parametrize("name", ["libx265", "nosuch"])
def test_an_encoder_of_another_codec_is_refused_with_those_that_fit(name: str) -> None:
    with pytest.raises(UnsupportedMedia, match=rf"'{name}' does not make h264; these do: .*libx264"):
        chosen(VideoOutput(encoder=name), picture())


def test_a_size_that_the_encoder_refuses_is_told_in_its_words() -> None:
    with pytest.raises(UnsupportedMedia, match="not divisible by 2"):
        chosen(VideoOutput(encoder="libx264"), picture(width=127))


def test_hardware_that_takes_another_layout_of_the_same_values_counts() -> None:
    """What it lists can be seen without having it."""
    assert encoders.storable("h264_qsv", "yuv420p") == "yuv420p"
    assert encoders.storable("hevc_nvenc", "yuv420p10le") == "yuv420p10le"
    assert encoders.storable("h264_qsv", "yuv420p10le") is None
    assert encoders.storable("h264_nvenc", "rgb24") != "rgb24", "it would be subsampled inside"
    assert encoders.storable("nosuch", "yuv420p") is None


def test_a_frame_is_rearranged_for_such_hardware_without_a_change() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (96, 128), np.uint8)
    frame = Frame((noise, noise[:48, :64].copy(), noise[48:, 64:].copy()), "yuv420p", 0, Fraction(1, 25))
    nv12 = native.to_native(frame).reformat(format="nv12").to_ndarray()
    assert np.array_equal(nv12[:96], frame.planes[0])
    assert np.array_equal(nv12[96:, 0::2], frame.planes[1])
    assert np.array_equal(nv12[96:, 1::2], frame.planes[2])


class TestHdr:
    """Light levels go to encoders that have a place for them."""

    COLOUR = Colour("bt2020nc", "bt2020", "smpte2084", "limited")

    def test_x265_and_x264_get_them_in_their_own_units(self) -> None:
        display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
        frame = picture("yuv420p10le", colour=self.COLOUR)
        hevc, notes = chosen(VideoOutput(codec="hevc", encoder="libx265"), frame, HDR)
        assert f"master-display={display}:max-cll=1000,400" in hevc.options["x265-params"]
        h264, more = chosen(VideoOutput(encoder="libx264"), frame, HDR)
        assert h264.options["x264-params"] == f"mastering-display={display}:cll=1000,400"
        assert notes == more == []

    def test_svt_gets_them_as_decimals(self) -> None:
        spec, _ = chosen(VideoOutput(codec="av1", encoder="libsvtav1"), picture("yuv420p10le", colour=self.COLOUR), HDR)
        expected = (
            "mastering-display=G(0.2650,0.6900)B(0.1500,0.0600)R(0.6800,0.3200)WP(0.3127,0.3290)L(1000.0000,0.0050)"
        )
        assert spec.options["svtav1-params"] == f"{expected}:content-light=1000,400"

    def test_codecs_without_a_place_say_so(self) -> None:
        _, notes = chosen(VideoOutput(codec="prores"), picture("yuv422p10le", colour=self.COLOUR), HDR)
        assert notes == ["prores_ks writes no mastering-display and light-level data; only .mkv keeps them."]

    def test_a_picture_that_became_sdr_gets_none(self) -> None:
        sdr = picture("yuv420p10le", colour=Colour("bt709", "bt709", "bt709", "limited"))
        spec, notes = chosen(VideoOutput(codec="hevc", encoder="libx265"), sdr, HDR)
        assert "master-display" not in spec.options["x265-params"]
        assert notes == []


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_quality_zero_loses_nothing_at_any_depth(codec: str) -> None:
    """Encoded and decoded pictures of noise, which no lossy coding survives."""
    noise = np.random.default_rng(2)
    planes = tuple(noise.integers(0, 1024, shape).astype(np.uint16) for shape in ((96, 128), (48, 64), (48, 64)))
    frame = Frame(planes, "yuv420p10le", 0, Fraction(1, 25), 1)
    software = {"h264": "libx264", "hevc": "libx265"}[codec]
    spec, _ = chosen(VideoOutput(codec=codec, encoder=software, crf=0, speed="ultrafast"), frame)
    encoder = encoders.open_encoder(spec)
    packets = [*encoder.encode(native.to_native(frame)), *encoder.encode(None)]
    decoder = av.CodecContext.create(codec, "r")
    decoder.extradata = encoder.extradata
    decoded = [picture for packet in packets for picture in decoder.decode(packet)] + decoder.decode(None)
    again = native.of_native(decoded[0], Fraction(1, 25), Fraction(1), "progressive")
    assert all(np.array_equal(a, b) for a, b in zip(again.planes, planes))


@pytest.mark.parametrize(("cores", "threads", "expected"), [(2, 0, 3), (64, 0, 16), (1, 0, 1), (2, 5, 5)])
def test_threads_follow_the_cores_unless_named(cores: int, threads: int, expected: int) -> None:
    output = VideoOutput(encoder="libx264", threads=threads)
    assert encoders.spec_for(output, picture(), Fraction(25), None, cores)[0].threads == expected


def test_threads_do_not_cut_pictures_into_slices() -> None:
    spec, _ = chosen(VideoOutput(codec="h264", encoder="libx264", threads=3), picture())
    context = encoders.open_encoder(spec)
    coded = b"".join(bytes(packet) for packet in [*context.encode(native.to_native(picture())), *context.encode(None)])
    assert b"threads=3" in coded
    assert b"sliced_threads=0" in coded


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc fills what it hands out")
def test_the_same_pictures_give_the_same_bits_whatever_was_in_memory_before() -> None:
    """x264 read what it had not written, and jobs that went on were not those that ran through."""
    said = [coded_over(filling) for filling in (0, 85, 170)]
    assert said[0].count("\n") == 5
    assert said[0] == said[1] == said[2]


def coded_over(filling: int) -> str:
    program = Path(__file__).with_name("coded_again.py")
    environment = os.environ | {"MALLOC_PERTURB_": str(filling)}
    return subprocess.run([sys.executable, program], env=environment, check=True, capture_output=True, text=True).stdout


def test_a_spec_survives_json() -> None:
    spec, _ = chosen(VideoOutput(encoder="libx264"), picture(sar=Fraction(16, 15)))
    assert VideoSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_trial_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for codec in ("h264", "hevc", "av1", "vp9"):
        chosen(VideoOutput(codec=codec), picture(width=144, height=80))
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="SVT-AV1 raises itself only for root")
def test_an_encoder_does_not_put_itself_above_everything_else() -> None:
    spec, _ = chosen(VideoOutput(codec="av1", encoder="libsvtav1"), picture())
    context = encoders.open_encoder(spec)
    threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    assert len(threads) > 2  # its own are among them
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
    del context
