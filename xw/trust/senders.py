"""The status of a message's sender, from its signature and everything that is known here of keys.

`judge` decides; `Senders` has the knowledge for one mailbox, loads it when it is first needed, and pins a key
that is seen for the first time.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged, Refused
from xw.keyring import Keyring
from xw.layout import INBOX
from xw.message import Message
from xw.named_tuple import NamedTuple
from xw.sender_status import (
    FIRST_SEEN,
    NEW_KEY,
    UNSIGNED,
    VERIFIED,
    SenderStatus,
    downgraded,
    forged,
    undecided,
)

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.signing.keys import PublicKey
    from xw.signing.sshsig import Signature
    from xw.trust.allowed import Signer
    from xw.trust.pins import Pin, Pins
    from xw.trust.swept import Swept
    from xw.trust.verified import Verified


_OPEN = (INBOX["pending"], INBOX["processing"])
_SETTLED = (INBOX["done"], INBOX["failed"])
_OWN = (layout.SENT, layout.OUTBOX)
_FRESH_S = 1.0
"""For this long, what was read of keys counts: a bridge runs for days, and others change it meanwhile."""


class Knowledge(NamedTuple):
    """The sources of `Senders`.

    `owner` is the mailbox's. `published` returns the text of an instance's keys on the hub, as far as it is
    known here. `allowed` is the path of the team's file, empty without a project. `vouched` is True if the
    hub lets each name be used only with its key. `witness` returns why a message's file, in a folder of the
    mailbox, cannot be its sender's, or nothing. `original` returns a dead letter of the mailbox by its id,
    `copied` why a message is a copy of one that was handled, or nothing.
    """

    owner: str
    hub_id: str
    keyring: Keyring
    allowed: str = ""
    published: Callable[[str], str] = lambda name: ""
    vouched: bool = False
    witness: Callable[[Message, str], str] = lambda message, folder: ""
    original: Callable[[str], Message | None] = lambda message_id: None
    copied: Callable[[Message, str], str] = lambda message, folder: ""


class Senders:
    """Tells who sent the messages of one mailbox."""

    def __init__(self, knowledge: Knowledge, now: clock.Clock = clock.now) -> None:
        self._known = knowledge
        self._folders = knowledge.keyring.trusted
        self._now = now
        self._pins: Pins | None = None
        self._allowed: tuple[Signer, ...] | None = None
        self._verified: Verified | None = None
        self._swept: Swept | None = None
        self._published: dict[str, str] = {}
        self._read_at = 0.0

    def status(self, message: Message, folder: str) -> SenderStatus:
        """Return the status of the sender of a message that lies in a folder of the mailbox.

        It never raises: the reason names a file that cannot be read.
        """
        try:
            self._forget_old()
            return self._status(message, folder)
        except Damaged as error:  # of pins.json
            return undecided(message.is_signed, str(error))
        except OSError as error:
            why = f"{error.filename or 'a file of keys'} cannot be read: {error.strerror}"
            return undecided(message.is_signed, why)

    def _forget_old(self) -> None:
        now = time.monotonic()
        if now - self._read_at > _FRESH_S:
            self._pins = self._allowed = self._verified = None
            self._published = {}
            self._read_at = now

    def _status(self, message: Message, folder: str) -> SenderStatus:
        if wrong := self._known.witness(message, folder) or self._known.copied(message, folder):
            return forged(wrong)
        if not message.is_signed:
            return self._unsigned(message, folder)
        from xw.signing import line

        try:
            signature, signed = line.split(message.data)
        except ValueError as error:
            return forged(str(error))
        if signature.namespace != line.namespace(self._known.hub_id) and not self._is_former(
            signature.namespace, layout.time_of(message.id)
        ):
            if not self._known.hub_id:
                return SenderStatus(NEW_KEY, "the hub's id is not known here yet: `xw sync` asks for it")
            return forged("it was signed for another hub; if this one has a new id, `xw init` accepts it")
        if wrong := self._check(message, signature, signed, folder):
            return forged(wrong)
        if folder in _OPEN and self.swept.has(message.data):
            return forged("it was handled and removed here before: it is a copy")
        return self._whose(message, signature.key, folder)

    def _is_former(self, namespace: str, stamp: str) -> bool:
        """Return True if a message of this time may be signed for an id that the hub had before."""
        from xw.signing import line
        from xw.trust import former

        ids = former.load(self._folders)
        return any(namespace == line.namespace(one) and stamp <= until for one, until in ids.items())

    def _check(self, message: Message, signature: "Signature", signed: bytes, folder: str) -> str:
        """Return why a signature does not count, or nothing."""
        if self._verified is None:
            from xw.trust.verified import Verified

            self._verified = Verified(self._known.keyring.folders[:1])
        stamp = layout.time_of(message.id)
        if not self._verified.has(message.data, message.sender, stamp):
            if not signature.fits(signed):
                return "its signature does not fit its text"
            if self._verified.is_second(message.data, message.sender, stamp):
                return "another message of this sender and time was there before"
            if folder not in _SETTLED and not folder.startswith(_OWN):  # `log` shows 100,000 of these
                self._verified.add(message.data, message.sender, stamp)
        return ""

    def _unsigned(self, message: Message, folder: str) -> SenderStatus:
        name = message.sender
        if name == layout.POSTMASTER or folder.startswith(_OWN):  # sent from here, perhaps without a key yet
            return SenderStatus(UNSIGNED)
        signs = self.pins.of(name) or self._allowed_for(name) or self._published_by(name)
        return downgraded(name) if signs else SenderStatus(UNSIGNED)

    def _whose(self, message: Message, key: "PublicKey", folder: str) -> SenderStatus:
        """Return the status of a message with a good signature by `key`."""
        name = message.sender
        if name == layout.POSTMASTER and self._is_ours(key):
            return SenderStatus(VERIFIED, confirmed=True)
        if message.fields.get("retry_of") and name != self._known.owner and self._is_ours(key):
            return self._repeated(message)
        if listed := self._allowed_for(name):
            from xw.signing.line import namespace

            # The holder of a key that has expired can choose any time of sending, but not that of arriving.
            times = [message.sent / clock.SECOND]
            times += [] if folder in _SETTLED else [self._now() / clock.SECOND]
            space = namespace(self._known.hub_id)
            if any(one.key == key and all(one.allows(name, space, at) for at in times) for one in listed):
                return SenderStatus(VERIFIED, confirmed=True)
            why = f"{self._known.allowed} has another one for {name}: ask {name}, then correct it"
            return self._other(name, key, why)
        pins = self.pins.of(name)
        for pin in pins:
            if pin.key == key:
                return self._pinned(message, pin)
        return self._unpinned(message, key, pins)

    def _pinned(self, message: Message, pin: "Pin") -> SenderStatus:
        confirmed = pin.confirmed or self._vouch(message.sender, pin.key)
        first = not confirmed and pin.by == message.id
        return SenderStatus(FIRST_SEEN if first else VERIFIED, confirmed=confirmed)

    def _unpinned(self, message: Message, key: "PublicKey", pins: "tuple[Pin, ...]") -> SenderStatus:
        from xw.trust import published
        from xw.trust.pins import FIRST_SEEN as SEEN
        from xw.trust.pins import LED_TO, SERVED, Pin

        name, hub_id = message.sender, self._known.hub_id
        text = self._published_by(name, fresh=True)  # the key may have been published a moment ago
        listed = key in published.keys(text)
        if listed and self._known.vouched:  # also of a second machine, or of a member with a new name
            self._pin(name, Pin(key, SERVED, message.id, confirmed=True))
            return SenderStatus(VERIFIED, confirmed=True)
        if pins:
            known, sure = {pin.key for pin in pins}, {pin.key for pin in pins if pin.confirmed}
            if key not in published.led_to(text, known, name, hub_id):
                return self._other(name, key, _to_ask(name, key, listed, f"{name} had another one"))
            confirmed = key in published.led_to(text, sure, name, hub_id)
            self._pin(name, Pin(key, LED_TO, message.id, confirmed=confirmed))
            return SenderStatus(VERIFIED, confirmed=confirmed)
        if key not in published.first(text, name, hub_id):
            why = f"{name} publishes another one" if text else f"the keys of {name} are not known here"
            return self._other(name, key, _to_ask(name, key, listed, why))
        if other := self._owner_of(key, name):
            return forged(f"it is signed with the key of {other}")
        self._pin(name, Pin(key, SEEN, message.id))
        return SenderStatus(FIRST_SEEN)

    def _other(self, name: str, key: "PublicKey", why: str) -> SenderStatus:
        """Return the status for a key that is not known to be the sender's."""
        if other := self._owner_of(key, name):
            return forged(f"it is signed with the key of {other}")
        return SenderStatus(NEW_KEY, why if key.fingerprint in why else f"{key.fingerprint}; {why}")

    def _owner_of(self, key: "PublicKey", name: str) -> str | None:
        """Return another instance whose key it is, or None."""
        other = self.pins.whose(key)
        return other if other != name else None

    def _vouch(self, name: str, key: "PublicKey") -> bool:
        """Return True if a served hub says that a key is an instance's."""
        if not self._known.vouched:
            return False
        from xw.trust import published

        return key in published.keys(self._published_by(name)) or key in published.keys(
            self._published_by(name, fresh=True)
        )

    def _is_ours(self, key: "PublicKey") -> bool:
        from xw.trust.pins import OWN

        if any(pin.key == key and pin.how == OWN for pin in self.pins.of(self._known.owner)):
            return True
        with suppress(Refused):
            own = self._known.keyring.find(self._known.owner)
            return own is not None and own.public == key
        return False

    def _repeated(self, message: Message) -> SenderStatus:
        """Return the status of a dead letter that the owner's xw has put into `pending/` again."""
        first = self._known.original(str(message.fields["retry_of"]))
        if first is None or first.sender != message.sender:
            return SenderStatus(UNSIGNED, "it was sent again here, and its first copy is gone")
        return self.status(first, INBOX["failed"])

    def _allowed_for(self, name: str) -> "tuple[Signer, ...]":
        if self._allowed is None:
            self._allowed = ()
            # Without a file, save the import of `allowed`.
            if self._known.allowed and os.path.lexists(self._known.allowed):
                from xw.trust import allowed

                self._allowed = allowed.load(self._known.allowed)
        return tuple(one for one in self._allowed if one.is_for(name))

    @property
    def pins(self) -> "Pins":
        """The keys that were seen here. Raise Damaged if their file is damaged."""
        if self._pins is None:
            from xw.trust import pins

            self._pins = pins.load(self._folders)
        return self._pins

    @property
    def swept(self) -> "Swept":
        """The signed messages that gc has removed from the mailbox."""
        if self._swept is None:
            from xw.trust.swept import Swept

            self._swept = Swept(self._folders, self._known.owner)
        return self._swept

    def _pin(self, name: str, new: "Pin") -> None:
        from xw.trust import pins

        # If it cannot be kept, it is seen for the first time again.
        pins.pin(self._folders, name, new, self._now())
        self._pins = None
        known = self.pins
        if not any(one.key == new.key for one in known.of(name)):
            self._pins = known._replace(names={**known.names, name: (*known.of(name), new)})

    def _published_by(self, name: str, fresh: bool = False) -> str:
        if fresh or name not in self._published:
            self._published[name] = self._known.published(name)
        return self._published[name]


def _to_ask(name: str, key: "PublicKey", listed: bool, why: str) -> str:
    """Return why a key is not an instance's, and what to do; only a published one can be trusted."""
    cure = f", then `xw trust {name} --key {key.fingerprint}`" if listed else ""
    return f"{why}: ask {name}{cure}"
