"""Work ahead of the consumer: same items, same order, same errors, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count, islice

import pytest

from cinemill.media.flow import ahead


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("depth", [1, 4, 100])
def test_items_come_in_order(depth: int) -> None:
    assert list(ahead(range(200), depth)) == list(range(200))


def test_nothing_gives_nothing() -> None:
    assert list(ahead([])) == []


def test_an_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ZeroDivisionError("third")

    items = ahead(failing())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ZeroDivisionError, match="third"):
        next(items)


def test_closing_closes_the_source_in_its_own_thread() -> None:
    closed_in: list[threading.Thread] = []

    def source() -> Iterator[int]:
        try:
            yield from count()
        finally:
            closed_in.append(threading.current_thread())

    items = ahead(source())
    assert list(islice(items, 10)) == list(range(10))
    items.close()
    assert len(closed_in) == 1
    assert closed_in[0] is not threading.current_thread()


def test_no_more_is_made_than_the_depth_allows() -> None:
    made: list[int] = []
    ready = threading.Event()

    def source() -> Iterator[int]:
        for number in count():
            made.append(number)
            if number == 5:
                ready.set()
            yield number

    items = ahead(source(), depth=4)
    next(items)
    assert ready.wait(5)
    assert len(made) <= 7
    items.close()


def test_work_of_both_sides_overlaps() -> None:
    """The second item is made while the first is still being looked at."""
    second = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    items = ahead(source())
    assert next(items) == 1
    assert second.wait(5)
    assert list(items) == [2]
