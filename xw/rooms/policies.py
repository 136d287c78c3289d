"""The policies: a new one is a file and a line here."""

from typing import NamedTuple, Protocol

from xw import words
from xw.rooms import free, mention, moderator, round_robin
from xw.rooms.scene import Scene


class Speakers(Protocol):
    """Decides who speaks next: returns the members to give a turn now, in order.

    Pure. It returns only members of `Scene.present()` whose `Scene.free_at` is not after `now`
    (microseconds). If the result is empty, nobody speaks now, and the coordinator asks again after the next
    line, or once the clock reaches a member's `free_at`.
    """

    def __call__(self, scene: Scene, now: int) -> tuple[str, ...]:
        """Return the names, in order."""


class Policy(NamedTuple):
    """A policy: its function, and a sentence that tells members, and a moderator, what to do."""

    speakers: Speakers
    hint: str
    moderators: str = ""

    def hint_for(self, member: str, moderator: str) -> str:
        """Return the sentence for one member."""
        own = self.moderators if member == moderator else ""
        return own or self.hint.format(moderator=moderator)


POLICIES: dict[words.Policy, Policy] = {
    "free": Policy(free.speakers, "Everyone hears you, and anyone may answer."),
    "round-robin": Policy(round_robin.speakers, "The members speak in turn."),
    "mention": Policy(mention.speakers, "Name the next speaker with @; without a name, nobody speaks."),
    "moderator": Policy(
        moderator.speakers,
        "{moderator} names the next speaker with @.",
        "You moderate: name the next speaker with @; without a name, nobody speaks.",
    ),
}
