"""Columns of text, as wide as what stands in them; the last one runs on, so that a line stays a line in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def columns(rows: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """The rows with all but their last cells filled up with spaces."""
    widths = [max(map(len, cells)) for cells in zip(*rows)]
    for *cells, last in rows:
        yield [*(cell.ljust(width) for cell, width in zip(cells, widths)), last]
