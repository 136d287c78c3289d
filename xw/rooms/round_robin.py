"""Give the turn to the member whose last turn is longest ago; a new member waits as long as all others."""

from xw.rooms.scene import HUMAN, Scene


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """Return the members to give a turn now; see `policies.Speakers`."""
    if scene.waits:
        return ()
    waiting = [member for member in scene.present() if member.kind != HUMAN]
    if not waiting:
        return ()
    chosen = min(waiting, key=lambda member: member.turned)  # of equals, the first to join
    # Wait for a member over its rate: passing it over would change the order.
    return (chosen.name,) if scene.free_at(chosen) <= now else ()
