"""One after another: the member whose last turn is longest ago; who joins waits as long as all others."""

from xw.rooms.scene import HUMAN, Scene


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """See `policies.Policy`."""
    if scene.waits:
        return ()
    waiting = [member for member in scene.present() if member.kind != HUMAN]
    if not waiting:
        return ()
    chosen = min(waiting, key=lambda member: member.turned)  # the first of equals: the order of joining
    # One who is over its rate is waited for: to go past it would change the order.
    return (chosen.name,) if scene.free_at(chosen) <= now else ()
