"""Prints the MD5 of the same moving pictures as each software encoder makes them in this process."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np

from cinemill.media import encoders, native
from cinemill.media.output import VideoOutput
from cinemill.media.types import Frame

# No whole number of eight macroblocks wide, as PAL and NTSC are.
WIDTH, HEIGHT, FRAMES = 112, 64, 48


def picture(pts: int) -> Frame:
    """A gradient that slides over noise which does not."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(1).normal(0, 20, (HEIGHT, WIDTH))
    luma = (128 + 80 * np.sin((x + 3 * pts) / 9) * np.cos(y / 7) + noise).clip(0, 255).astype(np.uint8)
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 100 + pts, np.uint8)
    return Frame((luma, chroma, chroma), "yuv420p", pts, Fraction(1, 25), 1)


def digest(encoder: encoders.Encoder) -> str:
    output = VideoOutput(codec=encoder.codec, encoder=encoder.name, pix_fmt="keep", threads=2)
    spec, _ = encoders.spec_for(output, picture(0), Fraction(25), None, cores=2)
    context = encoders.open_encoder(spec)
    coded = [packet for pts in range(FRAMES) for packet in context.encode(native.to_native(picture(pts)))]
    return hashlib.md5(b"".join(bytes(packet) for packet in [*coded, *context.encode(None)])).hexdigest()


if __name__ == "__main__":
    for encoder in encoders.ENCODERS:
        if encoder.vendor == "software" and encoder.name != "prores_ks":  # it does not take 4:2:0
            print(encoder.name, digest(encoder))
