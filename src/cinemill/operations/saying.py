"""What is written as it is said, language by language: numbers, money, times, units, abbreviations, addresses, emoji.

A word of the text becomes the words that are said for it, its punctuation kept, for voices hear that. What a language
has no rule for is left to the voice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_ABBREVIATIONS: dict[str, dict[str, str]] = {
    "en": {
        **{"mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "st": "saint"},
        **{"jr": "junior", "sr": "senior", "vs": "versus", "etc": "et cetera", "no": "number", "gen": "general"},
        **{"capt": "captain", "sgt": "sergeant", "lt": "lieutenant", "col": "colonel", "rev": "reverend"},
        **{"approx": "approximately", "dept": "department", "inc": "incorporated", "ltd": "limited", "co": "company"},
        **{"e.g": "for example", "i.e": "that is", "a.m": "a m", "p.m": "p m", "u.s": "U S", "u.k": "U K"},
    },
    "de": {
        **{"dr": "Doktor", "prof": "Professor", "nr": "Nummer", "usw": "und so weiter", "bzw": "beziehungsweise"},
        **{"ca": "circa", "vgl": "vergleiche", "hr": "Herr", "fr": "Frau", "str": "Straße", "z.b": "zum Beispiel"},
        **{"d.h": "das heißt", "u.a": "unter anderem", "evtl": "eventuell", "inkl": "inklusive", "st": "Sankt"},
    },
    "fr": {
        **{"m": "monsieur", "mme": "madame", "mlle": "mademoiselle", "dr": "docteur", "etc": "et cetera"},
        **{"no": "numéro", "st": "saint", "ste": "sainte", "av": "avenue", "env": "environ", "p.ex": "par exemple"},
    },
    "es": {
        **{"sr": "señor", "sra": "señora", "srta": "señorita", "dr": "doctor", "dra": "doctora", "ud": "usted"},
        **{"uds": "ustedes", "etc": "etcétera", "núm": "número", "pág": "página", "av": "avenida", "ee.uu": "E U"},
    },
    "it": {
        **{"sig": "signor", "sig.ra": "signora", "dott": "dottor", "prof": "professor", "ecc": "eccetera"},
        **{"pag": "pagina", "es": "esempio"},
    },
    "pt": {
        **{"sr": "senhor", "sra": "senhora", "dr": "doutor", "dra": "doutora", "etc": "et cetera", "pág": "página"},
    },
    "nl": {"dhr": "de heer", "mevr": "mevrouw", "dr": "dokter", "bijv": "bijvoorbeeld", "enz": "enzovoort"},
}
_ALSO_WORDS = {"no", "m", "co", "st", "es", "fr", "hr", "ms"}
"""Abbreviations that are words too: they stand for something only with their stop."""
_SIGNS: dict[str, dict[str, str]] = {
    "en": {"%": "percent", "&": "and", "+": "plus", "=": "equals", "°": "degrees", "@": "at", "#": "number"},
    "de": {"%": "Prozent", "&": "und", "+": "plus", "=": "gleich", "°": "Grad", "@": "at"},
    "fr": {"%": "pour cent", "&": "et", "+": "plus", "=": "égale", "°": "degrés", "@": "arobase"},
    "es": {"%": "por ciento", "&": "y", "+": "más", "=": "igual a", "°": "grados", "@": "arroba"},
    "it": {"%": "per cento", "&": "e", "+": "più", "=": "uguale", "°": "gradi", "@": "chiocciola"},
    "pt": {"%": "por cento", "&": "e", "+": "mais", "=": "igual a", "°": "graus", "@": "arroba"},
    "nl": {"%": "procent", "&": "en", "+": "plus", "=": "is", "°": "graden", "@": "apenstaartje"},
}
_UNITS = {
    **{"km": "kilometers", "m": "meters", "cm": "centimeters", "mm": "millimeters", "kg": "kilograms", "g": "grams"},
    **{"mg": "milligrams", "l": "liters", "ml": "milliliters", "s": "seconds", "ms": "milliseconds", "min": "minutes"},
    **{"h": "hours", "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz", "kb": "kilobytes"},
    **{"mb": "megabytes", "gb": "gigabytes", "tb": "terabytes", "w": "watts", "kw": "kilowatts", "v": "volts"},
    **{"°c": "degrees Celsius", "°f": "degrees Fahrenheit", "km/h": "kilometers per hour", "mph": "miles per hour"},
    **{"fps": "frames per second", "ft": "feet", "lb": "pounds", "lbs": "pounds", "oz": "ounces", "px": "pixels"},
}
"""In English; elsewhere voices read them."""
_MONEY = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_ENGLISH_MONEY = {"$": "dollars", "€": "euros", "£": "pounds", "¥": "yen"}
_COMMA_DECIMALS = "de fr es it pt nl pl cs ru uk sv da no fi tr ro hu sk sl bg hr sr el id vi"
_DASHES = ("—", "–", "-", "--")
_OPENERS, _CLOSERS = "\"'“‘«([{¿¡<", "\"'”’»)]}>,.;:!?…—–"


def plain(text: str) -> str:
    """The text without what only eyes see: marks of Markdown, signs of control, emoji."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "")
    text = re.sub(r"(?m)^\s*(```|~~~).*$", "", text)
    text = re.sub(r"(?m)^\s{0,3}#{1,6}\s+(.*)$", r"\n\1\n", text)
    text = re.sub(r"(?m)^\s{0,3}>\s?", "", text)
    text = re.sub(r"!?\[([^\]\n]*)\]\((?:[^()\s]|\([^()]*\))*\)", r"\1", text)
    text = re.sub(r"(\*\*|__|`)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<![\w*])([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?![\w*])", r"\2", text)
    return "".join(char for char in text if char in "\n\t" or not _is_unsaid(char))


def _is_unsaid(char: str) -> bool:
    if char.isascii():
        return char < " " or char == "\x7f"
    return unicodedata.category(char) in ("So", "Sk", "Cc", "Cf", "Cs", "Co", "Cn") and char not in "°\u200c\u200d"


def is_abbreviation(word: str, language: str) -> bool:
    """Whether a word, its last stop taken off, is one of the language's abbreviations."""
    return word.lower() in _ABBREVIATIONS.get(language[:2], {})


def said(words: Sequence[str], language: str) -> list[str]:
    """What is said for each word, empty for one that nobody says."""
    found: list[str] = []
    carried = ""
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else ""
        if carried:
            left, core, right = _parts(word)
            found.append(f"{left}{core} {carried}{right}")
            carried = ""
            continue
        carried = _of_millions(word, following, language)
        before = words[number - 1] if number else ""
        unit = _unit(word, before, language)
        is_number = following[:1].isdigit()
        found.append(unit or _said(word[1:] if carried else word, language, is_number))
    return found


def _unit(word: str, before: str, language: str) -> str:
    """`km` after a number is kilometers."""
    left, core, right = _parts(word)
    if language[:2] != "en" or not before[-1:].isdigit() or core.lower() not in _UNITS:
        return ""
    return f"{left}{_UNITS[core.lower()]}{right}"


def _of_millions(word: str, following: str, language: str) -> str:
    """`$5 million` is five million dollars: the money comes after both."""
    if language[:2] == "en" and word[:1] in _ENGLISH_MONEY and re.match("(hundred|thousand|[mbtr]+illion)", following):
        return _ENGLISH_MONEY[word[0]]
    return ""


def _parts(word: str) -> tuple[str, str, str]:
    """What opens a word, the word, and what closes it."""
    core = word.lstrip(_OPENERS)
    left = word[: len(word) - len(core)]
    bare = core.rstrip(_CLOSERS)
    return left, bare, core[len(bare) :]


@lru_cache(maxsize=1 << 16)
def _said(word: str, language: str, before_number: bool = False) -> str:
    if word.isalpha() and word.isascii():
        return word
    left, core, right = _parts(word)
    if not any(char.isalnum() for char in word) and core not in _MONEY:
        spoken = "," if word in _DASHES else _SIGNS.get(language[:2], {}).get(core, "")
        return spoken and f"{spoken}{right}" if core else spoken
    spoken = _abbreviated(core, right, language, before_number)
    if spoken is not None:
        return f"{left}{spoken}{right.removeprefix('.')}"
    return f"{left}{_core(core, language)}{right}"


def _abbreviated(core: str, right: str, language: str, before_number: bool) -> str | None:
    known = _ABBREVIATIONS.get(language[:2], {}).get(core.lower())
    if known is None or (core.lower() in ("no", "nr", "núm") and not before_number):
        return None
    if core.lower() in _ALSO_WORDS and not right.startswith("."):
        return None
    return known


def _core(core: str, language: str) -> str:
    if re.match(r"(https?://|www\.)|[\w.+-]+@[\w-]+\.\w", core):
        return _address(core, language)
    if core in _MONEY:
        return _ENGLISH_MONEY[core] if language[:2] == "en" else _currency(core, language)
    if not any(char.isdigit() for char in core):
        signs = _SIGNS.get(language[:2], {})
        return signs.get(core, core)
    return _numbers(core, language)


def _address(core: str, language: str) -> str:
    dot, at = {"en": ("dot", "at"), "de": ("Punkt", "at")}.get(language[:2], (".", "@"))
    bare = re.sub(r"^https?://(www\.)?", "", core).rstrip("/")
    bare = bare.replace("@", f" {at} ").replace("/", " slash " if language[:2] == "en" else " ")
    return re.sub(r"\.(?=\w)", f" {dot} ", bare)


def _numbers(core: str, language: str) -> str:
    """Numbers inside a word in words, the rest of it as it stands."""
    base = language[:2]
    time = re.fullmatch(r"(\d{1,2}):(\d{2})(?::\d{2})?([ap]m)?", core, re.I)
    if time and int(time[2]) < 60 and base == "en":
        return _time(int(time[1]), int(time[2]), time[3] or "")
    span = re.fullmatch(r"(\d+)[–-](\d+)(\D*)", core)
    if span and base in ("en", "de") and int(span[1]) < int(span[2]):
        between = {"en": "to", "de": "bis"}[base]
        return f"{_numbers(span[1], language)} {between} {_numbers(span[2] + span[3], language)}"
    decimal, group = (",", r"[.\u00a0\u202f ']") if base in _COMMA_DECIMALS else (r"\.", r"[,\u00a0\u202f ']")
    number = rf"(\d{{1,3}}(?:{group}\d{{3}})+|\d+)(?:{decimal}(\d+))?"
    match = re.fullmatch(rf"([$€£¥]?)([-−+]?)({number})([$€£¥%°]?)(st|nd|rd|th|s)?([A-Za-z°/]{{0,4}})", core)
    if not match:
        return _mixed(core, language)
    before, sign, _, whole, rest, after, ending, unit = match.groups()
    digits = re.sub(r"\D", "", whole)
    return _value(before or after, sign, digits, rest, digits == whole, ending or "", unit, language)


def _value(
    mark: str, sign: str, digits: str, rest: str | None, is_bare: bool, ending: str, unit: str, language: str
) -> str:
    base = language[:2]
    if len(digits) > 15 or (digits.startswith("0") and len(digits) > 1):
        spoken = " ".join(_cardinal(digit, language) for digit in digits)
        return spoken + (f" {rest}" if rest else "")
    if mark in _MONEY and mark:
        return _amount(mark, digits, rest, language)
    is_year = is_bare and len(digits) == 4 and "1100" <= digits < "2100" and not (rest or sign or mark or unit)
    if ending in ("st", "nd", "rd", "th") and base == "en":
        spoken = _in_words(digits, "ordinal", language)
    elif is_year:
        spoken = _plural(_in_words(digits, "year", language), ending)
    else:
        spoken = _decimal(digits, rest, language)
    minus = {"en": "minus", "de": "minus", "fr": "moins", "es": "menos", "it": "meno", "pt": "menos"}.get(base, "−")
    words = [minus] if sign in ("-", "−") and sign else []
    words.append(spoken)
    words += [_SIGNS.get(base, {}).get(mark, mark)] if mark and not (mark == "°" and unit) else []
    if unit:
        whole = f"{mark if mark == '°' else ''}{unit}".lower()
        words.append(_UNITS.get(whole, unit) if base == "en" else f"{mark if mark == '°' else ''}{unit}")
    return " ".join(words)


def _plural(spoken: str, ending: str) -> str:
    if ending != "s":
        return spoken
    return f"{spoken[:-1]}ies" if spoken.endswith("y") else f"{spoken}s"


def _amount(mark: str, digits: str, rest: str | None, language: str) -> str:
    cents = (rest or "").ljust(2, "0")[:2] if rest and len(rest) <= 2 else ""
    name = _ENGLISH_MONEY[mark]
    if language[:2] == "en":
        one = name.removesuffix("s") if digits == "1" and not cents.strip("0") else name
        if rest and not cents:
            return f"{_decimal(digits, rest, language)} {name}"
        small = "pence" if mark == "£" else "cents"
        tail = f" and {_cardinal(str(int(cents)), language)} {small}" if cents.strip("0") else ""
        return f"{_cardinal(digits, language)} {one}{tail}"
    return f"{_decimal(digits, rest, language)} {_currency(mark, language)}"


@lru_cache(maxsize=64)
def _currency(mark: str, language: str) -> str:
    """The money's name, as the number's rules have it for many."""
    from num2words import num2words

    try:
        spoken = str(num2words(7, lang=_code(language), to="currency", currency=_MONEY[mark], cents=False))
    except (NotImplementedError, KeyError, TypeError, ValueError, AttributeError):
        return mark
    words = [word.strip(",") for word in spoken.split()]
    return words[1] if len(words) > 1 else mark


def _time(hour: int, minute: int, half: str) -> str:
    tail = f" {' '.join(half.lower())}" if half else ""
    if minute == 0:
        return f"{_cardinal(str(hour), 'en')}{tail or (' o clock' if 0 < hour <= 12 else ' hundred hours')}"
    small = f"oh {_cardinal(str(minute), 'en')}" if minute < 10 else _cardinal(str(minute), "en")
    return f"{_cardinal(str(hour), 'en')} {small}{tail}"


def _decimal(digits: str, rest: str | None, language: str) -> str:
    whole = _cardinal(digits, language)
    if not rest:
        return whole
    point = {"en": "point", "de": "Komma", "fr": "virgule", "es": "coma", "it": "virgola", "pt": "vírgula"}
    if language[:2] not in point:
        return f"{digits},{rest}" if language[:2] in _COMMA_DECIMALS else f"{digits}.{rest}"
    return f"{whole} {point[language[:2]]} {' '.join(_cardinal(digit, language) for digit in rest)}"


def _mixed(core: str, language: str) -> str:
    """Letters and digits together, `B2B` or `mp3`: each run by itself."""
    pieces = re.findall(r"\d+|[^\d]+", core)
    spoken = [_cardinal(piece, language) if piece.isdigit() and len(piece) < 6 else piece for piece in pieces]
    return re.sub(r"\s+", " ", " ".join(piece.strip("-_") or " " for piece in spoken)).strip()


def _cardinal(digits: str, language: str) -> str:
    return _in_words(digits, "cardinal", language)


@lru_cache(maxsize=4096)
def _in_words(digits: str, kind: str, language: str) -> str:
    """A whole number in words; as it stands where its language has no rules here."""
    from num2words import num2words

    if language[:2] in ("ja", "zh", "ko"):
        return digits  # voices of these read numbers as they are written
    try:
        spoken = str(num2words(int(digits), lang=_code(language), to=kind))
    except (NotImplementedError, OverflowError, KeyError, TypeError, ValueError):
        return digits
    return spoken.replace(",", "").replace("-", " ") if language[:2] == "en" else spoken


def _code(language: str) -> str:
    whole = language.replace("-", "_")
    return "pt_BR" if whole.lower() == "pt_br" else whole.split("_")[0].lower()


_SCRIPTS = (
    ("ja", "\u3040-\u30ff"),
    ("zh", "\u4e00-\u9fff\u3400-\u4dbf"),
    ("ko", "\uac00-\ud7af\u1100-\u11ff"),
    ("ru", "\u0400-\u04ff"),
    ("ar", "\u0600-\u06ff"),
    ("hi", "\u0900-\u097f"),
    ("el", "\u0370-\u03ff"),
    ("he", "\u0590-\u05ff"),
    ("th", "\u0e00-\u0e7f"),
)
_COMMON = {
    "en": "the and of to is in that it was for with are this you be not have on",
    "de": "der die und das ist nicht ein eine zu mit den von sich auf für auch es",
    "fr": "le la les et des est une que dans pour pas sur avec qui il du au ce",
    "es": "el los las y de que una por con para no se es lo como más del al",
    "it": "il di che è un una per non con sono della gli nel si più anche",
    "pt": "o os as de que e um uma para com não se por mais como do da em",
    "nl": "de het een en van is niet dat op te met voor zijn er aan ook",
    "pl": "i w na się nie że z do jest to jak o po ale",
    "sv": "och att det som en är på för med inte den har av till",
}


def language_of(text: str) -> str:
    """A guess at the language, by its script and its commonest words; English in doubt."""
    return likely_language(text) or "en"


def likely_language(text: str) -> str | None:
    """A guess at the language, by its script and its commonest words; None in doubt."""
    sample = re.sub(r"\[\w+:[^\]\n]*\]|<[^>]*>", " ", text[:20_000])
    letters = sum(char.isalpha() for char in sample)
    for language, signs in _SCRIPTS:
        found = len(re.findall(f"[{signs}]", sample))
        if found and found >= letters * (0.1 if language == "ja" else 0.4):
            return language
    words = re.findall(r"[^\W\d_]+", sample.lower())
    counts = {language: sum(word in set(common.split()) for word in words) for language, common in _COMMON.items()}
    best = max(counts, key=lambda language: counts[language])
    if counts[best] > max(1, counts["en"] * 1.2):
        return best
    return "en" if counts["en"] > max(1, len(words) / 10) else None


def script_of(text: str) -> str | None:
    """The language whose script most letters are of, for scripts that one language stands for; None for Latin."""
    letters = sum(char.isalpha() for char in text)
    for language, signs in _SCRIPTS:
        found = len(re.findall(f"[{signs}]", text))
        if found * 2 > letters or (language == "ja" and found):
            return language
    return None
