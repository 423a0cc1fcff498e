"""English as it is said: numbers and signs in words, and how a word that no dictionary has is probably pronounced."""

from __future__ import annotations

import re

_SMALL = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_ONES = [*_SMALL, *_TEENS]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"), (100, "hundred"))
_SIGNS = {"&": "and", "%": "percent", "+": "plus", "=": "equals", "@": "at", "#": "number", "°": "degrees"}
_MONEY = {"$": "dollars", "€": "euros", "£": "pounds", "¥": "yen"}
_ORDINALS = {
    **{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"},
    **{"twelve": "twelfth"},
}
_PIECE = re.compile(r"[$€£¥]?\d+(?:,\d{3})*(?:\.\d+)?(?:st|nd|rd|th|s)?|[^\W\d_]+(?:'[^\W\d_]+)*|[&%+=@#°]")
_NUMBER = re.compile(r"([$€£¥]?)(\d+(?:,\d{3})*)(?:\.(\d+))?(st|nd|rd|th|s)?")


def said(word: str) -> list[str]:
    """The words that are said for a written one, in lower case; none for a mere sign."""
    pieces = _PIECE.findall(word.lower().replace("’", "'"))
    return [spoken for piece in pieces for spoken in _said(piece)]


def _said(piece: str) -> list[str]:
    if piece in _SIGNS:
        return [_SIGNS[piece]]
    number = _NUMBER.fullmatch(piece)
    if not number:
        return [piece]
    money, whole, rest, ending = number.groups()
    value = int(whole.replace(",", ""))
    words = _year(value) if len(whole) == 4 and 1100 <= value < 2100 and not (money or rest) else _counted(value)
    words += ["point", *(_ONES[int(digit)] for digit in rest)] if rest else []
    words = _ordinal(words) if ending and ending != "s" else words
    return words + ([_MONEY[money]] if money else [])


def _counted(value: int) -> list[str]:
    if value >= 10**12:
        return [_ONES[int(digit)] for digit in str(value)]
    if value < 20:
        return [_ONES[value]]
    if value < 100:
        return [_TENS[value // 10], *([_ONES[value % 10]] if value % 10 else [])]
    size, name = next((size, name) for size, name in _SCALES if value >= size)
    rest = value % size
    return [*_counted(value // size), name, *(_counted(rest) if rest else [])]


def _year(value: int) -> list[str]:
    if value % 1000 < 10:
        return _counted(value)
    high, low = divmod(value, 100)
    return [*_counted(high), *(["hundred"] if low == 0 else ["oh", _ONES[low]] if low < 10 else _counted(low))]


def _ordinal(words: list[str]) -> list[str]:
    last = words[-1]
    return [*words[:-1], _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")]


def phones(word: str) -> str:
    """ARPAbet phones by the letters, for words that no dictionary has: wrong in detail, right in length."""
    letters = re.sub("[^a-z]", "", _ascii(word.lower()))
    letters = letters[:-1] if len(letters) > 3 and letters.endswith("e") else letters
    found: list[str] = []
    at = 0
    while at < len(letters):
        size = next((size for size in (3, 2, 1) if letters[at : at + size] in _LETTERS), 1)
        found += _LETTERS.get(letters[at : at + size], "").split()
        at += size
    return " ".join(found) or "AH"


def _ascii(word: str) -> str:
    import unicodedata

    plain = unicodedata.normalize("NFKD", word).replace("ß", "ss").replace("ø", "o").replace("ł", "l")
    return "".join(char for char in plain if not unicodedata.combining(char))


_LETTERS = {
    **{"tch": "CH", "igh": "AY", "sch": "SH", "tio": "SH AH", "eau": "OW", "dge": "JH"},
    **{"th": "TH", "sh": "SH", "ch": "CH", "ph": "F", "ck": "K", "ng": "NG", "qu": "K W", "wh": "W", "kn": "N"},
    **{"ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "oi": "OY", "oy": "OY", "ai": "EY", "ay": "EY"},
    **{"au": "AO", "aw": "AO", "ie": "IY", "ei": "EY", "ey": "IY", "ue": "UW", "ui": "UW", "oa": "OW", "eu": "Y UW"},
    **{"er": "ER", "ir": "ER", "ur": "ER", "ar": "AA R", "or": "AO R", "bb": "B", "dd": "D", "ff": "F", "gg": "G"},
    **{"ll": "L", "mm": "M", "nn": "N", "pp": "P", "rr": "R", "ss": "S", "tt": "T", "zz": "Z", "cc": "K"},
    **{"a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH"},
    **{"k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T"},
    **{"u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z"},
}
"""Letters to phones; the longest that fits is taken."""
