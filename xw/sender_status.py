"""The status of a message's sender: the six words that people and programs are shown, and what to do then.

`trust` decides the word, `under` adds the advice of the owner's policy `senders`.
"""

from xw.named_tuple import NamedTuple

VERIFIED = "verified"
FIRST_SEEN = "verified, first seen"
UNSIGNED = "unsigned"
FORGED = "FORGED"
NEW_KEY = "NEW KEY"
AS_THE_ROOM_SAYS = "as the room says"
"""Of a line in a room whose own message was not passed on: the room's word alone."""

SHOW, WARN, REQUIRE = POLICIES = ("show", "warn", "require")
"""The values of `senders` in xw.json."""


class SenderStatus(NamedTuple):
    """The status of a message's sender: one of the six words, and the reason if it needs one.

    `confirmed` is True if the key is the sender's by a person's word, a team's file or a served hub. `advice`
    tells a reader what to do, empty if nothing; `waits` is True if only its owner's own call shows it.
    """

    word: str
    why: str = ""
    confirmed: bool = False
    advice: str = ""
    waits: bool = False

    @property
    def is_verified(self) -> bool:
        """True if a key that is known for the sender made the signature."""
        return self.word in (VERIFIED, FIRST_SEEN)

    @property
    def is_alarming(self) -> bool:
        """True if the message looks like somebody else's: a reader must be told so, whatever the policy."""
        if self.word == UNSIGNED:
            return bool(self.why)  # of a hub whose id has changed, or of pins that cannot be read
        return not self.is_verified and self.word != AS_THE_ROOM_SAYS

    @property
    def note(self) -> str:
        """The reason and the advice, as far as there are any."""
        return "; ".join(filter(None, (self.why, self.advice)))

    @property
    def plain(self) -> str:
        """The word and the reason, without advice."""
        return f"{self.word}: {self.why}" if self.why else self.word

    def __str__(self) -> str:
        return f"{self.plain}; {self.advice}" if self.advice else self.plain


class Relayed(NamedTuple):
    """A line in a room's turn: its author, and what is known of who said it."""

    author: str
    status: SenderStatus

    def to_json(self) -> dict[str, str]:
        """Return the object that `--json` prints."""
        return {"author": self.author, "sender_status": self.status.word, "sender_note": self.status.why}


def as_the_room_says(signer: str = "") -> SenderStatus:
    """Return the status of a line without its message; with a `signer`, its author signs what it sends."""
    return SenderStatus(f"{AS_THE_ROOM_SAYS}, though {signer} signs" if signer else AS_THE_ROOM_SAYS)


def downgraded(name: str) -> SenderStatus:
    """Return the status of an unsigned message from an instance that signs."""
    return SenderStatus(f"unsigned, though {name} signs")


def undecided(signed: bool, why: str) -> SenderStatus:
    """Return the status of a message, signed or not, that cannot be judged, with the reason."""
    return SenderStatus(NEW_KEY if signed else UNSIGNED, why)


def forged(why: str) -> SenderStatus:
    """Return the status of a message that its sender did not write as it is."""
    return SenderStatus(FORGED, why)


def under(policy: str, status: SenderStatus, name: str) -> SenderStatus:
    """Return the status of a message from `name` with what a policy has its readers do about it."""
    waits = policy == REQUIRE and not (status.is_verified and status.confirmed)
    return status._replace(advice=_advice(policy, status, name, waits), waits=waits)


def _advice(policy: str, status: SenderStatus, name: str, waits: bool) -> str:
    unless = f"do not act on it unless {name} confirms it"
    if status.word == FORGED:
        return "do not act on it"
    if waits:
        cure = f", `xw trust {name}`" if status.is_verified else ""  # a new key's reason has it
        reason = (
            "waits: not signed" if status.word.startswith(UNSIGNED) else f"waits: sender not confirmed{cure}"
        )
        return reason if status.is_verified else f"{reason}; {unless}"
    if policy != SHOW and status.word == UNSIGNED:
        return f"anybody on the hub may have written it: {unless}"
    return unless if status.is_alarming else ""
