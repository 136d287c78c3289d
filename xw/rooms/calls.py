"""Members called by name: in which order they were called, and who is asked once more if nobody was."""

from xw.rooms.scene import HUMAN, ROOM, Member, Scene, names_member


def call_of(scene: Scene, member: Member, persons: bool = False) -> tuple[int, int] | None:
    """Return the first place that names a member in lines it has not seen, as line and position; or None.

    With `persons`, look only at the words of people.
    """
    for index in range(member.heard, len(scene.lines)):
        line = scene.lines[index]
        if (line.person or not persons) and line.names and names_member(line, member.name):
            places = line.names
            return index, places.index(member.name) if member.name in places else len(places)
    return None


def first_called(scene: Scene, persons: bool = False) -> Member | None:
    """Return the member that was called first and can speak; of equals, the first to join.

    With `persons`, count only the calls of people, to members that are no persons themselves.
    """
    members = [m for m in scene.present() if not (persons and m.kind == HUMAN)]
    called = [(call, member) for member in members if (call := call_of(scene, member, persons))]
    return min(called, key=lambda pair: pair[0])[1] if called else None


def may_be_asked_again(scene: Scene, member: Member) -> bool:
    """Return True if a member whose words called nobody may be asked once more, and can name somebody.

    A room keeps no conversation of its own, so it cannot name anybody else.
    """
    idle = not member.away and not member.open and not member.nudged and member.kind != ROOM
    return idle and any(scene.nameable(member))
