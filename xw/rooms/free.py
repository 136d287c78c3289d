"""Everyone hears, anyone answers: all who have heard something new are asked at once, within their rates."""

from xw.rooms.scene import HUMAN, Scene


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """See `policies.Policy`."""
    return tuple(
        member.name for member in scene.present() if member.kind != HUMAN and scene.free_at(member) <= now
    )
