"""Address instances by what they are: `@NAME` is everybody with this group or capability, `all` everybody.

Both become names when a message is sent. `send` imports this module only for such an address.
"""

from xw.errors import NotFound, Usage
from xw.named_tuple import NamedTuple
from xw.text import nearest

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xw.hub.sighting import Peer
    from xw.instance import Instance

GROUP = "@"
_DAY_S = 86400.0
_NOT_SENT = "; nothing was sent"


class Everyone(NamedTuple):
    """The recipients of a broadcast, and those that it leaves out because they have been away for long."""

    names: tuple[str, ...]
    away: tuple[str, ...]


class AllAway(NotFound):
    """Everybody whom a broadcast could reach is `away`."""

    def __init__(self, away: tuple[str, ...], text: str) -> None:
        super().__init__(text)
        self.away = away


def everyone(instance: "Instance") -> Everyone:
    """Return every other agent and person on the hub; no rooms.

    An instance is away if it has neither written its presence nor touched its mailbox for `away_days`.
    """
    limit = instance.config.away_days * _DAY_S
    found = [peer for peer in _others(instance) if peer.kind != "room"]
    away = {peer.name for peer in found if not peer.problem and peer.age is not None and peer.age > limit}
    if found and len(away) == len(found):
        raise AllAway(
            tuple(sorted(away)),
            f"everybody on the hub has been away for {instance.config.away_days} days or more "
            f"({', '.join(sorted(away)[:8])}): name those that you mean{_NOT_SENT}",
        )
    return Everyone(tuple(peer.name for peer in found if peer.name not in away), tuple(sorted(away)))


def members(instance: "Instance", group: str) -> "list[Peer]":
    """Return the other instances with a group or capability, given as `@NAME`.

    Raise NotFound with the nearest names if nobody has it, or nobody but this instance.
    """
    peers = instance.hub.peers()
    found = _having(peers, group)
    others = [peer for peer in found if peer.name != instance.name]
    if found and not others:
        raise NotFound(f"nobody but you is in {group}{_NOT_SENT}")
    if not found:
        raise NotFound(f"{_unknown(instance, group, peers)}{_NOT_SENT}")
    return others


def chosen(instance: "Instance", which: str, found: "list[Peer]") -> "list[Peer]":
    """Return the peer in `found` with a name, or those of `@NAME`. Raise NotFound if there is none."""
    if not which.startswith(GROUP):
        some = [peer for peer in found if peer.name == which]
        if not some:
            listed = nearest(which, [peer.name for peer in found])
            raise NotFound(f"no peer {which!r} on {instance.hub.url}{listed}; `xw peers` lists them", "peers")
        return some
    some = _having(found, which)
    if not some:
        raise NotFound(_unknown(instance, which, instance.hub.peers()))
    return some


def one_each(instance: "Instance", to: "Iterable[str]") -> list[str]:
    """Return the recipients with one member in place of each `@NAME`: idle first, then the shortest queue."""
    return [_best(members(instance, name)).name if name.startswith(GROUP) else name for name in to]


def any_of(instance: "Instance", names: "Sequence[str]") -> str:
    """Return one of several recipients: idle first, then the shortest queue; an unknown one is returned."""
    known = {peer.name: peer for peer in _others(instance)}
    unknown = [name for name in names if name not in known]  # whoever sends reports it
    return unknown[0] if unknown else _best([known[name] for name in names]).name


def check_groups(names: "Iterable[str]") -> list[str]:
    """Return names of groups given as `@NAME`, without the sign. Raise Usage if one is none."""
    from xw import layout

    found = []
    for given in names:
        name = given.removeprefix(GROUP)
        if not given.startswith(GROUP):
            raise Usage(f"{given!r} is not a group: groups begin with {GROUP}, as in @builds")
        if not layout.is_name(name) or name in layout.RESERVED:
            raise Usage(f"{given!r} is not a group: use {GROUP} and 1 to 32 of a-z, 0-9 and '-'")
        found.append(name)
    return found


def _others(instance: "Instance") -> "list[Peer]":
    return [peer for peer in instance.hub.peers() if peer.name != instance.name]


def _best(peers: "Sequence[Peer]") -> "Peer":
    return min(peers, key=lambda peer: (_rank(peer), peer.pending, peer.name))


def _rank(peer: "Peer") -> int:
    """Return 0 for an idle instance, 2 for one that will hardly answer, 1 for all others."""
    if peer.in_trouble or peer.problem or peer.status == "gone":
        return 2
    return 0 if peer.status == "idle" else 1


def _having(peers: "Iterable[Peer]", group: str) -> "list[Peer]":
    wanted = _tag(group.removeprefix(GROUP))
    return [peer for peer in peers if wanted and wanted in tags(peer)]


def tags(peer: "Peer") -> set[str]:
    """Return the words that address an instance; a room has only the groups that it joined."""
    words = peer.groups if peer.kind == "room" else (*peer.groups, *peer.capabilities)
    return {_tag(word) for word in words}


def _tag(word: str) -> str:
    """Return a capability as it is written in an address: `Code review` is `@code-review`."""
    return "-".join(word.casefold().split())


def _unknown(instance: "Instance", group: str, peers: "Sequence[Peer]") -> str:
    name = group.removeprefix(GROUP)
    if any(peer.name == name for peer in peers):
        return f"no group or capability {group!r} on {instance.hub.url}; {name} is an instance: `--to {name}`"
    known = sorted({f"{GROUP}{tag}" for peer in peers for tag in tags(peer) if tag})
    listed = nearest(group, known)
    if not listed and known:
        listed = f"; there are {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
    return f"nobody on {instance.hub.url} has the group or capability {group!r}{listed}"
