"""Memory of finished decoders and encoders, back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_MMAP_THRESHOLD = -3
_LARGE = 3 << 20
"""Bytes from which on a buffer is returned when it is freed: the size of a picture in HD."""


def return_large_buffers() -> None:
    """Keep glibc from holding on to large buffers that were freed, which makes a long job look as if it leaked.

    It raises its own limit when it sees one freed. For a decoder and an encoder, which take theirs once a chunk, that
    is a loss; for arithmetic that takes some for every picture it is a gain, so do not ask for this there.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
