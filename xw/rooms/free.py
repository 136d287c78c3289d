"""Everyone hears and anyone answers: give a turn at once to all members with news, within their rates."""

from xw.rooms.scene import HUMAN, Scene


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """Return the members to give a turn now; see `policies.Speakers`."""
    return tuple(
        member.name for member in scene.present() if member.kind != HUMAN and scene.free_at(member) <= now
    )
