"""Chatterbox (Resemble AI, MIT): a voice from a few seconds of anybody's. All it says carries a watermark.

Its release 0.1.7 pins torch 2.6.0 and a web page (gradio) that it runs without: `overrides.txt` puts the other engines'
PyTorch in their place. Its watermark needs setuptools below 81, and without it no model can be made.
"""

from cinemill.engines import declare

ENGINE = declare(
    "chatterbox",
    file=__file__,
    summary="Chatterbox: speaks in the voice of a sample of ten seconds, in 23 languages; marks what it makes.",
    python=">=3.11,<3.13",
    size_mb=4500,
)

LANGUAGES = "ar da de el en es fi fr he hi it ja ko ms nl no pl pt ru sv sw tr zh"
