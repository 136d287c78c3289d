"""A room's definition by its creator: `room.json` in its folder, written once.

    {"format": 1, "policy": …, "seed": …, "members": {name: kind}, "moderator": …,
     "owner": …, "created": …, "limits": {turns, per_minute, words, quiet_s, answer_s, memory},
     "personas": {name: text}}

Only the room's messages tell its present state (who joined, who has the floor,
whether it is paused, which settings were changed); `state` reads it from there.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from xw import clock, layout
from xw.errors import Damaged, NotFound, Usage, XwError
from xw.message import parse_object
from xw.rooms.policies import POLICIES
from xw.rooms.scene import ROOM, Limits, kind_of
from xw.rooms.view import RoomView
from xw.text import nearest, visible
from xw.words import InstanceKind, Policy

SETTINGS = ("policy", "moderator", "personas", *Limits._fields)
_LONGEST = 100_000  # characters of a seed or persona: a turn shows it, and a message has 1 MiB


class Definition(NamedTuple):
    """A room as it was made. `members` are names and kinds, `owner` may give it commands.

    `personas` has a text for some members, which describes the part that each plays.
    """

    policy: Policy
    seed: str
    members: tuple[tuple[str, InstanceKind], ...]
    moderator: str = ""
    owner: str = ""
    limits: Limits = Limits()
    created: str = ""
    personas: tuple[tuple[str, str], ...] = ()


def check(definition: Definition) -> Definition:
    """Return `definition` if it is valid. Raise Usage if not."""
    _check_text("the seed", definition.seed)
    for name, _ in definition.members:
        layout.check_name(name)
    for name, persona in definition.personas:
        layout.check_name(name)
        _check_text(f"the persona of {name}", persona)
    if len(dict(definition.members)) != len(definition.members):
        raise Usage("a member is named twice: give each name once")
    for what, value in definition.limits._asdict().items():
        if not 0 <= value < 1e9:
            raise Usage(f"invalid limit {what} {value}: give a number from 0 to below 1,000,000,000")
    if definition.limits.answer_s == 0:
        raise Usage("invalid limit answer_s 0: give the seconds to wait for an answer, more than 0")
    return definition


def _check_text(what: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Usage(f"{what} is not valid UTF-8: write it in UTF-8") from None


def _check_lengths(definition: Definition) -> Definition:
    texts = {"the seed": definition.seed}
    texts |= {f"the persona of {name}": text for name, text in definition.personas}
    for what, text in texts.items():
        if len(text) > _LONGEST:
            raise Usage(f"{what} has {len(text):,} characters, more than {_LONGEST:,}: shorten it")
    return definition


def _policy(text: str) -> Policy:
    found = next((one for one in POLICIES if one == text), None)
    if found is None:
        hint = nearest(text, list(POLICIES))
        raise Usage(f"unknown policy {visible(text)!r}{hint}: use {', '.join(POLICIES)}")
    return found


def card(name: str, definition: Definition) -> dict[str, object]:
    """Return the room's card, with which the hub knows it while it is open."""
    members = ", ".join(member for member, _ in definition.members)
    about = f"{members or 'nobody yet'}; {definition.policy}"
    return {"name": name, "kind": ROOM, "description": about}


def encode(definition: Definition) -> bytes:
    """Return the definition as its file holds it."""
    whole: dict[str, object] = {"format": layout.FORMAT, **definition._asdict()}
    whole |= {"members": dict(definition.members), "limits": definition.limits._asdict()}
    # Left out if there are none: older versions know no personas.
    whole["personas"] = dict(definition.personas)
    if not definition.personas:
        del whole["personas"]
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
                personas=tuple((_text(name), _text(words)) for name, words in _personas(found).items()),
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
    personas: Mapping[str, str] = {},  # never changed
) -> Definition:
    """Return a new definition, created now. Raise Usage if it is invalid."""
    names = [name for name, _ in members]
    _check_players(personas, names)
    moderator = _moderator(_policy(policy), moderator, names)
    created = clock.rfc3339(now())
    parts = tuple(personas.items())
    made = Definition(_policy(policy), seed, members, moderator, owner, limits, created, parts)
    return _check_lengths(check(made))


def changed(definition: Definition, settings: Mapping[str, object], members: Sequence[str]) -> Definition:
    """Return the definition with other settings. Raise Usage if one is unknown or invalid.

    Settings are `policy`, `moderator`, `personas` (an empty text removes one), and the limits by their names.
    """
    named = dict(settings)
    policy = _policy(str(named.pop("policy", definition.policy)))
    moderator = definition.moderator  # who may have left
    if "moderator" in named or policy != definition.policy:
        moderator = _moderator(policy, str(named.pop("moderator", "")), members)
    given = named.pop("personas", {})
    parts = {str(name): str(text) for name, text in given.items()} if isinstance(given, dict) else {}
    _check_players(parts, members)
    parts = dict(definition.personas) | parts
    strange = next((key for key in named if key not in Limits._fields), None)
    if strange is not None:
        hint = nearest(strange, list(SETTINGS))
        raise Usage(f"unknown setting {visible(strange)!r}{hint}: use {', '.join(SETTINGS)}")
    try:
        limits = _limits(definition.limits._asdict() | named)
    except TypeError as error:
        raise Usage(f"{error}: give a number") from None
    personas = tuple((name, text) for name, text in parts.items() if text)
    new = definition._replace(policy=policy, moderator=moderator, limits=limits, personas=personas)
    return _check_lengths(check(new))


def _check_players(personas: Iterable[str], members: Sequence[str]) -> None:
    """Raise Usage if somebody who is no member is to play a part."""
    for name in personas:
        if name not in members:
            raise Usage(f"a persona for {visible(name)!r}, who is not a member: name one of the members")


def _moderator(policy: Policy, moderator: str, members: Sequence[str]) -> str:
    """Return the moderator under a policy: by default the first member. Raise Usage if it is not a member."""
    if policy == "moderator":
        moderator = moderator or (members[0] if members else "")
        if moderator not in members:
            raise Usage(f"the moderator {visible(moderator)!r} is not a member: name one of the members")
    elif moderator:
        raise Usage(f"a moderator goes with the policy moderator, not with {policy}")
    return moderator


def _personas(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the personas in a file; an older xw writes none."""
    personas = found.get("personas", {})
    if not isinstance(personas, dict):
        raise TypeError(f"{personas!r} is not an object")
    return personas


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
