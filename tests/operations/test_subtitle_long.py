"""Subtitles of long sound: a kill costs one part, and hours take no more memory than minutes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import clips
from cinemill.jobs.store import JobFolder

SPEECH = Path(__file__).parents[1] / "speech"

STAND_IN = """
import sys
from pathlib import Path

from cinemill.jobs import run as jobs
from cinemill.media.cues.types import Cue, Word
from cinemill.operations import recognise
from cinemill.surfaces import forms


class Knowing:
    name, longest, most, note = "pocketsphinx", 20_000, 1, "knowing"

    def language(self, samples):
        return "en"

    def hear(self, samples, language):
        return [self.heard(len(one) // 16) for one in samples]

    def heard(self, end):
        count = max(1, end // 400)
        words = tuple(Word(f"word{n}", n * end // count, (n + 1) * end // count, 0.9) for n in range(count))
        return recognise.Heard((Cue(0, end, (" ".join(w.text for w in words),), None, words),), "en")


recognise.PocketSphinx = Knowing
source, output = map(Path, sys.argv[1:])
request = forms.request("subtitle", [source], output, {"engine": "pocketsphinx"})
for event in jobs.run(request, overwrite=True):
    pass
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(peak.split()[1])
"""
"""The whole operation with a recogniser that costs nothing: what is measured is ours."""


def peak_mb(source: Path, output: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", STAND_IN, source, output], capture_output=True, text=True, check=True, timeout=3000
    )
    return int(done.stdout) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_three_hours_take_little_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    """Sound is held by the window, text packed by the block: 26,000 words as objects would take 8 MB."""
    for name, seconds in (("short", 600), ("long", 10_800)):
        clips.run("-stream_loop", -1, "-i", SPEECH / "ten.ogg", "-t", seconds, "-c", "copy", tmp_path / f"{name}.ogg")
    short = peak_mb(tmp_path / "short.ogg", tmp_path / "short.srt")
    long = peak_mb(tmp_path / "long.ogg", tmp_path / "long.srt")
    print(f"{short:.0f} MB for ten minutes, {long:.0f} MB for three hours")
    assert (tmp_path / "long.srt").stat().st_size > 10 * (tmp_path / "short.srt").stat().st_size
    assert long <= 1.1 * short


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such kill here")
def test_a_kill_costs_one_part_and_the_file_is_the_same(tmp_path: Path) -> None:
    """PocketSphinx for real, killed with its parent while it listens; nothing it heard before is heard again."""
    source = tmp_path / "talk.flac"
    clips.run("-i", SPEECH / "ten.ogg", "-t", 13, source)
    environ = {**os.environ, "CINEMILL_STATE_DIR": str(tmp_path / "state"), "CINEMILL_DATA_DIR": str(tmp_path / "data")}

    def command(output: Path) -> subprocess.Popen[bytes]:
        asked = ["subtitle", source, "-o", output, "--engine", "pocketsphinx", "--chunk-size", "4", "--json"]
        line = [sys.executable, "-m", "cinemill.surfaces.cli", *map(str, asked), "--chunk-seconds", "3"]
        return subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    assert command(tmp_path / "whole.json").communicate()[0]
    killed = tmp_path / "killed.json"
    process, folder = command(killed), JobFolder.of(killed)
    deadline = time.monotonic() + 120
    while not folder.part(0).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert folder.part(0).exists()
    assert not killed.exists()
    kept = folder.part(0).stat().st_mtime_ns
    again = command(killed)
    told = again.stdout
    assert told is not None
    planned = told.readline()
    assert b'"done": 0' not in planned
    assert folder.part(0).stat().st_mtime_ns == kept
    again.communicate()
    assert again.returncode == 0
    assert killed.read_bytes() == (tmp_path / "whole.json").read_bytes()
