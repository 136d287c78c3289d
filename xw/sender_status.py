"""The status of a message's sender: the six words that people and programs are shown."""

from xw.named_tuple import NamedTuple

VERIFIED = "verified"
FIRST_SEEN = "verified, first seen"
UNSIGNED = "unsigned"
FORGED = "FORGED"
NEW_KEY = "NEW KEY"


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
        return not self.is_verified and self.word != UNSIGNED

    def __str__(self) -> str:
        return f"{self.word}: {self.why}" if self.why else self.word


def downgraded(name: str) -> SenderStatus:
    """Return the status of an unsigned message from an instance that signs."""
    return SenderStatus(f"unsigned, though {name} signs")


def forged(why: str) -> SenderStatus:
    """Return the status of a message that its sender did not write as it is."""
    return SenderStatus(FORGED, why)
