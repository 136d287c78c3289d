"""Push bytes to the disk: all durability of `local` rests on this one call.

On Linux and the BSDs `fsync` waits for the drive. On macOS it stops at the drive's cache, which a power cut
empties; F_FULLFSYNC reaches the disk there. Source: fcntl(2) and fsync(2) of macOS.
"""

import errno
import fcntl
import os
from contextlib import suppress

# Errors of a file system or driver without F_FULLFSYNC. Never EIO or ENOSPC: after a failed sync, a second
# one would report success wrongly.
_UNSUPPORTED = frozenset((errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.ENOSYS))


def fsync(handle: int) -> None:
    """Make the content of an open file or folder durable. OSError."""
    full = getattr(fcntl, "F_FULLFSYNC", None)  # only macOS has it
    if full is not None:
        try:
            fcntl.fcntl(handle, full)
            return
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.fsync(handle)


def close(handle: int) -> None:
    """Close a folder, a lock, or a file that was read or synced; ignore errors.

    Nothing depends on this step: an error of it must not make a message that was delivered look unsent.
    """
    with suppress(OSError):
        os.close(handle)
