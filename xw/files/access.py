"""Detect a sandbox: whether this process may change a mailbox on this machine."""

import errno
import os

from xw import layout
from xw.layout import INBOX

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def is_closed(box: str) -> bool:
    """Return True if this process may not change the mailbox in a folder, as in a sandbox."""
    pending = f"{box}/{INBOX['pending']}"
    if not os.access(pending, os.W_OK | os.X_OK):
        return os.path.isdir(pending)
    for file in (layout.LOCK, layout.CARD):  # open, because access(2) ignores Landlock; this changes nothing
        try:
            os.close(os.open(f"{box}/{file}", os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
        except FileNotFoundError:
            continue
        except OSError as error:
            return error.errno in DENIED
        return False
    return False
