"""A mirror's notes on disk, besides its mailboxes: about its hub, and when it was reached.

`peers.json` has the peers as syncs saw them, `away.json` since when and why the hub is unreachable, `machine`
the word by which the hub knows this mirror's claims, `mirror.json` the hub's id and URLs. Each mailbox has a
note with the time of its last sync, and with the peers to whom it has recently written.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged, Refused
from xw.message import parse_object
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from typing import Any

    from xw.files.contract import Files
    from xw.hub.sighting import Sighting

PEERS = "peers.json"
AWAY = "away.json"
MACHINE = "machine"
CAUTION = "caution.json"  # why mail on the hub may not survive a power cut, and when that was told
ABOUT = "mirror.json"  # a later xw may store more there
MOVES = 8  # moves of one hub, before they count as a circle
_LIMIT = 16 * 1024 * 1024
_WORD = 32  # letters that identify a machine
# After a failure, commands that sync in the background leave the network alone for this
# long: a sleeping host must not cost each command its whole time limit.
_RETRY_AFTER_S = 30.0
_DAY_S = 86400.0
_INTEREST_S = 900.0  # seconds for which syncs include a peer after mail from or to it
_INTERESTING = 50  # peers at most: the cost of a sync must not grow with the hub


class SyncState(NamedTuple):
    """The time of the last collection of an instance's mail (seconds since the epoch, 0 = never).

    `missing` describes for people the mail left or set aside on the hub then; empty if none. `failed` and
    `why` are the time and reason of the last failure to reach the hub, 0 and empty if it was reached. `shown`
    is the local mtime of the presence last given to the hub.
    """

    at: float
    failed: float
    why: str
    missing: str
    shown: float = 0.0

    def in_backoff(self) -> bool:
        """Return True if the last try failed so recently that the next should wait."""
        return 0 <= time.time() - self.failed < _RETRY_AFTER_S


class About(NamedTuple):
    """The identity of a mirror's hub: its id and its URLs, newest last.

    `id` is None if the hub was never asked, and empty if it had none. `moved` are the URLs that report that
    the hub is at another place now. `served` has the instances of a served hub, which lets each name be used
    only with its own key: for each the path of its private key, empty for the usual keys.
    """

    id: str | None = None
    urls: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    served: tuple[tuple[str, str], ...] = ()

    def key(self, name: str) -> str | None:
        """Return the key of an instance whose hub is served, else None; see `hub.opening.open_hub`."""
        return dict(self.served).get(name)

    @property
    def url(self) -> str:
        """The newest URL; empty if none was noted."""
        return self.urls[-1] if self.urls else ""

    def at(self, url: str, *others: str) -> "About":
        """Return this with `url` as the newest URL, after the known ones and `others`."""
        known = dict.fromkeys((*others, *self.urls))
        moved = tuple(dict.fromkeys(one for one in self.moved if one != url))
        return self._replace(urls=(*(one for one in known if one != url), url), moved=moved)

    def leads(self, url: str) -> str:
        """Return the present URL of the hub that `url` named: the newest, if it has moved from there."""
        return self.url if url in self.moved else url


class Notes:
    """The notes in the mirror at `files`, of the hub at `url`."""

    def __init__(self, files: "Files", url: str) -> None:
        self.files = files
        self.url = url

    # Peers

    def sightings(self) -> "dict[str, Sighting]":
        """Return everybody on the hub as syncs last saw them."""
        return self.remembered()[0]

    def remembered(self) -> "tuple[dict[str, Sighting], float]":
        """Return sightings by name, and the seconds by which the hub's clock is ahead of this machine's."""
        from xw.hub.sighting import recalled

        try:
            found = parse_object(self._read(PEERS))
            seen: Any = found.get("seen", {})
            skew = clock.seconds(found.get("skew")) or 0.0
            valid = [recalled(entry) for name, entry in seen.items() if entry.get("name") == name]
            return {one.name: one for one in valid if layout.is_name(one.name)}, skew
        except (Damaged, TypeError, AttributeError):
            return {}, 0.0  # no sync yet, or damaged, or by another version: the next sync rewrites it

    def remember(self, seen: "Mapping[str, Sighting]", now: float) -> None:
        """Store sightings of peers, made at `now` by the hub's clock."""
        skew = round(now - time.time(), 3)
        about = {"skew": skew, "seen": {name: seen[name]._asdict() for name in sorted(seen)}}
        self.files.replace(json.dumps(about, indent=1).encode(), "", PEERS)

    def interesting(self, owner: str) -> dict[str, float]:
        """Return the peers with recent mail from or to an instance, and its time; a limited number."""
        now = time.time()
        found = self._object(f"{owner}/{layout.INTEREST}").items()
        times = ((name, clock.seconds(at)) for name, at in found if layout.is_name(name))
        lately = {name: at for name, at in times if at is not None and 0 <= now - at < _INTEREST_S}
        return dict(sorted(lately.items(), key=lambda item: item[1])[-_INTERESTING:])

    def add_interest(self, owner: str, names: "Iterable[str]") -> None:
        """Note that an instance exchanges mail with these peers."""
        known = self.interesting(owner)
        fresh = {name for name in names if time.time() - known.get(name, 0.0) > _INTEREST_S / 3}
        if fresh:
            self._keep_interest(owner, known | dict.fromkeys(fresh, time.time()))

    def drop_interest(self, owner: str, names: "Iterable[str]") -> None:
        """Forget peers whose mail was returned."""
        known = self.interesting(owner)
        if not known.keys().isdisjoint(names):
            self._keep_interest(owner, {name: at for name, at in known.items() if name not in names})

    def _keep_interest(self, owner: str, known: "Mapping[str, float]") -> None:
        with suppress(OSError):  # syncs then include fewer peers; the mail itself is safe
            self.files.replace(json.dumps(known).encode(), "", f"{owner}/{layout.INTEREST}")

    # When the hub was reached

    def state(self, name: str) -> SyncState:
        """Return the time of the last collection of an instance's mail, and the failures since."""
        own, away = self._own(name), self.away()
        return own._replace(failed=away.failed, why=away.why) if away.failed > own.failed else own

    def _own(self, name: str) -> SyncState:
        """Return the state without the failures of other instances to reach the hub."""
        found = self._object(f"{name}/{layout.SYNCED}")
        at, failed, shown = (clock.seconds(found.get(key)) or 0.0 for key in ("at", "failed", "shown"))
        return SyncState(at, failed, str(found.get("why", "")), str(found.get("missing", "")), shown)

    def collected(self, name: str, missing: "Sequence[tuple[str, str]]" = ()) -> None:
        """Note that an instance's mail was collected now, except the messages in `missing` (name, reason)."""
        self._keep(name, SyncState(time.time(), 0.0, "", _told(missing), self._own(name).shown))
        self.reached()

    def reached(self, name: str = "") -> None:
        """Note that the hub answers, and if given an instance: commands may use the network again."""
        if name and self._own(name).failed:
            self._keep(name, self._own(name)._replace(failed=0.0, why=""))
        with suppress(FileNotFoundError):
            self.files.remove(AWAY)

    def shown(self, name: str, at: float) -> None:
        """Note the mtime of the presence given to the hub."""
        self._keep(name, self._own(name)._replace(shown=at))

    def _keep(self, name: str, state: SyncState) -> None:
        about: dict[str, object] = {"at": state.at, "missing": state.missing, "shown": state.shown}
        if state.failed:
            about |= {"failed": state.failed, "why": state.why}
        self.files.replace(json.dumps(about).encode(), "", f"{name}/{layout.SYNCED}")

    def about(self) -> About:
        """Return the identity of the mirror's hub as noted; the folder's name does not show it."""
        return about(self.files)

    def note_url(self) -> None:
        """Note the URL of the hub, of which nothing is known yet."""
        if not self.about().urls:
            self.note_hub(About(None, (self.url,)))

    def note_hub(self, hub: About) -> None:
        """Note the identity of the mirror's hub."""
        if self.about() != hub:
            noted = {
                "id": hub.id,
                "urls": list(hub.urls),
                "moved": list(hub.moved) or None,
                "served": dict(hub.served) or None,
            }
            kept = {**self._object(ABOUT), **noted}
            kept = {key: value for key, value in kept.items() if value is not None}
            self.files.replace((json.dumps(kept, indent=1) + "\n").encode(), "", ABOUT)

    def note_served(self, name: str, key: str | None) -> None:
        """Note that the hub serves an instance by this key, or with None that it does not."""
        known = self.about()
        others = tuple(one for one in known.served if one[0] != name)
        self.note_hub(known._replace(served=others if key is None else (*others, (name, key))))

    def note_caution(self, why: str) -> None:
        """Note why acknowledged mail may not survive a power cut of the hub's host; empty if it does."""
        known = self._object(CAUTION)
        if why and known.get("why") != why:
            self.files.replace(json.dumps({"why": why}).encode(), "", CAUTION)
        elif known and not why:
            with suppress(FileNotFoundError):
                self.files.remove(CAUTION)

    def caution_to_tell(self) -> str:
        """Return what `note_caution` noted, once a day; empty otherwise."""
        known = self._object(CAUTION)
        told = clock.seconds(known.get("told")) or 0.0
        if not known or 0 <= time.time() - told < _DAY_S:
            return ""
        with suppress(OSError):  # it is then told again
            self.files.replace(json.dumps({**known, "told": time.time()}).encode(), "", CAUTION)
        return str(known.get("why", ""))

    def failed(self, why: str, name: str = "", error: Exception | None = None) -> None:
        """Note why the hub is unreachable now; a served hub's refusal of a key is noted for `name` alone."""
        if name and isinstance(error, Refused) and self.about().served:
            self._keep(name, self._own(name)._replace(failed=time.time(), why=why))
            return
        self.files.replace(json.dumps({"failed": time.time(), "why": why}).encode(), "", AWAY)

    def token(self) -> bytes:
        """Return the random word that identifies this mirror among those of an instance; made once."""
        word = self._word()
        if len(word) != _WORD:
            new = os.urandom(_WORD // 2).hex().encode()
            with suppress(FileExistsError):  # another process has just made it, or it is damaged
                self.files.publish(new, "", [MACHINE])
            if len(self._word()) != _WORD:
                self.files.replace(new, "", MACHINE)
            word = self._word()
        return word

    def _word(self) -> bytes:
        """Return the noted word, or empty bytes. Raise OSError if it cannot be read."""
        try:
            return self.files.read(MACHINE, _LIMIT)
        except (FileNotFoundError, Damaged):
            return b""

    def watched(self, name: str) -> bool:
        """Return True if a `sync --watch` keeps an instance's mailbox in sync."""
        return self.files.held(f"{name}/{layout.WATCH_LOCK}")

    def away(self) -> SyncState:
        """Return since when and why the hub is unreachable."""
        found = self._object(AWAY)
        return SyncState(0.0, clock.seconds(found.get("failed")) or 0.0, str(found.get("why", "")), "")

    def _object(self, name: str) -> "dict[str, Any]":
        """Return a note's fields; empty if it is missing or damaged, because notes are optional."""
        try:
            return parse_object(self._read(name))
        except Damaged:
            return {}

    def _read(self, name: str) -> bytes:
        try:
            return self.files.read(name, _LIMIT)
        except (OSError, Damaged):
            return b""


def about(files: "Files") -> About:
    """Return the identity of the hub of the mirror in `files`; parts not noted or unreadable are missing."""
    try:
        found = parse_object(files.read(ABOUT, _LIMIT))
    except (OSError, Damaged):
        return About()
    given = found.get("id")
    identity = given if isinstance(given, str) else None
    served = found.get("served")
    keys = served.items() if isinstance(served, dict) else ()
    known = tuple((name, key) for name, key in keys if layout.is_name(name) and isinstance(key, str))
    return About(identity, _texts(found, "urls"), _texts(found, "moved"), known)


def _texts(found: "Mapping[str, object]", key: str) -> tuple[str, ...]:
    listed = found.get(key)
    return tuple(one for one in listed if isinstance(one, str) and one) if isinstance(listed, list) else ()


def _told(missing: "Sequence[tuple[str, str]]") -> str:
    """Return the missing messages in a sentence: the first one, and the number of others."""
    if not missing:
        return ""
    name, why = missing[0]
    more = f"; and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{name}: {why}{more}"
