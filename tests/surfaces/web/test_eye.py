"""The process that looks at files: what it costs when a look goes wrong."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from cinemill.errors import DecodeFailed, OpenFailed
from cinemill.surfaces.web.eye import Eye


@pytest.fixture(scope="module")
def eye() -> Iterator[Eye]:
    made = Eye()
    yield made
    made.close()


def test_a_look_happens_in_another_process(eye: Eye) -> None:
    assert eye.see(os.getpid) != os.getpid()


def test_a_look_that_dies_costs_itself(eye: Eye) -> None:
    with pytest.raises(DecodeFailed, match="crashed"):
        eye.see(os.kill, eye.see(os.getpid), signal.SIGKILL)
    assert eye.see(os.getpid) != os.getpid()


def test_a_look_that_hangs_is_given_up(eye: Eye) -> None:
    with pytest.raises(DecodeFailed, match="longer than 1 s"):
        eye.see(time.sleep, 60, patience=1)


def test_a_look_that_eats_memory_is_given_up(eye: Eye) -> None:
    with pytest.raises(DecodeFailed, match="memory"):
        eye.see(bytearray, 1 << 40)
    assert eye.see(os.getpid) != os.getpid()


def test_errors_are_those_of_the_look(eye: Eye) -> None:
    with pytest.raises(OpenFailed, match="not there"):
        eye.see(_refuse)


def _refuse() -> None:
    raise OpenFailed("it is not there.")
