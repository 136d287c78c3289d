"""When an instance is shown mail by itself: what its owner chose, and whether that is on hold.

Every door asks here before it shows mail that nobody asked for: hooks and notifications of MCP by
`may_show`, wakers and bridges, which wait for their moment, by its parts. `xw check` and `xw read` do not:
somebody asked. A process that runs for long asks through `Followed`, because a person may edit xw.json
meanwhile.
"""

import json
import os
from contextlib import suppress

from xw import clock, config, layout
from xw.errors import XwError
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from xw.config import Config
    from xw.mailbox import Mailbox
    from xw.words import Delivery, Moment

    class Owner(Protocol):
        """The parts of an Instance that decide; `instance` is above this module."""

        @property
        def mailbox(self) -> Mailbox:
            """Its files."""

        @property
        def config(self) -> Config:
            """The configuration in force."""


DEFAULT: "Delivery" = "start"
SHOWN_AT: "dict[Delivery, tuple[Moment, ...]]" = {
    "asked": (),
    "start": ("start",),
    "turn": ("start", "prompt", "end"),
    "push": ("start", "prompt", "end", "idle"),
}
"""The moments at which each value shows mail."""
CHOSEN = "set in xw.json"
_ONLY = {
    "asked": "mail is shown only when somebody asks for it",
    "start": "mail is shown only when a session starts",
    "turn": "mail is shown only when a session or a turn starts, or a turn ends",
}
_DELIVERY_IS, _IS_ON_HOLD = "delivery is", "is on hold"
RUN = "XW_RUN"
"""The variable that `xw launch` sets for its program."""


class Effective(NamedTuple):
    """The value in force, and why, in words."""

    value: "Delivery"
    why: str


def decide(chosen: object, launched: bool, bridged: bool) -> Effective:
    """Return the value in force: the owner's choice always, else by who started or serves the program."""
    for value in SHOWN_AT:
        if value == chosen:
            return Effective(value, CHOSEN)
    if launched:
        return Effective("push", "started by xw launch")
    return Effective("push", "served by a bridge") if bridged else Effective(DEFAULT, "default")


def effective(owner: "Owner", environ: "Mapping[str, str]" = os.environ) -> Effective:
    """Return the value in force for an instance, as seen by a process with this environment."""
    mailbox = owner.mailbox
    chosen = owner.config.instances.get(mailbox.owner, {}).get("delivery")
    by_launch = launched(mailbox.owner, environ)
    bridged = not (chosen or by_launch) and mailbox.files.held(mailbox.at(layout.BRIDGE_LOCK))
    return decide(chosen, by_launch, bridged)


def launched(name: str, environ: "Mapping[str, str]" = os.environ) -> bool:
    """Return True if `xw launch` started this process, or its agent program, as the instance `name`."""
    return bool(environ.get(RUN)) and environ.get("XW_NAME") == name


def may_show(owner: "Owner", moment: "Moment", environ: "Mapping[str, str]" = os.environ) -> bool:
    """Return True if mail may be shown by itself at this moment, other than by a bridge.

    A bridge that serves the instance shows its mail alone.
    """
    mailbox = owner.mailbox
    if held(mailbox) or mailbox.files.held(mailbox.at(layout.BRIDGE_LOCK)):
        return False
    return moment in SHOWN_AT[effective(owner, environ).value]


def wants_turn(name: str) -> bool:
    """Return True if a message is worth a turn of its own, by its file name: every type but info."""
    parts = layout.file_name(name)
    return parts is not None and parts.type != "info"


def reason(now: Effective) -> str:
    """Return why mail waits under a value other than `push`."""
    return f"{_DELIVERY_IS} {now.value} ({now.why}): {_ONLY[now.value]}"


def on_hold(name: str) -> str:
    """Return the sentence about an instance that is on hold."""
    return f"{name} {_IS_ON_HOLD}: `xw resume {name}` lets mail be shown again"


def by_choice(why: str) -> bool:
    """Return True if a bridge's reason to hold mail back has one of the two sentences above: all is well."""
    return _DELIVERY_IS in why or _IS_ON_HOLD in why


def held(mailbox: "Mailbox") -> bool:
    """Return True if `hold` is in force for a mailbox on this machine."""
    try:
        mailbox.files.stat(mailbox.at(layout.HOLD))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def hold(mailbox: "Mailbox", now: int) -> bool:
    """Show no mail by itself any more, also after a restart; return False if it was so before."""
    if held(mailbox):
        return False
    data = (json.dumps({"at": clock.rfc3339(now)}) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), mailbox.at(layout.HOLD))
    return True


def resume(mailbox: "Mailbox") -> bool:
    """Let mail be shown again; return False if it was so before."""
    try:
        mailbox.files.remove(mailbox.at(layout.HOLD))
    except FileNotFoundError:
        return False
    return True


class Followed:
    """An instance's mailbox and its configuration, read again when xw.json has changed. An `Owner`.

    A file that cannot be read changes nothing: editors truncate it before they write.
    """

    def __init__(self, owner: "Owner") -> None:
        self.mailbox = owner.mailbox
        self._config = owner.config
        self._seen = _look(self._config.path)

    @property
    def config(self) -> "Config":
        """The configuration now in force."""
        path = self._config.path
        look = _look(path)
        if path and look and look != self._seen:
            self._seen = look
            with suppress(XwError, OSError):  # as above: what was in force stays in force
                self._config = config.load(path)
        return self._config


def _look(path: str | None) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path) if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None
