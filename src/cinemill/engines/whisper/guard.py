"""Whether what Whisper heard in a batch is believed. Several windows at once are quick, and sometimes lose text.

Standard library only: it runs on both sides.
"""

from __future__ import annotations

from typing import Any

SURE = -1.0
"""Mean logarithmic probability below which a window is heard again."""
REPEATING = 2.4
"""Compression above which text says the same again and again."""
COVERED = 0.3
"""Share of a window that words should take: a window is speech, and people pause."""


def suspect(segments: list[dict[str, Any]], seconds: float) -> str:
    """Why what a batch made of a window is not believed; empty if it is."""
    if not segments:
        return "nothing was heard"
    probability = sum(one["avg_logprob"] for one in segments) / len(segments)
    if probability < SURE:
        return "it is unlikely"
    if max(one["compression_ratio"] for one in segments) > REPEATING:
        return "it repeats itself"
    spoken = sum(end - start for one in segments for _, start, end, _ in one["words"])
    return "" if spoken > COVERED * seconds else "words are missing"
