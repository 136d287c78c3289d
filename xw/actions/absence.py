"""Reasons to expect no answer soon: a dead bridge, a long silence, a room that nobody runs."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from xw.errors import XwError
from xw.hub.sighting import Peer
from xw.instance import Instance
from xw.text import first_line, span

_WHY = 100  # characters of a bridge's reason
LONG_S = 3600.0
"""A person who reads mail by hand may be silent this long without counting as absent."""


def absences(instance: Instance, names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each peer who may not answer soon, as far as is known without asking the hub."""
    for name in names:
        with suppress(XwError, OSError):  # unknown or unreachable: nothing to report
            peer = instance.carrier.known(name)
            said = _absence(instance, peer) if peer else None
            if said:
                yield said


def gone(instance: Instance, names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each peer whose program has ended, as far as is known without asking the hub."""
    for name in names:
        with suppress(XwError, OSError):  # unknown or unreachable: nothing to report
            peer = instance.carrier.known(name)
            if peer and peer.ended:
                yield _gone(peer)


def held_back(instance: Instance, name: str) -> str | None:
    """Return a sentence if a peer's bridge runs and holds mail back, as known without asking the hub."""
    with suppress(XwError, OSError):  # unknown or unreachable: nothing to report
        peer = instance.carrier.known(name)
        if peer and peer.bridge_state == "waits":
            return f"the bridge of {name} holds mail back: {first_line(peer.waits_for, _WHY)}"
    return None


def _absence(instance: Instance, peer: Peer) -> str | None:
    if peer.kind == "room":
        from xw.actions import rooms

        idle = rooms.runs(instance.hub, peer.name) is False
        return f"nobody runs the room {peer.name}: `xw room run {peer.name}`" if idle else None
    reasons = []
    if not peer.bridge_runs:
        if peer.bridge_state == "died":
            reasons.append(f"the {first_line(peer.bridge, _WHY)} bridge of {peer.name} died")
        elif "bridge" in instance.config.instances.get(peer.name, {}):
            reasons.append(f"the bridge of {peer.name} does not run (`xw up` starts it)")
    if peer.ended:
        reasons.append(_gone(peer))
    elif peer.age is not None and peer.age > LONG_S:
        reasons.append(f"{peer.name} was last seen {span(peer.age)} ago")
    return "; ".join(reasons) or None


def _gone(peer: Peer) -> str:
    seen = "" if peer.age is None else f" (seen {span(peer.age)} ago)"
    return f"{peer.name} is gone{seen}: mail waits until a program runs as {peer.name} again"
