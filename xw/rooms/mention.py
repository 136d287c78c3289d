"""Who is named with `@` speaks, in the order of naming. Nobody named: nobody speaks until somebody is.

When no one has been named yet and no one has spoken, the first member opens.
"""

from xw.rooms.scene import HUMAN, Member, Scene, named


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """See `policies.Policy`."""
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
    """Return where a member is first named in lines that it has not been shown: line, and place in it."""
    for index in range(member.heard, len(scene.lines)):
        line = scene.lines[index]
        if line.names and named(line, member.name):
            places = line.names
            return index, places.index(member.name) if member.name in places else len(places)
    return None
