"""Linked git worktrees and the folders near one: the places of a project's configuration and mail.

It reads git's files, as gitrepository-layout(5) and git-worktree(1) describe them, without running git,
because every command in a worktree needs it. `config` uses it if `.git` is a file, and for an error's text.
"""

import os
import stat

from xw import layout
from xw.errors import Refused
from xw.named_tuple import NamedTuple

_LIMIT = 64 * 1024  # bytes of git's files, which usually have a line or a page
_BARE = "xw"  # the folder in a git directory without a main worktree
PROJECT_HUB = ".xw/hub"  # the hub that `init` makes by default


class Linked(NamedTuple):
    """A linked worktree: its top folder, and the place of its configuration.

    `home` is the main worktree, or `<git dir>/xw` if there is none. If xw may not use it, it is empty, and
    `why` has the reason.
    """

    root: str
    home: str
    why: str = ""

    def beside(self, folder: str) -> str:
        """Return the folder of `home` for a folder of this worktree. Raise Refused without `home`."""
        if not self.home:
            raise Refused(f"{self.why}: name the hub with --hub or XW_HUB, or the file with --config")
        inner = os.path.relpath(folder, self.root)
        return self.home if inner == "." or inner.startswith("..") else os.path.join(self.home, inner)


class Foreign(Exception):
    """A file of git's belongs to another user, named in the text."""


def checkout(folder: str) -> str | None:
    """Return the top of the git checkout of any kind that contains a folder; None if there is none."""
    while True:
        if os.path.exists(f"{folder}/.git"):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def linked(root: str) -> Linked | None:
    """Return the linked worktree that the `.git` file in `root` describes; None if it describes none."""
    try:
        git_dir = _git_dir(root)
        if git_dir is None:
            return None
        text = _read(f"{git_dir}/commondir")
        if text is None:
            if os.path.exists(git_dir) or "/worktrees/" not in git_dir:
                return None  # a submodule, or a git directory kept elsewhere
            gone = f"{root}/.git names {git_dir}, which does not exist (`git worktree repair` helps)"
            return Linked(root, "", gone)
        common = _owned(os.path.realpath(os.path.join(git_dir, _line(text))))
        return Linked(root, _main(common))
    except Foreign as error:
        return Linked(root, "", f"{error}: not followed")


def common_dir(root: str) -> str | None:
    """Return the git directory that all worktrees of the checkout in `root` share."""
    try:
        if os.path.isdir(f"{root}/.git"):
            return _unlinked(f"{root}/.git")
        git_dir = _git_dir(root)
        text = _read(f"{git_dir}/commondir") if git_dir else None
    except Foreign:
        return None
    return os.path.realpath(os.path.join(git_dir, _line(text))) if git_dir and text else git_dir


def foreign(path: str) -> str:
    """Return why xw does not follow a file: it, or its link, is another user's. Empty if xw may follow it."""
    try:
        _owned(path)
    except Foreign as error:
        return f"{error}: not followed"
    return ""


def hub_near(folder: str, place: Linked | None) -> str | None:
    """Return the folder whose project's hub a command run in `folder` probably means; None if there is none.

    The order is: the main worktree, then `folder` and its parents in its checkout.
    """
    top = checkout(folder)
    near = [place.home] if place and place.home else []
    near.append(folder)
    while top and folder != top:
        folder = os.path.dirname(folder)
        near.append(folder)
    return next(filter(_has_hub, near), None)


def hubs_beside(folder: str) -> list[str]:
    """Return the linked worktrees of this checkout that have their own hub."""
    top = checkout(folder)
    common = common_dir(top) if top else None
    try:
        names = sorted(os.listdir(f"{common}/worktrees")) if common else []
    except OSError:
        return []
    found = []
    for name in names:
        text = _read(f"{common}/worktrees/{name}/gitdir", checked=False)
        root = os.path.dirname(os.path.join(f"{common}/worktrees/{name}", _line(text))) if text else ""
        if root and _has_hub(root):
            found.append(root)
    return found


def advice(cwd: str, place: Linked | None, why: str, name: str | None, otherwise: str) -> str:
    """Return what to do in `cwd` without an xw.json: join a near hub, or go to another folder.

    `why` is the reason not to follow `place`, `name` the instance of XW_NAME. Never advises a command that
    makes a second hub; `otherwise` is the advice if no hub is near and no name is set.
    """
    from shlex import quote

    if why:
        return f"there is no xw.json here, and {why}; --config or XW_CONFIG uses one anyway"
    join = f"--name {name or 'NAME'}"
    near = hub_near(cwd, place)
    if near:
        go = "" if near == cwd else f"cd {quote(near)} && "
        return f"there is no xw.json, but a hub at {near}/{PROJECT_HUB}: `{go}xw init {join}` writes it"
    for root in hubs_beside(cwd):
        init = f"xw init --hub {quote(root)}/{PROJECT_HUB} {join}"
        return f"there is no xw.json, but a worktree with a hub at {root}/{PROJECT_HUB}: `{init}` joins it"
    if name:
        return (
            f"there is no xw.json here or above, and XW_NAME is {name}: go to the project of {name}, or name "
            "its file with --config or XW_CONFIG"
        )
    return f"there is no xw.json here: {otherwise}"


def _has_hub(folder: str) -> bool:
    try:
        found, around = os.lstat(f"{folder}/{PROJECT_HUB}/{layout.HUB_FILE}"), os.lstat(folder)
    except OSError:
        return False
    # Root acts as the user in whose project it works.
    user = os.geteuid() or around.st_uid
    return stat.S_ISREG(found.st_mode) and found.st_uid == user


def _git_dir(root: str) -> str | None:
    """Return the git directory that the file `.git` names; None if it is not such a file. Raise Foreign."""
    text = _read(_owned(f"{root}/.git"))
    if text is None or not text.startswith(b"gitdir: "):
        return None
    named = _line(text[len(b"gitdir: ") :])
    return _owned(os.path.join(root, named)) if named else None


def _main(common: str) -> str:
    """Return the main worktree of a git directory, or xw's folder in a git directory without one."""
    said = {**_core(f"{common}/config"), **_core(f"{common}/config.worktree")}
    if said.get("worktree"):
        return os.path.realpath(os.path.join(common, said["worktree"]))
    bare = said.get("bare", "false").lower() not in ("false", "no", "off", "0", "")
    if os.path.basename(common) == ".git" and not bare:
        return os.path.dirname(common)
    return f"{common}/{_BARE}"  # bare, or separate from a worktree that git does not know either


def _core(path: str) -> dict[str, str]:
    """Return `core.bare` and `core.worktree` of a git configuration file, where it sets them."""
    said: dict[str, str] = {}
    section = ""
    for line in (_read(path) or b"").decode("utf-8", "surrogateescape").splitlines():
        text = line.strip()
        if text.startswith("["):
            section, _, text = text[1:].partition("]")
            text = text.strip()
        key, equals, value = text.partition("=")
        key = key.strip().lower()
        if section.strip().lower() == "core" and key in ("bare", "worktree"):
            said[key] = _value(value) if equals else "true"
    return said


def _value(text: str) -> str:
    text = text.strip()
    if text.startswith('"'):
        return text[1:].partition('"')[0].replace("\\\\", "\\")
    return text.partition("#")[0].partition(";")[0].strip()


def _unlinked(path: str) -> str:
    """Return `path` unless it is a link that another user made: it may lead anywhere. Foreign."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise Foreign(f"{path} is a link that belongs to user {found.st_uid}")
    return path


def _owned(path: str) -> str:
    """Return `path` if it is missing, or if it and its link are this user's; else raise Foreign."""
    try:
        owners = {os.lstat(path).st_uid, os.stat(path).st_uid}
    except (OSError, ValueError):
        return path
    for owner in owners - {os.geteuid()}:
        raise Foreign(f"{path} belongs to user {owner}")
    return path


def _read(path: str, checked: bool = True) -> bytes | None:
    """Return the bytes of a small regular file, or None if there is none. Raise Foreign, if `checked`."""
    try:
        # O_NONBLOCK: opening a FIFO in its place must not hang.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LIMIT:
            return None
        if checked and found.st_uid != os.geteuid():
            raise Foreign(f"{path} belongs to user {found.st_uid}")
        return os.read(handle, _LIMIT)
    except OSError:
        return None
    finally:
        os.close(handle)


def _line(text: bytes) -> str:
    """Return the path in a file of git's, which ends with line breaks; empty if it has none."""
    named = text.rstrip(b"\r\n")
    return "" if b"\0" in named else os.fsdecode(named)
