"""A hub that is a directory, on this machine or anywhere that `Files` reaches.

`<hub>/<instance>/` are the mailboxes. This module knows the instances; it gives mail through `giving` and
takes it through `taking`, which are loaded only when needed. `making` makes such a hub.
"""

import errno
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress

from xw import clock, layout
from xw.errors import Damaged, NotFound, Refused, Unreachable, XwError, is_general
from xw.layout import INBOX, INSTANCE
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from subprocess import Popen

    from xw.errors import Unreadable
    from xw.files import Stat
    from xw.files.contract import Files
    from xw.finding import Finding
    from xw.hub.contract import (
        Claim,
        Held,
        Hub,
        Limits,
        Located,
        Move,
        Parcel,
        Progress,
        Survey,
        Unregistered,
        Withdrawn,
    )
    from xw.hub.giving import DirectoryPublisher
    from xw.hub.rooms import DirectoryRooms
    from xw.hub.sighting import Peer, Sighting
    from xw.sweep import Swept
    from xw.words import State

LEAST = '{"format": 1, "name": "hub"}'  # a sufficient hub.json
_LIMIT = 64 * 1024  # bytes of a card or of hub.json
_TRIES = 8  # to give a card another time


class Facts(NamedTuple):
    """The content of `hub.json`.

    It has the hub's name, whether several Unix users share it, and how files are published. `unix_group` is
    the group's name as given to `init`, for people; the hub's folder decides.
    """

    name: str
    group: bool
    links: bool
    unix_group: str = ""


def facts(files: "Files", url: str) -> Facts:
    """Return the content of the `hub.json` in `files`. Raise Unreachable if there is none."""
    try:
        found = parse_object(files.read(layout.HUB_FILE, _LIMIT))
        version = found["format"]
        if version != layout.FORMAT:
            if type(version) is not int:
                raise Damaged("its format is not a number")
            from xw.hub.moved import raise_if_moved

            raise_if_moved(found, url)
            raise XwError(
                f"the hub {url} has format {version}, this xw knows format {layout.FORMAT}: upgrade xw"
            )
        group, links = found.get("group") is True, found.get("publish") != "rename"
        return Facts(str(found["name"]), group, links, str(found.get("unix_group", "")) if group else "")
    except (FileNotFoundError, NotADirectoryError):
        raise Unreachable(f"no hub at {url}: is the path right, and is its disk mounted?") from None
    except (KeyError, Damaged) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else error
        raise XwError(
            f"{url}/{layout.HUB_FILE} is damaged ({problem}): fix it by hand; {LEAST} is enough"
        ) from None


class DirectoryHub:
    """A `contract.Hub` on `files`, whose root is the hub's directory; without `files`, opened by its URL."""

    def __init__(self, files: "Files | None", url: str) -> None:
        self._files = files
        self.url = url
        self.progress: Progress | None = None  # gets the progress of deliveries
        self._pushing: Popen[str] | None = None

    @property
    def files(self) -> "Files":
        """The hub's directory, opened on first use. Raises Unreachable if there is no hub."""
        if self._files is None:
            self._files = self._open()
        return self._files

    def _open(self) -> "Files":
        about = facts(self._place(), self.url)
        return self._place(about.group, about.links)

    def _place(self, group: bool = False, links: bool = True) -> "Files":
        """Return the directory at the hub's URL, whatever lies there."""
        from xw.files.local import LocalFiles

        return LocalFiles(self.url, group=group, links=links)

    def mailbox(self, name: str) -> Mailbox:
        """Return an instance's mailbox on the hub."""
        return Mailbox(self.files, name)

    def instances(self) -> list[str]:
        """List the folders that have a card."""
        self._must_be_there()
        names = [name for name in sorted(self.files.list_folder("")) if _is_free(name)]
        looks = self.files.stat_all([path for name in names for path in (name, f"{name}/{layout.CARD}")])
        return [name for index, name in enumerate(names) if _is_instance(looks[2 * index : 2 * index + 2])]

    def knows(self, name: str) -> bool:
        """Check the folder and its card."""
        if not _is_free(name):
            return False
        looks = self.files.stat_all([name, f"{name}/{layout.CARD}"])
        if any(isinstance(look, OSError) for look in looks):
            self._must_be_there()
        return _is_instance(looks)

    def peer(self, name: str) -> "Peer":
        from xw.hub.seeing import see

        seen = see(self.files, [name], {}) if _is_free(name) else []
        if not seen:
            from xw.hub.giving import unknown

            self.knows(name)  # raises if the hub is gone or not accessible
            raise unknown(self.files, self.url, name)
        return seen[0].peer(self.files.now())

    def peers(self) -> "list[Peer]":
        """Read all at once; after an error, each separately, so that one does not hide others."""
        from xw.hub.seeing import peer_or_problem, see

        names = self.instances()
        try:
            now = self.files.now()
            return [seen.peer(now) for seen in see(self.files, names, {})]
        except Unreachable:
            raise
        except Exception:  # noqa: BLE001  # whatever it is, it is shown at the instance that triggers it
            return [peer_or_problem(self, name) for name in names]

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        """Make the folders, then write the card."""
        layout.check_name(name)
        paths = [name, f"{name}/{layout.CARD}", f"{name}/{layout.ROOM}", layout.HUB_FILE]
        *looks, hub_file = self.files.stat_all(paths)
        folder, card_there, room_there = (None if isinstance(look, OSError) else look.kind for look in looks)
        new = (folder, card_there) != INSTANCE
        if isinstance(hub_file, OSError):
            self._must_be_there()
        if (new or card.get("kind") != "room") and room_there == "file":
            raise Refused(f"{name!r} is the name of a room on {self.url}, or was: choose another name")
        mailbox = self.mailbox(name)
        mailbox.make()
        path, scratch = f"{name}/{layout.CARD}", mailbox.at(layout.SCRATCH)
        # The card last: it makes the instance known.
        if first:
            # By link, so that one of two simultaneous callers wins: the time makes their bytes differ.
            made = {**card, "created": clock.rfc3339(clock.now())}
            self._publish_first(card_bytes(made), scratch, path)
        elif new:
            self.files.replace(card_bytes(card), scratch, path)
        else:
            old: dict[str, object] = {}
            with suppress(FileNotFoundError, Damaged):
                old = parse_object(self.files.read(path, _LIMIT))
            kept = {key: value for key, value in old.items() if key not in layout.CARD_FIELDS}
            self._replace_card(name, old, {**card, **kept})
        return new

    def unregister(self, name: str) -> "Unregistered":
        """Rename the mailbox, then return its mail."""
        from xw.hub import leaving

        self._must_be_there()
        layout.check_name(name)
        give_to = getattr(self.files, "give_to", None)
        if give_to:  # root must leave no file that its user cannot read
            with suppress(FileNotFoundError):
                give_to(name)
        return leaving.unregister(self.files, self.url, name, self.deliver)

    def groups(self, name: str) -> tuple[str, ...] | None:
        """Read the card."""
        listed = self._card(name).get("groups")
        if not isinstance(listed, list):
            return None
        return tuple(one for one in listed if isinstance(one, str) and layout.is_name(one))

    def set_groups(self, name: str, groups: Sequence[str]) -> None:
        """Replace the card."""
        old = self._card(name)
        self._replace_card(name, old, {**old, "groups": list(groups)})

    def keys(self, names: Sequence[str]) -> list[str]:
        """Read each instance's file at once."""
        paths = [f"{name}/{layout.KEY}" for name in names]
        texts = list(self.files.read_all(paths, _LIMIT))
        if not all(isinstance(data, bytes) for data in texts):
            self._must_be_there()
        return [data.decode("utf-8", "replace") if isinstance(data, bytes) else "" for data in texts]

    def add_key(self, name: str, line: str) -> None:
        """Publish the first by link; replace the file for a later one. The card has the first too."""
        card = self._card(name)
        path, scratch = f"{name}/{layout.KEY}", self.mailbox(name).at(layout.SCRATCH)
        try:
            self._publish_first(f"{line}\n".encode(), scratch, path)
        except FileExistsError:
            lines = self.files.read(path, _LIMIT).decode("utf-8", "replace").splitlines()
            if line not in lines:
                text = "".join(f"{one}\n" for one in (*lines, line))
                self.files.replace(text.encode(), scratch, path)
        else:
            lines = [line]
        first = " ".join((lines or [line])[0].split()[:2])
        if card.get("key") != first:
            with suppress(OSError):  # the file decides; some SFTP servers cannot replace a card
                # Mirrors need not read the card again, as they have the key from its file.
                card_path = f"{name}/{layout.CARD}"
                self.files.replace(card_bytes({**card, "key": first}), scratch, card_path)

    def _publish_first(self, data: bytes, scratch: str, path: str) -> None:
        """Publish a file of which one alone may be made; by rename where a server only claims to link."""
        try:
            self.files.publish(data, scratch, [path])
        except OSError as error:
            if error.errno != errno.EPROTO:
                raise
            self._place(self.files.group, links=False).publish(data, scratch, [path])

    def _replace_card(self, name: str, old: Mapping[str, object], card: Mapping[str, object]) -> None:
        """Replace a card, with another time than before: mirrors read it again only then.

        SFTP shows whole seconds, so a second change within one takes up to a second longer.
        """
        if card == old:
            self.files.sync(name)  # whoever wrote it may have died before
            return
        path, scratch = f"{name}/{layout.CARD}", self.mailbox(name).at(layout.SCRATCH)
        (before,) = self.files.stat_all([path])
        for _ in range(_TRIES):
            self.files.replace(card_bytes(card), scratch, path)
            if isinstance(before, OSError) or self.files.stat(path).mtime != before.mtime:
                return
            time.sleep(1.2 / _TRIES)

    def _card(self, name: str) -> dict[str, object]:
        try:
            return parse_object(self.files.read(f"{name}/{layout.CARD}", _LIMIT))
        except FileNotFoundError:
            self._must_be_there()
            raise NotFound(
                f"{self.url} has no mailbox for {name!r}: `xw init --name {name}` makes one"
            ) from None
        except Damaged as error:
            raise Damaged(
                f"{name}/{layout.CARD} is damaged ({error}): `xw init --name {name}` rewrites it"
            ) from None

    def publisher(self, owner: str) -> "DirectoryPublisher":
        from xw.hub.giving import DirectoryPublisher

        return DirectoryPublisher(self.files, owner, self._must_be_there)

    def deliver(self, parcels: "Sequence[Parcel]") -> list[XwError | None]:
        from xw.hub.giving import Delivery

        return Delivery(self.files, self.url, self._must_be_there, self.progress).deliver(parcels)

    def locate(self, to: str, name: str) -> "Located | None":
        """Look in each state, in the order in which messages move."""
        from xw.hub.contract import Located

        mailbox = self.mailbox(to)
        state = mailbox.state_of(name)
        if state is None:
            self._must_be_there()
            return None
        try:
            return Located(state, self.files.stat(mailbox.at(INBOX[state], name)).mtime)
        except FileNotFoundError:
            return self.locate(to, name)  # it has moved, which happens at most three times

    def held(self, to: str, names: Sequence[str]) -> "Held":
        from xw.hub import recalling

        return recalling.held(self.mailbox(to), names, self.limits().retention_days, self._must_be_there)

    def withdraw(self, to: str, name: str) -> "Withdrawn | None":
        from xw.hub import recalling

        return recalling.withdraw(self.mailbox(to), name, self._must_be_there)

    def now(self) -> float:
        return self.files.now()

    def limits(self) -> "Limits":
        """Look again soon, because the files are near."""
        from xw.hub.contract import Limits

        return Limits(look_again_s=(2.0, 2.0))

    def rooms(self) -> "DirectoryRooms":
        from xw.hub.rooms import DirectoryRooms

        return DirectoryRooms(self, locally=True)

    # Taking

    def survey(self, owner: str, known: "Mapping[str, Sighting]", everyone: bool = False) -> "Survey":
        """List the owner's folders and, in the same flight, the peers'."""
        from xw.hub import taking

        with self._telling_absence(owner):
            return taking.survey(self.files, owner, known, everyone)

    def fetch(
        self, owner: str, messages: "Sequence[tuple[State, str]]"
    ) -> "Iterator[bytes | Unreadable | Damaged | None]":
        from xw.hub import taking

        return taking.fetch(self.mailbox(owner), messages, self._must_be_there)

    def attachment(self, owner: str, folder: str, name: str) -> "Iterator[bytes]":
        from xw.hub import taking

        with self._telling_absence(owner):
            yield from taking.attachment(self.mailbox(owner), folder, name)

    def settle(self, owner: str, moves: "Sequence[Move]") -> list[XwError | OSError | None]:
        """Move the files; failed ones one by one, because their notes come first."""
        from xw.hub import taking

        return taking.settle(self.mailbox(owner), moves, self._must_be_there)

    def claim(self, owner: str, name: str, token: bytes) -> "Claim":
        """Publish a note with the token, which only one machine can, then move the file."""
        from xw.hub import taking

        with self._telling_absence(owner):
            return taking.claim(self.mailbox(owner), name, token)

    def release(self, owner: str, name: str, token: bytes) -> bool:
        """Note that the claim is free, then remove the note with the token."""
        from xw.hub import taking

        with self._telling_absence(owner):
            released = taking.release(self.mailbox(owner), name, token)
        if not released:
            self._must_be_there()
        return released

    def set_aside(self, owner: str, state: "State", name: str, reason: str) -> bool:
        """Move the file to `failed/`, unchanged, with a note beside it."""
        with self._telling_absence(owner):
            moved = self.mailbox(owner).quarantine(state, name, reason)
        if not moved:
            self._must_be_there()
        return moved

    def why(self, owner: str, name: str) -> Mapping[str, str]:
        note = self.mailbox(owner).why(name)
        if not note:
            self._must_be_there()
        return note

    # Keeping

    def show(self, owner: str, presence: bytes) -> None:
        mailbox = self.mailbox(owner)
        with self._telling_absence(owner):
            self.files.replace(presence, mailbox.at(layout.SCRATCH), f"{owner}/{layout.PRESENCE}")

    def sweep(self, owner: str, days: int, dry_run: bool) -> "Swept":
        from xw.sweep import sweep, sweep_cut_uploads

        with self._telling_absence(owner):
            swept = sweep(self.mailbox(owner), days, dry_run)
            others = [name for name in self.files.list_folder("") if _is_free(name) and name != owner]
            left = sweep_cut_uploads(self.files, sorted(others), dry_run)
            return swept._replace(scratch=[*swept.scratch, *left])

    def pushes(self, owners: Sequence[str]) -> "Iterator[None]":
        """Have a shell on this machine watch the folders."""
        from xw.hub import pushes

        proof = self._proof()
        self._pushing = pushes.start(self.url, pushes.script(owners))
        return pushes.proven(pushes.lines(self._pushing), proof)

    def findings(self, owner: str) -> "Iterator[Finding]":
        """Check the way there, the mailbox's folders and the disk."""
        from xw import checkup
        from xw.finding import Finding

        if not owner:
            yield from self._steps()
            return
        yield from self._way()
        if not self.knows(owner):
            yield Finding(
                "bad", "no-mailbox", f"the hub has no mailbox for {owner}", f"xw init --name {owner}"
            )
        elif closed := self.closed(owner):
            yield Finding("note", "not-writable", closed, "let the sandbox write it, or sync outside")
        elif (yield from checkup.folders(self.mailbox(owner), " on the hub")) and (
            yield from checkup.disk(self.mailbox(owner), "on the hub")
        ):
            from xw.sweep import cut_uploads

            names = sorted(filter(_is_free, self.files.list_folder("")))
            yield from checkup.cut_uploads(cut_uploads(self.files, names))

    def peer_findings(self, owner: str) -> "Iterator[Finding]":
        """Look at the folders and the card of each."""
        from xw import checkup

        self._must_be_there()
        top = sorted(self.files.list_folder(""))
        yield from checkup.peers(self.files, [name for name in top if _is_free(name) and name != owner])

    def _steps(self) -> "Iterator[Finding]":
        yield from self._way()

    def _way(self) -> "Iterator[Finding]":
        from xw.finding import Finding

        self._must_be_there()
        yield Finding("ok", "connected", f"the hub's directory {self.url} exists")

    def caution(self) -> str:
        """Return "": this machine syncs its own files."""
        return ""

    def identity(self, known: str = "") -> str:
        """Read `hub.id`, made if missing."""
        from xw.hub.identity import identity_in

        self._must_be_there()  # an empty mount point gets no id
        return identity_in(self.files, known)

    def renew_identity(self) -> str:
        from xw.hub.identity import new_identity

        self._must_be_there()
        made = new_identity()
        self.files.replace(f"{made}\n".encode(), "", layout.HUB_ID)
        return made

    def group(self) -> str:
        from xw.files.groups import group_of
        from xw.hub.moving import described

        about = described(self._files or self._place(), self.url)
        if about.get("group") is not True:
            return ""
        return str(about.get("unix_group") or (group_of(self.url) if os.path.isdir(self.url) else "another"))

    def move_to(self, new: "Hub", tell: "Callable[[str], None]") -> list[str]:
        from xw.hub.moving import described, move

        if not isinstance(new, DirectoryHub):
            raise Refused(f"{new.url} is not a directory: the hub {self.url} can move into a directory only")
        files = self._files
        if files is None:
            about = described(self._place(), self.url)
            files = self._place(about.get("group") is True, about.get("publish") != "rename")
        return move(files, self.url, new.files, new.url, tell)

    def leave_mark(self, mark: str) -> None:
        from xw.hub.identity import leave_mark

        self._must_be_there()
        leave_mark(self.files, mark)

    def has_mark(self, mark: str) -> bool:
        from xw.hub.identity import has_mark

        self._must_be_there()
        return has_mark(self.files, mark)

    def remove_mark(self, mark: str) -> None:
        from xw.hub.identity import remove_mark

        self._must_be_there()
        remove_mark(self.files, mark)

    # The connection: there is none

    def closed(self, owner: str) -> str:
        """Test whether the mailbox is writable, as it is not in a sandbox."""
        from xw.files.access import is_closed

        return f"{self.url} cannot be written from here" if is_closed(f"{self.url}/{owner}") else ""

    def within(self, seconds: float) -> "AbstractContextManager[None]":  # noqa: ARG002  # a disk has no limit
        from contextlib import nullcontext

        return nullcontext()

    def connect(self) -> None:
        self._must_be_there()

    def ping(self) -> None:
        self._must_be_there()

    def close(self) -> None:
        """End the process that `pushes` has started, by its standard input."""
        if self._pushing and self._pushing.stdin:
            with suppress(OSError):
                self._pushing.stdin.close()

    def _must_be_there(self) -> None:
        """Raise Unreachable if the hub is gone, so that a peer does not seem to be missing.

        Raise Moved if it is at another URL now.
        """
        from xw.hub.moved import look_for_hub

        look_for_hub(self.files, self.url)

    @contextmanager
    def _telling_absence(self, owner: str) -> "Iterator[None]":
        """Raise Unreachable or NotFound in place of FileNotFoundError if the hub, or the mailbox, is gone."""
        try:
            yield
        except FileNotFoundError:
            self._must_be_there()
            try:
                self.files.stat(self.mailbox(owner).at(INBOX["pending"]))
            except FileNotFoundError:
                raise NotFound(
                    f"{self.url} has no mailbox for {owner!r}: `xw init --name {owner}` makes one"
                ) from None
            raise

    def _proof(self) -> bytes:
        """Return what identifies the hub: its id, or its `hub.json`. Raise Unreachable if it is gone."""
        identity, about = self.files.read_all([layout.HUB_ID, layout.HUB_FILE], _LIMIT)
        if isinstance(about, (OSError, Damaged)):
            self._must_be_there()
            raise about
        return identity if isinstance(identity, bytes) else about


def _is_free(name: str) -> bool:
    """Return True if an instance may have this name."""
    return layout.is_name(name) and name not in layout.RESERVED


def _is_instance(looks: "Sequence[Stat | OSError]") -> bool:
    """Return True if a folder and its card, by their attributes, are an instance's."""
    for look in looks:
        if isinstance(look, (FileNotFoundError, NotADirectoryError)):
            return False
        if isinstance(look, OSError):
            if is_general(look):
                raise look
            return True  # closed to this user, or its disk fails: it hides no other, and its mail waits
    return tuple(look.kind for look in looks if not isinstance(look, OSError)) == INSTANCE


def card_bytes(card: Mapping[str, object]) -> bytes:
    """Return a card's file. Raise Refused if it is larger than what readers take."""
    data = (json.dumps(dict(card), indent=2, ensure_ascii=False) + "\n").encode()
    if len(data) > _LIMIT:
        raise Refused(f"a card has at most {_LIMIT // 1024} KiB, and this one would have {len(data):,} bytes")
    return data
