"""DeepFilterNet 3 (H. Schröter, MIT or Apache-2.0): a network that keeps a voice and takes all else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from cinemill.engines import declare
from cinemill.errors import ProtocolError

if TYPE_CHECKING:
    from cinemill.engines import wire
    from cinemill.media.types import Audio

ENGINE = declare(
    "deepfilter",
    file=__file__,
    summary="DeepFilterNet 3: noise away from voices. Its weights come with it.",
    python=">=3.11,<3.15",
    size_mb=90,
)

RATE = 48_000
_SECONDS = 120.0
"""For a second of sound; a tenth of a second is usual."""


def cleaned(blocks: Iterable[Audio], limit_db: float = 100.0, post_filter: bool = False) -> Iterator[Audio]:
    """`blocks` with the noise taken away, at their rate; each channel by itself. Raises MissingEngine, EngineError.

    `limit_db`: how much softer noise becomes at most. Holds a few seconds.
    """
    from cinemill.media import sound

    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        return
    wide = sound.even(sound.resampled(chain([first], stream), RATE), size=RATE)
    start = round(first.pts * RATE / first.sample_rate)
    made = _answered(wide, len(first.samples), first.layout, start, {"limit_db": limit_db, "post_filter": post_filter})
    yield from sound.resampled(made, first.sample_rate)


def _answered(blocks: Iterable[Audio], channels: int, layout: str, at: int, options: dict[str, Any]) -> Iterator[Audio]:
    import numpy as np

    from cinemill.engines import install
    from cinemill.media.types import Audio

    host = install.warm("deepfilter")
    host.load(options)
    sent: Iterator[wire.Message] = (({}, [bytearray(np.ascontiguousarray(one.samples))]) for one in blocks)
    for _, (blob,) in host.run({"channels": channels}, stream=sent, deadline=_SECONDS):
        if len(blob) % (4 * channels):
            raise ProtocolError(f"engine deepfilter gave {len(blob)} bytes for {channels} channels.")
        samples = np.frombuffer(blob, np.float32).reshape(channels, -1).copy()
        if samples.shape[1]:
            yield Audio(samples, RATE, at, layout)
            at += samples.shape[1]
