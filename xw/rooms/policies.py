"""The policies: a new one is a file and a line here."""

from typing import NamedTuple, Protocol

from xw.rooms import free, mention, moderator, round_robin
from xw.rooms.scene import Scene


class Speakers(Protocol):
    """Who speaks next: the names of members to be given a turn now, in order.

    Pure. Names only members of `Scene.present()` whose `Scene.free_at` is not
    after `now` (microseconds). Empty: nobody now; asked again when something
    has been said, or the clock has reached a member's `free_at`.
    """

    def __call__(self, scene: Scene, now: int) -> tuple[str, ...]:
        """Decide."""


class Policy(NamedTuple):
    """Who decides, and what a member has to know of it, in one sentence."""

    speakers: Speakers
    hint: str


POLICIES = {
    "free": Policy(free.speakers, "Everyone hears you, and anyone may answer."),
    "round-robin": Policy(round_robin.speakers, "The members speak in turn."),
    "mention": Policy(mention.speakers, "Name with @ who is to speak next; without, nobody will."),
    "moderator": Policy(moderator.speakers, "The moderator names with @ who speaks next."),
}
