"""Invite a new machine to a hub on this host, `xw hub invite`, and let it in, for sshd.

`hub.served.invitation` has the word that is printed; `login_key` uses it on the new machine.
"""

import os
import pwd
import socket
from collections.abc import Callable, Mapping
from shlex import join
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from xw import clock, layout
from xw.actions.members import hub_here, keys_of, raise_if_room
from xw.actions.setup import join_hub
from xw.errors import Refused, Usage
from xw.hub import noted
from xw.hub.served import accepting, authorized, invitation
from xw.hub.served.accepting import Invited
from xw.hub.served.entries import Entry
from xw.instance import Options
from xw.signing.keys import PrivateKey

if TYPE_CHECKING:
    from xw.shapes import members as shapes

_DAY_S = 86400
_MOST_DAYS = 3650


class Invitation(NamedTuple):
    """The result of `hub invite`: the line for the new machine, and the key that it may be used with once."""

    name: str
    hub: str
    url: str
    command: str
    key: str
    until: str
    file: str

    def to_json(self) -> "shapes.Invitation":
        """Return the object that `--json` prints."""
        return {"format": 1, **self._asdict(), "until": clock.utc(self.until)}  # type: ignore[typeddict-item]


def invite(
    options: Options,
    name: str,
    days: int,
    host: str | None,
    host_key: str | None,
    file: str | None,
    tell: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
) -> Invitation:
    """Let a new machine come in once as `name`, within some days; the hub is made if it does not exist.

    The one before for the same name opens nothing any more. `tell` gets the reports for the owner. Raise
    Usage if the hub is on another host, or the host's key is not found.
    """
    layout.check_name(name)
    if not 1 <= days <= _MOST_DAYS:
        raise Usage(f"--days {days}: give a number from 1 to {_MOST_DAYS:,}")
    url = hub_here(options, environ)
    key = _host_key(host, host_key, tell)
    address = _address(host, url, tell)
    new, hub = join_hub(url, None, options.offline, tell)
    if new:
        tell(f"made a hub at {url}")
    raise_if_room(hub, name)
    identity = hub.identity()
    if not identity:
        raise Refused(f"{url} has no id, and cannot be written: run this as its owner")
    place = os.path.realpath(url)
    now = clock.now()
    word = invitation.create(identity, key, now + days * _DAY_S * clock.SECOND)
    entry = Entry(
        str(PrivateKey(word.seed).public), place, name, invited=True, since=clock.brief(now),
        until=clock.brief(word.until),
    )  # fmt: skip
    keys = keys_of(place, file)
    _tell_of_earlier(keys.entries(place), hub.knows(name), name, tell)
    authorized.invite(keys, entry._replace(file=keys.named), now)
    noted.note_keys_file(place, keys.named)
    tell(f"the invitation is in {keys.path}: it must be the file that this host's sshd reads")
    for open_to_others in keys.open_to_others():
        tell(f"{open_to_others} can be written by others, and sshd may ignore the keys: `chmod go-w` it")
    command = join(["xw", "init", "--name", name, "--hub", address, "--invite", str(word)])
    return Invitation(name, url, address, command, entry.fingerprint, entry.until, keys.path)


def _host_key(host: str | None, file: str | None, tell: Callable[[str], None]) -> bytes:
    """Return the public key of the sshd that `host` names if that has a port, else of this host's usual one.

    Raise Usage if there is none, or `host` is invalid.
    """
    from xw.files.ssh.target import parse

    port = None if file or not host else parse(f"ssh://{host}/~").port
    if host and port:
        from xw.files.ssh.scan import local_host_key

        shown = local_host_key(parse(f"ssh://{host}/~").host, port)
        if shown:
            return shown
        tell(f"{host}: no sshd of this machine answers there: the key is that in /etc/ssh, if not --host-key")
    return invitation.host_key(file or "")


def _address(host: str | None, url: str, tell: Callable[[str], None]) -> str:
    """Return the hub's URL for other machines. Raise Usage if `host` cannot be part of one."""
    from xw.files.ssh.target import parse

    name = host or socket.gethostname()
    at, _, _ = name.rpartition("@")
    user = at or pwd.getpwuid(os.geteuid()).pw_name
    address = f"ssh://{user}@{name.rpartition('@')[2]}{quote(os.path.realpath(url))}"
    parse(address)
    if not host:
        tell(f"the line names this host {name}: if the new machine knows it by another name, give --host")
    return address


def _tell_of_earlier(entries: list[Entry], mailbox: bool, name: str, tell: Callable[[str], None]) -> None:
    own = [entry for entry in entries if entry.name == name]
    keys = [entry.fingerprint for entry in own if not entry.invited]
    if keys:
        tell(f"{name} is a member already, with {', '.join(keys)}: this adds a machine to the same mailbox")
    elif mailbox:
        tell(f"{name} has a mailbox already: whoever uses this invitation gets it, with its mail")
    for entry in own:
        if entry.invited and not entry.used:
            tell(f"the invitation of {entry.since or 'an earlier time'} for {name} opens nothing any more")


def serve_invited(name: str, key: str | None, place: str, file: str | None) -> int:
    """Exchange the invitation with which somebody has logged in, for sshd; see `hub.served.accepting`."""
    layout.check_name(name)
    if not key:
        raise Usage("--invited needs the fingerprint of the invitation's key: give --key")
    return accepting.answer_one(Invited(name, key, place, file or ""))
