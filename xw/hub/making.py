"""Make a directory hub on any `Files`."""

import errno
import json
import os
from collections.abc import Callable

from xw import clock, layout
from xw.errors import Refused, Usage
from xw.files.batch import is_file
from xw.files.contract import Files
from xw.hub.directory import LEAST, Facts

NO_LINKS = "its SFTP server answers OK to hard links and makes none"


def make_hub(
    files: Files,
    url: str,
    readme: str,
    tell: Callable[[str], None],
    *,
    group: str = "",
    share: Callable[[], None] | None = None,
) -> bool:
    """Make a hub in `files` unless there is one; return True if it is new.

    `group` is the name of the Unix group that shares it; `share` prepares its folder for that.
    """
    try:
        files.stat(layout.HUB_FILE)
        return False
    except (FileNotFoundError, NotADirectoryError):
        pass
    try:
        entries = files.list_folder("")
    except FileNotFoundError:
        entries = []
    # Scratch files of another `init`, running or killed, do not count, nor does a `.DS_Store`.
    if not all(_is_scratch(name) or layout.is_hidden(name) for name in entries):
        if is_file(files, layout.HUB_FILE):
            return False  # another process has just made the hub
        raise Refused(
            f"{url} is not empty and not a hub: name an empty or a new directory, "
            f"or if its {layout.HUB_FILE} was lost, write {LEAST} there"
        )
    if share:
        share()
    tell(f"making a hub at {url}")
    files.make_folder("")
    parts = [part for part in url.split("/") if part not in ("", ".xw", "hub")]
    create_hub(
        files,
        parts[-1],
        readme,
        group=bool(group),
        unix_group=group,
        links=has_links(files, lambda lie: tell(f"{lie}: this hub publishes without them")),
    )
    return True


def create_hub(
    files: "Files", name: str, readme: str, *, group: bool, links: bool, unix_group: str = ""
) -> None:
    """Turn an empty directory into a hub. Durable; harmless if it is one."""
    files.make_folder("")
    about = {"format": layout.FORMAT, "name": name, "created": clock.rfc3339(clock.now())}
    if group:
        about["group"] = True
    if unix_group:
        about["unix_group"] = unix_group
    if not links:
        about["publish"] = "rename"
    # hub.json first: a process that dies in between leaves a hub, not an unknown directory.
    files.replace((json.dumps(about, indent=2) + "\n").encode(), "", layout.HUB_FILE)
    files.replace(readme.encode(), "", "README.md")


def has_links(files: Files, tell: Callable[[str], None]) -> bool:
    """Return True if a hard link can be made; `tell` gets a line about a server that only claims so."""
    name = os.urandom(12).hex()
    try:
        files.publish(b"a test of hard links\n", "", [name])
    except OSError as error:
        if error.errno == errno.EPROTO:
            tell(NO_LINKS)
        return False
    files.remove(name)
    return True


def _is_scratch(name: str) -> bool:
    """Return True for a name that `Files` uses for scratch files."""
    return len(name) == 24 and not name.strip("0123456789abcdef")


def check_group(url: str, about: Facts, group: str) -> None:
    """Raise Usage unless the hub at `url` is shared with this group, as far as its file shows."""
    if not about.group:
        raise Usage(f"the hub {url} is private, and --group is for a new hub: leave out --group to join it")
    if about.unix_group not in ("", group):
        raise Usage(
            f"the hub {url} belongs to the group {about.unix_group}, not {group}: "
            "leave out --group to join it"
        )
