"""The commands about a hub itself, for the faces; each function imports what it needs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from xw import layout
from xw.errors import Usage
from xw.instance import Options

if TYPE_CHECKING:
    from xw.actions.guarding import Admitted
    from xw.actions.inviting import Invitation
    from xw.actions.members import MemberRenamed, Members, Removed
    from xw.actions.moving import HubMoved, Renewed

Tell = Callable[[str], None]


def move(options: Options, url: str, tell: Tell) -> "HubMoved":
    """Move the hub in use to a new URL; see `actions.moving.move`."""
    from xw.actions import moving

    return moving.move(options, url, tell)


def new_id(options: Options) -> "Renewed":
    """Give the hub in use a new id; see `actions.moving.renew_identity`."""
    from xw.actions import moving

    return moving.renew_identity(options)


def admit(options: Options, name: str) -> "Admitted":
    """Let one more machine use a name; see `actions.guarding.admit`."""
    from xw.actions import guarding

    return guarding.admit(options, name)


def invite(
    options: Options,
    name: str,
    days: int,
    host: str | None,
    host_key: str | None,
    file: str | None,
    tell: Tell,
) -> "Invitation":
    """Let a new machine come in once as `name`; see `actions.inviting.invite`."""
    from xw.actions import inviting

    return inviting.invite(options, name, days, host, host_key, file, tell)


def members(options: Options, file: str | None) -> "Members":
    """Return the members of a hub on this host; see `actions.members.members`."""
    from xw.actions import members

    return members.members(options, file)


def remove(options: Options, name: str, mailbox: bool, confirmed: bool, file: str | None) -> "Removed":
    """Take a member's keys out; see `actions.members.remove`."""
    from xw.actions import members

    return members.remove(options, name, mailbox, confirmed, file)


def rename(options: Options, old: str, new: str, file: str | None) -> "MemberRenamed":
    """Give a member another name; see `actions.members.rename`."""
    from xw.actions import members

    return members.rename(options, old, new, file)


def serve_invited(name: str, key: str | None, place: str, file: str | None) -> int:
    """Exchange an invitation for a member's own key; see `actions.inviting.serve_invited`."""
    from xw.actions import inviting

    return inviting.serve_invited(name, key, place, file)


def serve(options: Options, path: str, key: str, file: str | None) -> str:
    """Serve the member that `options` name on this process's connection; return why that was ended, or ""."""
    from xw.actions import serving
    from xw.hub.served.authorized import Allowed

    if not options.name:
        raise Usage("name the member: `xw hub serve --as NAME DIRECTORY`")
    name = layout.check_name(options.name)
    return serving.serve(path, name, key, Allowed(file or "", key, name, path))
