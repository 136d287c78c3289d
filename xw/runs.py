"""The run directories of `xw launch`: what it wrote for one program, and a note of what runs there.

Each is private (0700), outside any project, and named `NAME-PID-START` after its instance and the process of
its `xw launch`, so that anybody can tell a stale one from its name alone. `run.json` has the rest. It is
written by `launch` and read by its bridge, by `xw peers` and `doctor`.
"""

import json
import os
import shutil
import signal
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

from xw import config, layout, processes
from xw.errors import Damaged, NotFound, Refused
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox
from xw.message import parse_object

NOTE = "run.json"
BRIDGE_LOG = "bridge.log"
SYNC_LOG = "sync.log"
GRACE_S = 5.0
"""How long a program that was asked to end may take."""
_LIMIT = 64 * 1024


class RunNote(NamedTuple):
    """What runs in a run directory; `process` is the program's `PID-START`.

    `profile` is the program profile, `command` what the person started. `ways`, `targets` and `options` are
    those of `programs.Arrangement`; `pane` and `server` are the tmux pane it runs in and the server's socket,
    or empty; `title` is the pane's title before. `hooks` is True if the run has the program's hooks.
    """

    name: str
    profile: str
    command: str
    version: str = ""
    process: str = ""
    ways: tuple[str, ...] = ()
    targets: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    pane: str = ""
    server: str = ""
    terminal: str = ""
    hooks: bool = False
    title: str = ""


def make(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Make the run directory of this process; return its path. Raise Refused if others could enter it."""
    root = config.runs_folder(environ)
    try:
        os.makedirs(root, mode=0o700, exist_ok=True)
    except (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        why = f"cannot make {root} for what a run needs: {error.filename}: {error.strerror}"
        raise Refused(f"{why}: set XDG_RUNTIME_DIR to a private directory of yours") from None
    about = os.lstat(root)
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
        raise Refused(f"{root} is not a private folder of yours: remove it, or fix its owner and mode (0700)")
    folder = f"{root}/{name}-{processes.mark(os.getpid())}"
    os.mkdir(folder, 0o700)
    return folder


def launcher(folder: str) -> str:
    """Return the `PID-START` of the `xw launch` to which a run directory belongs."""
    return "-".join(os.path.basename(folder).rsplit("-", 2)[1:])


def write(folder: str, note: RunNote) -> None:
    """Write the note of a run directory."""
    with naming(folder):
        LocalFiles(folder).rewrite((json.dumps(note._asdict(), indent=2) + "\n").encode(), "", NOTE)


def add(folder: str, files: Mapping[str, str]) -> None:
    """Write new files into a run directory, by their relative paths."""
    with naming(folder):
        for path, text in files.items():
            os.makedirs(os.path.dirname(f"{folder}/{path}"), mode=0o700, exist_ok=True)
            with os.fdopen(LocalFiles(folder).create(path), "wb") as file:
                file.write(text.encode())


@contextmanager
def naming(folder: str) -> Iterator[None]:
    """Name this folder in an error of the system that names no file, such as a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), folder) from error


def read(folder: str) -> RunNote:
    """Return the note of a run directory. Raise NotFound if there is none that is whole."""
    try:
        noted = parse_object(LocalFiles(folder).read(NOTE, _LIMIT))
        noted["ways"] = tuple(noted["ways"])  # type: ignore[arg-type]  # any other shape raises
        return RunNote(**{field: noted[field] for field in RunNote._fields})  # type: ignore[arg-type]
    except (OSError, Damaged, KeyError, TypeError) as error:
        raise NotFound(f"{folder} is not a run directory of `xw launch`: {error}") from None


def point(mailbox: Mailbox, folder: str) -> None:
    """Note in a mailbox which run directory serves it."""
    data = (json.dumps({"run": folder}) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), mailbox.at(layout.LAUNCHED))


def unpoint(mailbox: Mailbox) -> None:
    """Remove that note."""
    with suppress(FileNotFoundError):
        mailbox.files.remove(mailbox.at(layout.LAUNCHED))


def of_mailbox(mailbox: Mailbox) -> tuple[str, RunNote] | None:
    """Return the living run that serves a mailbox, and its directory; None if there is none."""
    try:
        folder = str(parse_object(mailbox.files.read(mailbox.at(layout.LAUNCHED), _LIMIT)).get("run"))
        return (folder, read(folder)) if processes.lives(launcher(folder)) else None
    except (OSError, Damaged, NotFound):
        return None


def stale(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the run directories of launches that are gone."""
    return [folder for folder in _all(environ) if not processes.lives(launcher(folder))]


def clear(folder: str) -> None:
    """End the program of a run directory if it still runs without its launch, then remove the directory."""
    with suppress(NotFound):
        hang_up(read(folder).process)
    remove(folder)


def hang_up(process: str) -> None:
    """End a program that has lost its terminal, and its process group, as the terminal's own end would."""
    number = int(process.partition("-")[0] or 0)
    if not processes.lives(process):
        return
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(number) == number:
            end_group(number)


def end_group(group: int) -> None:
    """Send a process group SIGHUP, then SIGKILL to what is left of it after a time."""
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or became another user's
        os.killpg(group, signal.SIGHUP)
        os.killpg(group, signal.SIGCONT)  # a stopped process gets no other signal
        late = time.monotonic() + GRACE_S
        while time.monotonic() < late:
            os.killpg(group, 0)
            time.sleep(0.02)
        os.killpg(group, signal.SIGKILL)


def remove(folder: str) -> None:
    """Remove a run directory and everything in it."""
    shutil.rmtree(folder, ignore_errors=True)  # a link in it is removed, not followed
    for above in (os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))):
        with suppress(OSError):  # others are in it
            if os.path.basename(above) in ("runs", "xw"):
                os.rmdir(above)


def _all(environ: Mapping[str, str]) -> list[str]:
    root = config.runs_folder(environ)
    try:
        names = os.listdir(root)
    except OSError:
        return []
    return [f"{root}/{name}" for name in sorted(names) if _is_ours(name)]


def _is_ours(name: str) -> bool:
    parts = name.rsplit("-", 2)
    return len(parts) == 3 and layout.is_name(parts[0]) and parts[1].isdigit()
