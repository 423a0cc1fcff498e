"""The network of our own takes noise away and leaves the rest."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from repairs import SEEDS, Plane, clean, deepened, noisy, psnr, same, still, texture, through, with_luma


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sigma", [3, 8, 16])
def test_it_comes_nearer_to_the_truth_than_classical_ones(seed: int, sigma: float) -> None:
    truth = list(clean(seed, 6))
    worn = noisy(truth, sigma)
    classical = [psnr(truth, through(f"denoise.hqdn3d=strength:{strength}", worn)) for strength in (0.2, 0.4, 0.7)]
    assert psnr(truth, through("denoise.learned", worn)) > max(psnr(truth, worn), *classical) + 1


def test_noise_that_runs_along_the_lines_is_taken_too() -> None:
    """That of tapes: each sample is like the one before it."""
    truth = list(clean(2, 6))
    dice = np.random.default_rng(3)

    def worn(_: int, luma: Plane) -> Plane:
        grain = cv2.GaussianBlur(dice.standard_normal(luma.shape).astype(np.float32), (0, 0), 1, sigmaY=0.01)
        return luma + 6 * grain / grain.std()

    frames = with_luma(truth, worn)
    assert psnr(truth, through("denoise.learned", frames)) > psnr(truth, frames) + 2


def test_clean_pictures_pass_untouched() -> None:
    frames = still(texture(96, 128), 4)
    assert same(through("denoise.learned", frames), frames)


def test_half_the_strength_takes_half_of_it() -> None:
    worn = noisy(still(texture(96, 128), 3), 8)
    none, half, whole = (
        [f.planes[0].astype(int) for f in through(f"denoise.learned=strength:{s}", worn)] for s in (0, 0.5, 1)
    )
    assert all(np.abs(2 * b - a - c).max() <= 2 for a, b, c in zip(none, half, whole))


def test_fields_are_denoised_apart() -> None:
    """One field is black and the other white: mixing them would show."""
    luma = np.zeros((64, 96))
    luma[1::2] = 255
    frames = noisy([replace(frame, field_order="tff") for frame in still(luma, 3)], 6)
    for frame in through("denoise.learned", frames):
        assert frame.planes[0][0::2].mean() < 8
        assert frame.planes[0][1::2].mean() > 247


def test_more_bits_are_kept() -> None:
    worn = noisy(still(texture(48, 64), 3), 6)
    for one, other in zip(*(through("denoise.learned", each) for each in (worn, deepened(worn)))):
        assert np.abs(other.planes[0] / 4 - one.planes[0]).max() <= 1.5
