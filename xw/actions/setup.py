"""Set up and describe: init, who, peers, sync, prompt."""

import math
import os
from collections.abc import Callable, Mapping
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from xw import clock, config, delivery, layout, places
from xw.actions import (
    beside,
    former,
    grouping,
    guarding,
    keys,
    login_key,
    project,
    registering,
    sharing,
    shipped,
)
from xw.actions.following import take_mirrors
from xw.actions.resending import Resends
from xw.actions.sharing import UnixGroup
from xw.config import Config
from xw.errors import Unreachable, Usage, XwError
from xw.files.local import LocalFiles
from xw.files.own_folder import check_link, check_way
from xw.hub import directory, opening
from xw.hub.contract import Hub, Progress
from xw.hub.making import make_hub
from xw.hub.sighting import Peer
from xw.instance import Instance, Options, open_hub, open_instance, update_config, usual_mirror
from xw.mirror.sync import Report
from xw.sender_status import SHOW
from xw.unconfirmed import Unconfirmed

if TYPE_CHECKING:
    from xw.shapes import upkeep
    from xw.words import Delivery

_TEMPLATE = "hub_template"
_JUDGED = 1000  # of the newest pending messages, `who` looks for those of uncertain senders
_README = "README.md"


class Made(NamedTuple):
    """The result of `init`: the instance, and whether its hub and mailbox are new.

    `there` are the other names on the hub it joined, `recorded` those that it wrote into a new xw.json. With
    `beside`, the hub is not the one in xw.json, which stays as it was.
    """

    instance: Instance
    new_hub: bool
    new_mailbox: bool
    there: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    beside: bool = False


class Unsent(NamedTuple):
    """The mail in the outbox for one peer: number of messages, and when the oldest was sent."""

    to: str
    messages: int
    oldest: int

    def to_json(self) -> "upkeep.Unsent":
        """Return the object that `--json` prints."""
        return {"to": self.to, "messages": self.messages, "oldest": clock.rfc3339(self.oldest)}


class Who(NamedTuple):
    """Name, hub, configuration in force (None without a file), and number of pending and claimed messages.

    `delivery` is when mail is shown by itself, `delivery_why` who decided that; `on_hold` if it was stopped.
    `senders` is the policy for mail of uncertain senders, `unconfirmed` a sentence about what waits under it.
    `outbox` has the mail that waits for each peer. `mirror` is the worktree's own mirror if it carries a
    sandboxed agent's mail, and `hint` what somebody outside the sandbox must do for that mail.
    """

    name: str
    hub: str
    config: str | None
    pending: int
    mirror: str | None
    hint: str = ""
    outbox: tuple[Unsent, ...] = ()
    claimed: int = 0
    delivery: "Delivery" = delivery.DEFAULT
    delivery_why: str = ""
    on_hold: bool = False
    senders: str = SHOW
    unconfirmed: str = ""

    def to_json(self) -> "upkeep.Who":
        """Return the object that `--json` prints."""
        outbox = [one.to_json() for one in self.outbox]
        return {"format": 1, **self._asdict(), "outbox": outbox}  # type: ignore[typeddict-item]


class Synced(NamedTuple):
    """The result of `sync`: the peers on the hub, and the mail that moved.

    `adopted` counts messages taken from another mirror; `not_adopted` has a sentence for each that stays
    there. `repaired` has the messages that a repair sent again or left, None without one.
    """

    peers: list[Peer]
    report: Report
    adopted: int = 0
    not_adopted: tuple[str, ...] = ()
    repaired: Resends | None = None

    @property
    def errors(self) -> tuple[XwError, ...]:
        """The reasons why mail stays in the outbox, or in the mirror that was to be adopted."""
        return (*map(XwError, self.not_adopted), *self.report.flushed.waiting.values())

    def to_json(self) -> "upkeep.Synced":
        """Return the object that `--json` prints."""
        report = self.report
        flushed = report.flushed
        return {
            "format": 1,
            "peers": [peer.name for peer in self.peers],
            "delivered": [{"to": to, "id": _id(name)} for to, name in flushed.delivered],
            "returned": [{"to": to, "id": _id(name)} for to, name in flushed.returned],
            "waiting": [
                {"to": to, "error": str(error), "code": error.word} for to, error in flushed.waiting.items()
            ],
            "fetched": [_id(name) for name in report.fetched],
            "settled": [_id(name) for name in report.settled],
            "advanced": [_id(name) for name in report.advanced],
            "problems": [{"name": name, "reason": why} for name, why in report.problems],
            "adopted": self.adopted,
            "repaired": self.repaired.to_json() if self.repaired else None,
        }


def _id(name: str) -> str:
    return name.partition(".")[0]


def _quietly(text: str) -> None:
    """Discard a report."""


def init(
    options: Options,
    name: str | None,
    card: Mapping[str, object],
    group: str | None = None,
    tell: Callable[[str], None] = _quietly,
    environ: Mapping[str, str] = os.environ,
    invite: str | None = None,
) -> Made:
    """Make the hub and mailbox if missing, and the entry in `xw.json`; repeating it is harmless.

    Without `name`, use the environment's, or the directory's. `group` is the Unix group that shares a new
    hub, `invite` the invitation to a served one. `tell` gets a line before a hub is made on another host, and
    one if that hub is not durable. A hub that XW_HUB gives, or a bare word, may be another than that in
    `xw.json`, which then stays as it is.
    """
    shared = None if group is None else sharing.group_named(group)
    given = options.hub or environ.get("XW_HUB")
    may_differ = bool(given) and (not options.hub or layout.is_name(options.hub))
    named_file = options.config or environ.get("XW_CONFIG")
    path, found = project.configuration(named_file, given, environ, may_differ)
    chosen = _name(options, name, found, environ)
    written = found._replace(path=path)
    own = config.own_hub(found.hub or places.PROJECT_HUB, written)
    url = config.chosen(given, config.here()) if given else own
    mirror = login_key.mirror_of_same(own, url, invite, written, environ)
    if mirror:
        found = found._replace(hub=given)
    second = bool(found.hub) and own != url and not mirror
    if second:
        _check_beside(options, card, path, found.hub, may_differ)
    if given and layout.is_name(given) and os.path.isdir(os.path.join(config.here(), given)):
        tell(f"{given} names the hub {url}; for the folder here write ./{given}")
    check_link(os.path.dirname(path))
    kept = (mirror or usual_mirror(url, "", written, environ)) if config.is_remote(url) else url
    if not given:
        _refuse_lost(url, written)
    check_way(kept)
    key, was = login_key.login(url, chosen, invite, kept, written, options.offline, tell, environ)
    new_hub, hub = join_hub(url, shared, options.offline, tell, key)
    lost = {} if found.path or new_hub or second else project.mailboxes(hub, url, path)
    if not (name or options.name or environ.get("XW_NAME")):
        chosen = project.name_of(lost, url, chosen)
    instances = {**lost, **found.instances}
    if was in instances:
        instances[chosen] = {**instances.pop(was), **instances.get(chosen, {})}
    entry = {**instances.get(chosen, {}), **{key: value for key, value in card.items() if value}}
    known = beside.joined(written).get(url, []) if second else instances
    unnamed = chosen not in known and not name
    guard = lambda: guarding.check(hub, chosen, written, environ)  # noqa: E731
    new_mailbox = registering.register(hub, chosen, entry, unnamed, kept, key, guard)
    if second:
        beside.note(path, url, chosen)
    else:
        hub_of_file: dict[str, object] = {"hub": found.hub or _written(given, url)}
        update_config(path, hub_of_file, {**lost, chosen: entry}, without=was)
    project.keep_out_of_git(path, kept, tell)
    for separate, waiting in project.hubs_apart(url):
        what = f"a linked worktree has its own hub, with {waiting} pending messages"
        tell(f"{what}: `xw check --hub {separate}`")
    joined = not new_hub and (second or not found.path)
    there = tuple(one for one in hub.instances() if one != chosen) if joined else ()
    made = open_instance(Options(chosen, url, path), environ)
    keys.ensure(made, hub, fresh=new_hub, tell=tell)
    if key is not None:
        former.return_mail(made, was, tell)
    grouping.restore(made)
    return Made(made, new_hub, new_mailbox, there, tuple(sorted({*lost} - {chosen})), second)


def _check_beside(
    options: Options, card: Mapping[str, object], path: str, hub: str | None, may_differ: bool
) -> None:
    """Raise Usage if another hub cannot be joined beside the one in `xw.json`, or not with this card."""
    if card.get("delivery"):
        raise Usage(f"`delivery` is kept in {path}, for every hub: set it without {_given(options)}")
    if not may_differ:
        raise Usage(
            f"{path} is for the hub {hub}: set XW_HUB instead of --hub to join another one beside it, "
            "run init in another directory, or edit `hub` there"
        )


def _given(options: Options) -> str:
    return "--hub" if options.hub else "XW_HUB"


def _refuse_lost(url: str, found: Config) -> None:
    """Raise Unreachable if `xw.json` names a directory that is gone: an empty hub there would hide its mail.

    A hub in the project's own `.xw/`, or one that is known by a name, is made where a checkout is new.
    """
    named = found.hub and layout.is_name(found.hub)
    if (
        not found.hub
        or named
        or found.hub == places.PROJECT_HUB
        or config.is_remote(url)
        or os.path.exists(url)
    ):
        return
    raise Unreachable(
        f"no hub at {url}, which {found.path} names: if it was moved, set `hub` there to its new path; "
        f"`xw init --hub {quote(url)}` makes an empty one"
    )


def who(instance: Instance) -> Who:
    """Return the instance's name, hub, configuration and number of pending messages."""
    names = instance.mailbox.pending()
    unconfirmed = Unconfirmed(instance)
    unconfirmed.without(names[-_JUDGED:])
    mirror = instance.carrier.mirror
    if not mirror:
        grouping.restore(instance)
    hint = mirror.hint if mirror else ""
    shown = delivery.effective(instance)
    return Who(
        instance.name,
        instance.hub.url,
        instance.config.path,
        len(names),
        instance.root if hint else None,
        hint,
        _unsent(instance),
        claimed=len(instance.mailbox.claimed()),
        delivery=shown.value,
        delivery_why=shown.why,
        on_hold=delivery.held(instance.mailbox),
        senders=config.sender_policy(instance.config, instance.name),
        unconfirmed=unconfirmed.reason,
    )


def _unsent(instance: Instance) -> tuple[Unsent, ...]:
    box = instance.mailbox
    waiting = {to: names for to in box.outboxes() if (names := box.outbox(to))}
    return tuple(
        Unsent(to, len(names), clock.from_stamp(layout.time_of(names[0]))) for to, names in waiting.items()
    )


def peers(instance: Instance) -> list[Peer]:
    """Return every other instance as the hub describes it: those in trouble first, then by name."""
    found = [_as_chosen(instance, peer) for peer in instance.hub.peers() if peer.name != instance.name]
    return sorted(found, key=lambda peer: (not peer.in_trouble, peer.name))


def _as_chosen(instance: Instance, peer: Peer) -> Peer:
    """Return a peer with the delivery that xw.json has for it, if it is here: its card may be older."""
    entry = instance.config.instances.get(peer.name)
    shown = peer.delivery if peer.delivery_why == delivery.CHOSEN else None
    if entry is None or entry.get("delivery") == shown:
        return peer
    now = delivery.decide(entry.get("delivery"), peer.launched, peer.bridge_runs)
    return peer._replace(delivery=now.value, delivery_why=now.why)


def some_peers(found: list[Peer], most: int | None) -> list[Peer]:
    """Return at most `most` of the peers, in their order: those in trouble, then those seen last. Usage."""
    if most == 0:
        raise Usage("limit 0 lists nothing: give 1 or more")
    if most is None or len(found) <= most:
        return found
    lately = sorted(found, key=lambda peer: (not peer.in_trouble, math.inf if peer.age is None else peer.age))
    chosen = {peer.name for peer in lately[:most]}
    return [peer for peer in found if peer.name in chosen]


def sync(instance: Instance, progress: Progress | None = None) -> Synced:
    """Deliver the outbox, update a mirror, and write the peers into `xw.json`.

    Raise Unreachable or Refused if the hub is not available.
    """
    problems: list[str] = []
    take_mirrors(instance, problems)
    report = instance.carrier.sync(progress)
    told = tuple((instance.hub.url, problem) for problem in problems)
    report = report._replace(problems=told + report.problems)
    grouping.restore(instance)
    keys.restore(instance)
    return Synced(_write_peers(instance), report)


def _write_peers(instance: Instance) -> list[Peer]:
    """Update the other instances in `xw.json` where they have changed; return them."""
    seen = peers(instance)
    path = instance.config.path
    # Peers on a hub given by --hub are not this project's.
    if (
        path
        and instance.config.hub
        and config.own_hub(instance.config.hub, instance.config) == instance.hub.url
    ):
        before = config.load(path).peers
        listed = {
            peer.name: before.get(peer.name, {}) if peer.problem else _peer_entry(peer)
            for peer in sorted(seen, key=lambda peer: peer.name)
        }
        if listed != before:
            update_config(path, {"peers": listed})
    return seen


def _name(options: Options, name: str | None, found: Config, environ: Mapping[str, str]) -> str:
    given = name or options.name or environ.get("XW_NAME")
    if given:
        return layout.check_name(given)
    if len(found.instances) == 1:
        return next(iter(found.instances))
    if found.instances:
        raise Usage(
            f"{found.path} has {', '.join(sorted(found.instances))} already: give --name to add another"
        )
    made = layout.name_from(os.path.basename(config.here()))
    if not made or made in layout.RESERVED:
        raise Usage("cannot make an instance name from the directory's name: give --name")
    return made


def _written(given: str | None, url: str) -> str:
    """Return the hub for `xw.json`: names and URLs as given, paths absolute."""
    if not given:
        return places.PROJECT_HUB
    return given if layout.is_name(given) or config.is_remote(given) else url


def join_hub(
    url: str,
    group: UnixGroup | None,
    offline: bool,
    tell: Callable[[str], None],
    key: str | None = None,
) -> tuple[bool, Hub]:
    """Return the hub at `url`, and whether it is new; `key` is as in `opening.open_hub`."""
    if config.is_remote(url):
        if offline:
            raise Usage("joining a hub on another host needs the network: leave out --offline")
        name = group.name if group else ""
        return opening.join(url, shipped.text(_TEMPLATE, _README), name, tell, key)
    files = LocalFiles(url, group=bool(group))
    share = (lambda: sharing.make_folder(url, group)) if group else None
    new = make_hub(
        files, url, shipped.text(_TEMPLATE, _README), _quietly, group=group.name if group else "", share=share
    )
    if group and not new:
        sharing.check_group(url, directory.facts(LocalFiles(url), url), group)
    return new, open_hub(url)[1]


def _peer_entry(peer: Peer) -> dict[str, object]:
    entry = {"kind": peer.kind, "description": peer.description, "model": peer.model}
    return {key: value for key, value in entry.items() if value}
