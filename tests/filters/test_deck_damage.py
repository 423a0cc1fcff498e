"""What a deck could not read is filled with what other pictures show there, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cinemill
from cinemill.errors import InvalidParams, OpenFailed
from cinemill.media import read
from cinemill.media.dv import blocks, tape
from cinemill.media.dv.damage import Damage
from cinemill.media.types import Frame
from clips import run

KINDS = {"pal": ("720x576", "25", "yuv420p"), "ntsc": ("720x480", "30000/1001", "yuv411p")}
Make = Callable[[str], tuple[Path, Path]]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A tape of a slow pan in fields, and the same with damage in some pictures: blocks of them are what they were
    somewhere else, and say so, as decks do."""
    folder = tmp_path_factory.mktemp("decks")

    def made(kind: str) -> tuple[Path, Path]:
        size, rate, pixels = KINDS[kind]
        whole, hurt = folder / f"{kind}.dv", folder / f"{kind}-hurt.dv"
        if not hurt.exists():
            twice = "50" if kind == "pal" else "60000/1001"
            pan = f"mandelbrot=s=1440x1152:r={twice}:start_scale=0.8:end_scale=0.8,gblur=1.5"
            pan += f",crop=720:{size[4:]}:x=2*n:y=n,tinterlace=interleave_bottom,setfield=bff,fps={rate}"
            coded = ["-c:v", "dvvideo", "-pix_fmt", pixels, "-flags", "+ildct", "-field_order", "bb", "-an", whole]
            run("-f", "lavfi", "-i", pan, "-frames:v", 20, *coded)
            standard = tape.standard_of(whole)
            pictures = np.stack([piece.blocks for piece in tape.pieces(whole, standard)]).copy()
            chance = np.random.default_rng(2)
            for number in range(4, 16, 2):
                bad = np.zeros((standard.sequences, blocks.BLOCKS), bool)
                bad[:, blocks.PICTURES] = chance.random((standard.sequences, len(blocks.PICTURES))) < 0.03
                pictures[number][bad, 4:] = np.roll(pictures[number], 3, axis=0)[bad, 4:]
                pictures[number][bad, 3] |= 0xE0
            hurt.write_bytes(pictures.tobytes())
        return whole, hurt

    return made


def frames(path: Path) -> list[Frame]:
    return list(read.frames(read.probe(path)))


def psnr(ours: list[Frame], true: list[Frame], masks: list[np.ndarray]) -> float:
    errors = [(a.planes[0][m > 0].astype(float) - b.planes[0][m > 0]) ** 2 for a, b, m in zip(ours, true, masks)]
    return float(10 * np.log10(255**2 / np.concatenate(errors).mean()))


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_that_the_deck_lost_are_filled_and_no_others(make: Make, kind: str, tmp_path: Path) -> None:
    whole, hurt = make(kind)
    damage = Damage(hurt)
    none = np.zeros((damage.standard.height, 720), np.uint8)
    masks = [none if (mask := damage.mask(number)) is None else mask for number in range(20)]
    assert [number for number in range(20) if masks[number].any()] == list(range(4, 16, 2))
    chain = f"inpaint=damage:{hurt}:window:3"
    cinemill.run("process", hurt, tmp_path / "out.mkv", chain=chain, codec="ffv1")
    ours, before, true = frames(tmp_path / "out.mkv"), frames(hurt), frames(whole)
    was, is_ = psnr(before, true, masks), psnr(ours, true, masks)
    print(f"{kind}: {was:.1f} dB in the damage, {is_:.1f} dB filled")
    assert is_ > was + 8
    assert is_ > 30
    for a, b, mask in zip(ours, before, masks):
        for number, ((h, v, _), one, other) in enumerate(zip(a.layout.planes, a.planes, b.planes)):
            outside = mask[:: 1 << v, :: 1 << h] == 0
            assert (one[outside] == other[outside]).all(), f"plane {number}"


def test_restoration_fills_them_by_itself(make: Make, tmp_path: Path) -> None:
    whole, hurt = make("pal")
    said = [event.as_dict() for event in cinemill.events("restore", hurt, tmp_path / "out.mkv", codec="ffv1")]
    (planned,) = [event for event in said if event["event"] == "planned"]
    assert planned["steps"][0].startswith("inpaint=damage:")
    assert any("could not read some blocks, in 6 of 20 pictures" in note for note in planned["notes"])
    asked = {"codec": "ffv1", "inpaint": "no"}
    left = [event.as_dict() for event in cinemill.events("restore", hurt, tmp_path / "left.mkv", **asked)]
    assert not any("inpaint" in step for step in next(e for e in left if e["event"] == "planned")["steps"])
    clean = [event.as_dict() for event in cinemill.events("restore", whole, tmp_path / "clean.mkv", codec="ffv1")]
    assert not any("inpaint" in step for step in next(e for e in clean if e["event"] == "planned")["steps"])


def test_a_container_and_a_gap_are_read_once(make: Make, tmp_path: Path) -> None:
    _, hurt = make("pal")
    run("-i", hurt, "-c:v", "copy", tmp_path / "in.avi")
    direct, contained = Damage(hurt), Damage(tmp_path / "in.avi")
    for number in range(20):
        one, other = direct.mask(number), contained.mask(number)
        assert (one is None) == (other is None)
        assert one is None or (one == other).all()
    assert direct.sampled(500) == (6, 20)
    assert contained.sampled(500) == (6, 20)
    assert direct.sampled(5)[1] == 5
    size = direct.standard.size
    data = hurt.read_bytes()
    (tmp_path / "gap.dv").write_bytes(data[:size] + bytes(size // 2) + data[size:] + bytes(size // 2))
    assert Damage(tmp_path / "gap.dv").mask(4) is not None


def test_what_does_not_fit_is_refused(make: Make, tmp_path: Path) -> None:
    _, hurt = make("pal")
    with pytest.raises(InvalidParams, match="damage says where"):
        cinemill.run("process", hurt, tmp_path / "o.mkv", chain=f"inpaint=damage:{hurt}:box:10x10+0+0")
    smaller = "deinterlace.bwdif,scale=height:288"
    with pytest.raises(InvalidParams, match="before anything changes the size"):
        cinemill.run("process", hurt, tmp_path / "o.mkv", chain=f"{smaller},inpaint=damage:{hurt}")
    with pytest.raises(OpenFailed, match="is not there"):
        cinemill.run("process", hurt, tmp_path / "o.mkv", chain="inpaint=damage:/none.dv")
