"""Whether memory of finished decoders and encoders goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_PICTURE = 3 << 20
"""Bytes from which on a buffer is returned when it is freed: the size of a picture in HD."""
_HIGHEST = 32 << 20
"""Where glibc's own limit ends when it has seen large buffers freed."""


def return_large_buffers(returned: bool) -> None:
    """Have glibc give large buffers back to the system when they are freed, or keep them for others as it likes to.

    A decoder and an encoder take theirs once a chunk; kept, they make a long job look as if it leaked. Arithmetic
    takes some for every picture, and would wait for the system each time. Holds until it is said otherwise.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            limit = _PICTURE if returned else _HIGHEST
            libc = ctypes.CDLL(None)
            libc.mallopt(_MMAP_THRESHOLD, limit)
            libc.mallopt(_TRIM_THRESHOLD, 2 * limit)
