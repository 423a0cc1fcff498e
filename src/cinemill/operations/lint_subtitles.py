"""Subtitles against a broadcaster's rules."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cinemill.catalogue import Field
from cinemill.errors import OutputRefused
from cinemill.operations import Chunk, Decided, Operation, Request, operation
from cinemill.operations.cue_params import PictureRules, picture, read_cues, rules_of

if TYPE_CHECKING:
    from cinemill.media.cues.types import Transcript


class LintSubtitles(PictureRules):
    encoding: str | None = None
    """Of the file. Left out, it is found."""
    fail_on: Literal["error", "warning", "never"] = "error"
    """Which findings make the command exit with 1."""
    shown: int = Field(20, ge=0, le=100000)
    """How many findings are told one by one on a terminal."""


class LintDecided(Decided):
    cues: int = 0


@operation
class LintSubtitlesOperation(Operation[LintSubtitles, LintDecided]):
    """Check subtitles against a broadcaster's rules; exits with 1 when any is broken. With -o, findings as JSON.

    Line length, reading speed, duration, gaps, overlaps, cuts, line breaks, speakers, labels, characters.
    """

    name = "lint-subtitles"
    topic = "Subtitles"
    params = LintSubtitles
    decided = LintDecided
    inputs = ("subtitle",)
    output = "optional"
    unit = "cues"
    example = "cinemill lint-subtitles film.srt --standard netflix --video film.mp4"

    def suffix(self, request: Request[LintSubtitles]) -> str:
        return ".json"

    def decide(self, request: Request[LintSubtitles]) -> LintDecided:
        if request.output and request.output.suffix.lower() != ".json":
            raise OutputRefused(f"{request.output}: findings become .json.")
        read = read_cues(request.inputs[0], None, request.params.encoding)
        language = _language(request.params, read.transcript)
        rules = rules_of(request.params, language)
        speed = f"{rules.cps:g} characters a second" if rules.cps else f"{rules.wpm:g} words a minute"
        length = f"{rules.shortest / 1000:g} to {rules.longest / 1000:g} s"
        told = f"{rules.lines} lines of {rules.columns:g}, {speed}, {length}"
        notes = (f"{len(read.transcript.cues)} cues, {read.format.upper()} in {read.encoding}; {told}.",)
        if language and language not in (request.params.language, read.transcript.language):
            notes += (f"the text looks like {language}; --language says better.",)
        return LintDecided(notes=notes, cues=len(read.transcript.cues))

    def cut(self, request: Request[LintSubtitles], decided: LintDecided, seconds: float) -> list[Chunk]:
        return [Chunk(index=0, size=max(1, decided.cues))]

    def part(self, request: Request[LintSubtitles], decided: LintDecided, chunk: Chunk, path: Path) -> Iterator[int]:
        from cinemill.media.cues.lint import lint

        params = request.params
        read = read_cues(request.inputs[0], None, params.encoding)
        rate, cuts, looking = picture(params.video)
        for _ in looking:
            yield 0
        rules = rules_of(params, _language(params, read.transcript))
        found = lint(read.transcript, rules, frame_rate=params.frame_rate or rate, cuts=cuts)
        record = {
            "standard": rules.preset,
            "language": rules.language,
            "cues": len(read.transcript.cues),
            "findings": [one.record() for one in found],
            "told": [str(one) for one in found],
        }
        path.write_text(json.dumps(record), "utf-8")

    def join(
        self, request: Request[LintSubtitles], decided: LintDecided, parts: Sequence[Path], output: Path | None
    ) -> Iterator[float]:
        if output:
            record = json.loads(parts[0].read_text("utf-8"))
            del record["told"]
            output.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", "utf-8")
        yield 1.0

    def result(self, request: Request[LintSubtitles], decided: LintDecided, parts: Sequence[Path]) -> dict[str, Any]:
        record = json.loads(parts[0].read_text("utf-8"))
        told, found = record.pop("told"), record["findings"]
        failing = {"error": {"error"}, "warning": {"error", "warning"}, "never": set[str]()}[request.params.fail_on]
        shown = told[: request.params.shown]
        notes = [*shown, *([f"and {len(told) - len(shown)} more."] if len(told) > len(shown) else [])]
        return {
            **record,
            "passed": not any(one["severity"] in failing for one in found),
            "notes": notes or [f"no rule of {record['standard']} is broken."],
            "table": _table(found),
        }


def _language(params: LintSubtitles, transcript: Transcript) -> str | None:
    """That of the command, of the file, or what its text looks like: SRT, for one, does not say it."""
    from cinemill.operations import saying

    text = "\n".join(cue.text for cue in islice(transcript.cues, _LOOKED_AT))
    return params.language or transcript.language or saying.likely_language(text)


_LOOKED_AT = 500
"""Cues that tell the language."""


def _table(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    from cinemill.media.cues.lint import RULES

    counted = Counter(one["rule"] for one in found)
    rows = [[f"{rule} ({RULES[rule][0]})", str(counted[rule])] for rule in RULES if counted[rule]]
    return [["rule broken", "cues"], *rows] if rows else []
