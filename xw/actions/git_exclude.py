"""List a file of xw's in a checkout's `.git/info/exclude`, by its path from the top. Called by `project`.

Git reads it for all worktrees of a repository. Earlier versions of xw listed
the bare name, which hid every other file of that name too. `key_findings` asks
whether git tracks a file.
"""

import fcntl
import os
import re
import stat
import subprocess
from contextlib import suppress

from xw import config, places
from xw.errors import Usage
from xw.files.local import PLANTED
from xw.files.own_folder import NAME
from xw.files.ownership import Owner, is_planted, is_root
from xw.files.walk import Walk

_GIT_S = 10.0  # for `git ls-files`


def exclude(folder: str, name: str) -> str:
    """Make git ignore the file `name` in a folder, unless it is tracked; return why that failed, or ""."""
    top = places.checkout(folder)
    common = places.common_dir(top) if top else None
    if not top or not common or _git(folder, "ls-files", "--error-unmatch", "--", name) is not None:
        return ""
    shown = f"{common}/info/exclude"
    try:
        handle, owner = _open(common)
    except OSError as error:
        return f"{shown}: {error.strerror}"
    planted = is_root() and is_planted(handle, owner)
    if planted or not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return f"{shown} is {PLANTED if planted else 'not a regular file'}"
    with open(handle, "r+b", buffering=0) as file:
        fcntl.flock(handle, fcntl.LOCK_EX)  # of two processes, the second sees the first one's line
        text, bare = file.readall(), os.fsencode(name)
        lines = text.splitlines(keepends=True)
        said = {line.rstrip() for line in lines}
        wanted = [_pattern(os.path.relpath(folder, top), name)]
        if bare in said:
            others = _others(top, name)
            if others is None:
                return ""  # unknown files may be hidden by the bare name, and must stay hidden
            wanted += others
        new = [line for line in dict.fromkeys(wanted) if line not in said]
        start = b"\n" if new and text and not text.endswith(b"\n") else b""
        added = start + b"".join(line + b"\n" for line in new)
        try:
            if added:
                file.write(added)
            if bare in said:
                whole = (text + added).splitlines(keepends=True)
                kept = b"".join(line for line in whole if line.rstrip() != bare)
                # In place, and shorter: it needs no space, so a full disk cannot cut the user's own lines.
                os.pwrite(handle, kept, 0)
                file.truncate(len(kept))
        except OSError as error:
            return f"{shown}: {error.strerror}"
    return ""


def _pattern(folder: str, name: str) -> bytes:
    """Return the pattern for a file in a folder, given by its path from the top of the checkout."""
    path = os.fsencode("/" + os.path.normpath(os.path.join(folder, name)))
    # A pattern is one line: no escape can write a line break, but `?` matches it.
    return re.sub(rb"[\r\n]", b"?", re.sub(rb"([\\*?\[])", rb"\\\1", path))


def _others(top: str, name: str) -> list[bytes] | None:
    """Return patterns for the files in all worktrees that xw made under a name; None if git does not tell."""
    listed = _git(top, "worktree", "list", "--porcelain")
    if listed is None:
        return None
    found = []
    for line in listed.split(b"\n"):
        root = os.fsdecode(line.removeprefix(b"worktree "))
        if not line.startswith(b"worktree ") or not os.path.isdir(root):
            continue
        hidden = _git(root, "ls-files", "-z", "--others", "--ignored", f"--exclude={name}")
        if hidden is None:
            return None
        paths = [path for path in map(os.fsdecode, hidden.split(b"\0")) if os.path.basename(path) == name]
        found += [_pattern(os.path.dirname(path), name) for path in paths if _is_of_xw(f"{root}/{path}")]
    return found


def _is_of_xw(path: str) -> bool:
    """Return True for a configuration, and for a link to the folder of a hub or mirror."""
    if os.path.basename(path) == NAME:
        return os.path.islink(path)
    with suppress(Usage):
        return bool(config.read(path))
    return False


def _open(common: str) -> tuple[int, Owner]:
    """Return a handle of `info/exclude`, made if missing, and the owner of its folder."""
    with Walk(common) as walk:
        with suppress(FileExistsError):
            walk.make_folder("info", None)
        while True:
            with suppress(FileNotFoundError):
                return walk.open("info/exclude", os.O_RDWR | os.O_NONBLOCK), walk.owner("info")
            with suppress(FileExistsError):  # another process has just made it
                return walk.create("info/exclude", 0o644, os.O_RDWR), walk.owner("info")


def is_in_git(path: str) -> bool:
    """Return True if git tracks a file, or would add it: it is in a work tree and not ignored."""
    folder, name = os.path.split(path)
    if not places.checkout(folder):
        return False
    if _git(folder, "ls-files", "--error-unmatch", "--", name) is not None:
        return True
    inside = _git(folder, "rev-parse", "--is-inside-work-tree")
    return (
        inside is not None
        and inside.strip() == b"true"
        and _git(folder, "check-ignore", "-q", "--", name) is None
    )


def _git(folder: str, *command: str) -> bytes | None:
    """Return what git prints; None if it fails, takes too long or is not installed."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # Disable the command that a repository may configure: this may be root in a user's project.
    whole = ["git", "-c", "core.fsmonitor=false", *command]
    try:
        asked = subprocess.run(
            whole, cwd=folder, env=environ, capture_output=True, stdin=subprocess.DEVNULL, timeout=_GIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if asked.returncode else asked.stdout
