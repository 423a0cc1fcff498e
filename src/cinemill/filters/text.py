"""Chains as people write them: `deinterlace=method:bwdif,denoise=strength:0.4,scale=height:1080`.

A step is a name, then `=` and pairs `key:value` joined by colons. A value that holds `,`, `:` or `=` stands in single
or double quotes; a single value without a key goes to the filter's first parameter, as in `lavfi="unsharp=5:5"`.
`deinterlace=method:bwdif` and `deinterlace.bwdif` are the same filter, and a family's bare name is its default.
"""

from __future__ import annotations

import re
from typing import Any

from cinemill.catalogue import filters
from cinemill.errors import InvalidParams, UnknownName
from cinemill.filters import Chain, Filter, Step


def chain(written: str | list[Any] | None) -> Chain:
    """A Chain from text, or from a list of `{"filter": name, "params": {...}}`. Raises RequestError."""
    if not written:
        return Chain()
    if isinstance(written, str):
        return Chain(tuple(_step(text) for text in _split(written, ",") if text.strip()))
    return Chain(tuple(_of_data(item) for item in written))


def step(name: str, params: dict[str, Any]) -> Step:
    """A filter by name (or family and `method`) with parameters."""
    params = dict(params)
    found = find(name, params)
    return Step(found, found.params.of(params, found.name))


def find(name: str, params: dict[str, Any]) -> Filter:
    """The filter meant by `name`; a family's `method` is taken out of `params`. Raises UnknownName."""
    family = {full.partition(".")[2]: item for full, item in filters.items() if full.partition(".")[0] == name}
    if name in filters:
        return filters.get(name)
    if not family:
        raise UnknownName("filter", name, {*filters, *(full.partition(".")[0] for full in filters)})
    if "method" not in params:
        return next((item for item in family.values() if item.default), next(iter(family.values())))
    method = str(params.pop("method"))
    if method not in family:
        raise UnknownName(f"{name} method", method, family)
    return family[method]


def _of_data(item: Any) -> Step:
    if isinstance(item, str):
        return _step(item)
    if isinstance(item, dict) and isinstance(item.get("filter"), str) and not item.keys() - {"filter", "params"}:
        return step(item["filter"], item.get("params") or {})
    raise InvalidParams(f'a step is {{"filter": name, "params": {{...}}}}, not {item!r}.')


def _step(text: str) -> Step:
    name, *rest = (piece.strip() for piece in _split(text, "=", 1))
    pieces = [_bare(piece) for piece in _split(rest[0], ":")] if rest else []
    if len(pieces) == 1:
        first = next(iter(find(name, {}).params.model_fields), None)
        if first is None:
            raise InvalidParams(f"{name} has no parameters, but {pieces[0]!r} was given.")
        return step(name, {first: pieces[0]})
    keys = pieces[::2]
    if len(pieces) % 2:
        raise InvalidParams(f"{text!r}: parameters come in pairs key:value; quote a value that holds a colon.")
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise InvalidParams(f"{text!r}: {twice[0]} is given twice.")
    return step(name, dict(zip(keys, pieces[1::2])))


def _split(text: str, separator: str, most: int = -1) -> list[str]:
    """Split outside quotes; quotes and backslashes stay."""
    parts: list[str] = []
    start = i = 0
    quote = ""
    while i < len(text):
        char = text[i]
        if char == "\\":
            i += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == separator and len(parts) != most:
            parts.append(text[start:i])
            start = i + 1
        i += 1
    if quote:
        raise InvalidParams(f"{text!r}: a {quote} is opened and not closed.")
    return [*parts, text[start:]]


def _bare(text: str) -> str:
    """Without its quotes; a backslash keeps meaning only before a quote or itself."""
    text = text.strip()
    if len(text) >= 2 and text[0] in "'\"" and text[-1] == text[0]:
        text = text[1:-1]
    return re.sub(r"\\([\\'\"])", r"\1", text)
