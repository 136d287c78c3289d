"""The account's `authorized_keys`: who may come in to a served hub, and who may stay.

Every change is made under a lock of xw's, from the file as it is then, and replaces the file whole and
durable: a crash leaves the old one or the new one. Lines that are not xw's stay byte for byte. Other programs
know no lock; a change of theirs between reading and replacing is seen and kept, but for the last instant.
Called by the commands about members, by `accepting`, and by running servers (`Allowed`).
"""

import os
import pwd
from collections.abc import Callable, Sequence

from xw import clock
from xw.errors import Damaged, Moved, Refused, XwError
from xw.files.local import LocalFiles
from xw.files.own_folder import check_way
from xw.hub.directory import facts
from xw.hub.served.entries import Entry, Line, fingerprint, parse, public_key, written

_LIMIT = 16 << 20
_OWN = ".xw"  # beside the file: the lock, and files that are being written
_LOCK = f"{_OWN}/keys.lock"
_MOVES = 8  # of one hub, before they count as a circle
_TRIES = 20  # each is needed only if another program has just changed the file

Edit = Callable[[list[Line]], Sequence[Line]]


def usual_file() -> str:
    """Return the file that sshd reads for this account, unless its configuration names another."""
    return f"{pwd.getpwuid(os.geteuid()).pw_dir}/.ssh/authorized_keys"  # sshd ignores HOME, too


class KeysFile:
    """An `authorized_keys`; a link is followed, and so stays one. Raise Refused if it leads nowhere."""

    def __init__(self, path: str = "") -> None:
        self.path = os.path.abspath(path) if path else usual_file()
        self.named = path and os.path.abspath(path)
        """The absolute path for the entries' commands; empty for the usual file."""
        check_way(self.path)
        place = os.path.realpath(self.path)
        folder, _, self._name = place.rpartition("/")
        if os.path.islink(self.path) and not os.path.isdir(folder):
            raise Refused(f"{self.path} is a link to {place}, and {folder} does not exist: fix the link")
        if os.path.lexists(place) and not os.path.isfile(place):
            raise Refused(f"{place} is not a regular file: name the file of keys with --authorized-keys")
        self._files = LocalFiles(folder)

    def lines(self) -> list[Line]:
        """Return the lines, without their line breaks; none if the file does not exist."""
        return _split(self._read())

    def entries(self, hub: str = "") -> list[Entry]:
        """Return the entries of xw's, or those of one hub."""
        found = [line.entry for line in self.lines() if line.entry]
        return [entry for entry in found if not hub or same_hub(entry.hub, hub)]

    def open_to_others(self) -> list[str]:
        """Return what others can write of the file and the folders up to the home: sshd's StrictModes."""
        paths = [f"{self._files.root}/{self._name}", self._files.root]
        home = os.path.realpath(pwd.getpwuid(os.geteuid()).pw_dir)
        while paths[-1].startswith(f"{home}/"):
            paths.append(os.path.dirname(paths[-1]))
        return [path for path in paths if os.path.exists(path) and os.stat(path).st_mode & 0o022]

    def change(self, edit: Edit) -> None:
        """Replace the lines by what `edit` returns for them; it may raise, and then nothing changes.

        It may be called several times, if other programs change the file meanwhile.
        """
        self._files.make_folders(["", _OWN])
        with self._files.locked(_LOCK):
            self._clear()
            for _ in range(_TRIES):
                data = self._read()
                before = _split(data)
                after = edit(list(before))
                if list(after) == before:
                    return
                made = b"".join(line.raw + b"\n" for line in after)
                if self._read() == data:
                    self._files.rewrite(made, _OWN, self._name)
                    return
        raise XwError(f"{self.path} changes all the time: try again")

    def _clear(self) -> None:
        """Remove what a killed process was writing; the lock keeps others away."""
        for name in self._files.list_folder(_OWN):
            if f"{_OWN}/{name}" != _LOCK:
                self._files.remove(f"{_OWN}/{name}")

    def _read(self) -> bytes:
        try:
            return self._files.read(self._name, _LIMIT)
        except FileNotFoundError:
            return b""
        except Damaged as error:
            raise Refused(f"{self.path}: {error}") from None


def _split(data: bytes) -> list[Line]:
    raws = data.split(b"\n")
    if not raws[-1]:
        raws.pop()  # the file's last line break, not a line
    return [parse(raw) for raw in raws]


def same_hub(one: str, other: str) -> bool:
    """Return True if two paths lead to one hub, also where it has moved on this host."""
    return _where_now(one) == _where_now(other)


def _where_now(path: str) -> str:
    for _ in range(_MOVES):
        path = os.path.realpath(path)
        try:
            facts(LocalFiles(path), path)
        except Moved as moved:
            if not moved.url.startswith("/"):  # to another host
                return path
            path = moved.url
        except (XwError, OSError):  # whoever opens it reports that
            return path
        else:
            return path
    return path


# Edits


def invite(keys: KeysFile, entry: Entry, now: int) -> None:
    """Add an invitation in place of earlier ones for this name; drop all of this hub that have expired."""

    def goes(old: Entry | None) -> bool:
        if old is None or not old.invited or not same_hub(old.hub, entry.hub):
            return False
        return old.name == entry.name or old.expired(now)

    def edit(lines: list[Line]) -> list[Line]:
        return [*(line for line in lines if not goes(line.entry)), written(entry)]

    keys.change(edit)


def accept(keys: KeysFile, invitation: str, hub: str, name: str, key: str, now: int) -> Entry:
    """Exchange an invitation, known by the fingerprint of its key, for a member's own key; return its entry.

    The spent invitation stays until it expires, so that a second machine is told the reason. Repeating the
    call with the same key is harmless. Raise Refused if the invitation is not valid, or the key has a line
    already: sshd would use whichever comes first.
    """
    key = public_key(key)
    made: list[Entry] = []

    def edit(lines: list[Line]) -> list[Line]:
        found = _invitation(lines, invitation, hub)
        if name != found.name:
            raise Refused(f"this invitation is for {found.name}, not {name}: use the line as it was printed")
        known = next((line for line in lines if line.key == key), None)
        if found.used:
            if found.used != fingerprint(key) or known is None or known.entry is None:
                raise Refused(f"this invitation was used before, by the key {found.used}: {_again(name)}")
            made[:] = [known.entry]
            return lines
        if found.expired(now):
            raise Refused(f"this invitation expired at {found.until}: {_again(name)}")
        if known is not None and not _is_member(known.entry, hub, name):
            owner = f"the member {known.entry.name}" if known.entry else "somebody else"
            raise Refused(f"the key {fingerprint(key)} is in authorized_keys for {owner}: use another key")
        member = Entry(key, found.hub, name, since=clock.brief(now), file=found.file)
        line = known or written(member)
        made[:] = [line.entry or member]
        spent = found._replace(used=member.fingerprint)
        kept = [written(spent, line.options) if line.entry == found else line for line in lines]
        return kept if known else [*kept, line]

    keys.change(edit)
    return made[0]


def _invitation(lines: list[Line], invitation: str, hub: str) -> Entry:
    for line in lines:
        entry = line.entry
        if entry and entry.invited and entry.fingerprint == invitation and same_hub(entry.hub, hub):
            return entry
    raise Refused("this invitation was taken back: ask the hub's owner for another one")


def _again(name: str) -> str:
    return f"`xw hub invite {name}` on the hub's host makes another one"


def remove(keys: KeysFile, hub: str, name: str) -> list[Entry]:
    """Remove all keys and invitations of a name on a hub; return their entries."""
    gone: list[Entry] = []

    def edit(lines: list[Line]) -> list[Line]:
        gone[:] = [line.entry for line in lines if _is_of(line.entry, hub, name)]  # type: ignore[misc]
        return [line for line in lines if not _is_of(line.entry, hub, name)]

    keys.change(edit)
    return gone


def rename(keys: KeysFile, hub: str, old: str, new: str) -> list[Entry]:
    """Give a member's keys another name, marked with the old one, and return their entries.

    Its invitations go; `complete` removes the mark. Repeating the call is harmless. Raise Refused if the new
    name has keys of its own.
    """
    made: list[Entry] = []

    def edit(lines: list[Line]) -> list[Line]:
        taken = next((line.entry for line in lines if _is_of(line.entry, hub, new)), None)
        if taken and taken.was != old:
            what = "an invitation" if taken.invited else "a key"
            raise Refused(f"{new} has {what} already ({taken.fingerprint}): choose another name")
        kept: list[Line] = []
        for line in lines:
            if not _is_of(line.entry, hub, old):
                kept.append(line)
            elif line.entry and not line.entry.invited:
                kept.append(written(line.entry._replace(name=new, was=old), line.options))
        made[:] = [line.entry for line in kept if _is_of(line.entry, hub, new)]  # type: ignore[misc]
        return kept

    keys.change(edit)
    return made


def complete(keys: KeysFile, hub: str, new: str) -> None:
    """Remove the mark that a name's rename is under way."""

    def edit(lines: list[Line]) -> list[Line]:
        return [
            written(line.entry._replace(was=""), line.options)
            if line.entry and line.entry.was and _is_of(line.entry, hub, new)
            else line
            for line in lines
        ]

    keys.change(edit)


def _is_of(entry: Entry | None, hub: str, name: str) -> bool:
    return entry is not None and entry.name == name and same_hub(entry.hub, hub)


def _is_member(entry: Entry | None, hub: str, name: str) -> bool:
    return _is_of(entry, hub, name) and entry is not None and not entry.invited


class Allowed:
    """Tells a running server whether the key that started it may stay; usually costs one `stat`.

    `key` is its fingerprint. Without one (a line by hand), no file says that it is gone.
    """

    def __init__(self, path: str, key: str, name: str, hub: str) -> None:
        self._path = path
        self._key = key
        self._name = name
        self._hub = hub
        self._seen: tuple[int, ...] = ()
        self._allowed = True

    def __call__(self) -> bool:
        """Return False once the key has no line for this name and hub any more, or nobody can tell."""
        if not self._key:
            return True
        try:
            found = os.stat(self._path or usual_file())
            seen = (found.st_mtime_ns, found.st_ino, found.st_size)
            if seen != self._seen:
                entries = KeysFile(self._path).entries(self._hub)
                self._allowed = any(self._is_it(entry) for entry in entries)
                self._seen = seen
        except (OSError, XwError):
            return False
        return self._allowed

    def _is_it(self, entry: Entry) -> bool:
        return not entry.invited and entry.name == self._name and entry.fingerprint == self._key
