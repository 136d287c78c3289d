"""Hand over a machine's own key with an invitation: the half on the new machine, for `xw init --invite`.

Both keys are offered on one connection, the own one first: which of them the host takes tells how far an
earlier try came. So the same line may be used again after a cut at any step. The host is checked against the
key in the invitation, unless `known_hosts` has one for it already; it is noted there once it has proved that.
"""

import base64
import json
import os
import tempfile
from collections.abc import Callable

from xw import keyring
from xw.errors import Damaged, Refused, Unreachable
from xw.files.disk import fsync
from xw.files.ssh import known_hosts
from xw.files.ssh.link import SshLink
from xw.files.ssh.login import NotAccepted
from xw.files.ssh.program import Budget
from xw.files.ssh.reach import OtherHostKey
from xw.files.ssh.route import Route, find
from xw.files.ssh.session import SessionChannel
from xw.files.ssh.target import PORT, parse
from xw.hub.served.accepting import COMMAND
from xw.hub.served.invitation import Invitation
from xw.message import parse_object
from xw.signing.keys import PrivateKey, PublicKey, fingerprint, private_text

_LONGEST = 16 << 10  # bytes of an answer
_ANSWER_S = 30.0


def hand_over(
    url: str,
    name: str,
    invitation: Invitation,
    own: str,
    tell: Callable[[str], None],
) -> None:
    """Make a machine's own key that of member `name`; return if it is, now or from an earlier try.

    `own` is the file of the key, `tell` gets a line about the host's key. Raise Refused if the invitation is
    not valid any more, or the host shows another key than it names.
    """
    target = parse(url)
    with tempfile.TemporaryDirectory(prefix="xw-") as folder:
        _write(f"{folder}/one-time", private_text(PrivateKey(invitation.seed)).encode())
        routes: list[Route] = []

        def route(budget: Budget) -> Route:
            found = find(target._replace(path=""), budget)
            routes[:] = [found]
            _write(f"{folder}/host", _host_line(found, invitation).encode())
            keys = (own, f"{folder}/one-time")
            place = (*found.known_hosts, f"{folder}/host")
            return found._replace(
                named=keys, usual=(), certificates=(), identities_only=True, agent=None, known_hosts=place
            )

        link = SshLink(f"{target.login} (invitation)", route)
        try:
            try:
                link.transport()
            except Refused as error:
                raise _why(error, link, folder, name, invitation) from None
            _note_host(routes[0], invitation, tell)
            if link.key != own:
                _exchange(link, name, keyring.read(own).public)
        finally:
            link.close()


def _exchange(link: SshLink, name: str, own: PublicKey) -> None:
    """Ask the host to accept the own key. Raise Refused with its reason."""
    channel = SessionChannel(link.run(COMMAND))
    channel.settimeout(_ANSWER_S)
    data = b""
    try:
        channel.sendall(json.dumps({"format": 1, "accept": name, "key": str(own)}).encode() + b"\n")
        while b"\n" not in data and len(data) < _LONGEST and (piece := channel.recv(_LONGEST)):
            data += piece
    except OSError as error:
        raise Unreachable(f"{link.name}: the invitation was not answered ({error}): try again") from None
    finally:
        channel.close()
    try:
        answer = parse_object(data.partition(b"\n")[0])
    except Damaged:
        raise Unreachable(
            f"{link.name}: the invitation was not answered: is xw still installed there? Try again"
        ) from None
    if answer.get("accepted") != name:
        raise Refused(f"{link.name}: {answer.get('refused', 'the invitation was refused')}")


def _why(error: Refused, link: SshLink, folder: str, name: str, invitation: Invitation) -> Refused:
    """Return why the host takes neither key, or is not the one that invited."""
    if isinstance(error, OtherHostKey) and error.place.startswith(folder):
        shown = fingerprint(invitation.host_key)
        return Refused(
            f"{link.name}: its host key is not the one in the invitation ({shown}): it is another host, or "
            f"somebody is in between; nothing was sent. Ask the hub's owner for "
            f"`xw hub invite {name}` with the --host-key of that sshd"
        )
    if not isinstance(error, NotAccepted):
        return error
    why = "has expired" if invitation.expired else "was used on another machine, or taken back"
    return Refused(f"{link.name}: the invitation {why}: `xw hub invite {name}` on the host makes another one")


def _place(route: Route) -> tuple[str, int]:
    return (route.known_as, PORT) if route.known_as else (route.host, route.port)


def _host_line(route: Route, invitation: Invitation) -> str:
    """Return the line of `known_hosts` for the host's key; empty if the user's files know the host."""
    if known_hosts.of_host(known_hosts.read(route.known_hosts), *_place(route)):
        return ""
    blob = invitation.host_key
    length = int.from_bytes(blob[:4], "big")
    key_type = blob[4 : 4 + length].decode("ascii", "replace")
    return f"{known_hosts.name_of(*_place(route))} {key_type} {base64.b64encode(blob).decode()}\n"


def _note_host(route: Route, invitation: Invitation, tell: Callable[[str], None]) -> None:
    """Make the host's key, which it has just proved, known to later commands and to ssh."""
    line = _host_line(route, invitation)
    if not line:
        return
    file = route.own_known_hosts or os.path.expanduser("~/.ssh/known_hosts")
    try:
        os.makedirs(os.path.dirname(file), 0o700, exist_ok=True)
        # One write at the end, as ssh does: other processes may add theirs at this moment.
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            joined = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, f"{chr(10) if joined else ''}{line}".encode())
            fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise Refused(
            f"{file}: {error.strerror}: the host's key cannot be noted; add the line `{line.strip()}`"
        ) from None
    shown = fingerprint(invitation.host_key)
    tell(f"noted the host key of {route.host}, {shown}, in {file}")


def _write(path: str, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
