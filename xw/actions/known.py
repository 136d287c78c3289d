"""Find the names and ids that a corrected call may use: for the error of a wrong one.

Looks at this machine only, changes nothing, and never fails: the error that is being explained matters more.
"""

from contextlib import suppress
from typing import NamedTuple

from xw import config
from xw.actions.addressing import GROUP, tags
from xw.errors import XwError
from xw.instance import Instance, Options, load_config, open_hub, open_instance
from xw.layout import INBOX, SENT

_MOST = 200
"""Above this many names the hub's cards are not read to find the rooms and groups."""


class Known(NamedTuple):
    """What is known here: the acting instance, names on the hub, and file names of mail, oldest first.

    `name` is empty if the instance cannot be opened. `groups` are written `@NAME`. `handled` is received mail
    that is no longer pending.
    """

    name: str = ""
    names: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    handled: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()


def known(options: Options) -> Known:
    """Return what is known, without the network; empty values for what cannot be found out."""
    with suppress(XwError, OSError):
        return _of(open_instance(options._replace(offline=True)))
    names: set[str] = set()
    with suppress(XwError, OSError):
        found = load_config(options)
        names |= {*found.instances, *found.peers}
        url = config.hub_url(options.hub, {}, found)
        if not config.is_remote(url):
            names |= set(open_hub(url)[1].instances())
    return Known(names=tuple(sorted(names)))


def _of(instance: Instance) -> Known:
    box, names = instance.mailbox, instance.hub.instances()
    rooms: list[str] = []
    groups: set[str] = set()
    if len(names) <= _MOST:
        peers = instance.hub.peers()
        rooms = [peer.name for peer in peers if peer.kind == "room"]
        groups = {f"{GROUP}{tag}" for peer in peers for tag in tags(peer) if tag}
    handled = [name for state in ("processing", "done", "failed") for name in box.names(INBOX[state])]
    pending, sent = box.names(INBOX["pending"]), box.names(SENT)
    return Known(
        instance.name,
        tuple(names),
        tuple(rooms),
        tuple(sorted(groups)),
        tuple(pending),
        tuple(sorted(handled)),
        tuple(sent),
    )
