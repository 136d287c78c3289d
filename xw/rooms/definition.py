"""What a room is, as its creator said: `room.json` in its folder, written once when it is made.

    {"format": 1, "policy": …, "seed": …, "members": {name: kind}, "moderator": …,
     "owner": …, "created": …, "limits": {turns, per_minute, words, quiet_s, answer_s, memory}}

What has become of it since (who joined, who has the floor, whether it is
paused) is nowhere but in its messages; `state` reads it from there.
"""

import json
from contextlib import suppress
from typing import Any, NamedTuple

from xw import clock, layout
from xw.errors import Damaged, NotFound, Usage, XwError
from xw.files.batch import is_file
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.rooms.policies import POLICIES
from xw.rooms.scene import Limits
from xw.text import nearest, visible

_LIMIT = 1024 * 1024


class Definition(NamedTuple):
    """A room as it was made. `members` are names and kinds, `owner` the instance that may rule it."""

    policy: str
    seed: str
    members: tuple[tuple[str, str], ...]
    moderator: str = ""
    owner: str = ""
    limits: Limits = Limits()
    created: str = ""


def check(definition: Definition) -> Definition:
    """Return `definition` if a room can be run by it. Raise Usage if not."""
    if definition.policy not in POLICIES:
        hint = nearest(definition.policy, list(POLICIES))
        raise Usage(f"no policy {visible(definition.policy)!r}{hint}: use {', '.join(POLICIES)}")
    try:
        definition.seed.encode()
    except UnicodeEncodeError:
        raise Usage("the seed is not valid UTF-8: write it in UTF-8") from None
    for name, _ in definition.members:
        layout.check_name(name)
    if len(dict(definition.members)) != len(definition.members):
        raise Usage("a member is named twice")
    for what, value in definition.limits._asdict().items():
        if not 0 <= value < 1e9:
            raise Usage(f"the limit {what} is {value}: give a number below 1,000,000,000, and none below 0")
    if definition.limits.answer_s == 0:
        raise Usage("the limit answer_s is 0: a room must know how long to wait for an answer")
    return definition


def write(mailbox: Mailbox, definition: Definition) -> None:
    """Keep the definition in the room's folder; atomic and durable. FileExistsError where it has another."""
    whole: dict[str, object] = {"format": layout.FORMAT, **definition._asdict()}
    whole |= {"members": dict(definition.members), "limits": definition.limits._asdict()}
    data = (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()
    mailbox.files.publish(data, mailbox.at(layout.SCRATCH), [mailbox.at(layout.ROOM)])


def read(mailbox: Mailbox) -> Definition:
    """Return the definition in a room's folder. Raise NotFound if it is no room, XwError if damaged."""
    path = mailbox.at(layout.ROOM)
    try:
        found: Any = parse_object(mailbox.files.read(path, _LIMIT))
        if found["format"] != layout.FORMAT:
            raise XwError(f"{path} has format {found['format']!r}, this xw knows {layout.FORMAT}: upgrade xw")
        return check(
            Definition(
                policy=_text(found["policy"]),
                seed=_text(found["seed"]),
                members=tuple((_text(name), _text(kind)) for name, kind in found["members"].items()),
                moderator=_text(found["moderator"]),
                owner=_text(found["owner"]),
                limits=_limits(found["limits"]),
                created=_text(found["created"]),
            )
        )
    except FileNotFoundError:
        raise NotFound(f"{mailbox.owner} is no room here: `xw room list` names those of the hub") from None
    except (ValueError, KeyError, TypeError, AttributeError, Damaged, Usage) as error:
        raise XwError(
            f"{path} is damaged ({error}): put it right by hand, `cat` a whole one to compare"
        ) from None


def is_room(mailbox: Mailbox) -> bool:
    """Return whether a definition lies in this mailbox."""
    return is_file(mailbox.files, mailbox.at(layout.ROOM))


def retire(mailbox: Mailbox) -> None:
    """Take a closed room off the hub, by its card: mail to it then fails at once, and says why."""
    with suppress(FileNotFoundError):  # done before
        mailbox.files.remove(mailbox.at(layout.CARD))


def retired(mailbox: Mailbox) -> bool:
    """Return whether a room is closed, and all mail that it got by then has been answered."""
    return not is_file(mailbox.files, mailbox.at(layout.CARD))


def make(
    policy: str,
    seed: str,
    members: tuple[tuple[str, str], ...],
    moderator: str,
    owner: str,
    limits: Limits,
    now: clock.Clock,
) -> Definition:
    """Return a definition made now. Raise Usage if a room cannot be run by it."""
    names = [name for name, _ in members]
    if policy == "moderator":
        moderator = moderator or (names[0] if names else "")
        if moderator not in names:
            raise Usage(f"the moderator {visible(moderator)!r} is no member: name one of --members")
    elif moderator:
        raise Usage(f"--moderator goes with --policy moderator, not with {visible(policy)}")
    created = clock.rfc3339(now())
    return check(Definition(policy, seed, members, moderator, owner, limits, created))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _limits(found: dict[str, object]) -> Limits:
    for what, value in found.items():
        if type(value) is not int and (type(value) is not float or what not in ("quiet_s", "answer_s")):
            raise TypeError(f"the limit {what} is {value!r}, which is no number for it")
    return Limits(**found)  # type: ignore[arg-type]  # seen to above; an unknown limit is a TypeError
