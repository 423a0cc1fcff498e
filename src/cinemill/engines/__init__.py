"""What an engine is: somebody's model or program, in a process and a Python environment of its own.

A folder per engine: `__init__.py` declares it (our side), `serve.py` is its side, `requirements.txt` its pins,
and `overrides.txt`, if it is there, what its packages ask for and do not get. Of
ours, `serve.py` may import `wire.py` and nothing else.

What both sides may rely on: hello first; then describe, load and run in any number; a request is answered by pieces
and one `done` or `failed`; an engine that dies, stalls or talks nonsense costs the request and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cinemill.catalogue import Registry

engines: Registry[Engine]


@dataclass(frozen=True)
class Engine:
    """A declared engine. `python` is what its interpreter must satisfy (PEP 440), `size_mb` what it takes on disk."""

    name: str
    summary: str
    folder: Path
    python: str
    size_mb: int

    @property
    def requirements(self) -> Path:
        return self.folder / "requirements.txt"

    @property
    def overrides(self) -> Path:
        """What is put in the place of its packages' own pins, where these are narrower than need be; may be absent."""
        return self.folder / "overrides.txt"

    @property
    def serve(self) -> Path:
        return self.folder / "serve.py"


engines = Registry("engine", "cinemill.engines")


def declare(name: str, *, file: str, summary: str, python: str, size_mb: int) -> Engine:
    """Register the engine whose `__init__.py` is `file`."""
    engine = Engine(name, summary, Path(file).parent, python, size_mb)
    engines.add(name, engine, f"cinemill.engines.{name}")
    return engine
