"""JSON of recognisers: whisperX's shape (ours, with lines and emphasis beside), OpenAI's verbose and diarised ones.

Also read: Whisper's own and whisper.cpp's. Times are seconds with three decimals.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import exp, isfinite, log
from typing import Any

from cinemill.media.cues import emphasis
from cinemill.media.cues.rules import primary
from cinemill.media.cues.timing import between
from cinemill.media.cues.types import Character, Cue, Mark, Transcript, Word

_LANGUAGES = {
    **{"english": "en", "chinese": "zh", "german": "de", "spanish": "es", "russian": "ru", "korean": "ko"},
    **{"french": "fr", "japanese": "ja", "portuguese": "pt", "turkish": "tr", "polish": "pl", "dutch": "nl"},
    **{"arabic": "ar", "swedish": "sv", "italian": "it", "indonesian": "id", "hindi": "hi", "finnish": "fi"},
    **{"vietnamese": "vi", "hebrew": "he", "ukrainian": "uk", "greek": "el", "czech": "cs", "romanian": "ro"},
    **{"danish": "da", "hungarian": "hu", "norwegian": "no", "thai": "th", "catalan": "ca", "croatian": "hr"},
}
_NAMES = {code: name for name, code in _LANGUAGES.items()}


def read(text: str) -> Transcript:
    """Raises ValueError."""
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error})") from None
    record = {"segments": record} if isinstance(record, list) else record
    if isinstance(record, dict) and isinstance(record.get("transcription"), list):
        return _whisper_cpp(record)
    if not isinstance(record, dict) or not isinstance(record.get("segments"), list):
        raise ValueError("it has no list of segments")
    language = record.get("language")
    code = _LANGUAGES.get(language.lower(), language) if isinstance(language, str) else None
    loose = _list(record.get("words"))
    segments = [_dict(segment) for segment in record["segments"]]
    words = _shared([_word(_dict(one), None) for one in loose], segments) if loose else [()] * len(segments)
    return Transcript(tuple(_cue(segment, own) for segment, own in zip(segments, words)), code or None)


def _cue(segment: dict[str, Any], loose: Sequence[Word]) -> Cue:
    start, end = _ms(segment.get("start")), _ms(segment.get("end"))
    speaker = segment.get("speaker") if isinstance(segment.get("speaker"), str) else None
    text = segment.get("text")
    lines = [str(line) for line in _list(segment.get("lines"))] or str("" if text is None else text).split("\n")
    shown = tuple(line.strip() for line in lines if line.strip())
    stored = [_dict(one) for one in _list(segment.get("words"))]
    words = _timed([_word(one, speaker) for one in stored], stored, start, end) if stored else tuple(loose)
    letters = _list(segment.get("chars"))
    words = tuple(_lettered(words, [_dict(one) for one in letters])) if letters else words
    marks = [_dict(mark) for mark in _list(segment.get("marks"))]
    kept = tuple(Mark(mark["kind"], int(mark["start"]), int(mark["stop"])) for mark in marks if _is_mark(mark))
    return Cue(start, end, shown, speaker, words, kept)


def _lettered(words: Sequence[Word], stored: Sequence[dict[str, Any]]) -> Iterator[Word]:
    """The words with the times of their letters, which follow one another in `stored`, blanks between them."""
    source = iter(one for one in stored if str(one.get("char", "")).strip())
    for word in words:
        own = [one for _, one in zip(word.text.replace(" ", ""), source)]
        timed = [one for one in own if one.get("start") is not None and one.get("end") is not None]
        yield replace(word, letters=tuple(map(_letter, timed)))


def _letter(stored: dict[str, Any]) -> Character:
    score = stored.get("score")
    sure = float(score) if isinstance(score, int | float) and isfinite(score) else 0.0
    return Character(str(stored["char"]), _ms(stored["start"]), _ms(stored["end"]), sure)


def _is_mark(mark: dict[str, Any]) -> bool:
    return mark.get("kind") in emphasis.KINDS and all(type(mark.get(key)) is int for key in ("start", "stop"))


def _word(stored: dict[str, Any], speaker: str | None) -> Word:
    text = str(stored.get("word", stored.get("text", "")))
    score = stored.get("score", stored.get("probability"))
    confidence = float(score) if isinstance(score, int | float) and isfinite(score) else None
    own = stored.get("speaker")
    times = [_ms(stored[key]) if stored.get(key) is not None else -1 for key in ("start", "end")]
    space = stored.get("space") is not False
    return Word(text.strip(), times[0], times[1], confidence, own if isinstance(own, str) else speaker, space)


def _timed(words: Sequence[Word], stored: Sequence[dict[str, Any]], start: int, end: int) -> tuple[Word, ...]:
    """Words that nobody could align share what their neighbours leave them."""
    known = [one.get("start") is not None and one.get("end") is not None for one in stored]
    return tuple(word for word in between(words, known, start, end) if word.text)


def _shared(words: Sequence[Word], segments: Sequence[dict[str, Any]]) -> list[tuple[Word, ...]]:
    """Loose words to the segments in which they begin."""
    shares: list[list[Word]] = [[] for _ in segments]
    at = 0
    for word in words:
        while at + 1 < len(segments) and _ms(segments[at + 1].get("start")) <= word.start:
            at += 1
        if shares:
            shares[at].append(word)
    return [tuple(share) for share in shares]


def _whisper_cpp(record: dict[str, Any]) -> Transcript:
    def cue(segment: dict[str, Any]) -> Cue:
        offsets = _dict(segment.get("offsets"))
        body = str(segment.get("text", "")).strip()
        return Cue(_ms(offsets.get("from"), 1), _ms(offsets.get("to"), 1), (body,) if body else ())

    language = _dict(record.get("result", {})).get("language")
    cues = tuple(cue(_dict(segment)) for segment in record["transcription"])
    return Transcript(cues, language if isinstance(language, str) else None)


def _ms(seconds: Any, unit: int = 1000) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not isfinite(seconds):
        raise ValueError(f"{json.dumps(seconds)[:40]} is no time")
    if abs(seconds) > 3_600_000:
        raise ValueError(f"{seconds} is later than a thousand hours")
    return round(seconds * unit)


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{json.dumps(value)[:40]} stands where a record is expected")
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def write_whisperx(transcript: Transcript) -> Iterator[str]:
    segments = (_segment(cue) for cue in transcript.cues)
    words = (_stored(word) for cue in transcript.cues for word in cue.words)
    return _written({"segments": segments, "word_segments": words, "language": transcript.language})


def _written(record: Mapping[str, Any]) -> Iterator[str]:
    """The record as JSON in pieces; lists that are iterators are taken one after another."""
    opening = "{"
    for key, value in record.items():
        yield f"{opening}\n {json.dumps(key)}: "
        opening = ","
        if isinstance(value, Iterator):
            yield from _listed(value)  # type: ignore[reportUnknownArgumentType]
        else:
            yield _indented(value, 1)
    yield "\n}\n"


def _listed(items: Iterator[Any]) -> Iterator[str]:
    opening = "["
    for item in items:
        yield f"{opening}\n  {_indented(item, 2)}"
        opening = ","
    yield "[]" if opening == "[" else "\n ]"


def _indented(value: Any, depth: int) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1).replace("\n", "\n" + " " * depth)


def _segment(cue: Cue) -> dict[str, Any]:
    record: dict[str, Any] = {"start": cue.start / 1000, "end": cue.end / 1000, "text": " ".join(cue.lines)}
    record |= {"lines": list(cue.lines)} if len(cue.lines) > 1 else {}
    record |= {"words": [_stored(word) for word in cue.words]} if cue.words else {}
    record |= {"chars": list(_characters(cue.words))} if any(word.letters for word in cue.words) else {}
    record |= {"speaker": cue.speaker} if cue.speaker else {}
    marks = [{"kind": mark.kind, "start": mark.start, "stop": mark.stop} for mark in cue.marks]
    return record | ({"marks": marks} if marks else {})


def _stored(word: Word) -> dict[str, Any]:
    record: dict[str, Any] = {"word": word.text, "start": word.start / 1000, "end": word.end / 1000}
    record |= {"score": word.confidence} if word.confidence is not None else {}
    record |= {"speaker": word.speaker} if word.speaker else {}
    return record | ({} if word.space else {"space": False})


def _characters(words: Sequence[Word]) -> Iterator[dict[str, Any]]:
    """Every character of the words, with its times where they are known."""
    for number, word in enumerate(words):
        if word.space and number:
            yield {"char": " "}
        letters = list(word.letters)
        for char in word.text:
            if letters and letters[0].text == char:
                one = letters.pop(0)
                start, end = (min(max(time, word.start), word.end) / 1000 for time in (one.start, one.end))
                yield {"char": char, "start": start, "end": end, "score": round(one.confidence, 4)}
            else:
                yield {"char": char}


def write_verbose(transcript: Transcript) -> Iterator[str]:
    """OpenAI's `verbose_json`."""
    segments = (
        {
            "id": number,
            "seek": 0,
            "start": cue.start / 1000,
            "end": cue.end / 1000,
            "text": " ".join(cue.lines),
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": _log_probability(cue.words),
            "compression_ratio": _compression(" ".join(cue.lines)),
            "no_speech_prob": 0.0,
        }
        for number, cue in enumerate(transcript.cues)
    )
    code = primary(transcript.language)
    words = (word for cue in transcript.cues for word in cue.words)
    record = {
        "task": "transcribe",
        "language": _NAMES.get(code, transcript.language or "") or "english",
        "duration": _duration(transcript),
        "text": " ".join(_texts(transcript)),
        "segments": segments,
        "words": ({"word": word.text, "start": word.start / 1000, "end": word.end / 1000} for word in words),
    }
    return _written(record)


def write_diarized(transcript: Transcript) -> Iterator[str]:
    """OpenAI's `diarized_json`."""
    segments = (
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number:03d}",
            "start": cue.start / 1000,
            "end": cue.end / 1000,
            "text": " ".join(cue.lines),
            "speaker": cue.speaker or "unknown",
        }
        for number, cue in enumerate(transcript.cues, 1)
    )
    duration, text = _duration(transcript), " ".join(_texts(transcript))
    return _written({"task": "transcribe", "duration": duration, "text": text, "segments": segments})


def _texts(transcript: Transcript) -> Iterator[str]:
    return (line for cue in transcript.cues for line in cue.lines)


def _duration(transcript: Transcript) -> float:
    return max((cue.end for cue in transcript.cues), default=0) / 1000


def _log_probability(words: Sequence[Word]) -> float:
    known = [max(word.confidence, exp(-10)) for word in words if word.confidence is not None]
    return sum(map(log, known)) / len(known) if known else 0.0


def _compression(text: str) -> float:
    """How much a text repeats itself, as Whisper measures it."""
    raw = text.encode()
    return round(len(raw) / len(zlib.compress(raw)), 4) if raw else 0.0
