"""Register an instance on its hub, and make its mirror: the step of `init` for which processes may race."""

import os
from collections.abc import Callable, Mapping
from shlex import quote

from xw import config
from xw.actions import project
from xw.errors import Refused, XwError
from xw.files.access import DENIED
from xw.files.local import LocalFiles
from xw.hub.contract import Hub
from xw.mailbox import Mailbox
from xw.mirror.notes import Notes


def register(
    hub: Hub,
    name: str,
    entry: Mapping[str, object],
    unnamed: bool,
    kept: str,
    key: str | None,
    guard: Callable[[], None],
) -> bool:
    """Register an instance, and make its mirror in `kept` if the hub is remote; return True if it is new.

    `key` is the file of the key by which a served hub knows it. Raise Refused if the name is taken, and
    either nobody gave it (`unnamed`) or `guard` refuses it.
    """
    known = hub.knows(name)
    if known and unnamed:
        raise _taken(hub.url, name)
    if known:
        guard()
    if not config.is_remote(hub.url):
        return _register(hub, name, entry, known, unnamed, guard)
    files, made = LocalFiles(kept), not os.path.isdir(f"{kept}/{name}")
    # The mirror first: after a crash in between, this machine must not be a stranger to its own mailbox.
    Mailbox(files, name).make()
    notes = Notes(files, hub.url)
    notes.note_url()
    try:
        new = _register(hub, name, entry, known, unnamed, guard)
    except (XwError, OSError):
        if made:
            files.remove_folder(name)
        raise
    if hub.url not in notes.about().urls:  # the mirror had another URL of this hub
        notes.note_hub(notes.about().at(hub.url))
    notes.reached(name)
    notes.note_served(name, key or "" if hub.limits().one_owner else None)
    return new


def _register(
    hub: Hub, name: str, entry: Mapping[str, object], known: bool, unnamed: bool, guard: Callable[[], None]
) -> bool:
    card = {"name": name, "kind": "agent", **project.card_of(entry)}
    try:
        try:
            return hub.register(name, card, not known)
        except FileExistsError:  # another process was faster
            if unnamed:
                raise _taken(hub.url, name) from None
            guard()
            return hub.register(name, card)
    except OSError as error:
        if error.errno not in DENIED:
            raise
        problem = f"{hub.url} cannot be written from here ({error.strerror})"
        raise Refused(f"{problem}: in a sandbox, run `xw init --name {name}` outside the sandbox") from None


def _taken(url: str, name: str) -> Refused:
    share = f"xw init --name {name} --hub {quote(url)}"
    return Refused(
        f"{url} has an instance {name!r} already: `{share}` shares its mailbox, another --name makes your own"
    )
