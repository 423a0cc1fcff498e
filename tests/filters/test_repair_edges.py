"""Blocks, halos and ringing: they go, and pictures without them stay."""

from __future__ import annotations

import pytest
from repairs import SEEDS, clean, cost, noisy, psnr, through

SIZE = (320, 256)


@pytest.mark.parametrize("quantiser", [20, 36])
@pytest.mark.parametrize("seed", SEEDS)
def test_blocks_of_coarse_coding_are_smoothed(seed: int, quantiser: int) -> None:
    coded = through(f"simulate.digital=quantiser:{quantiser}", clean(seed, size=SIZE))
    assert psnr(clean(seed, size=SIZE), through("deblock", coded)) > psnr(clean(seed, size=SIZE), coded) + 1


@pytest.mark.parametrize(("damage", "gain"), [("simulate.digital=halo:0.3", 5), ("simulate.tape=ringing:0.3", 9)])
@pytest.mark.parametrize("seed", [2, 7])
def test_lines_beside_edges_go(seed: int, damage: str, gain: float) -> None:
    haloed = through(damage, clean(seed, size=SIZE))
    assert psnr(clean(seed, size=SIZE), through("dehalo", haloed)) > psnr(clean(seed, size=SIZE), haloed) + gain


@pytest.mark.parametrize("chain", ["deblock", "dehalo"])
@pytest.mark.parametrize("seed", SEEDS)
def test_pictures_without_blocks_and_halos_stay(chain: str, seed: int) -> None:
    truth = clean(seed, size=SIZE)
    assert psnr(truth, through(chain, truth)) > 55
    assert cost(truth, noisy(truth, 2), chain) < 0.1
