"""See and withdraw a sender's mail in a directory hub: a part of `directory.DirectoryHub`, on any `Files`.

Loaded only by `withdraw` and `held`.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from xw import clock, layout, sweep
from xw.errors import NotFound, XwError, explain
from xw.hub.contract import Held, Withdrawn
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.words import State

REASON = "its sender withdrew it"


def withdraw(mailbox: Mailbox, name: str, look_for_hub: Callable[[], None]) -> Withdrawn | None:
    """Move a message from `pending/` to `failed/`. The rename decides against a claim: one of them wins."""
    noted = False
    while (state := mailbox.state_of(name)) == "pending":
        _note(mailbox, name, replace=False)
        noted = True
        if mailbox.move("pending", "failed", name):
            if not _is_withdrawn(mailbox, name):
                _note(mailbox, name, replace=True)  # it was the note of a process that died before its move
            return "withdrawn"
    if state is None:
        look_for_hub()
    if state == "failed" and _is_withdrawn(mailbox, name):
        # Its mover may have died before the sync.
        for folder in ("failed", "pending"):
            mailbox.files.sync(mailbox.at(INBOX[folder]))
        return "withdrawn"
    if noted and state == "done":
        # Not from `processing/`: its owner may be failing it now, with a note of its own by the same name.
        with suppress(FileNotFoundError):
            mailbox.files.remove(mailbox.at(INBOX["failed"], name + layout.WHY))
    return state


def _note(mailbox: Mailbox, name: str, replace: bool) -> None:
    """Write the note of a message that is about to fail; without `replace`, keep one that is there."""
    at = clock.rfc3339(int(mailbox.files.now() * clock.SECOND))
    data = (json.dumps({"reason": REASON, "kind": "withdrawn", "at": at}, indent=2) + "\n").encode()
    scratch, path = mailbox.at(layout.SCRATCH), mailbox.at(INBOX["failed"], name + layout.WHY)
    if replace:
        mailbox.files.replace(data, scratch, path)
        return
    with suppress(FileExistsError):  # an owner that claims and fails it now must keep its own reason
        mailbox.files.publish(data, scratch, [path])


def _is_withdrawn(mailbox: Mailbox, name: str) -> bool:
    return mailbox.why(name).get("kind") == "withdrawn"


def held(mailbox: Mailbox, names: Sequence[str], days: int, look_for_hub: Callable[[], None]) -> Held:
    """Return which of these messages a mailbox holds. Raise NotFound without one; XwError if it is closed."""
    files, owner = mailbox.files, mailbox.owner
    folders = [mailbox.at(INBOX[state]) for state in layout.STATES]
    looks = files.stat_all([owner, mailbox.at(layout.CARD), *folders])
    for look in looks[:2]:
        if isinstance(look, (FileNotFoundError, NotADirectoryError)):
            look_for_hub()
            raise NotFound(f"the hub has no mailbox for {owner}")
    for path, look in zip((owner, mailbox.at(layout.CARD), *folders), looks, strict=True):
        kind = "file" if path.endswith(layout.CARD) else "folder"
        if isinstance(look, OSError):
            raise _unseen(path, str(look.strerror or look))
        if look.kind != kind:
            raise _unseen(path, f"it is a {look.kind}")
    found: dict[str, State] = {}
    # In the order in which messages move, so that one that moves meanwhile is not missed.
    for state, folder in zip(layout.STATES, folders, strict=True):
        for name, look in zip(names, files.stat_all([f"{folder}/{name}" for name in names]), strict=True):
            if isinstance(look, FileNotFoundError):
                continue
            if isinstance(look, OSError):
                raise _unseen(folder, str(explain(look)))
            if layout.RANK[state] >= layout.RANK[found.get(name, "pending")]:
                found[name] = state
    unregistered = _unregistered(mailbox)
    return Held(found, max(sweep.kept_since(mailbox, days), unregistered), unregistered)


def _unregistered(mailbox: Mailbox) -> float:
    """Return when the last mailbox of this name was archived: its mail is not this one's. 0.0: never."""
    archived = (layout.archived(folder, mailbox.owner) for folder in mailbox.files.list_folder(""))
    return max((clock.from_stamp(at) / clock.SECOND for at in archived if at), default=0.0)


def _unseen(path: str, why: str) -> XwError:
    return XwError(f"{path} cannot be seen: {why}")
