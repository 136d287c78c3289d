"""Carry an instance's mail to its hub and back, for verbs.

There are two kinds. `Direct` is for a mailbox on the hub, whose mail needs no carrying;
`policy.MirrorCarrier` is for one with a remote hub. Verbs do not ask for the kind: each call does what the
distance requires.
"""

from xw import layout
from xw.mailbox import Mailbox

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Protocol

    from xw.errors import XwError
    from xw.hub.contract import Hub, Progress
    from xw.hub.sighting import Peer, Sighting
    from xw.mirror.mirror import Mirror
    from xw.mirror.sync import Report
    from xw.post import Sent
    from xw.sweep import Swept

    class Carrier(Protocol):
        """The mail of one mailbox, wherever its hub is."""

        @property
        def mirror(self) -> Mirror | None:
            """The mirror, for `sync --watch` and `doctor`; None if the mailbox is on the hub."""

        @property
        def look_again_s(self) -> tuple[float, float] | None:
            """Seconds between two calls of `refresh` while waiting, first and later; None if not needed."""

        def remote(self) -> Hub:
            """Return the hub itself, whose calls have no limit. Raise Unreachable with --offline."""

        def claim(self, name: str) -> bool:
            """Move a message from `pending` to `processing` for this machine; return False if another won.

            The hub decides, so that one of two machines with one name wins. Raise Unreachable if the result
            is unknown. A repeated call returns the same, even after a crash or a lost answer, until the
            message is settled or released.
            """

        def alone(self) -> AbstractContextManager[object]:
            """While entered, no other process delivers this mailbox's outbox. Raise Busy."""

        def holds(self, name: str) -> bool:
            """Return True if a message that this machine has tried to claim is its own. Raise Unreachable.

            For continuing after a crash, or after a `claim` that raised.
            """

        def release(self, name: str) -> bool:
            """Let any machine of this name claim a message in `processing`.

            Return False if another machine holds it. Raise Unreachable.
            """

        def refresh(
            self,
            limit: float = ...,
            unsent: dict[str, XwError] | None = None,
            *,
            even_watched: bool = False,
            peers: bool = False,
            mail: bool = True,
        ) -> str | None:
            """Sync mailbox and hub, within the configured time and `limit` seconds.

            Return None, or a sentence about the age of the shown mail. `unsent` gets the reasons why mail
            stays in the outbox. With `even_watched`, sync even if a `sync --watch` does so every 15 s;
            likewise with `peers`, which also updates the information about all peers. Without `mail`, the
            caller shows none, and the sentence leaves out its age.
            """

        def after_send(self, sent: Sent) -> tuple[Sent, str | None]:
            """Let a sent message travel; return its new state, and a sentence if it stays."""

        def sync(self, progress: Progress | None = None) -> Report:
            """Sync mailbox and hub, both ways, without a limit. Raise Unreachable, Refused or Busy."""

        def known(self, name: str) -> Peer | None:
            """Return an instance as known without asking a remote hub; None if unknown."""

        def sighting(self, name: str) -> Sighting | None:
            """Return the last sighting of an instance; None if the hub itself can be read at any time."""

        def watched(self) -> bool:
            """Return True if a `sync --watch` keeps this mailbox in sync."""

        def rest(self) -> None:
            """Release resources that cost something while idle."""

        def close(self) -> None:
            """Close the connection to the hub; the next call opens another."""

        def sweep(self, days: int, dry_run: bool) -> Swept:
            """Sweep the mailbox, and its hub if that is remote; see `xw gc`."""


class Direct:
    """The `Carrier` of a mailbox on its hub."""

    mirror = None
    look_again_s = None

    def __init__(self, mailbox: Mailbox, hub: "Hub") -> None:
        self._mailbox = mailbox
        self._hub = hub

    def remote(self) -> "Hub":
        return self._hub

    def claim(self, name: str) -> bool:
        """Move the file."""
        return self._mailbox.start(name)

    def alone(self) -> "AbstractContextManager[object]":
        """Hold the senders' lock."""
        return self._mailbox.files.locked_briefly(self._mailbox.at(layout.LOCK))

    def holds(self, name: str) -> bool:  # noqa: ARG002  # the result of a local claim is known at once
        """Return True: the process that moved the file has it."""
        return True

    def release(self, name: str) -> bool:  # noqa: ARG002  # its note in the mailbox says enough
        """Return True: the mailbox has all notes."""
        return True

    def refresh(
        self,
        limit: float = 0.0,  # noqa: ARG002  # nothing is fetched
        unsent: "dict[str, XwError] | None" = None,  # noqa: ARG002
        *,
        even_watched: bool = False,  # noqa: ARG002
        peers: bool = False,  # noqa: ARG002
        mail: bool = True,  # noqa: ARG002
    ) -> str | None:
        """Do nothing: mail arrives by itself."""
        return None

    def after_send(self, sent: "Sent") -> "tuple[Sent, str | None]":
        """Do nothing: it was delivered, or its recipient cannot take it now."""
        return sent, None

    def sync(self, progress: "Progress | None" = None) -> "Report":  # noqa: ARG002  # no file travels
        """Deliver what waits in the outbox."""
        from xw import outbox
        from xw.mirror.sync import Report

        return Report((), (), (), outbox.flush(self._mailbox, self._hub), (), mirrored=False)

    def known(self, name: str) -> "Peer | None":
        return self._hub.peer(name)

    def sighting(self, name: str) -> "Sighting | None":  # noqa: ARG002
        return None

    def watched(self) -> bool:
        """Return False: there is nothing to keep in step."""
        return False

    def rest(self) -> None:
        """Do nothing: no connection is open."""

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def sweep(self, days: int, dry_run: bool) -> "Swept":
        from xw.sweep import sweep

        return sweep(self._mailbox, days, dry_run)
