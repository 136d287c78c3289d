"""The private keys of this machine's instances, and where they lie.

A key belongs to a hub, by its id, and to a name on it:

    <user's configuration>/keys/<hub id>/<name>      an OpenSSH private key, 0600
    <project>/.xw/keys/<hub id>/<name>               only where the first cannot be written, as in a sandbox
    …/<name>.new                                     a key before it is published: it signs nothing
    …/<name>.pub                                     the lines that the hub published with the key
    …/hub.json                                       the URL of a hub that may be served, for the next login
    <user's configuration>/keys/hubs/<digest>.json   the id of the hub in a directory, as `init` has seen it

`XW_KEY` names another file for the private key. `trust` keeps its notes about others' keys beside them.
"""

import errno
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress

from xw import config, layout
from xw.errors import Damaged, Refused
from xw.message import parse_object
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from xw.config import Config
    from xw.files.local import LocalFiles
    from xw.signing.keys import PrivateKey

_LIMIT = 16 * 1024  # bytes of a key's file
_HUBS = "hubs"
_URL = "hub.json"
_NEW = ".new"
_LINES = ".pub"
_LOCK = "keys.lock"
_SCRATCH = ".tmp"
_STALE_S = 3600.0


class Keyring(NamedTuple):
    """The keys for one hub: their folders, the preferred one first, and the file that XW_KEY names."""

    hub_id: str
    folders: tuple[str, ...]
    named: str = ""

    @property
    def trusted(self) -> tuple[str, ...]:
        """The folders whose keys and notes count: the first; all where that cannot be written.

        A project's folder may have come with the project, and a key in it be known to whoever put it there.
        """
        first = self.folders[0]
        while not os.path.lexists(first):
            first = os.path.dirname(first)
        usable = os.path.isdir(first) and os.access(first, os.W_OK)
        return self.folders[:1] if usable else self.folders

    def path(self, name: str) -> str | None:
        """Return the file with an instance's key, or None if there is none."""
        if self.named:
            return self.named
        if not self.hub_id:
            return None
        for folder in self.trusted:
            path = f"{folder}/{name}"
            if os.path.lexists(path):
                return path
        return None

    def find(self, name: str) -> "PrivateKey | None":
        """Return an instance's key, or None if there is none. Raise Refused if its file cannot be used."""
        path = self.path(name)
        return read(path) if path else None

    def keep(self, name: str, key: "PrivateKey") -> str:
        """Store an instance's key, durable; return its file. Raise FileExistsError, or another OSError."""
        from xw.signing.keys import private_text

        problem: OSError | None = None
        for folder in self.folders:
            try:
                _place(folder).publish(private_text(key).encode(), _SCRATCH, [name])
            except FileExistsError:
                raise
            except OSError as error:  # a sandbox that hides the user's configuration
                problem = problem or error
                continue
            return f"{folder}/{name}"
        raise problem or FileNotFoundError("no place for keys")

    def replace(self, name: str, key: "PrivateKey") -> str:
        """Store an instance's key in place of the one it has, durable; return its file. Raise OSError."""
        from xw.signing.keys import private_text

        path = self.path(name)
        if path is None:
            return self.keep(name, key)
        folder, _, file = os.path.realpath(path).rpartition("/")
        _place(folder).replace(private_text(key).encode(), _SCRATCH, file)
        return path

    def changing(self) -> "AbstractContextManager[None]":
        """While entered, no other process makes a key for this hub. Raise Busy, or OSError."""
        from xw.files.local import LocalFiles

        problem: OSError | None = None
        for folder in self.folders:
            try:
                LocalFiles(folder).make_folder("")
            except OSError as error:
                problem = problem or error
                continue
            if os.access(folder, os.W_OK):
                return LocalFiles(folder).locked(_LOCK)
        raise problem or PermissionError(errno.EACCES, "no place for keys")

    def begin(self, name: str) -> "PrivateKey":
        """Return an instance's next key, made and kept beside the present one until `finish`. OSError."""
        from xw.signing.keys import generate

        for folder in self.trusted:
            with suppress(Refused):  # an earlier call was interrupted, perhaps while it wrote the file
                return read(f"{folder}/{name}{_NEW}")
        self.drop(name)
        made = generate(f"{name}@xw")
        self.keep(f"{name}{_NEW}", made)
        return made

    def finish(self, name: str, key: "PrivateKey") -> str:
        """Use a published key from now on; return its file. Harmless if repeated. OSError."""
        path = self.replace(name, key)
        self.drop(name)
        return path

    def drop(self, name: str) -> None:
        """Remove a key that `begin` has made."""
        from xw.files.local import LocalFiles

        for folder in self.folders:
            with suppress(FileNotFoundError, NotADirectoryError):
                LocalFiles(folder).remove(f"{name}{_NEW}")

    def lines(self, name: str) -> str:
        """Return the lines that the hub published with an instance's key, as last seen; empty if unknown."""
        for folder in self.trusted:
            with suppress(OSError), open(f"{folder}/{name}{_LINES}", "rb") as file:
                return file.read(4 * _LIMIT).decode("utf-8", "replace")
        return ""

    def note_lines(self, name: str, text: str) -> None:
        """Note what the hub publishes, for `actions.keys.restore`; where that fails, nothing is noted."""
        for folder in self.folders:
            if text == self.lines(name):
                return
            with suppress(OSError):
                _place(folder).replace(text.encode(), _SCRATCH, f"{name}{_LINES}")


def _place(folder: str) -> "LocalFiles":
    """Return a folder of keys, made if missing, without what killed processes have left there. OSError."""
    from xw.files.local import LocalFiles

    files = LocalFiles(folder)
    files.make_folders(["", _SCRATCH])
    for name in files.list_folder(_SCRATCH):
        path = f"{_SCRATCH}/{name}"
        with suppress(FileNotFoundError):
            if files.stat(path).mtime < files.now() - _STALE_S:
                files.remove(path)
    return files


def of(hub_id: str, found: "Config", environ: Mapping[str, str] = os.environ) -> Keyring:
    """Return the keyring for a hub, for the configuration in force."""
    folders = [f"{config.user_folder(environ)}/keys/{hub_id}"]
    if config.in_project(found):
        folders.append(f"{found.folder}/.xw/keys/{hub_id}")
    named = environ.get("XW_KEY", "")
    return Keyring(hub_id, tuple(folders), os.path.abspath(os.path.expanduser(named)) if named else "")


def note_url(ring: Keyring, url: str) -> None:
    """Note the URL of a keyring's hub, whose host may know the keys; where that fails, nothing is noted."""
    from xw.files.local import LocalFiles

    with suppress(OSError):
        files = LocalFiles(ring.folders[0])
        files.make_folder("")
        files.replace(json.dumps({"url": url}).encode(), "", _URL)


def with_urls(name: str, environ: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """Return the user's keys of a name that a served hub may know: each hub's noted URL, and the file."""
    above = f"{config.user_folder(environ)}/keys"
    found: list[tuple[str, str]] = []
    with suppress(FileNotFoundError):
        for folder in sorted(os.listdir(above)):
            with suppress(OSError, Damaged):
                path = f"{above}/{folder}/{name}"
                os.stat(path)
                with open(f"{above}/{folder}/{_URL}", "rb") as file:
                    found.append((str(parse_object(file.read(_LIMIT)).get("url", "")), path))
    return found


def read(path: str) -> "PrivateKey":
    """Return the key in a file. Raise Refused, with what to do, if it cannot be used."""
    from xw.signing.keys import private_key

    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode):
            raise Refused(f"the key {path} is not a regular file")
        if os.geteuid() and about.st_uid not in (os.geteuid(), 0):
            raise Refused(
                f"the key {path} belongs to another user: `xw keys import` makes a copy of your own"
            )
        if about.st_mode & 0o077:
            raise Refused(f"the key {path} can be read by others: `chmod 600 {path}`")
        with open(path, "rb") as file:
            text = file.read(_LIMIT).decode("utf-8", "replace")
        return private_key(text)
    except OSError as error:
        raise Refused(f"the key {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Refused(f"the key {path} cannot be used: {error}") from None


def note_hub(path: str, hub_id: str, environ: Mapping[str, str] = os.environ) -> None:
    """Note the id of the hub in a directory: another id there later counts as a forger's.

    `init` calls it, and whoever gives the hub a new id. Where nothing can be written, nothing is noted.
    """
    from xw.files.local import LocalFiles

    path = os.path.realpath(path)  # by any of its spellings
    files = LocalFiles(f"{config.user_folder(environ)}/keys")
    if not hub_id or known_hub(path, environ) == hub_id:
        return
    with suppress(OSError):
        files.make_folder(_HUBS)
        files.replace(json.dumps({"path": path, "id": hub_id}).encode(), "", _hub_note(path))


def known_hub(path: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the noted id of the hub in a directory; empty if there is none."""
    path = os.path.realpath(path)
    try:
        with open(f"{config.user_folder(environ)}/keys/{_hub_note(path)}", "rb") as file:
            found = parse_object(file.read(_LIMIT))
    except (OSError, Damaged):
        return ""
    return str(found.get("id", "")) if found.get("path") == path else ""


def _hub_note(path: str) -> str:
    return f"{_HUBS}/{layout.digest(os.fsencode(path))}.json"


def names(keyring: Keyring) -> list[str]:
    """Return the instances that have a key here, sorted."""
    found: set[str] = set()
    for folder in keyring.folders:
        with suppress(OSError):
            found.update(filter(layout.is_name, os.listdir(folder)))
    return sorted(found)
