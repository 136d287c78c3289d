"""The baselines: the bare system calls of a send and a watch, without xw.

Run as `python bare.py FOLDER`, it is the counterpart of `xw send`, as a whole process.
"""

import os
import sys

FOLDERS = ("tmp", "pending", "sent", "processing")
BODY = b'{"format": 1, "type": "task", "body": "' + 300 * b"x" + b'"}\n'  # about what a short message takes


def publish(root: str, name: str) -> None:
    """One file written and synced, linked twice, both directories synced, its temporary name removed."""
    temporary = f"{root}/tmp/{name}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(handle, BODY)
    os.fsync(handle)
    os.close(handle)
    os.link(temporary, f"{root}/pending/{name}")
    os.link(temporary, f"{root}/sent/{name}")
    os.unlink(temporary)
    for folder in ("pending", "sent"):
        handle = os.open(f"{root}/{folder}", os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(handle)
        os.close(handle)


def arrivals(folder: str):  # type: ignore[no-untyped-def]  # typing would slow the process that this baseline is
    """Yield the names that appear in a folder, through raw inotify."""
    from ctypes import CDLL

    created_or_moved_here = 0x100 | 0x80
    libc = CDLL(None, use_errno=True)
    queue = libc.inotify_init1(os.O_CLOEXEC)
    libc.inotify_add_watch(queue, folder.encode(), created_or_moved_here)
    while True:
        events = os.read(queue, 65536)
        while events:
            length = int.from_bytes(events[12:16], sys.byteorder)
            yield events[16 : 16 + length].rstrip(b"\0").decode()
            events = events[16 + length :]


if __name__ == "__main__":
    publish(sys.argv[1], os.urandom(8).hex())
