"""What the operation `trouble` leaves."""

from __future__ import annotations

from pathlib import Path


def whole(chunks: int = 4, steps: int = 3) -> str:
    """What is made when nothing goes wrong."""
    return "".join(f"{chunk}.{step}\n" for chunk in range(chunks) for step in range(steps))


def attempts(source: Path) -> list[int]:
    """The chunks that were begun, in order."""
    path = source.with_name(f"{source.name}.attempts")
    return [int(line.split()[0]) for line in path.read_text().splitlines()] if path.exists() else []
