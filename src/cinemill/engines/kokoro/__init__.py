"""Kokoro-82M (Apache-2.0): voices that sound human, small and quick, in nine languages. Its weights are fetched."""

from cinemill.engines import declare

ENGINE = declare(
    "kokoro",
    file=__file__,
    summary="Kokoro: voices that sound human, in English and eight more languages, with the time of every word.",
    python=">=3.11,<3.13",
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
_NAMES = {
    "af": "heart alloy aoede bella jessica kore nicole nova river sarah sky",
    "am": "adam echo eric fenrir liam michael onyx puck santa",
    **{"bf": "alice emma isabella lily", "bm": "daniel fable george lewis", "ef": "dora", "em": "alex santa"},
    **{"ff": "siwis", "hf": "alpha beta", "hm": "omega psi", "if": "sara", "im": "nicola", "pf": "dora"},
    **{"jf": "alpha gongitsune nezumi tebukuro", "jm": "kumo", "pm": "alex santa"},
    **{"zf": "xiaobei xiaoni xiaoxiao xiaoyi", "zm": "yunjian yunxi yunxia yunyang"},
}
ALL_VOICES = tuple(f"{kind}_{name}" for kind, names in _NAMES.items() for name in names.split())
"""Those of version 1.0: language and sex in two letters, and a name."""
