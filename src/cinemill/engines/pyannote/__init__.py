"""pyannote.audio (MIT): who speaks when. Its models want a form accepted and a token; it needs PyTorch."""

from cinemill.engines import declare

ENGINE = declare(
    "pyannote",
    file=__file__,
    summary="pyannote: who speaks when, in overlaps too. Its models are free, and want a form accepted and HF_TOKEN.",
    python=">=3.11,<3.14",
    size_mb=1400,
)
