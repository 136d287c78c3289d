"""The policies: a new one is a file and a line here."""

from typing import NamedTuple, Protocol

from xw import words
from xw.rooms import calls, free, mention, moderator, round_robin
from xw.rooms.scene import Member, Scene


class Speakers(Protocol):
    """Decides who speaks next: returns the members to give a turn now, in order.

    Pure. It returns only members of `Scene.present()` whose `Scene.free_at` is not after `now`
    (microseconds). If the result is empty, nobody speaks now, and the coordinator asks again after the next
    line, or once the clock reaches a member's `free_at`.
    """

    def __call__(self, scene: Scene, now: int) -> tuple[str, ...]:
        """Return the names, in order."""


class Again(Protocol):
    """Decides who is asked once more because nobody speaks now: returns a member that named nobody, or None.

    Pure, and called only if nobody has the floor. Such a member gets a turn though it has no news.
    """

    def __call__(self, scene: Scene) -> Member | None:
        """Return the member."""


def _nobody(scene: Scene) -> None:  # noqa: ARG001  # an `Again`
    return None


class Policy(NamedTuple):
    """A policy: its functions, and a sentence that tells members, and a moderator, what to do.

    With `at_once`, all members with news get a turn at the same time.
    """

    speakers: Speakers
    hint: str
    moderators: str = ""
    asked_again: Again = _nobody
    at_once: bool = False

    def next(self, scene: Scene, now: int) -> tuple[str, ...]:
        """Return the members to give a turn now: one that a person named comes first, under every policy."""
        called = None if self.at_once else calls.first_called(scene, persons=True)
        if called:
            return (called.name,) if not scene.waits and scene.free_at(called) <= now else ()
        return self.speakers(scene, now)

    def again(self, scene: Scene) -> Member | None:
        """Return the member to ask once more, because it named nobody who can speak; or None."""
        busy = scene.waits or calls.first_called(scene, persons=True)
        return None if busy else self.asked_again(scene)

    def hint_for(self, member: str, moderator: str) -> str:
        """Return the sentence for one member."""
        own = self.moderators if member == moderator else ""
        return own or self.hint.format(moderator=moderator)


POLICIES: dict[words.Policy, Policy] = {
    "free": Policy(free.speakers, "Everyone hears you, and anyone may answer.", at_once=True),
    "round-robin": Policy(round_robin.speakers, "The members speak in turn."),
    "mention": Policy(
        mention.speakers,
        "Name the next speaker with @; without a name, nobody speaks.",
        asked_again=mention.again,
    ),
    "moderator": Policy(
        moderator.speakers,
        "{moderator} names the next speaker with @.",
        "You moderate: name the next speaker with @; without a name, nobody speaks.",
        moderator.again,
    ),
}
