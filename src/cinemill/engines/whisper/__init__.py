"""Whisper through faster-whisper (CTranslate2, MIT), in an environment of its own: no torch, no FFmpeg."""

from cinemill.engines import declare

ENGINE = declare(
    "whisper",
    file=__file__,
    summary="Whisper: speech of a hundred languages into text, with the time of every word.",
    python=">=3.12,<3.14",
    size_mb=420,
)

SIZES_MB = {
    **{"tiny": 75, "tiny.en": 75, "base": 145, "base.en": 145, "small": 484, "small.en": 484, "medium": 1528},
    **{"medium.en": 1528, "large-v1": 3087, "large-v2": 3087, "large-v3": 3088, "large": 3088, "turbo": 1618},
    **{"large-v3-turbo": 1618, "distil-small.en": 333, "distil-medium.en": 789, "distil-large-v3": 1513},
    **{"distil-large-v3.5": 1513},
}
"""Models by name, and what is fetched for each."""
