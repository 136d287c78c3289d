"""Unregister an instance: its mail goes back, its mailbox becomes an archive, its name is free.

`Hub.unregister` does that on the hub; here is what this machine has of the instance besides: its mirror, and
its entry in `xw.json`. Needs no instance, so that an interrupted call can be repeated.
"""

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import clock, config, layout, outbox, presence
from xw.actions import beside, guarding
from xw.actions.rooms import shared
from xw.config import Config
from xw.errors import NotFound, Refused, Usage, XwError
from xw.files.local import LocalFiles
from xw.hub.contract import Hub
from xw.hub.directory import DirectoryHub
from xw.instance import Options, load_config, open_instance, update_config, usual_mirror
from xw.mailbox import Mailbox
from xw.text import counted

if TYPE_CHECKING:
    from xw.shapes import upkeep


_ONE_BACK = "unhandled message goes back to its sender"
_SEVERAL_BACK = "unhandled messages go back to their senders"


class Left(NamedTuple):
    """The result of `unregister`.

    `archives` are the places of the kept mailbox, on the hub and in a mirror; `returned` has (sender, file
    name) for each message that went back. `unsent` counts messages in the outbox, which the archive keeps.
    """

    name: str
    hub: str
    archives: tuple[str, ...]
    returned: tuple[tuple[str, str], ...]
    unsent: int

    def to_json(self) -> "upkeep.Left":
        """Return the object that `--json` prints."""
        returned = [{"to": to, "id": name.partition(".")[0]} for to, name in self.returned]
        return {
            "format": 1,
            "name": self.name,
            "hub": self.hub,
            "archives": list(self.archives),
            "returned": returned,  # type: ignore[typeddict-item]
            "unsent": self.unsent,
        }


def unregister(options: Options, name: str, confirmed: bool, environ: Mapping[str, str] = os.environ) -> Left:
    """Take an instance off the hub in use; repeating it completes an interrupted call.

    Raise Usage with what it would do unless `confirmed`; NotFound if there is no such instance; Refused while
    a bridge serves it, or if the name is in use elsewhere and the hub is not this user's.
    """
    layout.check_name(name)
    found = load_config(options, environ)
    hub = shared(options, name)
    _raise_if_others(hub, name, found, environ)
    if not confirmed:
        raise Usage(_preview(hub, name))
    box = _mailbox_here(hub, name, found, environ)
    if box and presence.runs(box, layout.BRIDGE_LOCK):
        raise Refused(f"a bridge of {name} runs: stop it first")
    unsent = _send_rest(hub, name, box, options, environ) if box else 0
    archives: list[str] = []
    returned: tuple[tuple[str, str], ...] = ()
    missing: NotFound | None = None
    try:
        left = hub.unregister(name)
        archives += [f"{hub.url}/{left.archive}"] if left.archive else []
        returned = left.returned
    except NotFound as error:  # perhaps an earlier call, or another machine, was faster
        missing = error
    if config.is_remote(hub.url) and box and os.path.isdir(f"{box.files.root}/{name}"):
        archive = f"{name}.{clock.stamp(clock.now())}"
        box.files.move(name, archive)
        archives.append(f"{box.files.root}/{archive}")
        missing = None
    if _forget(hub, name, found):
        missing = None
    if missing:
        raise missing
    return Left(name, hub.url, tuple(archives), returned, unsent)


def _raise_if_others(hub: Hub, name: str, found: Config, environ: Mapping[str, str]) -> None:
    """Raise Refused for a name that is in use elsewhere; the owner of a hub on this machine may free any."""
    if not isinstance(hub, DirectoryHub) or not hub.knows(name):
        return
    if not config.is_remote(hub.url) and guarding.owns(hub.url):
        return
    if not guarding.is_ours(hub, name, found, environ):
        raise Refused(
            f"{name} on {hub.url} is in use elsewhere: run `xw unregister {name}` there, or on the "
            "hub's host as its owner"
        )


def _preview(hub: Hub, name: str) -> str:
    """Return what `unregister` would do, and how."""
    what = consequences(hub, name)
    return f"this would take {name} off {hub.url}: {what}; `xw unregister {name} --yes` does it"


def consequences(hub: Hub, name: str) -> str:
    """Return what becomes of an instance's mail and name when it is unregistered."""
    states = hub.survey(name, {}).states
    back = Counter(
        layout.sender_of(one) for one, state in states.items() if state in ("pending", "processing")
    )
    senders = ", ".join(f"{sender} {count}" for sender, count in sorted(back.items()))
    mail = f"{counted(back.total(), _ONE_BACK, _SEVERAL_BACK)} ({senders})" if back else "no mail goes back"
    kept = counted(len(states) - back.total(), "handled one stays", "handled ones stay")
    return f"{mail}, {kept} in an archive, and the name is free"


def _mailbox_here(hub: Hub, name: str, found: Config, environ: Mapping[str, str]) -> Mailbox | None:
    """Return the instance's mailbox on this machine: on a hub in a directory, or in a mirror."""
    root = usual_mirror(hub.url, name, found, environ) if config.is_remote(hub.url) else hub.url
    return Mailbox(LocalFiles(root), name) if os.path.isdir(f"{root}/{name}/{layout.OUTBOX}") else None


def _send_rest(hub: Hub, name: str, box: Mailbox, options: Options, environ: Mapping[str, str]) -> int:
    """Deliver the outbox, and in a mirror report what was handled; return the number of unsent messages."""
    if config.is_remote(hub.url):
        with suppress(NotFound):  # the hub has no mailbox any more: an earlier call was interrupted
            open_instance(options._replace(name=name, hub=hub.url), environ).carrier.sync()
    elif box.waiting_for():
        with suppress(XwError, OSError):  # what cannot be delivered now stays in the archive, and is counted
            outbox.flush(box, hub)
    return sum(len(box.outbox(to)) for to in box.waiting_for())


def _forget(hub: Hub, name: str, found: Config) -> bool:
    """Remove the instance's entry from `xw.json`, or its note in `.xw/local.json`; return True if found."""
    if not found.path or not found.hub:
        return False
    if config.own_hub(found.hub, found) != hub.url:
        if name not in beside.joined(found).get(hub.url, []):
            return False
        beside.note(found.path, hub.url, name, gone=True)
        return True
    if name not in found.instances:
        return False
    update_config(found.path, {}, without=name)
    return True
