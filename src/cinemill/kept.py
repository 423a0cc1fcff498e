"""What is made of a file, remembered for as long as the file stays as it is: its size and when it was changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def kept(most: int) -> Callable[[Callable[Concatenate[Path, P], T]], Callable[Concatenate[Path, P], T]]:
    """Remembers, per process, the last `most` that a function made; what it is given beside the path is hashable.

    A path that cannot be looked at is the function's own affair: it is asked, and says why.
    """

    def keeping(make: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
        @lru_cache(maxsize=most)
        def made(path: Path, size: int, mtime_ns: int, /, *rest: P.args, **named: P.kwargs) -> T:
            return make(path, *rest, **named)

        @wraps(make)
        def of(path: Path, *rest: P.args, **named: P.kwargs) -> T:
            try:
                status = path.stat()
            except OSError:
                return make(path, *rest, **named)
            return made(path, status.st_size, status.st_mtime_ns, *rest, **named)

        return of

    return keeping
