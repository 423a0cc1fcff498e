"""FFmpeg's own words about a failure.

PyAV keeps FFmpeg's log switched off, and rightly: a decoder thread that logs needs the interpreter's lock and may wait
for it for ever. So what failed is done once more with the log on, which happens only where a user is about to read it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

import av.logging

_one_at_a_time = Lock()
# Other threads' decoders may log meanwhile; that is for nobody.
logging.getLogger("libav").addHandler(logging.NullHandler())
logging.getLogger("libav").propagate = False


def said(action: Callable[[], object], error: Exception) -> str:
    """What FFmpeg logs when `action` is done again, which failed with `error`; the error's text if that is nothing."""
    logs: list[tuple[int, str, str]] = []
    with _one_at_a_time:
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture() as logs:
                action()
        except Exception as again:
            error = again
        finally:
            av.logging.set_level(None)
    lines = [str(message).strip() for _, _, message in logs]
    return "; ".join(dict.fromkeys(line for line in lines if line)) or getattr(error, "strerror", None) or str(error)
