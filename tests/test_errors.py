"""The error tree is what its docstring says, and crosses processes whole."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator

import pytest

from cinemill import errors
from cinemill.errors import CinemillError, EngineCrashed, UnknownName


def tree(cls: type[CinemillError], depth: int = 0) -> Iterator[tuple[int, str, int, int, str]]:
    yield depth, cls.__name__, cls.exit_code, cls.http_status, cls.retry
    for child in cls.__subclasses__():
        yield from tree(child, depth + 1)


def test_docstring_prints_the_tree_as_it_is() -> None:
    assert errors.__doc__
    rows = re.findall(r"^    ( *)(\w+) +(\d) +(\d{3}) +(no|yes|smaller) ", errors.__doc__, re.MULTILINE)
    told = [(len(indent) // 2 + 1, name, int(code), int(status), retry) for indent, name, code, status, retry in rows]
    assert told == list(tree(CinemillError))[1:]


@pytest.mark.parametrize("error", [UnknownName("filter", "denoize", ["denoise"]), EngineCrashed("it died", code=9)])
def test_errors_survive_a_pipe_between_processes(error: CinemillError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.facts) == (type(error), str(error), error.facts)


def test_unknown_name_suggests_what_is_near() -> None:
    assert "did you mean denoise?" in str(UnknownName("filter", "denoize", ["denoise", "scale"]))
    assert "there are: denoise, scale" in str(UnknownName("filter", "xyz", ["scale", "denoise"]))
