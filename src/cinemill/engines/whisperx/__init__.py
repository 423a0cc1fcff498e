"""whisperX (BSD-2): Whisper, every word on the clock by wav2vec2, and who speaks by pyannote; needs PyTorch."""

from cinemill.engines import declare

ENGINE = declare(
    "whisperx",
    file=__file__,
    summary="whisperX: speech into text with the time of every word by wav2vec2, and who speaks by pyannote.",
    python=">=3.11,<3.14",
    size_mb=1700,
)
