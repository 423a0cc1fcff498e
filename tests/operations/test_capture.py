"""A capture of tapes whose faults are known: all are found and none invented, and what is stored plays."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import urllib.request
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cinemill.errors import MediaError, OpenFailed, OutputRefused
from cinemill.media import devices, read
from cinemill.media.decks import Grabbed, Live, Mock, MockTape
from cinemill.media.devices import Device
from cinemill.media.dv import tape
from cinemill.operations.capturing import Capture, State, capture, opened
from cinemill.surfaces.preview import Preview
from clips import run
from command import Cinemill

ROOM = {"keep_free": 0.0}


def played(path: Path, mock: dict[str, Any], **asked: Any) -> tuple[State, Mock]:
    deck = Mock(MockTape(pace=0, **mock))
    *_, state = capture(deck, Capture(**ROOM, **asked), path)
    return state, deck


def numbers(state: State, what: str, deck: Mock) -> list[int]:
    return [round(one.time * deck.rate) for one in state.of(what)]


def lost(state: State, deck: Mock) -> list[int]:
    """The pictures that were dropped, each by its number."""
    found = [(round(one.time * deck.rate), one.count) for one in state.of("dropped")]
    return [number for at, count in found for number in range(at - count, at)]


def test_every_fault_of_a_dv_tape_is_found_and_none_invented(tmp_path: Path) -> None:
    path = tmp_path / "tape.dv"
    state, deck = played(path, {"dv": True, "seconds": 150, "drops": 300, "breaks": 20, "blanks": 5, "seed": 2})
    assert lost(state, deck) == deck.truth.drops
    assert state.dropped == 300
    assert numbers(state, "break", deck) == deck.truth.breaks
    blanks = [(round(one.time * deck.rate), round((one.until or 0) * deck.rate)) for one in state.of("blank")]
    assert blanks == deck.truth.blanks
    assert state.doubled == 0
    assert state.stopped == "end of tape"
    standard = tape.standard_of(path)
    assert path.stat().st_size == standard.size * (deck.count - 300)
    assert not any(picture.hurt for picture in tape.examined(tape.pieces(path, standard), standard))


@pytest.mark.parametrize("standard", ["pal", "ntsc"])
def test_an_analog_tape_stays_in_step_and_exact(tmp_path: Path, standard: str) -> None:
    path = tmp_path / "tape.mkv"
    mock = {"standard": standard, "seconds": 12, "drops": 20, "duplicates": 4, "blanks": 1, "drift": 3000, "seed": 4}
    state, deck = played(path, mock)
    assert lost(state, deck) == deck.truth.drops
    assert numbers(state, "doubled", deck) == [number + 1 for number in deck.truth.duplicates]
    assert state.drift_ms == pytest.approx(1000 * 12 * 3000e-6, abs=1)
    info = read.probe(path)
    frames = list(read.frames(info))
    assert len(frames) == deck.count - 20 == state.pictures
    sounds = list(read.audio(info, info.of_kind("audio")[0]))
    end = (sounds[-1].pts + sounds[-1].samples.shape[1]) / sounds[-1].sample_rate
    assert abs(end - 12) < 0.04
    assert info.video
    assert (info.video.codec, info.video.format, info.video.height) == ("ffv1", "yuv420p", deck._standard.height)
    assert info.video.sar == Fraction(10 if standard == "ntsc" else 12, 11)
    assert json.loads(path.with_suffix(".capture.json").read_text())["dropped"] == 20


def test_checksums_beside_the_file_are_those_of_ffmpeg(tmp_path: Path) -> None:
    path = tmp_path / "tape.mkv"
    played(path, {"seconds": 1})
    told = run("-i", path, "-map", "0:v", "-f", "framemd5", "-").splitlines()
    sums = [line.split(", ")[-1].strip() for line in told if line[0] != "#"]
    ours = [line.split(", ")[-1] for line in path.with_suffix(".framemd5").read_text().splitlines() if line[0] != "#"]
    assert ours == sums


def test_it_stops_when_asked_for_a_reason(tmp_path: Path) -> None:
    state, _ = played(tmp_path / "a.mkv", {"seconds": 9}, length=2.0, kind="quick")
    assert (state.stopped, state.pictures) == ("length", 50)
    state, deck = played(tmp_path / "b.dv", {"dv": True, "seconds": 9, "blanks": 1}, stop_at_blank=0.6)
    assert state.stopped == "blank"
    assert state.pictures == pytest.approx(deck.truth.blanks[0][0] + 16, abs=1)
    state, deck = played(tmp_path / "c.dv", {"dv": True, "seconds": 9, "breaks": 1}, stop_at_break=True)
    assert (state.stopped, state.pictures - 1) == ("timecode break", deck.truth.breaks[0])
    states = list(capture(Mock(MockTape(pace=0)), Capture(**ROOM), tmp_path / "d.mkv", lambda: True))
    assert [one.stopped for one in states] == ["asked"]


def test_nothing_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "tape.mkv"
    path.write_bytes(b"mine")
    with pytest.raises(OutputRefused, match="a capture replaces nothing"):
        played(path, {"seconds": 1})
    assert path.read_bytes() == b"mine"
    with pytest.raises(OutputRefused, match="there is no folder"):
        played(tmp_path / "none" / "tape.mkv", {"seconds": 1})


def test_a_plug_that_is_pulled_costs_nothing_before(tmp_path: Path) -> None:
    path = tmp_path / "tape.mkv"
    with pytest.raises(MediaError, match="mock deck stopped sending"):
        played(path, {"seconds": 9, "unplugged": 1.5})
    assert len(list(read.frames(read.probe(path)))) == pytest.approx(38, abs=1)
    assert json.loads(path.with_suffix(".capture.json").read_text())["stopped"] == "device"


def test_segments_follow_one_another(tmp_path: Path) -> None:
    state, deck = played(tmp_path / "tape.dv", {"dv": True, "seconds": 10}, segment=0.08)
    assert [Path(name).name for name in state.files] == ["tape-001.dv", "tape-002.dv", "tape-003.dv"]
    size = deck.standard.size if deck.standard else 1
    assert [Path(name).stat().st_size // size for name in state.files] == pytest.approx([120, 120, 10], abs=1)


def test_a_stream_in_place_of_a_device(tmp_path: Path) -> None:
    source = tmp_path / "in.nut"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2"]
    run(
        *picture,
        "-f",
        "lavfi",
        "-i",
        "sine=r=48000:d=2",
        "-c:v",
        "rawvideo",
        "-pix_fmt",
        "yuv422p10le",
        "-c:a",
        "pcm_s24le",
        source,
    )
    deck = Live("pipe", [(f"file:{source}", "nut", {})])
    *_, state = capture(deck, Capture(**ROOM), tmp_path / "out.mkv")
    assert (state.pictures, state.dropped, state.doubled) == (50, 0, 0)
    info = read.probe(tmp_path / "out.mkv")
    assert info.video
    assert info.video.format == "yuv422p10le"
    pairs = zip(read.frames(read.probe(source)), read.frames(info), strict=True)
    assert all((a.planes[0] == b.planes[0]).all() for a, b in pairs)


def test_kill_9_costs_a_second_at_most(tmp_path: Path) -> None:
    path = tmp_path / "tape.mkv"
    command = [str(Path(sys.executable).with_name("cinemill")), "capture", "mock:seconds=600,pace=3", "-o", str(path)]
    child = subprocess.Popen([*command, "--json", "--keep-free", "0"], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    last = 0.0
    for line in child.stdout:
        event = json.loads(line)
        last = event.get("seconds", last)
        if last > 4:
            break
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    frames = list(read.frames(read.probe(path)))
    assert frames[-1].time > last - 1
    (tmp_path / "tape.capture.json").unlink(missing_ok=True)


def test_a_full_disk_ends_it_in_order(tmp_path: Path) -> None:
    path = tmp_path / "tape.dv"
    limit = 144_000 * 20

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [str(Path(sys.executable).with_name("cinemill")), "capture", "mock-dv:pace=0", "-o", str(path)]
    done = subprocess.run([*command, "--keep-free", "0"], capture_output=True, text=True, preexec_fn=small, check=False)
    assert done.returncode == 6, done.stderr
    assert "no room left for tape.dv" in done.stderr
    assert path.stat().st_size == limit
    assert json.loads(path.with_suffix(".capture.json").read_text())["stopped"] == "disk"


def test_the_disk_is_left_some_room(tmp_path: Path) -> None:
    deck = Mock(MockTape(pace=0))
    *_, state = capture(deck, Capture(keep_free=1e6), tmp_path / "tape.mkv")
    assert state.stopped == "disk"


@pytest.mark.parametrize("dv", [False, True])
def test_scenes_are_found_while_it_goes_on(tmp_path: Path, dv: bool) -> None:
    path = tmp_path / ("tape.dv" if dv else "tape.mkv")
    asked = {} if dv else {"kind": "quick"}
    state, deck = played(path, {"dv": dv, "seconds": 40, "scenes": 7, "drops": 30, "seed": 3}, **asked)
    assert numbers(state, "scene", deck) == deck.truth.scenes
    assert lost(state, deck) == deck.truth.drops
    assert state.doubled == 0


def dvgrab(folder: Path, does: str) -> Path:
    """A program in place of dvgrab, which writes down what it is told."""
    path = folder / "dvgrab"
    path.write_text(f'#!/bin/sh\necho "$@" > {folder}/told\n{does}\n')
    path.chmod(0o755)
    return path


def test_deck_on_firewire_is_listened_to_through_dvgrab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played(tmp_path / "tape.dv", {"dv": True, "seconds": 3})
    dvgrab(tmp_path, f"cat {tmp_path}/tape.dv")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    known = Device("0x0800460104a3b2c1", "SONY", "firewire", "dv")
    monkeypatch.setattr(devices, "devices", lambda mock=False: [known])
    deck = opened("SONY", None, None)
    *_, state = capture(deck, Capture(**ROOM), tmp_path / "captured.dv")
    assert (state.stopped, state.pictures, state.dropped) == ("end of tape", 75, 0)
    assert (tmp_path / "captured.dv").read_bytes() == (tmp_path / "tape.dv").read_bytes()
    assert (tmp_path / "told").read_text().split() == ["-guid", "0800460104a3b2c1", "-format", "raw", "-size", "0", "-"]


def test_what_dvgrab_says_is_passed_on(tmp_path: Path) -> None:
    refusing = dvgrab(tmp_path, "echo 'Error: no camera exists' >&2; exit 1")
    with pytest.raises(OpenFailed, match="dvgrab said: Error: no camera exists"):
        Grabbed("SONY", [str(refusing)])
    played(tmp_path / "tape.dv", {"dv": True, "seconds": 2})
    breaking = dvgrab(tmp_path, f"cat {tmp_path}/tape.dv; echo 'libiec61883 error: bus reset' >&2; exit 1")
    with pytest.raises(MediaError, match="bus reset"):
        list(capture(Grabbed("SONY", [str(breaking)]), Capture(**ROOM), tmp_path / "captured.dv"))
    assert (tmp_path / "captured.dv").read_bytes() == (tmp_path / "tape.dv").read_bytes()


def test_by_command(tmp_path: Path) -> None:
    cinemill = Cinemill(tmp_path, tmp_path / "home")
    said = cinemill("capture", "mock:seconds=2,pace=0,drops=2", "-o", "t.mkv", "--keep-free", 0, "--json")
    assert said.code == 0, said.err
    assert [event["event"] for event in said.events].count("seen") == len(said.events[-1]["result"]["seen"])
    assert said.events[-1]["outputs"] == ["t.mkv"]
    said = cinemill("capture", "mock:dropz=2", "-o", "u.mkv")
    assert said.code == 2
    assert "did you mean drops" in said.err
    assert "stored as .mkv" in cinemill("capture", "mock", "-o", "u.dv").err
    found = json.loads(cinemill("devices", "--mock", "--json").out)
    assert {"mock", "mock-dv"} <= {one["id"] for one in found}


@pytest.mark.skipif(os.name != "posix", reason="asks a local server")
def test_it_is_shown_while_it_goes_on(tmp_path: Path) -> None:
    with Preview() as preview:
        deck = preview.watched(Mock(MockTape(seconds=2, pace=0)))
        list(capture(deck, Capture(**ROOM), tmp_path / "tape.mkv"))
        for name in ("live", "scopes"):
            with urllib.request.urlopen(preview.address + name, timeout=20) as answer:
                data = answer.read(4000)
            assert b"image/jpeg" in data
            assert b"\xff\xd8" in data
