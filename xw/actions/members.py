"""The members of a served hub, on its host: `xw hub members`, `remove`, `rename`; `inviting` has `invite`.

A member is a name that a key in the account's `authorized_keys` may act as (`hub.served.authorized`); its
mailbox is the hub's. Each function completes what an interrupted call of it has begun.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from xw import clock, config, layout
from xw.actions.unregistering import Left, consequences, unregister
from xw.errors import NotFound, Refused, Usage
from xw.hub import noted
from xw.hub.contract import Hub
from xw.hub.directory import DirectoryHub
from xw.hub.leaving import raise_if_served
from xw.hub.served import authorized
from xw.hub.served.authorized import KeysFile
from xw.hub.served.entries import Entry
from xw.instance import Options, load_config, open_hub
from xw.text import counted

if TYPE_CHECKING:
    from xw.hub.sighting import Peer
    from xw.shapes import members as shapes
    from xw.shapes import upkeep

_LIST = ": `xw hub members` lists them"


class Member(NamedTuple):
    """A key of a member, or an invitation (`invited_until`); or a mailbox without a key.

    `seen` is the last sign of life of the name, `mailbox` tells whether the hub has one for it.
    """

    name: str
    key: str | None
    since: str | None
    seen: str | None
    age_s: float | None
    invited_until: str | None
    mailbox: bool

    def to_json(self) -> "shapes.Member":
        """Return the object that `--json` prints."""
        return {
            "name": self.name,
            "key": self.key,
            "since": _utc(self.since),
            "seen": _utc(self.seen),
            "age_s": clock.rounded(self.age_s),
            "invited_until": _utc(self.invited_until),
            "mailbox": self.mailbox,
        }


def _utc(text: str | None) -> str | None:
    """Return a time as JSON has it; None for a comment by hand that is no time."""
    try:
        return clock.utc(text) if text else None
    except ValueError:
        return None


class Members(NamedTuple):
    """The members of a hub, by name."""

    hub: str
    file: str
    members: tuple[Member, ...]

    def to_json(self) -> "shapes.Members":
        """Return the object that `--json` prints."""
        listed = [member.to_json() for member in self.members]
        return {"format": 1, "hub": self.hub, "file": self.file, "members": listed}


class Removed(NamedTuple):
    """The result of `hub remove`: the keys and invitations that open nothing any more.

    `mailbox` is True if the hub still has one of this name.
    """

    name: str
    hub: str
    file: str
    keys: tuple[str, ...]
    invitations: tuple[str, ...]
    mailbox: bool
    archives: tuple[str, ...]
    returned: tuple[tuple[str, str], ...]

    def to_json(self) -> "shapes.Removed":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "name": self.name,
            "hub": self.hub,
            "file": self.file,
            "keys": list(self.keys),
            "invitations": list(self.invitations),
            "mailbox": self.mailbox,
            "archives": list(self.archives),
            "returned": _returned(self.returned),
        }


class MemberRenamed(NamedTuple):
    """The result of `hub rename`: the keys that have the new name, and what became of the old mailbox."""

    old: str
    new: str
    hub: str
    file: str
    keys: tuple[str, ...]
    archives: tuple[str, ...]
    returned: tuple[tuple[str, str], ...]

    def to_json(self) -> "shapes.MemberRenamed":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "from": self.old,
            "to": self.new,
            "hub": self.hub,
            "file": self.file,
            "keys": list(self.keys),
            "archives": list(self.archives),
            "returned": _returned(self.returned),
        }


def _returned(mail: tuple[tuple[str, str], ...]) -> "list[upkeep.Moved]":
    return [{"to": to, "id": name.partition(".")[0]} for to, name in mail]


def raise_if_room(hub: Hub, name: str) -> None:
    """Raise Refused for the name of a room, open or closed: its coordinator runs on the hub's host."""
    if hub.rooms().exists(name):
        raise Refused(f"{name} is a room on {hub.url}, and rooms have no members' keys: choose another name")


def members(options: Options, file: str | None, environ: Mapping[str, str] = os.environ) -> Members:
    """Return the members and invitations of a hub on this host, and its mailboxes without a key."""
    url = hub_here(options, environ)
    hub = open_hub(url)[1]
    keys = keys_of(url, file)
    peers = {peer.name: peer for peer in hub.peers() if peer.kind != "room"}
    entries = [entry for entry in keys.entries(url) if not (entry.invited and entry.used)]
    found = [_member(entry.name, entry, peers.get(entry.name)) for entry in entries]
    known = {member.name for member in found}
    found += [_member(name, None, peer) for name, peer in peers.items() if name not in known]
    return Members(url, keys.path, tuple(sorted(found, key=lambda one: (one.name, one.since or ""))))


def _member(name: str, entry: Entry | None, peer: "Peer | None") -> Member:
    invited = entry is not None and entry.invited
    age = peer.age if peer else None
    seen = None if age is None else clock.brief(clock.now() - round(age * clock.SECOND))
    return Member(
        name,
        entry.fingerprint if entry else None,
        entry.since or None if entry else None,
        seen,
        age,
        entry.until if entry and invited else None,
        peer is not None,
    )


def remove(
    options: Options,
    name: str,
    mailbox: bool,
    confirmed: bool,
    file: str | None,
    environ: Mapping[str, str] = os.environ,
) -> Removed:
    """Take a member's keys and invitations out; with `mailbox`, take its mailbox off the hub as well.

    Its running servers end at their next request. Raise NotFound if there is nothing of that name, and with
    `mailbox` Usage with what it would do unless `confirmed`.
    """
    layout.check_name(name)
    url = hub_here(options, environ)
    hub = open_hub(url)[1]
    keys_file = keys_of(url, file)
    if mailbox and not confirmed and hub.knows(name):
        own = [entry for entry in keys_file.entries(url) if entry.name == name and not entry.used]
        count = counted(len(own), "key or invitation", "keys or invitations")
        first = f"this would remove {count} of {name} from {keys_file.path}, and take its mailbox off {url}: "
        raise Usage(f"{first}{consequences(hub, name)}; `xw hub remove {name} --unregister --yes` does it")
    gone = authorized.remove(keys_file, url, name)
    keys = tuple(entry.fingerprint for entry in gone if not entry.invited)
    invitations = tuple(entry.fingerprint for entry in gone if entry.invited and not entry.used)
    if not mailbox:
        on_hub = hub.knows(name)
        if not gone:
            off = f": its mailbox stays, `xw hub remove {name} --unregister --yes` takes it off"
            rest = off if on_hub else ""
            raise NotFound(f"{_no_member(name, url, keys_file)}{rest or _LIST}", "xw hub members")
        return Removed(name, url, keys_file.path, keys, invitations, on_hub, (), ())
    try:
        left = _take_off(options, url, name, environ)
    except NotFound:
        if not gone:
            raise
        return Removed(name, url, keys_file.path, keys, invitations, False, (), ())
    except Refused as error:
        what = f"the keys of {name} are out, its mailbox is not: " if gone else ""
        raise Refused(f"{what}{error}") from None
    return Removed(name, url, keys_file.path, keys, invitations, False, left.archives, left.returned)


def _no_member(name: str, url: str, keys: KeysFile) -> str:
    return f"{name} is not a member of {url}, whose keys are in {keys.path}"


def _take_off(options: Options, url: str, name: str, environ: Mapping[str, str]) -> Left:
    return unregister(options._replace(hub=url, name=None), name, True, environ)


def rename(
    options: Options,
    old: str,
    new: str,
    file: str | None,
    environ: Mapping[str, str] = os.environ,
) -> MemberRenamed:
    """Give a member another name, and an empty mailbox; the old one is archived, and its mail goes back.

    Raise NotFound if `old` is no member, Refused if `new` is taken or a bridge of `old` runs.
    """
    layout.check_name(old)
    layout.check_name(new)
    if old == new:
        raise Usage(f"{old} is its name already: give another one")
    url = hub_here(options, environ)
    files, hub = open_hub(url)
    keys = keys_of(url, file)
    entries = [entry for entry in keys.entries(url) if not entry.invited]
    if not any(entry.name == new and entry.was == old for entry in entries):
        if not any(entry.name == old for entry in entries):
            raise NotFound(f"{_no_member(old, url, keys)}{_LIST}", "xw hub members")
        raise_if_room(hub, new)
        if hub.knows(new):
            raise Refused(f"{url} has an instance {new!r} already: choose another name")
        if hub.knows(old):
            raise_if_served(files, old)
    renamed = authorized.rename(keys, url, old, new)
    _take_over_card(hub, old, new)
    archives: tuple[str, ...] = ()
    returned: tuple[tuple[str, str], ...] = ()
    try:
        left = _take_off(options, url, old, environ)
        archives, returned = left.archives, left.returned
    except NotFound:
        pass  # it never had a mailbox, or an interrupted call has archived it
    except Refused as error:
        raise Refused(f"the keys have the new name, but the old mailbox stays: {error}; repeat it") from None
    noted.note_renamed(url, old, new)
    authorized.complete(keys, url, new)
    fingerprints = tuple(entry.fingerprint for entry in renamed)
    return MemberRenamed(old, new, url, keys.path, fingerprints, archives, returned)


def _take_over_card(hub: DirectoryHub, old: str, new: str) -> None:
    """Register the new name with what the old one said of itself, unless that is done."""
    if hub.knows(new) or not hub.knows(old):
        return
    peer = hub.peer(old)
    card: dict[str, object] = {"name": new, "kind": peer.kind or "agent"}
    facts = {
        "description": peer.description,
        "capabilities": list(peer.capabilities),
        "model": peer.model,
    }
    hub.register(new, {**card, **{name: value for name, value in facts.items() if value}})


def keys_of(hub: str, file: str | None) -> KeysFile:
    """Return the file of keys that is given, else the one that was last named for the hub, or the usual."""
    return KeysFile(file or noted.keys_file(hub))


def hub_here(options: Options, environ: Mapping[str, str]) -> str:
    """Return the directory of the hub in use. Raise Usage if it is on another host."""
    url = config.hub_url(options.hub, environ, load_config(options, environ))
    if config.is_remote(url):
        raise Usage(f"members are kept on the hub's host: run this there, with --hub PATH instead of {url}")
    return url
