"""`cinemill dv`: what is on a tape, its recordings in files, its takes in one."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import cinemill
from cinemill.errors import InvalidParams, OutputRefused, UnsupportedMedia
from clips import run
from command import Cinemill

DAYS = (datetime(1999, 12, 31, 23, 59, 58), datetime(2003, 7, 1, 9, 30))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two recordings of one second each, with sound."""
    folder = tmp_path_factory.mktemp("days")
    paths = [folder / f"{number}.dv" for number in range(2)]
    for path, day, code in zip(paths, DAYS, ("00:00:10:00", "00:00:11:00")):
        picture = ["-f", "lavfi", "-i", "testsrc2=s=720x576:r=25:d=1,noise=alls=12:allf=t"]
        sound = ["-f", "lavfi", "-i", "sine=r=48000:d=1", "-c:a", "pcm_s16le", "-ac", 2]
        told = ["-timecode", code, "-metadata", f"creation_time={day.isoformat()}"]
        run(*picture, *sound, "-c:v", "dvvideo", "-pix_fmt", "yuv420p", *told, path)
    return paths


@pytest.fixture(scope="module")
def tape(recordings: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tape") / "tape.dv"
    path.write_bytes(b"".join(path.read_bytes() for path in recordings))
    return path


def test_a_tape_is_told_by_its_recordings(tape: Path) -> None:
    found = cinemill.run("dv-info", tape).result
    summary = found["summary"]
    assert [(one["start"], one["stop"]) for one in summary["recordings"]] == [(0, 25), (25, 50)]
    assert [one["recorded"] for one in summary["recordings"]] == [day.isoformat() for day in DAYS]
    assert summary["recordings"][1]["start_seconds"] == 1.0
    assert summary["runs"] == [[0, "00:00:10:00", 50]]
    assert found["notes"][-1] == "Every block is whole."


def test_every_picture_is_written_down(tape: Path, tmp_path: Path) -> None:
    cinemill.run("dv-info", tape, tmp_path / "tape.csv")
    rows = list(csv.DictReader((tmp_path / "tape.csv").read_text().splitlines()))
    assert [row["timecode"] for row in rows[23:27]] == ["00:00:10:23", "00:00:10:24", "00:00:11:00", "00:00:11:01"]
    assert [number for number, row in enumerate(rows) if row["begins"] == "True"] == [25]
    cinemill.run("dv-info", tape, tmp_path / "tape.json")
    told = json.loads((tmp_path / "tape.json").read_text())
    assert len(told["frames"]) == told["pictures"] == 50
    assert told["frames"][0]["sound"]["rate"] == 48000


def test_recordings_become_chapters_that_ffmpeg_reads(tape: Path, tmp_path: Path) -> None:
    from cinemill.media import read

    chapters = tmp_path / "tape.ffmeta"
    cinemill.run("dv-info", tape, chapters)
    run("-i", tape, "-i", chapters, "-map_metadata", 1, "-map", "0:v", "-c", "copy", tmp_path / "tape.mkv")
    found = read.probe(tmp_path / "tape.mkv").chapters
    assert [(float(one.start), float(one.end)) for one in found] == [(0, 1), (1, 2)]
    assert found[1].title == "2003-07-01 09:30:00"


def test_date_and_timecode_become_subtitles(tape: Path, tmp_path: Path) -> None:
    cinemill.run("dv-timecode", tape, tmp_path / "tape.srt")
    assert (tmp_path / "tape.srt").read_text().split("\n")[:3] == [
        "1",
        "00:00:00,000 --> 00:00:01,000",
        "1999-12-31 23:59:58 00:00:10:00",
    ]
    assert "2003-07-01 09:30:00 00:00:11:00" in (tmp_path / "tape.srt").read_text()


def test_recordings_are_split_byte_for_byte(tape: Path, recordings: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "split"
    cinemill.run("dv-split", tape, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["1999-12-31-23-59-58.dv", "2003-07-01-09-30-00.dv"]
    for path, truth in zip(sorted(folder.iterdir()), recordings):
        assert path.read_bytes() == truth.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["split"]
    with pytest.raises(OutputRefused, match="a folder is not replaced"):
        cinemill.run("dv-split", tape, folder, overwrite=True)


def test_short_recordings_may_stay_with_the_one_before(tape: Path, tmp_path: Path) -> None:
    cinemill.run("dv-split", tape, tmp_path / "split", shortest=1.5)
    assert [path.stat().st_size for path in (tmp_path / "split").iterdir()] == [tape.stat().st_size]


def test_takes_are_merged_by_command(tape: Path, tmp_path: Path) -> None:
    cinemill_ = Cinemill(tmp_path, tmp_path / "home")
    chance = np.random.default_rng(5)
    for number in range(2):
        data = np.frombuffer(tape.read_bytes(), np.uint8).reshape(-1, 80).copy()
        data[number::2][chance.random(len(data) // 2) < 0.1] = 0
        (tmp_path / f"{number}.dv").write_bytes(data.tobytes())
    said = cinemill_("dv", "merge", "0.dv", "1.dv", "-o", "best.dv", "--json")
    assert said.code == 0, said.err
    assert (tmp_path / "best.dv").read_bytes() == tape.read_bytes()
    assert said.events[-1]["result"]["merged"]["hurt"] == 0
    assert cinemill_("dv", "merge", "0.dv", "-o", "x.dv").code == 2
    assert "did you mean" in cinemill_("dv", "ifno", "0.dv").err.lower()
    assert "timecode" in cinemill_("dv", "--help").out


def test_what_does_not_fit_is_refused(tape: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="nothing to merge"):
        cinemill.run("dv-merge", tape, tmp_path / "out.dv")
    with pytest.raises(OutputRefused, match=r"becomes \.json, \.csv, \.ffmeta"):
        cinemill.run("dv-info", tape, tmp_path / "out.txt")
    other = tmp_path / "other.dv"
    run("-f", "lavfi", "-i", "testsrc2=s=720x480:r=30000/1001:d=0.2", "-pix_fmt", "yuv411p", "-c:v", "dvvideo", other)
    with pytest.raises(UnsupportedMedia, match="takes of one tape are of one kind"):
        cinemill.run("dv-merge", tape, other, tmp_path / "out.dv")
