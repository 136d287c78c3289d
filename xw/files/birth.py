"""A file's birth time, which no later rename, link or change of times alters.

Python's `os.stat` does not return it on Linux, so this module makes the system call. `log --since` uses it to
find when a message arrived on this machine.
"""

import ctypes
import os
import struct
from functools import cache

_AT_FDCWD = -100
_NO_FOLLOW = 0x100
_BIRTH = 0x800
_SIZE = 256  # of Linux's `struct statx`
_BIRTH_AT = 80  # offset of its stx_btime: seconds and nanoseconds


def birth(path: str) -> float | None:
    """Return when a file was made, in seconds since the epoch; None if unknown. Raise FileNotFoundError."""
    found = os.lstat(path)
    told = getattr(found, "st_birthtime", None)  # macOS, BSD
    if told is not None:
        return float(told)
    call = _statx()
    buffer = ctypes.create_string_buffer(_SIZE)
    if call is None or call(_AT_FDCWD, os.fsencode(path), _NO_FOLLOW, _BIRTH, buffer):
        return None
    (mask,) = struct.unpack_from("=I", buffer)
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _BIRTH_AT)
    return seconds + nanoseconds / 1e9 if mask & _BIRTH else None


@cache
def _statx() -> "ctypes._NamedFuncPointer | None":
    """Return the C library's `statx`, or None if it has none."""
    return getattr(ctypes.CDLL(None), "statx", None)
