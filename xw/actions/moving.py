"""`xw hub move` and `xw hub new-id`, for the hub in use or the one that --hub names."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from xw import config, keyring, outbox
from xw.actions import keys, sharing
from xw.actions.setup import join_hub
from xw.config import Config
from xw.errors import Moved, Refused, Usage, XwError
from xw.files.local import LocalFiles
from xw.hub.contract import Hub
from xw.instance import Options, hub_at, load_config, where_now
from xw.mailbox import Mailbox
from xw.mirror.notes import Notes
from xw.mirror.siblings import siblings

if TYPE_CHECKING:
    from xw.shapes import upkeep


class HubMoved(NamedTuple):
    """The result of `hub move`: the moved instances, and a line for each thing that stays."""

    old: str
    new: str
    instances: tuple[str, ...]
    left: tuple[str, ...]

    def to_json(self) -> "upkeep.HubMoved":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "from": self.old,
            "to": self.new,
            "instances": list(self.instances),
            "left": list(self.left),
        }


class Renewed(NamedTuple):
    """A hub, and its new id."""

    hub: str
    id: str

    def to_json(self) -> "upkeep.Renewed":
        """Return the object that `--json` prints."""
        return {"format": 1, **self._asdict()}  # type: ignore[typeddict-item]


def move(
    options: Options, url: str, tell: Callable[[str], None], environ: Mapping[str, str] = os.environ
) -> HubMoved:
    """Move the hub in use to a new URL, made there if missing; repeating it is harmless.

    `tell` gets a line when a hub is made on another host. Raise Usage or Refused if it cannot be moved there.
    """
    found = load_config(options, environ)
    old_url = config.hub_url(options.hub, environ, found)
    new_url = config.chosen(url, config.here())
    _check(options, old_url, new_url)
    old = hub_at(old_url, found, environ=environ)
    group = old.group()
    shared = sharing.group_named(group) if group and not config.is_remote(new_url) else None
    if group and not shared:
        shared = sharing.UnixGroup(group, -1)  # the group of a hub made there before
    try:
        _, new = join_hub(new_url, shared, options.offline, tell)
    except Moved as moved:
        raise Refused(
            f"a hub has left {new_url} for {moved.url}, and some may still look for it there: "
            "name another directory"
        ) from None
    names: list[str] = []
    left = old.move_to(new, names.append)
    left += _deliver_outboxes(old_url, new, names)
    _note(found, old_url, new_url, new.identity(), environ)
    return HubMoved(old_url, new_url, tuple(names), tuple(left))


def _check(options: Options, old: str, new: str) -> None:
    if config.is_remote(old) or config.is_remote(new):
        if options.offline:
            raise Usage("moving a hub from or to another host needs the network: leave out --offline")
        if not config.is_remote(new):
            raise Refused(
                f"{new} is a path of this machine, by which the others could not find the hub {old}: "
                f"name a URL that all can use, such as ssh://you@host{new}"
            )
        one, two = old.rstrip("/"), new.rstrip("/")
    else:
        one, two = (os.path.realpath(path) for path in (old, new))
    if f"{one}/".startswith(f"{two}/") or f"{two}/".startswith(f"{one}/"):
        raise Usage(f"{new} and {old} overlap: name another directory")


def _deliver_outboxes(old: str, new: Hub, names: list[str]) -> list[str]:
    """Deliver the outboxes that stay on this machine; return a line for each that still waits."""
    if config.is_remote(old):
        return []
    left = []
    for name in names:
        mailbox = Mailbox(LocalFiles(old), name)
        try:
            if mailbox.waiting_for():
                outbox.flush(mailbox, new)
        except (XwError, OSError) as error:
            left.append(f"{old}/{name}/outbox: {error}: it waits for the next command of {name}")
    return left


def _note(found: Config, old: str, new: str, identity: str, environ: Mapping[str, str]) -> None:
    """Give this project's mirrors of the hub its new URL."""
    for one in siblings(os.path.dirname(config.mirror(new, found, environ))):
        if one.about.id == identity and old in one.about.urls:
            moved = one.about._replace(moved=(*one.about.moved, old))
            Notes(LocalFiles(one.root), new).note_hub(moved.at(new))


def renew_identity(options: Options, environ: Mapping[str, str] = os.environ) -> Renewed:
    """Give the hub in use a new id, so that it no longer counts as a copy. Raise Usage with --offline."""
    found = load_config(options, environ)
    url = where_now(config.hub_url(options.hub, environ, found), found, environ)
    if options.offline and config.is_remote(url):
        raise Usage("a hub on another host gets its id by the network: leave out --offline")
    hub = hub_at(url, found, environ=environ)
    before = hub.identity()
    made = hub.renew_identity()
    if before:
        keys.take_along(hub, keyring.of(before, found, environ), keyring.of(made, found, environ))
    if not config.is_remote(url):
        keyring.note_hub(url, made, environ)
    for one in siblings(os.path.dirname(config.mirror(url, found, environ))):
        if url in one.about.urls:
            Notes(LocalFiles(one.root), url).note_hub(one.about._replace(id=made, urls=(url,), moved=()))
    return Renewed(url, made)
