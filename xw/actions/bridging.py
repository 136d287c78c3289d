"""Run a bridge, list chats, and read the bridges of `xw.json`."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple, cast

from xw.bridges import kinds, pace
from xw.bridges.chat import Chat, Found, Personal, Routine
from xw.bridges.kinds import KINDS
from xw.bridges.loop import Tell
from xw.bridges.serve import Plan, Stop, serve
from xw.config import Config
from xw.errors import Busy, NotFound, Usage, XwError
from xw.instance import Instance

if TYPE_CHECKING:
    from xw.shapes import upkeep

_STARTED = ("command", "acp")  # the bridge starts these, so their target is a command line
AGAIN_S = 5.0
"""How often a bridge of `xw up` looks for the program or lock that it lacks."""


class Wanted(NamedTuple):
    """A bridge as requested; None and empty values come from `xw.json`."""

    kind: str | None = None
    target: str | None = None
    options: Mapping[str, str] = {}
    notify: bool = False


def plan(instance: Instance, wanted: Wanted) -> Plan:
    """Return the bridge to run: as requested, else from this instance's entry in `xw.json`. Raise Usage."""
    configured = entry(instance.config, instance.name)
    asked = wanted.kind or configured.kind
    if not asked:
        raise Usage(f"which kind of chat? Give one of {', '.join(KINDS)}, or a `bridge` for it in xw.json")
    if asked not in KINDS:
        raise Usage(f"unknown kind of bridge {asked!r}: use {', '.join(KINDS)}")
    # The entry in xw.json fits only its own kind of chat.
    base = configured if asked == configured.kind else Wanted()
    target = wanted.target or base.target or (kinds.AUTO if asked in kinds.FINDING else None)
    if not target:
        need = (
            "the command, after `--`" if asked in _STARTED else f"--target; `xw bridge {asked} --list` shows"
        )
        raise Usage(f"which chat? Give {need}")
    given = {**base.options, **wanted.options}
    options = {name: value for name, value in given.items() if name not in pace.OPTIONS}

    def open_chat(state: Path) -> Chat:
        chat = kinds.open_chat(asked, target, options, state)
        if isinstance(chat, Personal):
            chat.serves(instance.name)
        return chat

    return Plan(asked, open_chat, wanted.notify or base.notify, pace.limits(given))


def entry(config: Config, name: str) -> Wanted:
    """Return the bridge that `xw.json` names for an instance; an empty value if it names none."""
    said = config.instances.get(name, {}).get("bridge") or {}
    assert isinstance(said, dict)  # checked by config
    return Wanted(said.get("kind"), said.get("target"), said.get("options", {}), said.get("notify", False))


def options_of(words: Sequence[str]) -> dict[str, str]:
    """Return the options in words of the form `name=value`. Raise Usage for any other word."""
    pairs = [word.partition("=") for word in words]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise Usage(f"--option {name}: give name=value")
    return {name: value for name, _, value in pairs}


def command_line(words: Sequence[str]) -> str | None:
    """Return a command's words as a target; None for no words."""
    return shlex.join(words) if words else None


def run(instance: Instance, plan: Plan, stop: Stop, tell: Tell, patient: bool = False) -> None:
    """Take the instance's mail through a chat until `stop`.

    Raise Busy if another bridge does, NotFound if the chat's program is missing. With `patient`, report these
    errors once and wait.
    """
    told, woken = "", Event()
    while not stop.asked():
        try:
            serve(instance, plan, stop, tell)
        except (Busy, NotFound) as error:
            if not patient:
                raise
            if str(error) != told:
                tell(Routine(f"cannot start yet: {error}"))
            told = str(error)
            stop.wakes(woken.set)
            woken.wait(AGAIN_S)


class Chats(NamedTuple):
    """This machine's chats by kind, and why the chats of some kinds cannot be listed."""

    found: list[tuple[str, Found]]
    problems: list[tuple[str, str]]

    def to_json(self) -> "upkeep.Chats":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "chats": [cast("upkeep.Chat", {"kind": kind, **one._asdict()}) for kind, one in self.found],
            "problems": [{"name": kind, "reason": why} for kind, why in self.problems],
        }


def chats(kind: str | None, options: Mapping[str, str]) -> Chats:
    """List the chats that a bridge can use, of one kind or all; each kind gets the options that it knows.

    Raise Usage for an option that no kind has. For a single kind, raise what prevents the listing.
    """
    if kind and kind not in KINDS:
        raise Usage(f"unknown kind of bridge {kind!r}: use {', '.join(KINDS)}")
    listed = Chats([], [])
    unknown = {} if kind else dict(options)
    for one in [kind] if kind else KINDS:
        try:
            own = {name: options[name] for name in options if kind or kinds.has_option(one, name)}
            unknown = {name: value for name, value in unknown.items() if name not in own}
            listed.found.extend((one, found) for found in kinds.discover(one, own))
        except kinds.Missing as error:
            listed.problems.append((one, str(error)))
        except (XwError, OSError) as error:
            if kind:
                raise
            listed.problems.append((one, str(error)))
    for name in unknown:
        raise Usage(f"unknown option {name!r}: no kind of bridge has it")
    return listed
