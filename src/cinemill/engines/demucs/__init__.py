"""Demucs (A. Défossez, MIT): music into voice, drums, bass and the rest. Its models are fetched if allowed."""

from cinemill.engines import declare

ENGINE = declare(
    "demucs",
    file=__file__,
    summary="Demucs: voice, drums, bass and the rest of a recording, each by itself.",
    python=">=3.11,<3.14",
    size_mb=3000,
)
