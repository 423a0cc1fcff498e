"""Sound for recognisers: any stretch of it equals that stretch of the whole, holes are silence."""

from __future__ import annotations

import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import clips
from cinemill.media import mono, read
from cinemill.media.program import ffmpeg


@pytest.mark.parametrize("suffix", ["flac", "mp3", "mka", "wav", "ogg", "m4a", "ts"])
def test_a_stretch_is_that_of_the_whole(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"sweep.{suffix}"
    clips.run("-f", "lavfi", "-i", "aevalsrc=0.5*sin(2*PI*(100+60*t)*t):d=12:s=44100", path)
    info = read.probe(path)
    track = read.sound_of(info)
    whole = np.concatenate(list(mono.mono(info, track)))
    assert abs(len(whole) - 12 * mono.RATE) < mono.RATE // 4
    start, stop = 5 * mono.RATE + 123, 7 * mono.RATE
    piece = np.concatenate(list(mono.mono(info, track, start, stop)))
    assert len(piece) == stop - start
    alike = [np.corrcoef(piece, whole[start + lag : stop + lag])[0, 1] for lag in range(-3, 4)]
    assert max(alike) > 0.98, "resampling may begin between two samples, and nothing else may differ"
    assert abs(int(np.argmax(alike)) - 3) <= 1


def test_samples_are_those_of_the_ffmpeg_program(tmp_path: Path) -> None:
    path = tmp_path / "noise.flac"
    clips.run("-f", "lavfi", "-i", "anoisesrc=d=2:r=44100:seed=1", "-ac", 2, path)
    command = [ffmpeg(), "-v", "error", "-i", path, "-ar", "16000", "-ac", "1", "-f", "s16le", "-"]
    told = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.int16)
    info = read.probe(path)
    ours = np.concatenate(list(mono.mono(info, read.sound_of(info))))
    assert abs(len(ours) - len(told)) < 64
    both = min(len(ours), len(told))
    assert np.abs(ours[:both].astype(int) - told[:both].astype(int)).max() < 200


def test_sound_that_begins_late_and_ends_early_is_surrounded_by_silence(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=24:d=4"]
    clips.run(*picture, "-itsoffset", "1", "-f", "lavfi", "-i", "sine=d=2", "-c:v", "ffv1", "-c:a", "flac", path)
    info = read.probe(path)
    sound = np.concatenate(list(mono.mono(info, read.sound_of(info), 0, 4 * mono.RATE)))
    assert len(sound) == 4 * mono.RATE
    heard = np.flatnonzero(np.abs(sound) > 100) / mono.RATE
    assert abs(heard[0] - 1) < 0.05
    assert abs(heard[-1] - 3) < 0.05


def test_an_hour_is_read_in_the_memory_of_a_minute(tmp_path: Path) -> None:
    def peak(seconds: int) -> int:
        path = tmp_path / f"{seconds}.flac"
        clips.run("-f", "lavfi", "-i", f"anullsrc=r=16000:cl=mono,atrim=end={seconds}", path)
        info = read.probe(path)
        tracemalloc.start()
        count = sum(map(len, mono.mono(info, read.sound_of(info))))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == seconds * mono.RATE
        return most

    assert peak(1200) < 1.1 * peak(60)
