"""Decide from two listings how to sync a mirror and its hub. Nothing is done here.

Called by `sync`, which carries out the actions.
"""

from collections.abc import Mapping
from typing import NamedTuple

from xw.layout import RANK
from xw.words import State

Listing = Mapping[str, State]  # by file name


class Fetch(NamedTuple):
    """Fetch a message from the hub into the mirror, in its state there."""

    name: str
    state: State


class Advance(NamedTuple):
    """Move a message of the mirror to the state of the hub's copy."""

    name: str
    source: State
    state: State


class Settle(NamedTuple):
    """Move a message of the hub to the state of the mirror's copy."""

    name: str
    source: State
    state: State


Action = Fetch | Advance | Settle


def plan(mirror: Listing, hub: Listing) -> list[Action]:
    """Return the actions that sync two listings of one inbox, oldest message first.

    The furthest state wins, done over failed. A message that only the mirror has stays: another machine's gc
    has removed the hub's copy, or the hub is a different one. A message that is handled on the hub and
    unknown to the mirror is history and stays there.
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
