"""Every error that xw raises on purpose, with its exit code.

    XwError          1  the operation failed
    ├── Bug          1  a bug in xw itself
    ├── Busy         1  another process holds the lock
    ├── NoMessage    1  no message can be read from a file
    │   ├── Damaged      the file is not the message that its name promises: it may be set aside
    │   └── Unreadable   this process cannot read the file, and so cannot judge it: it stays
    │       └── Newer    … because a later version of xw wrote it: the file is intact
    ├── Usage        2  wrong arguments or configuration
    ├── NotFound     3  no such message or peer, or an ambiguous one
    ├── TimedOut     4
    ├── Unreachable  5  the hub cannot be reached
    │   └── Moved        it is at another URL now
    ├── Refused      6  permission, host key, size or policy
    │   ├── Copied       the hub is a copy of another
    │   └── Resting      a host has refused this user, and is not asked again yet
    └── Interrupted 130  ended by ^C

An error's text is one line for the person or agent who reads it: what failed, why,
and what to do. Operating system errors stay `OSError` below the command line;
`explain` translates them.
"""

import errno
import os
from collections.abc import Mapping

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.codes import ErrorCode


class XwError(Exception):
    """The operation failed; `code` is the process's exit code, `word` the kind of error for programs.

    `told` is what was done before the failure, for programs.
    """

    code = 1
    word: "ErrorCode" = "failed"
    told: Mapping[str, object] = {}


class Bug(XwError):
    """A bug in xw itself; `unforeseen` has the sentence."""

    word = "bug"


class Busy(XwError):
    """Another process on this machine holds the lock."""

    word = "busy"


class NoMessage(XwError):
    """No message can be read from a file; catch it if the reason does not matter."""


class Damaged(NoMessage):
    """A file is not the message that its name promises."""

    word: "ErrorCode" = "damaged"


class Unreadable(NoMessage):
    """This process cannot read a file, and so cannot judge it; the file stays."""

    word: "ErrorCode" = "unreadable"


class Newer(Unreadable):
    """This version of xw does not know a message's format; the file is intact."""

    word = "newer-format"


class Usage(XwError):
    """The arguments or the configuration are invalid."""

    code = 2
    word = "usage"


class Unnamed(Usage):
    """Several instances share the configuration, and the call names none of them; `first` is one."""

    first = ""


class NotFound(XwError):
    """There is no such message or peer, or more than one matches.

    `listing` are the commands that the text names because they list what there is.
    """

    code = 3
    word = "not-found"

    def __init__(self, text: str, *listing: str) -> None:
        super().__init__(text)
        self.listing = listing


class Closed(NotFound):
    """A room has been closed; its name is right."""


class ShortId(NotFound):
    """An id has too few characters to be unique."""


class TimedOut(XwError):
    """Something did not arrive in time; `asked` is the id of the question, if one was asked."""

    code = 4
    word = "timed-out"

    def __init__(self, text: str, asked: str | None = None) -> None:
        super().__init__(text)
        self.asked = asked


class Unreachable(XwError):
    """The hub cannot be reached."""

    code = 5
    word: "ErrorCode" = "unreachable"


class Moved(Unreachable):
    """The hub is at another URL now, `url`, and takes no mail at this one."""

    word = "moved"

    def __init__(self, old: str, url: str) -> None:
        super().__init__(f"the hub {old} has moved to {url}: set `hub` in xw.json to {url}")
        self.url = url


class Refused(XwError):
    """The operation is not allowed: permission, host key, size or policy."""

    code = 6
    word: "ErrorCode" = "refused"


class Resting(Refused):
    """A host has refused this user, because of `why`, and is not asked again yet; `rest` tells when."""

    def __init__(self, why: str, rest: str) -> None:
        super().__init__(f"{why} ({rest})")
        self.why = why


class Copied(Refused):
    """A hub has the id of another one, which answers at its own URL: nothing is sent to either.

    `what` and `fix` are the two halves of the sentence.
    """

    word = "copied"

    def __init__(self, url: str, original: str) -> None:
        self.what = f"{url} is a copy of the hub {original}, which answers as well"
        self.fix = f"`xw hub new-id --hub {url}` makes it a separate hub"
        super().__init__(f"{self.what}: nothing was sent. {self.fix}")


class Interrupted(XwError):
    """The command was ended by ^C; the exit code is the one that shells report."""

    code = 130
    word = "interrupted"


def unforeseen(bug: Exception) -> str:
    """Return one line for an unexpected exception: a bug in xw, which is reported and ends nothing."""
    text = " ".join(str(bug).split())
    return f"a bug in xw ({type(bug).__name__}: {text[:200]}): please report it"


def left_out(name: str, error: XwError) -> str:
    """Return where a pending file is now that cannot be shown, and why."""
    where = "left in pending/" if isinstance(error, Unreadable) else "set aside in failed/"
    return f"{where}: {name}: {error}"


_FIXES = {
    errno.ENOSPC: (1, "the disk is full: nothing was sent or changed; make room and try again"),
    errno.EDQUOT: (1, "the disk quota is used up: nothing was sent or changed; make room and try again"),
    errno.EIO: (1, "the disk reported an error: nothing was acknowledged; check the disk and try again"),
    errno.EPROTO: (1, "nothing was acknowledged; serve the hub with OpenSSH's sftp-server"),
    errno.EMFILE: (1, "too many open files: raise `ulimit -n` and try again"),
    errno.ENFILE: (1, "too many open files on this machine: try again later"),
    errno.EROFS: (6, "remount it or choose another hub"),
    errno.EACCES: (6, "check the owner and mode of the path"),
    errno.EPERM: (6, "check the owner and mode of the path"),
    errno.ELOOP: (6, "it is a symbolic link, which xw does not follow"),
    errno.ENOENT: (1, "it does not exist: was the hub moved or removed? `xw doctor` checks"),
    errno.EISDIR: (1, "a directory has the name of one of xw's files: move it away"),
    errno.ENOTDIR: (1, "a part of the path is not a directory: `xw doctor` checks"),
}


NO_NETWORK = (errno.EPERM, errno.EACCES, errno.ENETUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT)
"""What the system answers where a process may use no network."""
OFFLINE_HERE = (
    "no network here (a sandbox?): `xw sync --watch` outside it, in this directory, carries the mail"
)
CONFINED = (
    "a sandbox seems to forbid it: run this outside it, or let it write there (codex: --add-dir); "
    "mail needs neither where `xw sync --watch` runs outside"
)


def _is_confined(error: OSError, path: str) -> bool:
    """Return True if a sandbox refused an act: the disk and the modes on it allow it."""
    if error.errno == errno.EROFS:
        return _is_read_only_here(path)
    if error.errno not in (errno.EACCES, errno.EPERM) or os.geteuid() == 0:
        return False  # for root, modes forbid nothing
    if error.strerror != os.strerror(error.errno):
        return False  # xw itself refused it
    above = os.path.dirname(path) or "."
    ways = [(above, os.W_OK | os.X_OK)]
    if os.path.lexists(path):
        ways.append((path, os.R_OK | os.W_OK))
    return all(os.access(way, mode) for way, mode in ways)


def _is_read_only_here(path: str) -> bool:
    """Return True if a path's disk is writable, but mounted read-only for this process; on Linux only."""
    best, found = -1, False
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                fields = line.split()
                where = fields[4].replace("\\040", " ")
                if f"{os.path.abspath(path)}/".startswith(f"{where.rstrip('/')}/") and len(where) >= best:
                    best = len(where)
                    found = "ro" in fields[5].split(",") and "rw" in fields[-1].split(",")
    except OSError:
        return False
    return found


def is_general(error: OSError) -> bool:
    """Return True if other files would give the same error: this file is not its cause."""
    return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOTDIR, errno.ENOMEM)


def explain(error: OSError | XwError) -> XwError:
    """Return an operating system error as an XwError, with a sentence and an exit code.

    An XwError is returned unchanged.
    """
    if isinstance(error, XwError):
        return error
    place = error.filename2 or error.filename
    if place is None and error.errno in NO_NETWORK:
        return Unreachable(f"{error.strerror or error}: {OFFLINE_HERE}")
    if isinstance(place, (str, bytes)) and _is_confined(error, os.fsdecode(place)):
        return Unreachable(f"{cause(error)}: {CONFINED}")
    code, fix = _FIXES.get(error.errno or 0, (1, "`xw doctor` looks for the cause"))
    translated = Refused if code == Refused.code else XwError
    return translated(f"{cause(error)}: {fix}")


def cause(error: OSError | XwError) -> str:
    """Return what failed and why, without advice, for a step after the one that counts."""
    if isinstance(error, XwError):
        return str(error)
    place = error.filename2 or error.filename
    name = os.fsdecode(place) if isinstance(place, (str, bytes)) else "the hub"
    return f"{name}: {error.strerror or error}"
