"""What brings a mirror and its hub in step: decided from two listings, nothing done yet.

Called by `sync`, which carries the actions out.
"""

from collections.abc import Mapping
from typing import NamedTuple

from xw.layout import RANK
from xw.words import State

Listing = Mapping[str, State]  # by file name


class Fetch(NamedTuple):
    """Bring a message from the hub into the mirror, in the state it has there."""

    name: str
    state: State


class Advance(NamedTuple):
    """Move a message of the mirror on, as the hub's copy was."""

    name: str
    source: State
    state: State


class Settle(NamedTuple):
    """Move a message of the hub on, as the mirror's copy was."""

    name: str
    source: State
    state: State


Action = Fetch | Advance | Settle


def plan(mirror: Listing, hub: Listing) -> list[Action]:
    """Return the actions that bring two listings of one inbox in step, oldest message first.

    The furthest state wins, done over failed. What only the mirror has stays:
    the hub's copy was removed by another machine's gc, or the hub is not the
    one it was. What the hub has as handled and the mirror never saw is history
    and stays there.
    """
    actions: list[Action] = []
    for name in sorted(hub):
        on_hub, locally = hub[name], mirror.get(name)
        if locally is None:
            if on_hub in ("pending", "processing"):
                actions.append(Fetch(name, on_hub))
        elif RANK[locally] > RANK[on_hub]:
            actions.append(Settle(name, on_hub, locally))
        elif RANK[on_hub] > RANK[locally]:
            actions.append(Advance(name, locally, on_hub))
    return actions
