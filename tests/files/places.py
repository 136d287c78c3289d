"""The implementations of `Files` that the contract suite runs on: one line each in `PLACES`."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.files.memory import MemoryFiles
from tests.ssh.server import ServerLink, breaking_server
from xw.files.contract import Files
from xw.files.local import LocalFiles
from xw.files.sftp import SftpFiles

FOLDERS = ("tmp", "a", "b")


class Place(NamedTuple):
    """A place to test, with FOLDERS in it.

    `backdate(path)` makes a file look old; `breaking(n)` makes the n-th step
    that changes something fail with EIO, and yields the steps taken so far.
    `locks`: whether it has locks. `close()` ends it.
    """

    files: Files
    folder_mode: int
    file_mode: int
    backdate: Callable[[str], None]
    breaking: Callable[[int], AbstractContextManager[list[str]]]
    locks: bool = True
    close: Callable[[], None] = lambda: None


def _local(root: Path, *, group: bool = False, links: bool = True) -> Place:
    files = LocalFiles(f"{root}/place", group=group, links=links)
    modes = (0o2770, 0o660) if group else (0o700, 0o600)
    return Place(files, *modes, lambda path: os.utime(files.path(path), (0, 0)), _breaking_os)


def _memory(root: Path) -> Place:
    steps: list[str] = []
    at = [0]

    def faults(step: str, path: str) -> None:
        steps.append(step)
        if len(steps) == at[0]:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    @contextmanager
    def breaking(number: int) -> Iterator[list[str]]:
        steps.clear()
        at[0] = number
        try:
            yield steps
        finally:
            at[0] = 0

    files = MemoryFiles(time.time, faults)

    def backdate(path: str) -> None:
        files._nodes[path].mtime = 0.0

    return Place(files, 0o700, 0o600, backdate, breaking)


@contextmanager
def _breaking_os(number: int) -> Iterator[list[str]]:
    """Break the n-th of the calls that write, sync or name a file; the cleaning up is left alone."""
    steps: list[str] = []

    def broken(name: str) -> Callable[..., object]:
        real: Callable[..., object] = getattr(os, name)

        def call(*args: object, **kwargs: object) -> object:
            steps.append(name)
            if len(steps) == number:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(args[0]))
            return real(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("write", "fsync", "link", "rename"):
            patch.setattr(os, name, broken(name))
        yield steps


def _sftp(root: Path, *, group: bool = False, links: bool = True) -> Place:
    link = ServerLink()
    files = SftpFiles(link, f"{root}/place", group=group, links=links)
    modes = (0o2770, 0o660) if group else (0o700, 0o600)

    def backdate(path: str) -> None:
        os.utime(f"{files.root}/{path}", (0, 0))

    return Place(files, *modes, backdate, breaking_server, locks=False, close=link.close)


PLACES: dict[str, Callable[[Path], Place]] = {
    "local": _local,
    "local-group": lambda root: _local(root, group=True),
    "local-without-links": lambda root: _local(root, links=False),
    "memory": _memory,
    "sftp": _sftp,
    "sftp-group": lambda root: _sftp(root, group=True),
    "sftp-without-links": lambda root: _sftp(root, links=False),
}
