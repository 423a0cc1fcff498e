"""Denoisers against each other: clips that are given a tape's noise, cleaned and compared with what they were."""

from __future__ import annotations

from itertools import islice
from statistics import mean

from bench import PAGE, Table, workplace
from bench.real import CLIPS, Score, differences, head, pal, rows, score, speed
from cinemill.filters import text
from cinemill.hardware import cores
from cinemill.media.types import Frame

_NOISE = "simulate.tape=luma_noise:6:chroma_noise:6"
_COUNT = 20
"""Pictures of each clip: bm3d takes a second for one."""
_SHOWN, _PICTURE, _BOX = "bunny 10 s", 12, (300, 150, 160, 120)

METHODS: dict[str, list[str]] = {
    "hqdn3d": [f"denoise.hqdn3d=strength:{strength}" for strength in (0.3, 0.5, 0.8)],
    "nlmeans": [f"denoise.nlmeans=strength:{strength}" for strength in (0.3, 0.5, 0.8)],
    "bm3d": [f"lavfi=graph:'bm3d=sigma={sigma}:block=8:bstep=4:group=8':halo:0" for sigma in (5, 8)],
    "fftdnoiz": [f"lavfi=graph:'fftdnoiz=sigma={sigma}:prev=1:next=1':halo:1" for sigma in (6, 10)],
    "ours, mc": ["denoise.mc"],
    "ours, learned": ["denoise.learned"],
}
"""The strengths of each; the one that is best in the mean is shown."""


def table() -> Table:
    scores: dict[str, list[Score]] = {}
    chains: dict[str, str] = {}
    shown: dict[str, Frame] = {}
    with workplace() as folder:
        clips = [list(islice(clip.frames(folder), _COUNT)) for clip in CLIPS]
        worn = [list(text.chain(_NOISE).run(true)) for true in clips]
        place = next((i for i, clip in enumerate(CLIPS) if clip.name == _SHOWN), 0)
        for name, strengths in METHODS.items():
            made = {chain: [list(text.chain(chain).run(frames, cores())) for frames in worn] for chain in strengths}
            many = {chain: [score(true, each) for true, each in zip(clips, made[chain])] for chain in strengths}
            chains[name] = max(strengths, key=lambda chain: mean(one.psnr for one in many[chain]))
            scores[name] = many[chains[name]]
            shown[name] = made[chains[name]][place][_PICTURE]
        before = {"as it was": clips[place][_PICTURE], "with noise": worn[place][_PICTURE]}
        differences(PAGE.with_name("denoise.webp"), before | shown, _BOX)
        noisy = list(text.chain(_NOISE).run(pal(folder, False)[:25]))
        speeds = {name: speed(chain, noisy) for name, chain in chains.items()}
    return Table(
        "Denoising",
        "Clips with the noise of a tape (deviation 6 in luma and in colour, alike along the lines), denoised and "
        "compared with what they were: PSNR of luma in dB per clip and in the mean, SSIM, flicker in code values, and "
        "pictures a second at 720x576. Methods with a strength are shown at the best of two or three. A part of a "
        "picture by each: [denoise.webp](denoise.webp).",
        [head("fps 720x576"), *rows(scores, speeds)],
    )
