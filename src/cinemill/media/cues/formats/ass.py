"""Advanced SubStation Alpha: styles for a picture of a known size, speakers as names, karaoke whose \\k fill the cue.

Times are hundredths of a second, rounded so that a cue is never shorter than it was and never runs into the next. The
\\k of a cue are differences of its words' rounded times, so their sum is the cue exactly; a pause is a \\k of its own.
Read, override tags that are no emphasis and no karaoke are left out, and so are drawings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from cinemill.media.cues import emphasis
from cinemill.media.cues.formats import stamps
from cinemill.media.cues.style import ASS_FIELDS, Style, ass_style
from cinemill.media.cues.types import Cue, Transcript, Word

_EVENT_FIELDS = ("Layer", "Start", "End", "Style", "Name", "MarginL", "MarginR", "MarginV", "Effect", "Text")
_BLOCK = re.compile(r"(?<!\\)\{([^}]*)\}")
_KARAOKE = re.compile(r"\\(?:kf|ko|k|K)(\d{1,7})")
_EMPHASIS = re.compile(r"\\([ibu])(\d+)")
_DRAWING = re.compile(r"\\p[1-9]")
_SAFE_BACKSLASH = "\\\u2060"


def read(text: str) -> Transcript:
    """Raises ValueError."""
    fields: Sequence[str] = _EVENT_FIELDS
    section, cues, language = "", list[Cue](), None
    for line in text.removeprefix("\ufeff").split("\n"):
        line = line.strip()
        if line.startswith("["):
            section = line.strip("[] ").lower()
        key, _, value = line.partition(":")
        if key == "Language" and section == "script info":
            language = value.strip()
        elif section == "events" and key == "Format":
            fields = [name.strip() for name in value.split(",")]
        elif section == "events" and key == "Dialogue":
            cue = _cue(dict(zip(fields, value.lstrip().split(",", len(fields) - 1))))
            cues += [cue] if cue else []
    return Transcript(tuple(sorted(cues, key=lambda cue: cue.start)), language)


def _cue(event: dict[str, str]) -> Cue | None:
    if not {"Start", "End", "Text"} <= event.keys():
        raise ValueError("an event has no start, end or text")
    start, end = stamps.parsed(event["Start"]), stamps.parsed(event["End"])
    if _DRAWING.search(event["Text"]):
        return None
    plain, stretches = "", list[tuple[str, int, int]]()
    open_: dict[str, int] = {}
    syllables: list[tuple[int, int]] = []
    clock = start
    at = 0
    for block in _BLOCK.finditer(event["Text"]):
        plain += _unescaped(event["Text"][at : block.start()])
        at = block.end()
        for kind, level in _EMPHASIS.findall(block[1]):
            if level != "0":
                open_.setdefault(kind, len(plain))
            elif kind in open_:
                stretches.append((kind, open_.pop(kind), len(plain)))
        for length in _KARAOKE.findall(block[1]):
            syllables.append((len(plain), clock))
            clock += 10 * int(length)
    plain += _unescaped(event["Text"][at:])
    stretches += [(kind, begun, len(plain)) for kind, begun in open_.items()]
    lines, marks = emphasis.of_lines(plain, stretches)
    speaker = event.get("Name", event.get("Actor", "")).strip() or None
    return Cue(start, end, lines, speaker, tuple(_words(plain, syllables, clock, speaker)), marks)


def _words(plain: str, syllables: list[tuple[int, int]], clock: int, speaker: str | None) -> Iterator[Word]:
    edges = [*syllables, (len(plain), clock)]
    for (place, start), (stop, end) in pairwise(edges):
        if text := plain[place:stop].strip():
            before = plain[:place]
            yield Word(text, start, end, None, speaker, plain[place].isspace() or not before or before[-1].isspace())


def _unescaped(text: str) -> str:
    text = text.replace(_SAFE_BACKSLASH, "\0").replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return text.replace("\\{", "{").replace("\\}", "}").replace("\0", "\\")


def write(transcript: Transcript, style: Style | None = None, width: int = 1920, height: int = 1080) -> Iterator[str]:
    """`width` and `height` are the picture's, so that sizes are its pixels."""
    style = style or Style()
    head = [
        "[Script Info]",
        "ScriptType: v4.00+",
        *([f"Language: {transcript.language}"] if transcript.language else []),
        f"PlayResX: {width}",
        f"PlayResY: {height}",
        "WrapStyle: 2",
        "ScaledBorderAndShadow: yes",
        "YCbCr Matrix: None",
        "",
        "[V4+ Styles]",
        f"Format: {ASS_FIELDS}",
        ass_style(style, height),
        "",
        "[Events]",
        f"Format: {', '.join(_EVENT_FIELDS)}",
    ]
    yield "\n".join(head) + "\n"
    for cue, ahead in pairwise(chain(transcript.cues, [None])):
        assert cue
        yield _event(cue, ahead, style) + "\n"


def _event(cue: Cue, ahead: Cue | None, style: Style) -> str:
    start, end = hundredths(cue, ahead)
    name = (cue.speaker or "").replace(",", ";")
    return f"Dialogue: 0,{_time(start)},{_time(end)},Default,{name},0,0,0,,{_body(cue, start, end, style)}"


def hundredths(cue: Cue, ahead: Cue | None) -> tuple[int, int]:
    """In and out in hundredths: in rounded down, out up, but not into the next cue unless it was there before."""
    start, end = cue.start // 10, -(-cue.end // 10)
    if ahead and ahead.start >= cue.end:
        end = min(end, ahead.start // 10)
    return start, max(start, end)


def _time(hundredths: int) -> str:
    seconds, rest = divmod(hundredths, 100)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}.{rest:02d}"


def _body(cue: Cue, start: int, end: int, style: Style) -> str:
    inserts = _karaoke(cue, start, end, "kf" if style.karaoke == "fill" else "k") if style.karaoke != "none" else {}
    pieces: list[str] = []
    at = 0
    before: tuple[str, ...] = ()
    for text, kinds in [*emphasis.runs(cue), ("", ())]:
        tags = [f"\\{kind}0" for kind in before if kind not in kinds]
        tags += [f"\\{kind}1" for kind in kinds if kind not in before]
        pieces.append("{" + "".join(tags) + "}" if tags else "")
        before = kinds
        inner = [place for place in sorted(inserts) if at <= place < at + len(text)]
        for begins, stop in pairwise([at, *inner, at + len(text)]):
            pieces.append(inserts.pop(begins, "") + _escaped(cue.text[begins:stop]))
        at += len(text)
    return "".join([*pieces, *inserts.values()])


def _karaoke(cue: Cue, start: int, end: int, tag: str) -> dict[int, str]:
    """Place in the text -> \\k tags there. All together last as long as the cue."""
    inserts: dict[int, str] = {}
    clock, last = start, 0
    places = emphasis.placed(cue)
    if not places:
        return {0: f"{{\\{tag}{end - start}}}"}

    def add(place: int, until: int) -> None:
        nonlocal clock
        inserts[place] = inserts.get(place, "") + f"{{\\{tag}{until - clock}}}"
        clock = until

    for word, place, stop in places:
        begins = min(max(round(word.start / 10), clock), end)
        if begins > clock:
            add(place - 1 if place and cue.text[place - 1].isspace() else place, begins)
        add(place, min(max(round(word.end / 10), clock), end))
        last = stop
    if clock < end:
        add(last, end)
    return inserts


def _escaped(text: str) -> str:
    text = re.sub(r"\\(?=[Nnh{}\\\n]|$)", lambda _: _SAFE_BACKSLASH, text)
    return text.replace("{", "\\{").replace("}", "\\}").replace("\n", "\\N")
