"""When a file came to be, where the file system tells: what no later rename, link or change of times alters.

Python's `os.stat` does not give it on Linux, so the system call is made here.
Used for `log --since`, which asks when a message arrived on this machine.
"""

import ctypes
import os
import struct
from functools import cache

_AT_FDCWD = -100
_NO_FOLLOW = 0x100
_BIRTH = 0x800
_SIZE = 256  # of Linux's `struct statx`
_BIRTH_AT = 80  # where its stx_btime lies: seconds and nanoseconds


def birth(path: str) -> float | None:
    """Return when a file was made, in seconds since the epoch; None where nobody knows. FileNotFoundError."""
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
    """Return the C library's `statx`, or None where it has none."""
    return getattr(ctypes.CDLL(None), "statx", None)
