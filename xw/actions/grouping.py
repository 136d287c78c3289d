"""Join and leave groups, which others address as `@NAME`: they stand on the instance's card.

The mailbox keeps a note of them as well: an older `init` drops what it does not know from a card, and
`restore` puts it back.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import layout
from xw.actions.addressing import check_groups
from xw.errors import Damaged, XwError
from xw.instance import Instance
from xw.message import parse_object

if TYPE_CHECKING:
    from xw.shapes import upkeep

_LIMIT = 64 * 1024


class Groups(NamedTuple):
    """An instance's groups after `join` or `leave`; `changed` are those that it was not in, or was."""

    name: str
    groups: tuple[str, ...]
    changed: tuple[str, ...]

    def to_json(self) -> "upkeep.Groups":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "name": self.name,
            "groups": list(self.groups),
            "changed": list(self.changed),
        }


def join(instance: Instance, names: Sequence[str]) -> Groups:
    """Add groups, given as `@NAME`, to the instance's card; repeating it is harmless."""
    added = check_groups(names)
    return _change(instance, lambda groups: {*groups, *added})


def leave(instance: Instance, names: Sequence[str]) -> Groups:
    """Remove groups, given as `@NAME`, from the instance's card; repeating it is harmless."""
    removed = check_groups(names)
    return _change(instance, lambda groups: groups.difference(removed))


def restore(instance: Instance) -> None:
    """Put the groups back on a card from which an older xw has dropped them."""
    noted = _noted(instance)
    if not noted:
        return
    with suppress(XwError, OSError):  # the next such call tries again
        hub = instance.carrier.remote()
        if hub.groups(instance.name) is None:
            hub.set_groups(instance.name, noted)


def _change(instance: Instance, change: Callable[[set[str]], set[str]]) -> Groups:
    mailbox, hub = instance.mailbox, instance.carrier.remote()
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        on_card = hub.groups(instance.name)
        before = set(_noted(instance) if on_card is None else on_card)
        after = change(before)
        # The card first: the note alone would bring back a group that was left.
        hub.set_groups(instance.name, sorted(after))
        data = (json.dumps({"groups": sorted(after)}) + "\n").encode()
        mailbox.files.replace(data, mailbox.at(layout.SCRATCH), mailbox.at(layout.GROUPS))
    return Groups(instance.name, tuple(sorted(after)), tuple(sorted(before ^ after)))


def _noted(instance: Instance) -> list[str]:
    """Return the noted groups; none if the note is missing or damaged."""
    mailbox = instance.mailbox
    try:
        noted = parse_object(mailbox.files.read(mailbox.at(layout.GROUPS), _LIMIT)).get("groups")
    except (OSError, Damaged):
        return []
    listed = noted if isinstance(noted, list) else []
    return [one for one in listed if isinstance(one, str) and layout.is_name(one)]
