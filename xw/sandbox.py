"""A worktree's own mirror, for a sandbox that cannot write the hub or its usual mirror.

Once made it stays in use, for commands outside the sandbox too, so that `xw sync --watch` there moves the
sandboxed agent's mail. `instance` uses it for hubs outside the worktree.
"""

import os
from contextlib import suppress

from xw import layout
from xw.errors import Damaged, XwError
from xw.files.access import is_closed
from xw.files.local import LocalFiles
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place

_PEERS = "peers.json"
_LIMIT = 16 * 1024 * 1024


def hint(root: str) -> str:
    """Return what to do about mail that waits in the mirror of the worktree `root`."""
    from shlex import quote

    return f"somebody outside the sandbox must run `cd {quote(root)} && xw sync --watch`"


def carries(mirror: str, name: str, usual: str, root: str) -> bool:
    """Return True if the mirror in the worktree `root` carries the mail of `name`.

    Make the mirror if the mailbox in `usual`, the hub's directory or its usual mirror, is closed to this
    process.
    """
    if os.path.isdir(f"{mirror}/{name}/{INBOX['pending']}"):
        return True
    if not is_closed(f"{usual}/{name}"):
        return False
    try:
        _make(Mailbox(LocalFiles(mirror), name), Mailbox(LocalFiles(usual), name), root)
    except (OSError, XwError):
        return False  # the worktree is not writable either: the usual place reports that
    return True


def _make(mailbox: Mailbox, usual: Mailbox, root: str) -> None:
    """Make a mirror with the usual mirror's pending mail and peers, as far as they are readable."""
    from xw.files.own_folder import ignore

    ignore(root)
    with suppress(OSError, Damaged):
        data = usual.files.read(_PEERS, _LIMIT)
        mailbox.files.make_folder("")
        mailbox.files.replace(data, "", _PEERS)
    mailbox.make()
    from xw.hub.handover import hand_over

    for name in usual.names(INBOX["pending"]):
        with suppress(OSError, XwError):  # the next sync fetches it, and reports any problem
            message = usual.read(Place(INBOX["pending"], name))
            for file in message.attachments:
                hand_over(usual.reader(message.id), mailbox, message.id, file)
            data = usual.files.read(usual.at(INBOX["pending"], name), layout.MESSAGE_LIMIT)
            mailbox.accept(name, data)
