"""Bridges: run one, find chats, and which of them `xw.json` names."""

import shlex
from collections.abc import Mapping, Sequence
from threading import Event
from typing import TYPE_CHECKING, NamedTuple, cast

from xw.bridges import kinds
from xw.bridges.chat import Found
from xw.bridges.kinds import KINDS
from xw.bridges.loop import Tell
from xw.bridges.serve import Plan, Stop, serve
from xw.config import Config
from xw.errors import Busy, NotFound, Usage, XwError
from xw.instance import Instance

if TYPE_CHECKING:
    from xw.shapes import upkeep

_STARTED = ("command", "acp")  # by the bridge, so that their target is a command line
AGAIN_S = 5.0
"""So often a bridge of `xw up` looks for what it lacks."""


class Wanted(NamedTuple):
    """A bridge as it was asked for; None and empty where `xw.json` is to say."""

    kind: str | None = None
    target: str | None = None
    options: Mapping[str, str] = {}
    notify: bool = False


def plan(instance: Instance, wanted: Wanted) -> Plan:
    """What to do: as asked, else as `xw.json` has it for this instance. Usage."""
    configured = entry(instance.config, instance.name)
    asked = wanted.kind or configured.kind
    if not asked:
        raise Usage(f"which kind of chat? Give one of {', '.join(KINDS)}, or a `bridge` for it in xw.json")
    if asked not in KINDS:
        raise Usage(f"unknown kind of bridge {asked!r}: use {', '.join(KINDS)}")
    # What xw.json says of another kind of chat does not fit this one.
    base = configured if asked == configured.kind else Wanted()
    target = wanted.target or base.target
    if not target:
        need = (
            "the command, after `--`" if asked in _STARTED else f"--target; `xw bridge {asked} --list` shows"
        )
        raise Usage(f"which chat? Give {need}")
    options = {**base.options, **wanted.options}
    return Plan(
        asked, lambda state: kinds.open_chat(asked, target, options, state), wanted.notify or base.notify
    )


def entry(config: Config, name: str) -> Wanted:
    """The bridge that `xw.json` names for an instance; empty where it names none."""
    said = config.instances.get(name, {}).get("bridge") or {}
    assert isinstance(said, dict)  # config has seen to it
    return Wanted(said.get("kind"), said.get("target"), said.get("options", {}), said.get("notify", False))


def options_of(words: Sequence[str]) -> dict[str, str]:
    """The options in words of the form `name=value`. Usage."""
    pairs = [word.partition("=") for word in words]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise Usage(f"--option {name}: give name=value")
    return {name: value for name, _, value in pairs}


def command_line(words: Sequence[str]) -> str | None:
    """A command's words as one target; None for none."""
    return shlex.join(words) if words else None


def run(instance: Instance, plan: Plan, stop: Stop, tell: Tell, patient: bool = False) -> None:
    """Take the instance's mail through a chat until `stop`. Busy where another bridge does.

    NotFound where the chat's program is not there. With `patient`, both are said once and waited for.
    """
    told, woken = "", Event()
    while not stop.asked():
        try:
            serve(instance, plan, stop, tell)
        except (Busy, NotFound) as error:
            if not patient:
                raise
            if str(error) != told:
                tell(f"cannot start yet: {error}")
            told = str(error)
            stop.wakes(woken.set)
            woken.wait(AGAIN_S)


class Chats(NamedTuple):
    """The chats of this machine with their kinds, and why those of other kinds cannot be listed."""

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
    """List the chats that a bridge could be pointed at; without `kind`, each gets the options that it has.

    Raise Usage for an option that none of them has; for a single kind, also what keeps it from being listed.
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
