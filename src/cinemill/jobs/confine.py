"""A process that hostile files are read in sees what it needs and no more: Landlock, where the system has it.

Playlists and storyboards name other files, and decoders have faults. A job that a stranger asked for may read the
system, the studio and its own inputs, may write into its own folder, and reaches no other machine.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from cinemill.settings import settings

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""Numbers of the system calls, the same on every processor."""
_NO_NEW_PRIVILEGES: Final = 38
_BENEATH: Final = 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_CHANGE: Final = sum(1 << bit for bit in (4, 5, 7, 8, 9, 10, 12))
"""Removing and making files, folders, links, sockets and pipes."""
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_BIND, _CONNECT = 1 << 0, 1 << 1
_OF_A_FILE: Final = _WRITE_FILE | _READ_FILE | _TRUNCATE
_SYSTEM: Final = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/nix"),
    *("/proc", "/sys", "/dev", "/run"),
)
_FONTS: Final = (".fonts", ".local/share/fonts", ".config/fontconfig", ".cache/fontconfig", ".nv", ".cache/torch")


def confine(reading: Iterable[Path], writing: Iterable[Path], *, network: bool = False) -> bool:
    """Limit this process, and all that it starts, for ever. False where the system cannot.

    Beside `reading` and `writing`, files or folders with all that is in them, what Python and engines need is open.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, 0, 1)
    if version < 1:
        return False
    look = _READ_FILE | _READ_DIR
    change = look | _WRITE_FILE | _CHANGE | (_REFER if version > 1 else 0) | (_TRUNCATE if version > 2 else 0)
    wires = _BIND | _CONNECT if version > 3 and not network else 0
    rules = struct.pack("=QQ", change, wires) if version > 3 else struct.pack("=Q", change)
    ruleset = libc.syscall(_CREATE, rules, len(rules), 0)
    if ruleset < 0:
        return False
    try:
        for path in {*_needed(), *reading}:
            _allow(libc, ruleset, path, look)
        for path in {Path("/dev"), Path("/proc"), *writing}:
            _allow(libc, ruleset, path, change)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return libc.syscall(_RESTRICT, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _needed() -> Iterator[Path]:
    yield from map(Path, _SYSTEM)
    yield from (Path(text) for text in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path) if text)
    yield Path(sys.executable).resolve().parent
    yield from (Path.home() / name for name in _FONTS)
    yield Path(os.environ.get("HF_HOME") or Path.home() / ".cache/huggingface")
    found = settings()
    yield from (found.data_dir, found.cache_dir, *found.shared_folders)
    # An engine's environment borrows the Python that it was made with, which lies elsewhere.
    yield from (python.resolve().parents[1] for python in (found.data_dir / "engines").glob("*/bin/python"))


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    with suppress(OSError):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            access &= _OF_A_FILE if not path.is_dir() else ~0
            libc.syscall(_ADD, ruleset, _BENEATH, struct.pack("=Qi", access, handle), 0)
        finally:
            os.close(handle)
