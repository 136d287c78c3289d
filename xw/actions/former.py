"""Return the mail that an instance's former name left unsent, after `xw hub rename`. `setup.init` calls it.

The hub delivers nothing for the old name any more, so its outbox in this mirror would wait for ever.
"""

from collections.abc import Callable
from contextlib import suppress

from xw import keyring
from xw.errors import XwError
from xw.files.local import LocalFiles
from xw.instance import Instance
from xw.mailbox import Mailbox
from xw.mirror.notes import About, about
from xw.mirror.siblings import holds
from xw.outbox import return_of_former
from xw.text import counted


def return_mail(instance: Instance, was: str, tell: Callable[[str], None]) -> None:
    """Return the unsent mail of an instance's former names to it; repeating it is harmless.

    `was` is a former name that is known otherwise; the others have the same key in this mirror's notes.
    """
    files, name = LocalFiles(instance.root), instance.name
    for old in sorted(_former(about(files), name) | ({was} if was else set())):
        if not holds(instance.root, old):
            continue
        reason = f"{old} has the name {name} on this hub now, and this message had not left before"
        back = return_of_former(Mailbox(files, old, mirror=True), instance.mailbox, reason)
        if back:
            what = counted(back, "message of {} that had not left is", "messages of {} that had not left are")
            tell(f"{what.format(old)} back in your inbox: `xw check`")


def _former(known: About, name: str) -> set[str]:
    """Return the other names with the same key: a served hub knows each key by one name only."""
    own = known.key(name)
    key = _public(own) if own else ""
    return {old for old, path in known.served if key and old != name and path and _public(path) == key}


def _public(path: str) -> str:
    with suppress(XwError):  # a key that cannot be read is no other's
        return str(keyring.read(path).public)
    return ""
