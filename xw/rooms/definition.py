"""A room's definition by its creator: `room.json` in its folder, written once.

    {"format": 1, "policy": …, "seed": …, "members": {name: kind}, "moderator": …,
     "owner": …, "created": …, "limits": {turns, per_minute, words, quiet_s, answer_s, memory}}

Only the room's messages tell its present state (who joined, who has the floor,
whether it is paused); `state` reads it from there.
"""

import json
from typing import Any, NamedTuple

from xw import clock, layout
from xw.errors import Damaged, NotFound, Usage, XwError
from xw.message import parse_object
from xw.rooms.policies import POLICIES
from xw.rooms.scene import Limits, kind_of
from xw.rooms.view import RoomView
from xw.text import nearest, visible
from xw.words import InstanceKind, Policy


class Definition(NamedTuple):
    """A room as it was made. `members` are names and kinds, `owner` may give it commands."""

    policy: Policy
    seed: str
    members: tuple[tuple[str, InstanceKind], ...]
    moderator: str = ""
    owner: str = ""
    limits: Limits = Limits()
    created: str = ""


def check(definition: Definition) -> Definition:
    """Return `definition` if it is valid. Raise Usage if not."""
    try:
        definition.seed.encode()
    except UnicodeEncodeError:
        raise Usage("the seed is not valid UTF-8: write it in UTF-8") from None
    for name, _ in definition.members:
        layout.check_name(name)
    if len(dict(definition.members)) != len(definition.members):
        raise Usage("a member is named twice: give each name once")
    for what, value in definition.limits._asdict().items():
        if not 0 <= value < 1e9:
            raise Usage(f"invalid limit {what} {value}: give a number from 0 to below 1,000,000,000")
    if definition.limits.answer_s == 0:
        raise Usage("invalid limit answer_s 0: give the seconds to wait for an answer, more than 0")
    return definition


def _policy(text: str) -> Policy:
    found = next((one for one in POLICIES if one == text), None)
    if found is None:
        hint = nearest(text, list(POLICIES))
        raise Usage(f"unknown policy {visible(text)!r}{hint}: use {', '.join(POLICIES)}")
    return found


def encode(definition: Definition) -> bytes:
    """Return the definition as its file holds it."""
    whole: dict[str, object] = {"format": layout.FORMAT, **definition._asdict()}
    whole |= {"members": dict(definition.members), "limits": definition.limits._asdict()}
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def read(room: RoomView) -> Definition:
    """Return a room's definition. Raise NotFound if it is not a room, XwError if damaged."""
    path = f"{room.name}/{layout.ROOM}"
    try:
        found: Any = parse_object(room.rooms.definition(room.name))
        if found["format"] != layout.FORMAT:
            what = f"{path} has format {found['format']!r}, this xw knows {layout.FORMAT}: upgrade xw"
            newer = XwError(what)
            newer.word = "newer-format"
            raise newer
        return check(
            Definition(
                policy=_policy(_text(found["policy"])),
                seed=_text(found["seed"]),
                members=tuple((_text(name), kind_of(_text(kind))) for name, kind in found["members"].items()),
                moderator=_text(found["moderator"]),
                owner=_text(found["owner"]),
                limits=_limits(found["limits"]),
                created=_time(found["created"]),
            )
        )
    except FileNotFoundError:
        raise NotFound(f"{room.name} is not a room here: `xw room list` shows the hub's rooms") from None
    except (ValueError, KeyError, TypeError, AttributeError, Damaged, Usage) as error:
        raise XwError(
            f"{path} is damaged ({error}): fix it by hand, with another room's file as the model"
        ) from None


def make(
    policy: str,
    seed: str,
    members: tuple[tuple[str, InstanceKind], ...],
    moderator: str,
    owner: str,
    limits: Limits,
    now: clock.Clock,
) -> Definition:
    """Return a new definition, created now. Raise Usage if it is invalid."""
    names = [name for name, _ in members]
    if policy == "moderator":
        moderator = moderator or (names[0] if names else "")
        if moderator not in names:
            raise Usage(f"the moderator {visible(moderator)!r} is not a member: name one of the members")
    elif moderator:
        raise Usage(f"a moderator goes with the policy moderator, not with {visible(policy)}")
    created = clock.rfc3339(now())
    return check(Definition(_policy(policy), seed, members, moderator, owner, limits, created))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _time(value: object) -> str:
    """Return a time as xw prints it. Raise ValueError if it is not RFC 3339."""
    text = _text(value)
    clock.from_rfc3339(text)
    return clock.utc(text)


def _limits(found: dict[str, object]) -> Limits:
    for what, value in found.items():
        if type(value) is not int and (type(value) is not float or what not in ("quiet_s", "answer_s")):
            raise TypeError(f"invalid limit {what} {value!r}")
    return Limits(**found)  # type: ignore[arg-type]  # checked above; an unknown limit is a TypeError
