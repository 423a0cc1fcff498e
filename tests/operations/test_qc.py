"""A transfer is checked against faults whose place is known, and packaged so that a stranger can check it again."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest

import cinemill
from cinemill.errors import OutputRefused
from cinemill.media import read
from clips import run


@pytest.fixture(scope="module")
def transfer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds: the second one out of range, and sound that is too loud in it and ends early."""
    path = tmp_path_factory.mktemp("qc") / "tape.mkv"
    picture = "testsrc2=s=160x120:r=25:d=4,format=yuv420p,lutyuv=y='clip(val,20,230)'"
    bad = "drawbox=x=0:y=0:w=160:h=60:c=black@1:t=fill:enable='between(t,1,1.99)',lutyuv=y='if(lt(val,18),1,val)'"
    sound = "aevalsrc='0.5*sin(880*t)*(1+3*between(t,1,1.5))':s=48000:d=3.5,asoftclip=type=hard"
    run("-f", "lavfi", "-i", f"{picture},{bad}", "-f", "lavfi", "-i", sound, "-c:v", "ffv1", "-c:a", "pcm_s16le", path)
    return path


def test_what_is_wrong_is_found_where_it_is(transfer: Path, tmp_path: Path) -> None:
    result = cinemill.run("qc", transfer, tmp_path / "qc.csv").result
    rows = list(csv.DictReader((tmp_path / "qc.csv").read_text().splitlines()))
    assert len(rows) == 100
    outside = [number for number, row in enumerate(rows) if float(row["brng"]) > 0.3]
    assert outside == list(range(25, 50))
    assert result["summary"]["sound"][0]["beyond"] == pytest.approx(-0.5, abs=0.01)
    assert sum(result["summary"]["sound"][0]["clipped"].values()) > 1000
    assert any("ends 0.50 s before the picture" in note for note in result["notes"])
    assert any("samples at full scale" in note for note in result["notes"])


def test_it_is_shown_as_a_page_and_told_as_json(transfer: Path, tmp_path: Path) -> None:
    cinemill.run("qc", transfer, tmp_path / "qc.html", worst=2)
    page = (tmp_path / "qc.html").read_text()
    assert "The worst pictures" in page
    assert page.count("<figcaption>") == 2
    cinemill.run("qc", transfer, tmp_path / "qc.json")
    told = json.loads((tmp_path / "qc.json").read_text())
    assert len(told["frames"]) == told["pictures"] == 100
    assert len(told["minutes"]) == 1
    with pytest.raises(OutputRefused, match=r"becomes \.html, \.json, \.csv"):
        cinemill.run("qc", transfer, tmp_path / "qc.txt")


def test_a_master_is_packaged_so_that_it_can_be_checked(transfer: Path, tmp_path: Path) -> None:
    transfer.with_suffix(".capture.json").write_text("{}")
    bag = tmp_path / "bag"
    cinemill.run("package", transfer, bag, title="Summer\n1987")
    names = sorted(path.relative_to(bag).as_posix() for path in bag.rglob("*") if path.is_file())
    data = ["tape.access.mp4", "tape.capture.json", "tape.framemd5", "tape.metadata.json", "tape.mkv"]
    tags = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
    assert names == sorted([*tags, *(f"data/{name}" for name in data)])
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "-c", "--quiet", manifest], cwd=bag, check=True)
    assert (bag / "data/tape.mkv").read_bytes() == transfer.read_bytes()
    assert "External-Description: Summer 1987\n" in (bag / "bag-info.txt").read_text()
    size = sum(path.stat().st_size for path in (bag / "data").iterdir())
    assert f"Payload-Oxum: {size}.5\n" in (bag / "bag-info.txt").read_text()
    access = read.probe(bag / "data/tape.access.mp4")
    assert access.video
    assert (access.video.codec, len(list(read.frames(access)))) == ("h264", 100)
    told = run("-i", transfer, "-map", "0:v", "-f", "framemd5", "-").splitlines()
    sums = [line.split(",")[-1].strip() for line in told if line[0] != "#"]
    ours = (bag / "data/tape.framemd5").read_text().splitlines()
    assert [line.split(",")[-1].strip() for line in ours if line[0] != "#"] == sums
