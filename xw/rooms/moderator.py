"""The moderator decides: the members that it names with `@` speak, in that order, and then it speaks again.

If it names nobody who can speak, or those named say nothing, it is asked once more. While it cannot answer,
or after it has left, the members speak in turn; a person who moderates is waited for.
"""

from xw.rooms import round_robin
from xw.rooms.calls import may_be_asked_again
from xw.rooms.scene import HUMAN, Member, Scene, names_member


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """Return the members to give a turn now; see `policies.Speakers`."""
    if scene.waits:
        return ()
    chosen = _next(scene)
    if chosen is None and not any(_moderates(scene, m) for m in scene.members):
        return round_robin.speakers(scene, now)
    return (chosen.name,) if chosen and scene.free_at(chosen) <= now else ()


def again(scene: Scene) -> Member | None:
    """Return the moderator if it has something to decide, and nobody has the turn; see `policies.Again`."""
    moderator = next((m for m in scene.members if m.name == scene.moderator), None)
    decides = moderator and scene.lines and not _next(scene) and may_be_asked_again(scene, moderator)
    return moderator if decides else None


def _moderates(scene: Scene, member: Member) -> bool:
    return member.name == scene.moderator and (member.kind == HUMAN or not member.away)


def _next(scene: Scene) -> Member | None:
    ready = {member.name: member for member in scene.present()}
    word = _last_word(scene)
    if word is not None:
        line = scene.lines[word]
        order = [*line.names, *ready]  # `@all` names nobody in particular: use the order of joining
        for name in order:
            member = ready.get(name)
            if member and member.heard <= word and names_member(line, name):
                return member
    return ready.get(scene.moderator)


def _last_word(scene: Scene) -> int | None:
    """Return the index of the moderator's last line that was not a pass; None if there is none."""
    for index in range(len(scene.lines) - 1, -1, -1):
        line = scene.lines[index]
        if line.author == scene.moderator and not line.silent:
            return index
    return None
