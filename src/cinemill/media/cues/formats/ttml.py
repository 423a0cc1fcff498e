"""TTML: read in any of its dialects (DFXP, EBU-TT, IMSC, SMPTE-TT), written as IMSC 1.1 text.

Times: clock times with fractions or frames, and offsets in h, m, s, ms, f, t; nested ones count from what holds them.
A document with a DTD is refused, because entities that grow are the only use that anybody has for one here.
Source: W3C TTML2, IMSC 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from cinemill.media.cues import emphasis
from cinemill.media.cues.formats import stamps
from cinemill.media.cues.types import Cue, Emphasis, Transcript

_DTD = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_CLOCK = re.compile(r"(\d{2,4}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9})|:(\d{1,3})(?:\.\d+)?)?")
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML = "{http://www.w3.org/XML/1998/namespace}"


@dataclass(frozen=True, slots=True)
class _Clock:
    rate: Fraction
    ticks: Fraction

    def ms(self, text: str) -> Fraction:
        """Raises ValueError."""
        text = text.strip()
        if offset := _OFFSET.fullmatch(text):
            units = {"h": 3600, "m": 60, "s": 1, "ms": Fraction(1, 1000), "f": 1 / self.rate, "t": 1 / self.ticks}
            seconds = Fraction(offset[1]) * units[offset[2]]
        elif clock := _CLOCK.fullmatch(text):
            hours, minutes, whole, rest, frames = clock.groups()
            seconds = Fraction((int(hours) * 60 + int(minutes)) * 60 + int(whole))
            seconds += Fraction(f"0.{rest}") if rest else 0
            seconds += int(frames) / self.rate if frames else 0
        else:
            raise ValueError(f"{text[:40]!r} is no time")
        if seconds * 1000 > stamps.MOST_MS:
            raise ValueError(f"{text[:40]!r} is later than a thousand hours")
        return seconds * 1000


def read(text: str) -> Transcript:
    """Raises ValueError, and RecursionError for what is nested without end."""
    if _DTD.search(text):
        raise ValueError("it declares a document type or entities, which subtitles have no use for")
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text.removeprefix("\ufeff")))
    except ElementTree.ParseError as error:
        raise ValueError(f"it is not well-formed XML ({error})") from None
    if _local(root.tag) != "tt":
        raise ValueError(f"its root is <{_local(root.tag)[:40]}> and not <tt>")
    attributes = _attributes(root)
    rate, clock = _rates(attributes)
    reader = _Reader(clock, _styles(root), _agents(root))
    body = next((child for child in root if _local(child.tag) == "body"), None)
    cues = sorted(reader.cues(body, Fraction(0), None) if body is not None else (), key=lambda cue: cue.start)
    return Transcript(tuple(cues), root.get(f"{_XML}lang") or None, rate)


def _rates(attributes: dict[str, str]) -> tuple[Fraction | None, _Clock]:
    """The frame rate if one is given, and the clock."""
    given = attributes.get("frameRate")
    try:
        rate = Fraction(int(given or 30))
        numerator, denominator = map(int, re.split(r"[\s:]+", attributes.get("frameRateMultiplier", "1 1").strip()))
        rate *= Fraction(numerator, denominator)
        ticks = Fraction(int(attributes.get("tickRate") or 0)) or (rate if given else Fraction(1))
    except (ValueError, ZeroDivisionError):
        raise ValueError("its frame or tick rate is no number") from None
    if rate <= 0 or ticks <= 0:
        raise ValueError("its frame or tick rate is not above 0")
    return rate if given else None, _Clock(rate, ticks)


@dataclass
class _Reader:
    clock: _Clock
    styles: dict[str, dict[str, str]]
    agents: dict[str, str]

    def cues(self, element: ElementTree.Element, base: Fraction, stop: Fraction | None) -> Iterator[Cue]:
        """The cues inside an element whose parent's time begins at `base` ms and ends at `stop`."""
        start, end = self._times(element, base, stop)
        children = list(element)
        timed = [child for child in children if {"begin", "end", "dur"} & _attributes(child).keys()]
        is_text = _local(element.tag) in ("p", "span")
        if not is_text or (timed and end is None):
            for child in timed if is_text else children:
                if _local(child.tag) in ("div", "p", "span"):
                    yield from self.cues(child, start, end)
            return
        yield from self._cue(element, start, end)

    def _cue(self, element: ElementTree.Element, start: Fraction, end: Fraction | None) -> Iterator[Cue]:
        pieces: list[tuple[str, frozenset[Emphasis]]] = list(self._pieces(element, frozenset()))
        plain, stretches = "", list[tuple[str, int, int]]()
        for piece, kinds in pieces:
            piece = piece.lstrip(" ") if not plain or plain[-1] in " \n" else piece
            stretches += [(kind, len(plain), len(plain) + len(piece)) for kind in kinds]
            plain += piece
        lines, marks = emphasis.of_lines(plain, stretches)
        if lines and end is not None:
            agent = _attributes(element).get("agent")
            yield Cue(round(start), round(end), lines, self.agents.get(agent, agent) if agent else None, marks=marks)

    def _times(
        self, element: ElementTree.Element, base: Fraction, stop: Fraction | None
    ) -> tuple[Fraction, Fraction | None]:
        attributes = _attributes(element)
        start = base + self.clock.ms(attributes["begin"]) if "begin" in attributes else base
        ends = [base + self.clock.ms(attributes["end"])] if "end" in attributes else []
        ends += [start + self.clock.ms(attributes["dur"])] if "dur" in attributes else []
        ends += [stop] if stop is not None else []
        return start, min(ends, default=None)

    def _pieces(
        self, element: ElementTree.Element, kinds: frozenset[Emphasis]
    ) -> Iterator[tuple[str, frozenset[Emphasis]]]:
        kinds = self._emphasis(element, kinds)
        yield _blanks(element.text), kinds
        for child in element:
            if _local(child.tag) == "br":
                yield "\n", kinds
            elif _local(child.tag) == "span":
                yield from self._pieces(child, kinds)
            yield _blanks(child.tail), kinds

    def _emphasis(self, element: ElementTree.Element, kinds: frozenset[Emphasis]) -> frozenset[Emphasis]:
        look = _attributes(element)
        for name in look.get("style", "").split():
            look = {**self.styles.get(name, {}), **look}
        for key, value, kind in (
            ("fontStyle", "italic", "i"),
            ("fontWeight", "bold", "b"),
            ("textDecoration", "underline", "u"),
        ):
            if key in look:
                kinds = kinds | {kind} if value in look[key].split() or look[key] == "oblique" else kinds - {kind}  # type: ignore[operator]
        return kinds


def _blanks(text: str | None) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text or "")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    return {_local(key): value for key, value in element.attrib.items()}


def _styles(root: ElementTree.Element) -> dict[str, dict[str, str]]:
    found = {style.get(f"{_XML}id", ""): _attributes(style) for style in root.iter() if _tag(style) == "style"}
    return {name: {key: value for key, value in look.items() if key != "id"} for name, look in found.items()}


def _agents(root: ElementTree.Element) -> dict[str, str]:
    """Agent's id -> its name."""
    agents = [
        (one, next((child for child in one if _tag(child) == "name"), None))
        for one in root.iter()
        if _tag(one) == "agent"
    ]
    return {
        one.get(f"{_XML}id", ""): _blanks("".join(name.itertext())).strip() for one, name in agents if name is not None
    }


def _tag(element: ElementTree.Element) -> str:
    return _local(element.tag)


def write(transcript: Transcript) -> Iterator[str]:
    """IMSC 1.1 text: two lines at the bottom, times to the millisecond."""
    speakers = list(dict.fromkeys(cue.speaker for cue in transcript.cues if cue.speaker))
    ids = {name: f"speaker{number}" for number, name in enumerate(speakers, 1)}
    agents = "".join(
        f'      <ttm:agent xml:id="{ids[name]}" type="person">'
        f'<ttm:name type="full">{_text(name)}</ttm:name></ttm:agent>\n'
        for name in speakers
    )
    metadata = f"    <metadata>\n{agents}    </metadata>\n" if agents else ""
    rate = _rate_attributes(transcript.frame_rate) if transcript.frame_rate else ""
    yield _HEAD.format(language=quoteattr(transcript.language or ""), rate=rate, metadata=metadata)
    yield from (_paragraph(number, cue, ids) for number, cue in enumerate(transcript.cues, 1))
    yield _TAIL


def _rate_attributes(rate: Fraction) -> str:
    nominal = -(-rate.numerator // rate.denominator)
    factor = rate / nominal
    return f' ttp:frameRate="{nominal}" ttp:frameRateMultiplier="{factor.numerator} {factor.denominator}"'


def _paragraph(number: int, cue: Cue, ids: dict[str, str]) -> str:
    agent = f' ttm:agent="{ids[cue.speaker]}"' if cue.speaker else ""
    body = "".join(_span(text, kinds) for text, kinds in emphasis.runs(cue))
    times = f'begin="{stamps.shown(cue.start)}" end="{stamps.shown(cue.end)}"'
    return f'      <p xml:id="cue{number}" {times}{agent}>{body}</p>\n'


def _span(text: str, kinds: tuple[Emphasis, ...]) -> str:
    looks = {"i": 'tts:fontStyle="italic"', "b": 'tts:fontWeight="bold"', "u": 'tts:textDecoration="underline"'}
    body = "<br/>".join(map(_text, text.split("\n")))
    return f"<span {' '.join(looks[kind] for kind in kinds)}>{body}</span>" if kinds else body


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("", text))


_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" \
xmlns:tts="http://www.w3.org/ns/ttml#styling" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xml:lang={language} \
ttp:timeBase="media" ttp:cellResolution="32 15"{rate} \
ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text">
  <head>
{metadata}    <styling>
      <style xml:id="plain" tts:fontFamily="proportionalSansSerif" tts:fontSize="100%" tts:lineHeight="125%" \
tts:color="#ffffff" tts:textAlign="center" tts:textOutline="#000000 5%"/>
    </styling>
    <layout>
      <region xml:id="bottom" tts:origin="10% 10%" tts:extent="80% 80%" tts:displayAlign="after"/>
    </layout>
  </head>
  <body style="plain" region="bottom">
    <div>
"""
_TAIL = """    </div>
  </body>
</tt>
"""
