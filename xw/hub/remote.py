"""A hub on another machine, as its mirror here remembers it; connected only where that does not do.

The mirror is a directory with the mailboxes of this machine's instances and files
of its own: `peers.json`, what the last sync saw, `away.json`, since when and why
the hub cannot be had, and `machine`, by which the hub tells this mirror's claims
from another's. Each mailbox keeps when it was last synced.
`sync` does the travelling; commands read the mirror and pay nothing for the
distance.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged, Unreachable, XwError
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.record import NamedTuple

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, TypeVar

    from xw.files.sftp import SftpFiles
    from xw.files.ssh.link import SshLink
    from xw.hub.contract import Located, Parcel, Peer
    from xw.hub.directory import DirectoryHub
    from xw.hub.sighting import Sighting

    _Answer = TypeVar("_Answer")

NOT_DURABLE = "its SFTP server lacks fsync or hard links: mail there does not survive a power cut"
NEEDED = "use OpenSSH 6.5 or later there"
MAC = (
    "the hub's host is a Mac, where SFTP's fsync stops at the drive's cache: "
    "a power cut there can lose mail that was acknowledged"
)
MAC_INSTEAD = "keep the hub on Linux, or run the Mac on a battery"
NO_LINKS = "its SFTP server says OK to hard links and makes none"
LINKS_NEEDED = (
    "mail stays in the outbox; serve the hub with OpenSSH's sftp-server, "
    'or write "publish": "rename" into its hub.json'
)
PEERS = "peers.json"
AWAY = "away.json"
MACHINE = "machine"
ABOUT = "mirror.json"  # the URL of the hub whose mirror it is; a later xw may keep more there
_LIMIT = 16 * 1024 * 1024
_WORD = 32  # letters that tell a machine from others
# After a failure, commands that sync on the side leave the network alone for this
# long: a sleeping host must not cost each command its whole time limit.
_REST_S = 30.0


def open_files(url: str, *, group: bool = False, links: bool = True) -> "SftpFiles":
    """The directory on another host that a URL names. Usage. Connects when it is used."""
    from xw.files.sftp import SftpFiles

    link, root = _link(url)
    return SftpFiles(link, root, group=group, links=links)


def _link(url: str) -> "tuple[SshLink, str]":
    from xw.files.ssh.link import link_to
    from xw.files.ssh.target import parse

    target = parse(url)
    return link_to(target), target.path


class SyncState(NamedTuple):
    """When an instance's mail was last collected (seconds since the epoch, 0 = never).

    `missing` is what was left or set aside on the hub then, and why; for people, empty if there is nothing.
    `failed` and `why` tell when and why the hub could not be had last, 0 and empty if it could.
    """

    at: float
    failed: float
    why: str
    missing: str

    def rests(self) -> bool:
        """Whether the last try failed so lately that the next should wait."""
        return 0 <= time.time() - self.failed < _REST_S


class RemoteHub:
    """`contract.Hub` for a hub elsewhere; `memory` is the mirror's directory.

    A question that the mirror cannot answer is asked of the hub, for at most
    `patience` seconds, and not at all while a try that failed is fresh.
    """

    def __init__(self, url: str, memory: LocalFiles, offline: bool = False, patience: float = 5.0) -> None:
        self.url = url
        self.memory = memory
        self.offline = offline
        self.patience = patience
        self.hint = ""  # what somebody must do where a worktree's own mirror carries the mail
        self._far: DirectoryHub | None = None

    def far(self) -> "DirectoryHub":
        """The hub itself. Unreachable, Refused."""
        if self.offline:
            raise Unreachable(f"{self.url}: not reached, because of --offline")
        if self._far is None:
            from xw.hub.directory import DirectoryHub, facts

            about = facts(open_files(self.url), self.url)
            self._far = DirectoryHub(open_files(self.url, group=about.group, links=about.links), self.url)
        return self._far

    def closed(self, name: str) -> str:  # noqa: ARG002  # SSH's server decides at each step
        """Return why this process cannot change an instance's mail on the hub; empty where it can."""
        return ""

    def root(self) -> str:
        """Return the hub's directory on its host."""
        return open_files(self.url).root

    def within(self, seconds: float) -> "AbstractContextManager[None]":
        """While it is entered, whatever this thread asks of the hub ends in so many seconds."""
        from contextlib import nullcontext

        return nullcontext() if self.offline else _link(self.url)[0].within(seconds)

    def durable(self) -> bool:
        """Whether the hub's server can make files and folders durable, and publish by link."""
        return open_files(self.url).durable

    def system(self) -> str:
        """Return the name of the host's operating system, as `uname` there says; empty where none runs."""
        return _link(self.url)[0].answer("uname -s")

    def lines(self, command: str) -> "Iterator[str]":
        """What a shell command, run in the hub's directory, prints; nothing where there is no shell."""
        from shlex import quote

        link, root = _link(self.url)
        # Whatever the user's own shell is; csh takes no line breaks in quotes.
        script = f"cd {quote(root or '.')} || exit 3; {command}"
        return link.lines(f"exec sh -c {quote(script)}")

    def connect(self) -> None:
        """Have a connection, within the limits of each of its steps. Unreachable, Refused."""
        # Not within `patience`: that is meant for commands; who keeps a mirror would never come to connect.
        _link(self.url)[0].transport()

    def ping(self, seconds: float) -> None:
        """Return once the hub answers. Unreachable if it does not in so many seconds."""
        with self.within(seconds):
            self.far().files.look("")

    def close(self) -> None:
        """Let the connection go; the next call that needs one makes another."""
        if not self.offline:
            _link(self.url)[0].close()

    def instances(self) -> list[str]:
        """See `contract.Hub.instances`; those that the last sync saw."""
        return sorted(self.sightings())

    def everyone(self) -> list[str]:
        """See `contract.Hub.everyone`; those that the last sync saw, with the kind that it saw."""
        return sorted(name for name, seen in self.sightings().items() if seen.kind != "room")

    def knows(self, name: str) -> bool:
        """See `contract.Hub.knows`; asks the hub about a name that the last sync did not see."""
        return name in self.sightings() or self.asked(lambda far: far.knows(name))

    def peer(self, name: str) -> "Peer":
        """See `contract.Hub.peer`; as the last sync saw it, aged since; of others it asks the hub."""
        seen = self.sightings().get(name)
        if seen is None:
            return self.asked(lambda far: far.peer(name))
        return seen.peer(time.time() + self._remembered()[1])

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        """See `contract.Hub.register`."""
        return self.far().register(name, card, first)

    def pending_of(self, to: str, sender: Mailbox) -> str | None:  # noqa: ARG002  # the contract's
        """See `contract.Hub.pending_of`: never, mail has to travel."""
        return None

    def deliver(self, parcels: "Sequence[Parcel]") -> list[XwError | None]:
        """See `contract.Hub.deliver`."""
        return self.far().deliver(parcels)

    def locate(self, to: str, name: str) -> "Located | None":
        """See `contract.Hub.locate`."""
        return self.asked(lambda far: far.locate(to, name))

    def now(self) -> float:
        """See `contract.Hub.now`."""
        return self.asked(lambda far: far.now())

    def asked(self, question: "Callable[[DirectoryHub], _Answer]") -> "_Answer":
        """The hub's answer, within the limit. Unreachable, also where it was so a moment ago."""
        away = self._away()
        if away.rests() and not self.offline:
            raise Unreachable(f"{away.why} (not tried again for a moment)")
        try:
            with self.within(self.patience):
                return question(self.far())
        except Unreachable as error:
            if not self.offline:
                self.failed(str(error))
            raise

    # What is remembered

    def sightings(self) -> "dict[str, Sighting]":
        """Everybody on the hub, as the last sync saw them."""
        return self._remembered()[0]

    def remember(self, seen: "Sequence[Sighting]", now: float) -> None:
        """Keep what a sync saw, at `now` by the hub's clock."""
        about = {"skew": round(now - time.time(), 3), "seen": {one.name: one._asdict() for one in seen}}
        self.memory.replace(json.dumps(about, indent=1).encode(), "", PEERS)

    def state(self, name: str) -> SyncState:
        """When an instance's mail was last collected, and what has come in between since."""
        found = self._object(f"{name}/{layout.SYNCED}")
        at = clock.seconds(found.get("at")) or 0.0
        return self._away()._replace(at=at, missing=str(found.get("missing", "")))

    def collected(self, name: str, missing: "Sequence[tuple[str, str]]" = ()) -> None:
        """Keep that an instance's mail was collected just now, but for what is `missing` (name, reason)."""
        state = {"at": time.time(), "missing": _told(missing)}
        self.memory.replace(json.dumps(state).encode(), "", f"{name}/{layout.SYNCED}")
        with suppress(FileNotFoundError):
            self.memory.remove(AWAY)
        self.note_url()

    def note_url(self) -> None:
        """Keep which hub the mirror is of: its folder's name does not tell."""
        if mirror_url(self.memory) != self.url:
            about = {**self._object(ABOUT), "urls": [self.url]}
            self.memory.replace((json.dumps(about, indent=1) + "\n").encode(), "", ABOUT)

    def failed(self, why: str) -> None:
        """Keep why the hub cannot be had just now."""
        self.memory.replace(json.dumps({"failed": time.time(), "why": why}).encode(), "", AWAY)

    def machine(self) -> bytes:
        """What tells this mirror from all others of the same instance: a random word, kept here."""
        word = self._word()
        if len(word) != _WORD:
            new = os.urandom(_WORD // 2).hex().encode()
            with suppress(FileExistsError):  # it was made meanwhile, or is damaged
                self.memory.publish(new, "", [MACHINE])
            if len(self._word()) != _WORD:
                self.memory.replace(new, "", MACHINE)
            word = self._word()
        return word

    def _word(self) -> bytes:
        """Return the word noted here, empty where none is. OSError where it is, and cannot be read."""
        try:
            return self.memory.read(MACHINE, _LIMIT)
        except (FileNotFoundError, Damaged):
            return b""

    def watched(self, name: str) -> bool:
        """Whether a `sync --watch` keeps an instance's mailbox fresh."""
        return self.memory.held(f"{name}/{layout.WATCH_LOCK}")

    def _remembered(self) -> "tuple[dict[str, Sighting], float]":
        """Sightings by name, and how far the hub's clock is ahead of ours, in seconds."""
        from xw.hub.sighting import recalled

        try:
            found = parse_object(self._read(PEERS))
            seen: Any = found.get("seen", {})
            skew = clock.seconds(found.get("skew")) or 0.0
            valid = [recalled(entry) for name, entry in seen.items() if entry.get("name") == name]
            return {one.name: one for one in valid if layout.is_name(one.name)}, skew
        except (Damaged, TypeError, AttributeError):
            return {}, 0.0  # no sync yet, or damaged, or by another version: the next one writes it anew

    def _away(self) -> SyncState:
        found = self._object(AWAY)
        return SyncState(0.0, clock.seconds(found.get("failed")) or 0.0, str(found.get("why", "")), "")

    def _object(self, name: str) -> "dict[str, Any]":
        """A note of our own; empty where there is none, or it is damaged: it can be done without."""
        try:
            return parse_object(self._read(name))
        except Damaged:
            return {}

    def _read(self, name: str) -> bytes:
        try:
            return self.memory.read(name, _LIMIT)
        except (OSError, Damaged):
            return b""


def mirror_url(memory: LocalFiles) -> str:
    """Return the URL of the hub whose mirror it is; empty where none was noted, or none that can be read."""
    try:
        urls: Any = parse_object(memory.read(ABOUT, _LIMIT)).get("urls")
    except (OSError, Damaged):
        return ""
    return urls[-1] if isinstance(urls, list) and urls and isinstance(urls[-1], str) else ""


def _told(missing: "Sequence[tuple[str, str]]") -> str:
    """What is missing here, in a line: the first, and how many more."""
    if not missing:
        return ""
    name, why = missing[0]
    more = f"; and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{name}: {why}{more}"
