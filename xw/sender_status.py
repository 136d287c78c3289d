"""The status of a message's sender: the six words that people and programs are shown."""

from xw.named_tuple import NamedTuple

VERIFIED = "verified"
FIRST_SEEN = "verified, first seen"
UNSIGNED = "unsigned"
FORGED = "FORGED"
NEW_KEY = "NEW KEY"
AS_THE_ROOM_SAYS = "as the room says"
"""Of a line in a room whose own message was not passed on: the room's word alone."""


class SenderStatus(NamedTuple):
    """What is known of who wrote a message: one of the six words, and the reason if it needs one.

    `confirmed` is True if the key is the sender's by a person's word, a team's file or a served hub.
    """

    word: str
    why: str = ""
    confirmed: bool = False

    @property
    def is_verified(self) -> bool:
        """True if a key that is known for the sender made the signature."""
        return self.word in (VERIFIED, FIRST_SEEN)

    @property
    def is_alarming(self) -> bool:
        """True if the message looks like somebody else's: a reader must be told so, whatever the policy."""
        return not self.is_verified and self.word not in (UNSIGNED, AS_THE_ROOM_SAYS)

    def __str__(self) -> str:
        return f"{self.word}: {self.why}" if self.why else self.word


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


def forged(why: str) -> SenderStatus:
    """Return the status of a message that its sender did not write as it is."""
    return SenderStatus(FORGED, why)
