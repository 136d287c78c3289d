"""`XW_CONFINED=1`: what an agent may do with xw without asking its user. docs/permissions.md explains it.

`xw launch`, `xw install` and `xw mcp` set the variable and write a permission rule for each command in
HARMLESS. Such a rule lets xw run outside the program's sandbox, so a confined xw must not be a way around
that sandbox: it runs only these commands, and sends only the session's own files.
"""

import json
import os
import stat

from xw import config
from xw.errors import Refused
from xw.text import visible

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VARIABLE = "XW_CONFINED"
HARMLESS = (
    "check", "read", "send", "reply", "done", "fail", "claim", "release", "attach", "ask", "wait", "trace",
    "peers", "who", "log", "sync",
)  # fmt: skip
"""The commands that an agent may run without asking its user."""
STARTED = ("hook", "mcp")
"""The commands that the agent program itself starts, besides."""

_RECORD = "confined.json"  # in the run directory
_LIMIT = 64 * 1024
_RECORDED = ("XW_NAME", "XW_CONFIG", "XW_HUB", "XW_STATE")
_REFUSED = {"as_name": "--as", "hub": "--hub", "config": "--config", "adopted": "--adopt"}
_PLAIN: "tuple[list[str], ...]" = ([], ["--help"], ["-h"], ["--version"], ["-V"])
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO that was put there after the check must not hang the agent.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC


def check_words(arguments: "Sequence[str]", commands: "Sequence[str]") -> None:
    """Raise Refused if a command line begins with another command, or with an option of xw itself.

    A word that is no command is left to the parser, whose error names the command that was meant.
    """
    first = arguments[0] if arguments else ""
    if first.startswith("-") and list(arguments) not in _PLAIN:
        raise Refused(f"a confined agent may not use {visible(first, keep='')} here: write the command first")
    if first in commands and first not in HARMLESS + STARTED:
        raise _not_allowed(first)


def check_call(name: str, values: "Mapping[str, object]") -> None:
    """Raise Refused unless a confined agent may make this call: a command's name, and its options' values."""
    if name not in HARMLESS + STARTED:
        raise _not_allowed(name)
    for key, flag in _REFUSED.items():
        if values.get(key) is not None:
            raise Refused(f"a confined agent may not use {flag}: it acts as itself, where it was started")
    if name not in STARTED:
        _check_environment()


def _not_allowed(name: str) -> Refused:
    return Refused(
        f"a confined agent may not run `xw {name}`, only {', '.join(HARMLESS)}: ask your user to run it"
    )


# Files


def opened(path: str, own: str) -> int:
    """Return the handle of a file that a confined agent may send. Raise Refused for another, Usage, OSError.

    It may send regular files below the session's project, and below `own`, its mailbox's attachments. The
    real path is opened part by part, so no link that appears meanwhile leads elsewhere.
    """
    shown, real = visible(path, keep=""), os.path.realpath(path)
    below = next((root for root in _roots(own) if _within(real, root)), None)
    if below is None:
        raise Refused(
            f"{shown} is not in the project: a confined agent sends files of its project and of its own mail"
        )
    try:
        handle = _open_below(below, os.path.relpath(real, below).split("/"))
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:  # such as a link that was put there after the check
        raise Refused(
            f"{shown}: {error.strerror}: a confined agent follows no link out of its project"
        ) from None
    look = os.fstat(handle)
    if stat.S_ISREG(look.st_mode) and look.st_nlink == 1:
        return handle
    os.close(handle)
    if stat.S_ISREG(look.st_mode):
        raise Refused(f"{shown} has a second name (a hard link), perhaps elsewhere: send a copy of it")
    raise _no_file(shown)


def _roots(own: str) -> "Iterator[str]":
    """Yield the folders whose files may be sent: own attachments, the project, its linked worktree."""
    yield os.path.realpath(own)
    found = config.in_force(None, os.environ)
    project = os.path.realpath(os.path.dirname(found)) if found else ""
    # A home directory is no project: it has everything that the sandbox keeps from the agent.
    if not project or _within(os.path.realpath(os.path.expanduser("~")), project):
        return
    yield project
    place = config.worktree(config.here(needed=False))
    if place and place.home and _within(project, os.path.realpath(place.home)):
        yield os.path.realpath(place.root)


def _within(path: str, root: str) -> bool:
    """Return True for a path below a root, except in its `.xw`, which has other instances' mail."""
    start = root.rstrip("/") + "/"
    return path == root or (path.startswith(start) and ".xw" not in path.removeprefix(start).split("/"))


def _open_below(root: str, parts: "Sequence[str]") -> int:
    folder = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
            raise _no_file("/".join(parts))  # to open a device may do something
        return os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _no_file(shown: str) -> Refused:
    return Refused(f"{shown} is not a regular file: a confined agent sends only files")


# The environment


def record(run: str, environ: "Mapping[str, str]") -> None:
    """Note in a run directory as whom its agent acts, and on which hub. Raise Usage if that is not known."""
    noted: dict[str, object] = {name: environ.get(name) for name in _RECORDED}
    noted["hub"] = _hub(environ)
    handle = os.open(f"{run}/{_RECORD}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(noted, file)


def _check_environment() -> None:
    """Raise Refused if another name or hub is in force than the run's record has."""
    run = os.environ.get("XW_RUN")
    if not run:
        return
    try:
        with open(f"{run}/{_RECORD}", encoding="utf-8") as file:
            noted = json.loads(file.read(_LIMIT))
    except FileNotFoundError:
        return  # a run without a record
    except (OSError, ValueError) as error:
        raise Refused(
            f"the record of this run in {run} cannot be read ({error}): start the agent again"
        ) from None
    for name in _RECORDED:
        if os.environ.get(name) != noted.get(name):
            raise Refused(f"a confined agent may not set {name}: it acts as itself, where it was started")
    if _hub(os.environ) != noted.get("hub"):
        raise Refused(
            "xw.json names another hub now than when this agent was started: start the agent again to use it"
        )


def _hub(environ: "Mapping[str, str]") -> str:
    return config.hub_url(None, environ, config.load(config.in_force(None, environ)))
