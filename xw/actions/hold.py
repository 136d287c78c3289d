"""Hold and resume: stop what an instance is shown by itself on this machine, until it is resumed."""

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import delivery, layout, presence
from xw.actions.known import known
from xw.errors import NotFound, Refused, XwError
from xw.instance import Instance, Options, open_instance
from xw.text import nearest

if TYPE_CHECKING:
    from xw.shapes import upkeep

# Made by what acts here as an instance; a mailbox on a hub's host whose owner works elsewhere has none.
_USED_HERE = (layout.LOCK, layout.BRIDGE_LOCK, layout.PRESENCE_LOCK, layout.SESSIONS, layout.HOLD)


class Held(NamedTuple):
    """An instance after `hold` or `resume`; `changed` is False if it was so before."""

    name: str
    on_hold: bool
    changed: bool

    def to_json(self) -> "upkeep.Held":
        """Return the object that `--json` prints."""
        return {"format": 1, **self._asdict()}  # type: ignore[typeddict-item]  # the fields have its names


def hold(instance: Instance) -> Held:
    """Let no mail be shown to an instance by itself; repeating it is harmless. Raise Refused for a person."""
    if instance.config.instances.get(instance.name, {}).get("kind") == "human":
        raise Refused(
            f"{instance.name} is a person, who is shown nothing by itself: "
            "name an agent, such as `xw hold alice`"
        )
    changed = delivery.hold(instance.mailbox, instance.now())
    _show_peers(instance)
    return Held(instance.name, True, changed)


def resume(instance: Instance) -> Held:
    """Let mail be shown to an instance by itself again; repeating it is harmless."""
    changed = delivery.resume(instance.mailbox)
    _show_peers(instance)
    return Held(instance.name, False, changed)


def _show_peers(instance: Instance) -> None:
    with suppress(XwError, OSError):  # they see it with the next heartbeat or status
        presence.renew(instance.mailbox)


def opened(options: Options, name: str | None) -> Instance:
    """Return an instance on this machine, by default the acting one. Raise NotFound for one that is not."""
    if name is None:
        return open_instance(options)
    layout.check_name(name)
    try:
        found = open_instance(options._replace(name=name))
    except NotFound:
        raise _elsewhere(options, name) from None
    paths = [found.mailbox.at(path) for path in (layout.ROOM, *_USED_HERE)]
    room, *used = (not isinstance(look, OSError) for look in found.mailbox.files.stat_all(paths))
    if room:
        raise NotFound(f"{name} is a room: use `xw room pause {name}` and `xw room resume {name}`")
    elsewhere = found.carrier.mirror is None and name not in found.config.instances and not any(used)
    if elsewhere:
        raise NotFound(f"{name} does not work on this machine: run this where it does")
    return found


def _elsewhere(options: Options, name: str) -> NotFound:
    """Return the error for a name without a mailbox here, as far as this machine knows the hub's names."""
    names = known(options).names
    if name in names:
        return NotFound(f"{name}'s mailbox is on another machine: run this there")
    return NotFound(f"no peer {name!r}{nearest(name, list(names))}; `xw peers` lists them", "peers")
