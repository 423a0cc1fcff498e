"""A text with marks -> utterances: what one voice says in one breath, and how long it is silent afterwards.

Marks: `[voice:name]`, `[pause:1.5s]`, `[rate:1.2]`, `[language:de]`, or SSML (a text that begins with `<speak`): speak,
p, s, break, voice, prosody rate, lang, sub, say-as; other elements are read through. A blank line is a longer pause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from cinemill.errors import InvalidParams
from cinemill.operations import saying

_MOST_PAUSE = 60.0
"""Seconds of one pause; more is a slip of the pen."""
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_BREAKS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is said. `voice` and `language` None where the text does not tell; `speed` 1 is the voice's own."""

    voice: str | None = None
    language: str | None = None
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, and as it is said where that was told. `ends`: the sentence ends after it."""

    text: str
    alias: str | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """`pause`: seconds of silence after it; None for what lies between sentences."""

    words: tuple[Word, ...]
    manner: Manner
    pause: float | None = None

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    def saying(self, language: str) -> list[str]:
        """What is said for each word."""
        said = saying.said([word.text for word in self.words], language)
        return [word.alias if word.alias is not None else one for word, one in zip(self.words, said)]


def utterances(text: str, language: str, longest: int, shortest: int, paragraph: float) -> list[Utterance]:
    """The text in pieces of at most `longest` characters as they are said: sentences, else clauses, else words.

    Neighbours are put together while one has less than `shortest` characters: some voices babble over a lone word.
    `paragraph`: seconds of silence after one. Raises InvalidParams for marks that cannot be read.
    """
    found: list[Utterance] = []
    for item in _items(text):
        if isinstance(item, float | int):
            if found:
                found[-1] = replace(found[-1], pause=min(_MOST_PAUSE, (found[-1].pause or 0.0) + item))
            continue
        words, manner, is_paragraph = item
        spoken = manner.language or language
        pieces = [piece for run in _sentences(words, spoken) for piece in _split(run, spoken, longest)]
        made = [Utterance(tuple(piece), manner) for piece in _gathered(pieces, spoken, longest, shortest)]
        if made and is_paragraph:
            made[-1] = replace(made[-1], pause=paragraph)
        found += made
    return found


Item = tuple[list[Word], Manner, bool]


def _items(text: str) -> Iterator[Item | float]:
    """Runs of words in one manner, whether a paragraph ends with each, and pauses between them in seconds."""
    if text.lstrip("\ufeff \t\r\n").startswith("<speak"):
        yield from _of_ssml(text.lstrip("\ufeff \t\r\n"))
        return
    manner = Manner()
    for part in re.split(r"\n[ \t]*\n\s*", saying.plain(text)):
        held: Item | None = None
        for piece in re.split(r"(\[(?:voice|pause|rate|language)\s*:[^\]\n]*\])", part):
            if not piece.startswith("[") or not (mark := _MARK.fullmatch(piece)):
                if words := _words(piece):
                    if held:
                        yield held
                    held = words, manner, False
                continue
            name, value = mark.groups()
            if name == "pause":
                if held:
                    yield held
                held = None
                yield _seconds(value)
            else:
                manner = _changed(manner, name, value)
        if held:
            yield held[0], held[1], True


_MARK = re.compile(r"\[(voice|pause|rate|language)\s*:\s*([^\]\n]*?)\s*\]")


def _words(text: str) -> list[Word]:
    """Words; where a list goes on in a new line, the line before it ends a sentence."""
    found: list[Word] = []
    for line in re.split(r"\n(?=\s*(?:[-*•]\s|\d+[.)]\s))", text):
        words = [Word(word) for word in line.split() if word not in ("-", "*", "•")]
        if words:
            found += [*words[:-1], replace(words[-1], ends=True)]
    return found


def _changed(manner: Manner, name: str, value: str) -> Manner:
    if name == "rate":
        return replace(manner, speed=_rate(value))
    return replace(manner, voice=value or None) if name == "voice" else replace(manner, language=value or None)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"\+?(\d+(?:\.\d+)?)\s*(ms|s)?", text)
    if not found:
        raise InvalidParams(f"the pause {text!r} is no time; write 1.5s or 300ms.")
    return min(_MOST_PAUSE, float(found[1]) / (1000 if found[2] == "ms" else 1))


def _rate(text: str) -> float:
    number = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text)
    rate = _RATES.get(text) or (float(number[1]) / (100 if number[2] else 1) if number else 0.0)
    if not 0.25 <= rate <= 4:
        raise InvalidParams(f"the rate {text!r} is none; write 0.25 to 4, or 80%.")
    return rate


def _of_ssml(text: str) -> Iterator[Item | float]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InvalidParams("SSML with a document type is not read.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InvalidParams(f"the text begins like SSML and is none: {error}.") from None
    yield from _merged(_walk(root, Manner()))


_XML = "{http://www.w3.org/XML/1998/namespace}lang"


def _walk(node: ElementTree.Element, manner: Manner) -> Iterator[Item | float]:
    name = node.tag.rpartition("}")[2]
    if name == "break":
        time, strength = node.get("time"), node.get("strength", "medium")
        yield _seconds(time) if time else _BREAKS.get(strength, _BREAKS["medium"])
        return
    language = node.get(_XML) or manner.language
    manner = replace(manner, language=language)
    if name == "voice":
        manner = replace(manner, voice=node.get("name") or manner.voice)
    if name == "prosody" and node.get("rate"):
        manner = replace(manner, speed=_rate(node.get("rate", "1")))
    if name in ("sub", "say-as"):
        content = " ".join("".join(node.itertext()).split())
        spelled = " ".join(content) if node.get("interpret-as") in ("characters", "spell-out", "digits") else None
        alias = node.get("alias") if name == "sub" else spelled
        words = [Word(content.replace(" ", "\u00a0"), alias)] if alias else [Word(word) for word in content.split()]
        yield words, manner, False
        return
    yield [Word(word) for word in (node.text or "").split()], manner, False
    for child in node:
        yield from _walk(child, manner)
        yield [Word(word) for word in (child.tail or "").split()], manner, False
    if name in ("p", "s"):
        yield [Word("", ends=True)], manner, name == "p"


def _merged(items: Iterator[Item | float]) -> Iterator[Item | float]:
    """Neighbouring runs in one manner as one; ends of elements as ends of sentences."""
    held: Item | None = None
    for item in items:
        if isinstance(item, float | int):
            if held:
                yield held
            held = None
            yield item
            continue
        words, manner, is_paragraph = item
        if words and not words[0].text:
            if held and held[0]:
                held = [*held[0][:-1], replace(held[0][-1], ends=True)], held[1], is_paragraph
            continue
        if not words:
            continue
        if held and held[0] and not any(char.isalnum() for char in words[0].text):
            last, mark = held[0][-1], words.pop(0).text
            alias = None if last.alias is None else last.alias + mark
            held = [*held[0][:-1], replace(last, text=last.text + mark, alias=alias)], held[1], held[2]
            if not words:
                continue
        if held and held[1] == manner and not held[2]:
            held = [*held[0], *words], manner, False
            continue
        if held:
            yield held
        held = words, manner, is_paragraph
    if held:
        yield held


_CLOSERS = "\"'”’»)]}」』】）"
_STOPS = ".!?…"
_WIDE_STOPS = "。！？"


def _sentences(words: Sequence[Word], language: str) -> Iterator[list[Word]]:
    run: list[Word] = []
    for number, word in enumerate(_apart(words)):
        run.append(word)
        following = words[number + 1].text if number + 1 < len(words) else ""
        if word.ends or _ends_sentence(word.text, following, language):
            yield run
            run = []
    if run:
        yield run


def _apart(words: Sequence[Word]) -> list[Word]:
    """Where a script writes no blanks, its stops part words."""
    found: list[Word] = []
    for word in words:
        pieces = re.findall(f"[^{_WIDE_STOPS}]*[{_WIDE_STOPS}]+[{re.escape(_CLOSERS)}]*|[^{_WIDE_STOPS}]+", word.text)
        if word.alias is not None or len(pieces) < 2:
            found.append(word)
        else:
            found += [Word(piece, None, word.ends and piece is pieces[-1]) for piece in pieces]
    return found


def _ends_sentence(word: str, following: str, language: str) -> bool:
    bare = word.rstrip(_CLOSERS)
    if bare[-1:] in _WIDE_STOPS and bare:
        return True
    if not bare or bare[-1] not in _STOPS:
        return False
    if bare[-1] != ".":
        return not following[:1].islower()
    core = bare.lstrip("\"'“‘«([{").rstrip(".")
    if (
        saying.is_abbreviation(core, language)
        or (len(core) == 1 and core.isupper())
        or re.fullmatch(r"(\w\.)+\w", core)
    ):
        return False
    is_number = core.isdigit() and language[:2] in ("de", "da", "no", "fi", "cs", "pl", "hu")
    return not (following[:1].islower() or (is_number and len(core) < 3))


_CLAUSE = (",", ";", ":", "—", "–", "،", "、", "，", "；", "：")


def _split(sentence: Sequence[Word], language: str, longest: int) -> Iterator[list[Word]]:
    """A sentence in pieces of at most `longest` characters: at the end of a clause, else between words."""
    words = [piece for word in sentence for piece in _hard(word, longest)]
    lengths = [len(said) + 1 for said in Utterance(tuple(words), Manner()).saying(language)]
    at = 0
    while at < len(words):
        stop, length = at, 0
        while stop < len(words) and (length + lengths[stop] - 1 <= longest or stop == at):
            length += lengths[stop]
            stop += 1
        if stop < len(words):
            stop = _cut(words, lengths, at, stop)
        yield words[at:stop]
        at = stop


def _hard(word: Word, longest: int) -> list[Word]:
    """The word; one that no voice could say in a breath in pieces."""
    if len(word.text) <= longest:
        return [word]
    pieces = [word.text[at : at + longest] for at in range(0, len(word.text), longest)]
    return [Word(piece, None, word.ends and piece is pieces[-1]) for piece in pieces]


def _cut(words: Sequence[Word], lengths: Sequence[int], at: int, stop: int) -> int:
    """Where to part words from `at` on, `stop` at the latest: after the last clause that leaves no crumb."""
    total = sum(lengths[at:stop])
    done = total
    for place in range(stop, at + 1, -1):
        if words[place - 1].text.rstrip(_CLOSERS).endswith(_CLAUSE) and done >= total * 0.3:
            return place
        done -= lengths[place - 1]
    return next((place for place in range(stop, max(at + 1, stop - 6), -1) if _may_part(words, place)), stop)


def _may_part(words: Sequence[Word], place: int) -> bool:
    """Not between the parts of a name, and not between a number and what it counts."""
    before, after = words[place - 1].text, words[place].text
    return not (before[:1].isupper() and after[:1].isupper()) and not before[-1:].isdigit() and not after[:1].isdigit()


def _gathered(pieces: Sequence[list[Word]], language: str, longest: int, shortest: int) -> Iterator[list[Word]]:
    held: list[Word] = []
    for piece in pieces:
        if held and (_length(held, language) >= shortest or _length([*held, *piece], language) > longest):
            yield held
            held = []
        held = [*held, *piece]
    if held:
        yield held


def _length(words: Sequence[Word], language: str) -> int:
    return len(" ".join(Utterance(tuple(words), Manner()).saying(language)))
