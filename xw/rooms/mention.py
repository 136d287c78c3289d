"""Members named with `@` speak, in the order of naming; without a name, nobody speaks.

If nobody has been named or has spoken yet, the first member opens. Whoever names only members that are not
there, or cannot speak, is asked once more.
"""

from xw.rooms.calls import first_called, may_be_asked_again
from xw.rooms.scene import HUMAN, Member, Scene, names_member


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """Return the members to give a turn now; see `policies.Speakers`."""
    if scene.waits:
        return ()
    chosen = first_called(scene)
    if chosen is None:
        chosen = next((m for m in scene.present() if m.kind != HUMAN), None)
        if chosen is None or scene.turns:
            return ()
    return (chosen.name,) if scene.free_at(chosen) <= now else ()


def again(scene: Scene) -> Member | None:
    """Return who continues if the names in the last line reached nobody; see `policies.Again`.

    This is the line's author, or the first member that can, if a person or the room wrote it.
    """
    last = next((line for line in reversed(scene.lines) if not line.silent), None)
    if last is None or not last.names or first_called(scene):
        return None
    if any(names_member(last, member.name) and not member.away for member in scene.members):
        return None  # it has had its turn
    agents = [member for member in scene.members if member.kind != HUMAN]
    authors = [member for member in agents if member.name == last.author]
    return next((member for member in authors or agents if may_be_asked_again(scene, member)), None)
