"""Kokoro-82M (Apache-2.0): voices that sound human, small and quick, in nine languages. Its weights are fetched."""

from cinemill.engines import declare

ENGINE = declare(
    "kokoro",
    file=__file__,
    summary="Kokoro: voices that sound human, in English and eight more languages, with the time of every word.",
    python=">=3.12,<3.13",
    size_mb=3500,
)

LANGUAGES = {
    **{"en": "a", "en-us": "a", "en-gb": "b", "es": "e", "fr": "f", "hi": "h", "it": "i", "ja": "j", "pt": "p"},
    **{"pt-br": "p", "zh": "z"},
}
"""Its letter for each language, with which its voices begin."""
VOICES = {
    **{"a": "af_heart", "b": "bf_emma", "e": "ef_dora", "f": "ff_siwis", "h": "hf_alpha", "i": "if_sara"},
    **{"j": "jf_alpha", "p": "pf_dora", "z": "zf_xiaobei"},
}
"""The voice for each that nobody chose."""
