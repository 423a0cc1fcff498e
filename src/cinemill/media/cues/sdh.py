"""Labels for those who cannot hear: sounds in brackets, who speaks, notes of music. Taken out of cues."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from cinemill.media.cues.types import Cue, Transcript

_SOUND = re.compile(r"\s*(?:\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】)\s*:?\s*")
_SPEAKER = re.compile(r"^(\s*[-–]\s*)?([A-Z0-9ÄÖÜÉÈÀÇÑ][A-Z0-9ÄÖÜÉÈÀÇÑ .'#&-]{1,30}):\s+")
_MUSIC = re.compile(r"[♪♫#]+")
_DASH = re.compile(r"^\s*[-–]\s*")


def stripped(transcript: Transcript) -> Transcript:
    """Without labels; cues that were nothing else are gone. Words stay as far as they are still shown."""
    return replace(transcript, cues=tuple(cue for one in transcript.cues for cue in _bare(one)))


def _bare(cue: Cue) -> Iterator[Cue]:
    joined = _SOUND.sub(_blank, cue.text)
    lines = [_SPEAKER.sub(lambda match: match[1] or "", line) for line in joined.split("\n")]
    sung = [line for line in lines if _MUSIC.search(line)]
    lines = [line for line in lines if not (sung and not _MUSIC.sub("", line).strip())]
    lines = [line.strip() for line in lines if _DASH.sub("", line).strip()]
    if len(lines) == 1:
        lines = [_DASH.sub("", lines[0])]
    if lines == list(cue.lines):
        yield cue
    elif lines:
        shown = set(re.findall(r"\S+", " ".join(lines)))
        words = tuple(word for word in cue.words if word.text in shown)
        yield replace(cue, lines=tuple(lines), words=words, marks=())


def _blank(match: re.Match[str]) -> str:
    return "\n" if "\n" in match[0] else " "
