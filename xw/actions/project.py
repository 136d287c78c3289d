"""A project's files for `init`: where to write, what is there, and how to keep it out of git."""

import glob
import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from xw import config, layout, places
from xw.actions.git_exclude import exclude
from xw.config import Config
from xw.errors import Damaged, Refused, Usage
from xw.files.local import LocalFiles
from xw.files.own_folder import NAME, ignore
from xw.hub.contract import Hub
from xw.message import parse_object
from xw.places import PROJECT_HUB

_CARD_LIMIT = 64 * 1024


def configuration(
    given: str | None, hub: str | None, environ: Mapping[str, str], beside: bool = False
) -> tuple[str, Config]:
    """Return the path of the configuration to write, and its present content.

    `given` and `hub` are the file and the hub that the user names; the hub may be `beside` the one in the
    file. The file is never above the project: it
    goes beside the project's hub if xw.json was lost, else in a linked worktree into the main one. Raise
    Refused if the main worktree is another user's.
    """
    if given:
        path = os.path.abspath(os.path.expanduser(given))
    else:
        cwd = config.here()
        # A hub named on the command line is for this folder, whatever the main worktree uses.
        found = config.nearest(cwd) if hub and not beside else config.locate(None, environ, cwd)
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
            if card.get("delivery") not in layout.DELIVERIES:
                found[name].pop("delivery", None)  # a later version's
    return found


def card_of(entry: Mapping[str, object]) -> dict[str, object]:
    """Return the keys of an instance's entry that belong on its card too."""
    return {key: entry[key] for key in layout.CARD_FIELDS if key != "name" and entry.get(key)}


def name_of(hub: Mapping[str, object], url: str, made: str) -> str:
    """Return the name for `init` without one, given a lost xw.json's mailboxes. Raise Usage if ambiguous."""
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
        problem = exclude(folder, name)
        if problem:
            lost = f"{folder}/{name}"
            tell(f"git does not ignore {lost}, so `git stash -u` and `git clean -fd` remove it: {problem}")
