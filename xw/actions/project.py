"""A project's files for `init`: where to write, what is there, and how to keep it out of git."""

import fcntl
import glob
import os
import stat
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress

from xw import config, layout, places
from xw.config import Config
from xw.errors import Damaged, Refused, Usage
from xw.files.local import PLANTED, LocalFiles
from xw.files.own_folder import NAME, ignore
from xw.files.ownership import Owner, is_planted, is_root
from xw.files.walk import Walk
from xw.hub.contract import Hub
from xw.message import parse_object
from xw.places import PROJECT_HUB

_CARD_LIMIT = 64 * 1024
_GIT_S = 10.0  # for `git ls-files`, which answers from the index


def configuration(given: str | None, hub: str | None, environ: Mapping[str, str]) -> tuple[str, Config]:
    """Return the path of the configuration to write, and its present content.

    `given` and `hub` are the file and the hub that the user names. The file is never above the project: it
    goes beside the project's hub if xw.json was lost, else in a linked worktree into the main one. Raise
    Refused if the main worktree is another user's.
    """
    if given:
        path = os.path.abspath(os.path.expanduser(given))
    else:
        cwd = config.here()
        # A hub named on the command line is for this folder, whatever the main worktree uses.
        found = config.nearest(cwd) if hub else config.locate(None, environ, cwd)
        if found and found != config.user_file():
            path = found
        else:
            path = os.path.join(cwd if hub else _project(cwd), config.FILE)
    return path, config.load(path) if os.path.exists(path) else config.NONE


def _project(cwd: str) -> str:
    """Return the folder for a new xw.json, for a user in `cwd`."""
    place = config.worktree(cwd)
    why = config.not_followed(place)
    if why:
        raise Refused(f"{why}: name the hub with --hub to join one from here")
    return places.hub_near(cwd, place) or (place.home if place else cwd)


def mailboxes(hub: Hub, url: str, path: str) -> dict[str, dict[str, object]]:
    """Return the entries of a lost xw.json, from the cards in the project's own hub, without rooms.

    A hub shared by other projects gives no entries: its names may be anybody's.
    """
    files = LocalFiles(url)
    found = {}
    for name in hub.instances() if url == os.path.join(os.path.dirname(path), PROJECT_HUB) else ():
        try:
            card = parse_object(files.read(f"{name}/{layout.CARD}", _CARD_LIMIT))
        except (OSError, Damaged):
            card = {}  # `xw peers` reports it
        if card.get("kind") != "room" and not os.path.exists(f"{url}/{name}/{layout.ROOM}"):
            found[name] = card_of({key: value for key, value in card.items() if value != "agent"})
    return found


def card_of(entry: Mapping[str, object]) -> dict[str, object]:
    """Return the keys of an instance's entry that belong on its card too."""
    return {key: entry[key] for key in ("kind", "description", "capabilities", "model") if entry.get(key)}


def name_of(hub: Mapping[str, object], url: str, made: str) -> str:
    """Return the name for `init` without one, given the mailboxes that a lost xw.json had. Raise Usage if
    ambiguous.
    """
    if made in hub or not hub:
        return made
    if len(hub) == 1:
        return next(iter(hub))
    first = sorted(hub)[0]
    raise Usage(
        f"{url} has the mailboxes {', '.join(sorted(hub))}: `xw init --name {first}` writes all of them "
        "into xw.json again, another --name adds one"
    )


def hubs_apart(url: str) -> list[tuple[str, int]]:
    """Return the other hubs in this checkout's linked worktrees, and how many messages wait in each."""
    found = []
    for root in places.hubs_beside(config.here(needed=False)):
        hub = f"{root}/{PROJECT_HUB}"
        if hub != url:
            waiting = 0
            for folder in glob.glob(f"{glob.escape(hub)}/*/{layout.INBOX['pending']}"):
                with suppress(OSError):
                    waiting += sum(map(layout.is_message, os.listdir(folder)))
            found.append((hub, waiting))
    return found


def keep_out_of_git(path: str, kept: str, tell: Callable[[str], None]) -> None:
    """Make git ignore xw's files: `.xw/`, an untracked xw.json, and `kept`, the hub or mirror."""
    folder = os.path.dirname(path)
    ignore(folder)
    above, inner, _ = f"{kept}/".partition("/.xw/")
    if inner and above != folder and not os.path.exists(f"{above}/.xw/.gitignore"):
        ignore(above)
    elif not inner and places.checkout(kept):
        with suppress(OSError):  # it has a .gitignore, or the hub is another user's
            LocalFiles(kept).publish(b"*\n", "", [".gitignore"])
    names = [os.path.basename(path)]
    if os.path.islink(f"{folder}/{NAME}"):
        names.append(NAME)  # git sees the link, but not the .gitignore in its target
    for name in names:
        problem = _exclude(folder, name)
        if problem:
            lost = f"{folder}/{name}"
            tell(f"git does not ignore {lost}, so `git stash -u` and `git clean -fd` remove it: {problem}")


def _exclude(folder: str, name: str) -> str:
    """Add a file to the checkout's `info/exclude`; return why that failed, or ""."""
    top = places.checkout(folder)
    common = places.common_dir(top) if top else None
    plain = name.replace(".", "").replace("-", "").replace("_", "").isalnum()
    if not common or not plain or _is_tracked(folder, name):
        return ""
    try:
        handle, owner = _open_exclude(common)
    except OSError as error:
        return f"{common}/info/exclude: {error.strerror}"
    planted = is_root() and is_planted(handle, owner)
    if planted or not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return f"{common}/info/exclude is {PLANTED if planted else 'not a regular file'}"
    with open(handle, "r+b") as file:
        fcntl.flock(handle, fcntl.LOCK_EX)  # of two processes, the second sees the first one's line
        text = file.read()
        if {name.encode(), f"/{name}".encode()} & {line.rstrip() for line in text.splitlines()}:
            return ""
        start = b"\n" if text and not text.endswith(b"\n") else b""
        try:
            file.write(start + name.encode() + b"\n")
            file.flush()
        except OSError as error:
            return f"{common}/info/exclude: {error.strerror}"
    return ""


def _open_exclude(common: str) -> tuple[int, Owner]:
    """Return a handle of `info/exclude`, made if missing, and the owner of its folder."""
    with Walk(common) as walk:
        with suppress(FileExistsError):
            walk.make_folder("info", None)
        while True:
            with suppress(FileNotFoundError):
                flags = os.O_RDWR | os.O_APPEND | os.O_NONBLOCK
                return walk.open("info/exclude", flags), walk.owner("info")
            with suppress(FileExistsError):  # another process has just made it
                return walk.create("info/exclude", 0o644, os.O_RDWR | os.O_APPEND), walk.owner("info")


def _is_tracked(folder: str, name: str) -> bool:
    """Return True if git tracks a file; False without git."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # Disable the command that a repository may configure: this may be root in a user's project.
    command = ["git", "-c", "core.fsmonitor=false", "ls-files", "--error-unmatch", "--", name]
    try:
        asked = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, stdin=subprocess.DEVNULL, timeout=_GIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
