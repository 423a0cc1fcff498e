"""Text -> which parameters of an operation, or of the filters of a chain, are searched and within which bounds.

    strength=0..0.6          a number between two others
    strength=0..0.6:0.1      in steps
    method=hqdn3d|nlmeans    one of some words
    strength                 within the bounds that it is declared with

A parameter of a filter may be named with the filter, `denoise.strength`, and must be where two steps have it. What a
chain calls `method` is searched as such too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard, get_args

from cinemill.catalogue import Params, choices, operations, span
from cinemill.errors import InvalidParams, UnknownName
from cinemill.filters import Chain, Step, text
from cinemill.operations import get

Value = str | int | float | bool
_SPLITS = 5
"""Values of a grid along a number that has no steps."""


@dataclass(frozen=True)
class Axis:
    """A parameter that is searched: among `among`, or from `low` to `high`, in steps of `step` if that is given."""

    name: str
    among: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 1.0
    step: float | None = None
    whole: bool = False

    def grid(self) -> list[Value]:
        """The values that a grid takes."""
        if self.among:
            return list(self.among)
        if self.whole and self.step is None and self.high - self.low < _SPLITS:
            return list(range(int(self.low), int(self.high) + 1))
        step = self.step or (self.high - self.low) / (_SPLITS - 1)
        count = int((self.high - self.low) / step + 1e-9) + 1
        values = [round(self.low + step * number, 9) for number in range(count)]
        return [round(value) for value in values] if self.whole else [*values]

    def __str__(self) -> str:
        if self.among:
            return f"{self.name}={'|'.join(map(_plain, self.among))}"
        return f"{self.name}={self.low:g}..{self.high:g}" + (f":{self.step:g}" if self.step else "")


@dataclass(frozen=True)
class Target:
    """What is tuned: an operation with the values that stay, and, where it has a chain, the steps of that."""

    operation: str
    fixed: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def params(self) -> type[Params]:
        return get(self.operation).params

    @property
    def steps(self) -> tuple[Step, ...]:
        return text.chain(self.fixed.get("chain")).steps

    def with_values(self, values: dict[str, Value]) -> dict[str, Any]:
        """Explicit parameters of the operation: those that stay, and `values` by the names of axes."""
        steps = [(step.filter.name, step.as_data()["params"]) for step in self.steps]
        own = dict(self.fixed)
        for name, value in values.items():
            place, parameter = self._place(name)
            if place is None:
                own[parameter] = value
            elif parameter == "method":
                family = steps[place][0].partition(".")[0]
                steps[place] = (f"{family}.{value}", steps[place][1])
            else:
                steps[place][1][parameter] = value
        if steps:
            chain = [{"filter": filter, "params": given} for filter, given in steps]
            own["chain"] = str(text.chain([*chain]))
        return own

    def defaults(self, axes: Sequence[Axis]) -> dict[str, Value] | None:
        """The values that are there before any search; None when one of them is not among those searched."""
        found: dict[str, Value] = {}
        for axis in axes:
            place, parameter = self._place(axis.name)
            if place is None:
                value = self.fixed.get(parameter, self.params.model_fields[parameter].default)
            elif parameter == "method":
                value = self.steps[place].filter.name.partition(".")[2]
            else:
                value = getattr(self.steps[place].params, parameter)
            inside = value in axis.among if axis.among else _is_number(value) and axis.low <= value <= axis.high
            if not inside:
                return None
            found[axis.name] = value
        return found

    def axis(self, written: str) -> Axis:
        """One that people wrote. Raises InvalidParams, UnknownName."""
        name, _, values = (part.strip() for part in written.partition("="))
        place, parameter = self._place(name)
        if place is not None and parameter == "method":
            return self._methods(name, place, values)
        info = (self.params if place is None else self.steps[place].filter.params).model_fields[parameter]
        whole = int in (info.annotation, *get_args(info.annotation))
        if "|" in values:
            return Axis(name, tuple(map(_value, values.split("|"))))
        if values:
            return _between(name, values, whole)
        if named := choices(info):
            return Axis(name, named)
        if bool in (info.annotation, *get_args(info.annotation)):
            return Axis(name, (False, True))
        limits = span(info)
        if limits is None:
            raise InvalidParams(f"--search {name}: it has no bounds of its own; write {name}=LOW..HIGH, or {name}=A|B.")
        return Axis(name, low=limits[0], high=limits[1], whole=whole)

    def _methods(self, name: str, place: int, values: str) -> Axis:
        from cinemill.catalogue import filters

        family = self.steps[place].filter.name.partition(".")[0]
        known = [each.partition(".")[2] for each in filters if each.startswith(f"{family}.")]
        asked = tuple(values.split("|")) if values else tuple(known)
        for method in asked:
            if method not in known:
                raise UnknownName(f"{family} method", method, known)
        return Axis(name, asked)

    def all_axes(self) -> list[Axis]:
        """What is searched when nobody says: what the chain leaves open, or else the operation's own parameters, as far
        as they are declared with bounds or are choices. Flags, which turn things into other things, have to be named.
        """
        return [axis for name in self._open() if (axis := self._declared(name))]

    def _declared(self, name: str) -> Axis | None:
        try:
            found = self.axis(name)
        except InvalidParams:
            return None
        return None if found.among == (False, True) else found

    def _open(self) -> Iterator[str]:
        if not self.steps:
            yield from (name for name in vars(self.params).get("__annotations__", {}) if name not in self.fixed)
        for place, step in enumerate(self.steps):
            own = vars(step.filter.params).get("__annotations__", {})
            yield from (f"{self._called(place)}.{name}" for name in own if name not in step.as_data()["params"])

    def _called(self, place: int) -> str:
        """A step's name, with its number where there are several of that name."""
        names = [step.filter.name for step in self.steps]
        return names[place] if names.count(names[place]) == 1 else f"{names[place]}#{place + 1}"

    def _place(self, name: str) -> tuple[int | None, str]:
        """The step, None for the operation itself, and the parameter that a name means. Raises UnknownName."""
        owner, _, parameter = name.rpartition(".")
        found = [
            place
            for place, step in enumerate(self.steps)
            if (not owner or owner in self._names(place))
            and (parameter in step.filter.params.model_fields or (parameter == "method" and "." in step.filter.name))
        ]
        if len(found) == 1:
            return found[0], parameter
        if found:
            names = ", ".join(f"{self._called(place)}.{parameter}" for place in found)
            raise InvalidParams(f"{name} may be one of {names}; say which.")
        if not owner and parameter in self.params.model_fields and parameter != "chain":
            return None, parameter
        raise UnknownName(f"parameter of {Chain(self.steps) if self.steps else self.operation}", name, self._known())

    def _names(self, place: int) -> set[str]:
        full = self.steps[place].filter.name
        return {full, full.partition(".")[0], self._called(place)}

    def _known(self) -> list[str]:
        steps = [
            f"{self._called(place)}.{name}"
            for place, step in enumerate(self.steps)
            for name in step.filter.params.model_fields
        ]
        return steps or [name for name in self.params.model_fields if name != "chain"]


def target(written: str, fixed: dict[str, Any]) -> Target:
    """An operation by name, or else a chain of filters for `process`. Raises RequestError."""
    if written in operations:
        return Target(written, fixed)
    if not text.chain(written).steps:
        raise InvalidParams("say what to tune: an operation, or a chain of filters such as denoise.")
    return Target("process", {**fixed, "chain": written})


def _between(name: str, values: str, whole: bool) -> Axis:
    number = r"-?\d+(?:\.\d+)?"
    found = re.fullmatch(rf"({number})\.\.({number})(?::({number}))?", values)
    if not found:
        raise InvalidParams(f"--search {name}={values}: write {name}=LOW..HIGH, {name}=LOW..HIGH:STEP or {name}=A|B.")
    low, high, step = (float(part) if part is not None else None for part in found.groups())
    assert low is not None
    assert high is not None
    if low >= high or (step is not None and not 0 < step <= high - low):
        raise InvalidParams(
            f"--search {name}={values}: the first must be less than the second, and a step fit between."
        )
    if whole and any(part is not None and part != int(part) for part in (low, high, step)):
        raise InvalidParams(f"--search {name}={values}: {name} is a whole number.")
    return Axis(name, low=low, high=high, step=step, whole=whole)


def _value(written: str) -> Value:
    """A word of a choice as what it looks like."""
    word = written.strip()
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return word


def _plain(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
