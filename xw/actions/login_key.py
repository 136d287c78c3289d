"""The key with which an instance logs in at a served hub: brought by an invitation, noted, or renamed.

`setup.init` calls `login` before it joins the hub.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from xw import config, keyring, schemes
from xw.config import Config
from xw.errors import Refused, Unreachable, Usage, XwError
from xw.files.local import LocalFiles
from xw.hub.served import invitation
from xw.instance import usual_mirror
from xw.keyring import Keyring
from xw.mirror.notes import About, about
from xw.signing.keys import generate

_TRIES = 2  # logins, each of which may be refused


def login(
    url: str,
    name: str,
    invite: str | None,
    mirror: str,
    found: Config,
    offline: bool,
    tell: Callable[[str], None],
    environ: Mapping[str, str],
) -> tuple[str | None, str]:
    """Return the path of the key by which a served hub knows an instance, and its former name there, if any.

    The path is None for a hub that is not known to be served. An invitation is used before, if there is one.
    """
    if invite is not None:
        if offline:
            raise Usage("an invitation is used over the network: leave out --offline")
        return use(url, name, invite, found, tell, environ), ""
    if not config.is_remote(url):
        return None, ""
    known = about(LocalFiles(mirror))
    key = known.key(name)
    if key is not None or offline:
        return key, ""
    ring = keyring.of(known.id or "", found, environ)
    key, was = _renamed(url, name, known, ring, tell)
    if key is None and not ring.named and schemes.of(url) == "ssh":
        key = _brought(url, name, environ)
    return key, was


def mirror_of_same(own: str, url: str, invite: str | None, found: Config, environ: Mapping[str, str]) -> str:
    """Return the mirror of the hub `own` if an invitation leads to that hub by another URL, else "".

    A hub that was plain SFTP is often invited to by another name of its host.
    """
    if invite is None or own == url or not config.is_remote(own):
        return ""
    mirror = usual_mirror(own, "", found, environ)
    return mirror if about(LocalFiles(mirror)).id == invitation.read(invite).hub_id else ""


def _renamed(
    url: str, name: str, known: About, ring: Keyring, tell: Callable[[str], None]
) -> tuple[str | None, str]:
    """Return the key of another instance here that the hub knows by `name` now, and its old name."""
    for old, path in known.served:
        if path and not os.path.exists(path):
            continue
        with suppress(XwError):  # this key is not the one, or joining the hub reports the reason
            if _member(url, path) == name:  # since a rename
                tell(f"{old} has the name {name} on this hub now: its key and its settings are kept")
                if not path:
                    return path, old
                return ring.path(name) or ring.keep(name, keyring.read(path)), old
    return None, ""


def _member(url: str, path: str) -> str:
    """Return the name by which a served hub knows the key in a file. Raise XwError if it does not."""
    from xw.hub.opening import open_hub
    from xw.hub.served.client import ServedHub

    hub = open_hub(url, path)
    return hub.member if isinstance(hub, ServedHub) else ""


def _brought(url: str, name: str, environ: Mapping[str, str]) -> str | None:
    """Return the user's key of a name that was imported or invited, if the hub at `url` knows it as that."""
    from xw.files.ssh.target import Target, parse

    def unlike(pair: tuple[str, str]) -> tuple[bool, ...]:
        with suppress(Usage):
            noted: Target = parse(pair[0])
            return noted != here, (noted.host, noted.port) != (here.host, here.port), noted.host != here.host
        return True, True, True

    here = parse(url)
    keys = keyring.with_urls(name, environ)
    # A host may be known by several names, and a hub by several paths; but few logins may be refused.
    for _, path in sorted(keys, key=unlike)[:_TRIES]:
        try:
            if _member(url, path) == name:
                return path
        except Unreachable:
            break  # joining the hub reports the reason
        except XwError:
            continue  # this key is not the one, or joining reports the reason
    return None


def use(
    url: str,
    name: str,
    word: str,
    found: Config,
    tell: Callable[[str], None],
    environ: Mapping[str, str],
) -> str:
    """Make this machine's own key that of member `name` of a served hub; return its file. Repeatable.

    Raise Usage if the invitation is damaged, Refused if it is not valid any more.
    """
    given = invitation.read(word)
    if schemes.of(url) != "ssh":
        raise Usage(f"--invite is for a hub at ssh://…, not for {url}: copy the whole line")
    from xw.hub.served.joining import hand_over

    ring = keyring.of(given.hub_id, found, environ)
    key = own_key(ring, name)
    hand_over(url, name, given, key, tell)
    keyring.note_url(ring, url)
    return key


def own_key(ring: Keyring, name: str) -> str:
    """Return the file of an instance's key, made if missing. Raise Refused if it cannot be used."""
    key = ring.find(name)
    if key is None:
        try:
            return ring.keep(name, generate(f"{name}@xw"))
        except FileExistsError:  # another process was faster
            ring.find(name)
    path = ring.path(name)
    if path is None:
        raise Refused(f"the key of {name} disappeared while it was made: try again")
    return path
