"""How an instance's mail gets to its hub and back, as verbs see it.

There are two kinds. `Direct` is for a mailbox that lies on the hub, whose mail
needs no carrying; `policy.MirrorCarrier` for one whose hub is elsewhere. Verbs do not
ask which it is: each call does what the distance demands.
"""

from xw.mailbox import Mailbox

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from typing import Protocol

    from xw.errors import XwError
    from xw.hub.contract import Outgoing, Progress
    from xw.hub.sighting import Peer, Sighting
    from xw.mirror.mirror import Mirror
    from xw.mirror.sync import Report
    from xw.post import Sent
    from xw.sweep import Swept

    class Carrier(Protocol):
        """What is done for one mailbox, depending on where its hub lies."""

        @property
        def mirror(self) -> Mirror | None:
            """The mirror, for `sync --watch` and `doctor`; None where the mailbox lies on the hub."""

        @property
        def look_again_s(self) -> tuple[float, float] | None:
            """Seconds between two calls of `refresh` while waiting, at first and later; None: mail comes."""

        def claim(self, name: str) -> bool:
            """Take a message from `pending` to `processing` for this machine; False where another was first.

            The hub decides, so that of two machines with one name one wins. Raise Unreachable if nobody
            knows yet. Asking again gives the same answer, also after a crash or a lost answer, until the
            message is settled (or for a day, if the hub is swept).
            """

        def holds(self, name: str) -> bool:
            """Return whether a message that this machine has tried to claim is its own. Unreachable.

            For who goes on after a crash, or after a `claim` that raised.
            """

        def refresh(
            self,
            limit: float = ...,
            unsent: dict[str, XwError] | None = None,
            *,
            even_watched: bool = False,
            peers: bool = False,
        ) -> str | None:
            """Bring mailbox and hub in step, within the configured time and `limit` seconds.

            Return None, or what to report of the mail that is shown. `unsent` gets the reasons why mail
            stays in the outbox. With `even_watched` also where a `sync --watch` does so every 15 s; with
            `peers` as well, and what is known of all peers is brought up to date.
            """

        def after_send(self, sent: Sent) -> tuple[Sent, str | None]:
            """Let a sent message travel; return what became of it, and what to report if it stays."""

        def sync(self, progress: Progress | None = None) -> Report:
            """Bring mailbox and hub in step, both ways, without a limit. Unreachable, Refused, Busy."""

        def known(self, name: str) -> Peer | None:
            """Return what is known of an instance without asking a hub that is far; None if nothing."""

        def sighting(self, name: str) -> Sighting | None:
            """Return how an instance was last seen; None where the hub itself can be looked at any time."""

        def watched(self) -> bool:
            """Return whether a `sync --watch` keeps this mailbox in step."""

        def rest(self) -> None:
            """Let go what costs while nothing happens."""

        def close(self) -> None:
            """Let the connection to the hub go; the next call makes another."""

        def sweep(self, days: int, dry_run: bool) -> Swept:
            """Sweep the mailbox, and its hub if that lies elsewhere; see `xw gc`."""


class Direct:
    """The `Carrier` of a mailbox that lies on its hub."""

    mirror = None
    look_again_s = None

    def __init__(self, mailbox: Mailbox, hub: "Outgoing") -> None:
        self._mailbox = mailbox
        self._hub = hub

    def claim(self, name: str) -> bool:
        """Move the file."""
        return self._mailbox.start(name)

    def holds(self, name: str) -> bool:  # noqa: ARG002  # a claim here is known at once
        """Return True: whoever moved the file has it."""
        return True

    def refresh(
        self,
        limit: float = 0.0,  # noqa: ARG002  # nothing is fetched
        unsent: "dict[str, XwError] | None" = None,  # noqa: ARG002
        *,
        even_watched: bool = False,  # noqa: ARG002
        peers: bool = False,  # noqa: ARG002
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
