"""Take an instance's key to another machine: `xw keys export` and `xw keys import`.

The file is an OpenSSH private key; the lines behind it, which other programs ignore, say whose it is:

    -----BEGIN OPENSSH PRIVATE KEY-----
    …
    -----END OPENSSH PRIVATE KEY-----
    xw-name: alice
    xw-hub-id: uqbmhyfgzjgpazgex7m66llw6a
    xw-hub: ssh://you@server/srv/hub
"""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import config, keyring, layout
from xw.errors import Refused, Usage, XwError
from xw.files.disk import fsync
from xw.hub.identity import is_id
from xw.instance import Instance, Options, load_config, open_instance
from xw.signing.keys import PrivateKey, private_key, private_text

if TYPE_CHECKING:
    from xw.shapes import keys as shapes

_LIMIT = 64 * 1024


class Exported(NamedTuple):
    """A key for another machine: its text, and the file that has it, empty if none was written."""

    name: str
    hub: str
    hub_id: str
    key: str
    text: str
    file: str

    def to_json(self) -> "shapes.Exported":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "name": self.name,
            "hub": self.hub,
            "hub_id": self.hub_id,
            "key": self.key,
            "file": self.file or None,
            "text": None if self.file else self.text,
        }


class Imported(NamedTuple):
    """A key that came from another machine, and its file here; `new` is False if it was here already."""

    name: str
    hub: str
    hub_id: str
    key: str
    file: str
    new: bool

    def to_json(self) -> "shapes.Imported":
        """Return the object that `--json` prints."""
        return {"format": 1, **self._asdict()}  # type: ignore[typeddict-item]


def export(instance: Instance, file: str | None) -> Exported:
    """Write the key of an instance into a new private file, if one is given; return it.

    Raise Refused if there is no key, or the file exists.
    """
    ring, name = instance.credentials.keyring, instance.name
    key = ring.find(name)
    if key is None:
        raise Refused(f"no key of {name} is here: `xw init --name {name}` makes one")
    about = {"xw-name": name, "xw-hub-id": ring.hub_id, "xw-hub": instance.hub.url}
    text = private_text(key) + "".join(f"{word}: {value}\n" for word, value in about.items())
    path = os.path.abspath(file) if file else ""
    if path:
        _write(path, text.encode())
    return Exported(name, instance.hub.url, ring.hub_id, key.public.fingerprint, text, path)


def _write(path: str, data: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise Refused(f"{path} exists: name a new file for the key") from None
    except (FileNotFoundError, NotADirectoryError):
        folder = os.path.dirname(path)
        raise Usage(f"{folder} is not a folder: make it, or name another file for the key") from None
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            os.remove(path)  # a part of a key is of no use, and the next try needs the name
        raise XwError(f"{path}: {error.strerror}: the key was not written; name another place") from None


def read(path: str) -> str:
    """Return the text of an exported key. Raise Usage if it cannot be one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise Usage(f"no file {path}: give the file of `xw keys export`") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Usage(f"{path} is not a regular file: give the file of `xw keys export`")
    with os.fdopen(handle, "rb") as file:
        return file.read(_LIMIT).decode("utf-8", "replace")


def take(options: Options, text: str, environ: Mapping[str, str] = os.environ) -> Imported:
    """Keep a key that was exported on another machine; repeating it is harmless.

    For a bare OpenSSH key, the acting instance and its hub say whose it is. Raise Usage if it is not a key,
    Refused if the name has another key here.
    """
    try:
        key = private_key(text)
    except ValueError as error:
        raise Usage(f"not a key ({error}): give the file of `xw keys export`") from None
    found = load_config(options, environ)
    name, hub_id, hub = _whose(text, options, environ)
    ring = keyring.of(hub_id, found, environ)
    if ring.named:
        raise Usage(f"XW_KEY names the key {ring.named}: unset it to import another one")
    path, new = _keep(ring, name, key)
    if hub and config.is_remote(hub):  # its host may know the key: `init` tries it
        keyring.note_url(ring, hub)
    return Imported(name, hub, hub_id, key.public.fingerprint, path, new)


def _whose(text: str, options: Options, environ: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the name, the hub's id and its URL that belong to a key."""
    lines = (line.partition(": ") for line in text.splitlines() if line.startswith("xw-"))
    about = {word: value.strip() for word, _, value in lines}
    if not about:
        instance = open_instance(options, environ)
        return instance.name, instance.credentials.hub_id, instance.hub.url
    name, hub_id = about.get("xw-name", ""), about.get("xw-hub-id", "")
    if not is_id(hub_id):
        raise Usage("the key does not say which hub it is for: give the whole file of `xw keys export`")
    given = options.name or environ.get("XW_NAME")
    if options.name and given != name:
        raise Usage(f"it is the key of {name}, not of {given}: leave out --as")
    return layout.check_name(name), hub_id, about.get("xw-hub", "")


def _keep(ring: keyring.Keyring, name: str, key: PrivateKey) -> tuple[str, bool]:
    if not ring.hub_id:
        raise Refused("the hub's id is not known here: `xw init` or `xw sync` asks for it")
    with ring.changing():
        known = ring.find(name)
        if known is None:
            return ring.keep(name, key), True
    path = ring.path(name) or ""
    if known.public != key.public:
        raise Refused(
            f"{name} has another key here, {path} ({known.public.fingerprint}): move it away to use "
            f"{key.public.fingerprint}"
        )
    return path, False
