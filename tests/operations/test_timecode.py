"""Timecode that was drawn and played on purpose is read back, through noise and at other speeds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import cinemill
from cinemill.measure import ltc
from cinemill.media.dv.packs import Timecode
from cinemill.media.types import Audio
from clips import run

SYNC = [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1]


def bits(value: int, count: int) -> list[int]:
    return [value >> place & 1 for place in range(count)]


def word(code: Timecode) -> list[int]:
    """80 bits of LTC."""
    fields = [(code.frames, 2), (code.seconds, 3), (code.minutes, 3), (code.hours, 2)]
    out: list[int] = []
    for value, tens in fields:
        out += [*bits(value % 10, 4), 0, 0, 0, 0, *bits(value // 10, tens), *[0] * (4 - tens), 0, 0, 0, 0]
    out[10] = int(code.drop)
    return out + SYNC


def rattle(codes: list[Timecode], fps: float, rate: int = 48000, speed: float = 1.0) -> np.ndarray:
    """Biphase mark, as a deck plays it."""
    stream = [bit for code in codes for bit in word(code)]
    sign, signs = 1, []
    for bit in stream:
        sign = -sign
        signs.append(sign)
        sign = -sign if bit else sign
        signs.append(sign)
    count = int(len(stream) / (80 * fps * speed) * rate)
    place = (np.arange(count) / rate * 160 * fps * speed).astype(int)
    square = np.array(signs, np.float32)[np.minimum(place, len(signs) - 1)]
    return np.convolve(square, np.ones(5) / 5, "same").astype(np.float32)


def blocks(samples: np.ndarray, rate: int = 48000) -> list[Audio]:
    cuts = range(0, len(samples), 1000)
    return [Audio(samples[None, at : at + 1000].copy(), rate, at, "mono") for at in cuts]


@pytest.mark.parametrize(
    ("fps", "speed", "noise"), [(25, 1.0, 0.0), (30000 / 1001, 1.0, 0.1), (25, 1.3, 0.05), (25, 0.8, 0)]
)
def test_ltc_is_heard(fps: float, speed: float, noise: float) -> None:
    codes = [Timecode.of_count(90_000 + number, round(fps)) for number in range(40)]
    sound = 0.3 * rattle(codes, fps, speed=speed)
    sound += noise * 0.3 * np.random.default_rng(1).standard_normal(len(sound)).astype(np.float32)
    heard = list(ltc.decoded(blocks(sound)))
    first = codes.index(heard[0].timecode)
    assert [one.timecode for one in heard] == codes[first : first + len(heard)]
    assert len(heard) >= 38
    step = np.diff([one.time for one in heard])
    assert abs(step - 1 / (fps * speed)).max() < 0.002


def test_drop_frames_are_told() -> None:
    code = Timecode(1, 2, 3, 4, drop=True)
    heard = list(ltc.decoded(blocks(rattle([code] * 5, 30000 / 1001))))
    assert {str(one.timecode) for one in heard} == {"01:02:03;04"}


def test_music_and_silence_are_no_timecode() -> None:
    chance = np.random.default_rng(3)
    tone = np.sin(np.arange(96000) * 0.06).astype(np.float32)
    for sound in (np.zeros(48000, np.float32), tone, chance.standard_normal(96000).astype(np.float32)):
        assert list(ltc.decoded(blocks(sound))) == []


def vitc(code: Timecode) -> list[int]:
    """90 bits: nine groups of 10 and the eight data bits, then the remainder of x^8 + 1."""
    plain = word(code)[:64]
    out: list[int] = []
    for at in range(0, 64, 8):
        out += [1, 0, *plain[at : at + 8]]
    out += [1, 0]
    check = [sum(out[place::8]) % 2 for place in range(8)]
    shifted = [check[(place + 2) % 8] for place in range(8)]
    return out + shifted


def drawn(path: Path, codes: list[Timecode]) -> None:
    """Pictures of 720x576 with VITC in lines 2 and 4, and LTC in the sound."""
    chance = np.random.default_rng(2)
    pictures = []
    for code in codes:
        luma = chance.integers(80, 120, (576, 720), np.uint8)
        line = np.full(720, 16, np.uint8)
        at = 24 + np.arange(91) * 7.5
        for number, bit in enumerate(vitc(code)):
            line[round(at[number]) : round(at[number + 1])] = 190 if bit else 16
        luma[:12] = 16
        luma[[2, 4]] = line
        pictures.append(np.concatenate([luma.reshape(-1), np.full(720 * 288, 128, np.uint8)]))
    raw, sound = path.with_suffix(".yuv"), path.with_suffix(".f32")
    raw.write_bytes(np.concatenate(pictures).tobytes())
    sound.write_bytes(rattle(codes, 25).tobytes())
    pixels = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "720x576", "-r", 25, "-i", raw]
    run(*pixels, "-f", "f32le", "-ar", 48000, "-ac", 1, "-i", sound, "-c:v", "ffv1", "-c:a", "pcm_s16le", path)


def test_vitc_and_ltc_are_read_from_a_tape(tmp_path: Path) -> None:
    codes = [Timecode.of_count(25 * 3600 + number, 25) for number in range(20)]
    drawn(tmp_path / "tape.mkv", codes)
    result = cinemill.run("timecode", tmp_path / "tape.mkv", tmp_path / "tape.csv").result
    rows = list(csv.DictReader((tmp_path / "tape.csv").read_text().splitlines()))
    seen = [row["timecode"] for row in rows if row["what"] == "vitc"]
    assert seen == [str(code) for code in codes]
    assert result["vitc"] == 20
    assert result["ltc"] >= 18
    assert result["table"][1][0] == "VITC"


def test_a_picture_without_any_says_so(tmp_path: Path) -> None:
    run("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=0.4", "-c:v", "ffv1", tmp_path / "plain.mkv")
    assert cinemill.run("timecode", tmp_path / "plain.mkv").result["notes"] == [
        "there is no timecode here, and there are no captions."
    ]
