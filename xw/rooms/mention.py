"""Members named with `@` speak, in the order of naming; without a name, nobody speaks.

If nobody has been named or has spoken yet, the first member opens.
"""

from xw.rooms.scene import HUMAN, Member, Scene, names_member


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """Return the members to give a turn now; see `policies.Speakers`."""
    if scene.waits:
        return ()
    called = [(call, member) for member in scene.present() if (call := _call(scene, member))]
    if called:
        chosen = min(called, key=lambda pair: pair[0])[1]
    else:
        opener = next((m for m in scene.present() if m.kind != HUMAN), None)
        if opener is None or scene.turns:
            return ()
        chosen = opener
    return (chosen.name,) if scene.free_at(chosen) <= now else ()


def _call(scene: Scene, member: Member) -> tuple[int, int] | None:
    """Return the first place that names a member in lines it has not seen, as line and position; or None."""
    for index in range(member.heard, len(scene.lines)):
        line = scene.lines[index]
        if line.names and names_member(line, member.name):
            places = line.names
            return index, places.index(member.name) if member.name in places else len(places)
    return None
