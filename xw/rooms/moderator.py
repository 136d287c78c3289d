"""The moderator decides: the members that it names with `@` speak, in that order, and then it speaks again.

If it names nobody, lets its turn pass or has left, nobody speaks until it has
heard something new, which a person can say at any time.
"""

from xw.rooms.scene import Member, Scene, names_member


def speakers(scene: Scene, now: int) -> tuple[str, ...]:
    """Return the members to give a turn now; see `policies.Speakers`."""
    if scene.waits:
        return ()
    chosen = _next(scene)
    return (chosen.name,) if chosen and scene.free_at(chosen) <= now else ()


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
