"""Turn a stream into a connection to a verified host: key exchange, host key, certificate, revocation.

Every step has a timeout and its own error text. There are no prompts: where OpenSSH would ask, an error names
the command to type. Used by `link` alone.
"""

import base64
import ipaddress
import os
import time
from collections.abc import Callable
from shlex import quote
from typing import NamedTuple

import paramiko
from paramiko.common import MSG_CHANNEL_FAILURE
from paramiko.message import Message

from xw.errors import Refused, Unreachable, Usage, XwError
from xw.files.ssh import certificate, known_hosts, revoked
from xw.files.ssh.program import Budget
from xw.files.ssh.route import Route, allowed, expand
from xw.files.ssh.stream import DeadlineSocket
from xw.files.ssh.target import PORT
from xw.signing.keys import fingerprint
from xw.text import visible

_HANDSHAKE = 15.0
_SHOWN = 80  # bytes of what somebody says
_PLAIN = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_SIGNED = tuple(name + certificate.SUFFIX for name in _PLAIN)
# Like OpenSSH, offer these only if the configuration asks for them.
_WEAK = ("*-cbc", "hmac-md5*", "hmac-sha1-96", "diffie-hellman-*-sha1")
_CURVE = "curve25519-sha256"  # in paramiko, under its older name
_NO_EXCHANGE = ("ext-info-", "kex-strict-")  # signals among the exchanges
_SIGNS = {"rsa-sha2-512": "ssh-rsa", "rsa-sha2-256": "ssh-rsa"}  # algorithm → type of key


class Dropped(Unreachable):
    """The host closed the connection before its greeting, usually because too many connect at once."""


class OtherHostKey(Refused):
    """The host shows another key than is known; `place` is the file and line with the known one, if any."""

    def __init__(self, text: str, place: str) -> None:
        super().__init__(text)
        self.place = place


class Transport(paramiko.Transport):
    """A transport that offers the route's algorithms, and keeps the host's key as it was sent.

    `refused` are the numbers of the channels whose request the server refused.
    """

    def __init__(self, stream: DeadlineSocket, route: Route, host_keys: tuple[str, ...]) -> None:
        super().__init__(stream)  # type: ignore[arg-type]  # it has all the methods that paramiko uses
        known = paramiko.Transport._kex_info  # type: ignore[attr-defined]  # not in the stubs
        self._kex_info = {**known, _CURVE: known[f"{_CURVE}@libssh.org"]}
        self._wanted = host_keys
        self.refused: set[int] = set()
        # Paramiko's own attributes only say that a channel is closed, as after any loss.
        handlers = paramiko.Transport._channel_handler_table  # type: ignore[attr-defined]  # not in the stubs
        self._channel_handler_table = {**handlers, MSG_CHANNEL_FAILURE: self._request_refused}
        self.blob = b""
        self.farewell = ""  # what the host said when it ended the connection
        self._theirs: dict[str, list[str]] = {}
        said, can = route.algorithms, self.get_security_options()
        self._known = tuple(can.kex), tuple(can.ciphers), tuple(can.digests)
        can.ciphers = _allowed(route, "Ciphers", said.ciphers, tuple(can.ciphers))
        can.digests = _allowed(route, "MACs", said.macs, tuple(can.digests))
        can.kex = _allowed(route, "KexAlgorithms", said.exchanges, (_CURVE, *can.kex))

    def _request_refused(self, channel: paramiko.Channel, message: Message) -> None:
        self.refused.add(channel.get_id())
        channel._request_failed(message)  # type: ignore[attr-defined]

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms to offer."""
        return self._wanted

    def choices(self) -> list[tuple[str, list[str], tuple[str, ...], tuple[str, ...]]]:
        """Return, by option: what the host offers, what was offered to it, and what xw could offer."""
        can, theirs = self.get_security_options(), self._theirs
        kex = [name for name in theirs.get("kex_algo_list", []) if not name.startswith(_NO_EXCHANGE)]
        found = [
            ("KexAlgorithms", kex, tuple(can.kex), self._known[0]),
            ("HostKeyAlgorithms", theirs.get("server_key_algo_list", []), self._wanted, ()),
            ("Ciphers", theirs.get("client_encrypt_algo_list", []), tuple(can.ciphers), self._known[1]),
            ("MACs", theirs.get("client_mac_algo_list", []), tuple(can.digests), self._known[2]),
        ]
        return [choice for choice in found if choice[1]]

    def _parse_kex_init(self, message: Message) -> None:
        self._theirs = self._really_parse_kex_init(Message(message.asbytes()))  # type: ignore[attr-defined]
        super()._parse_kex_init(message)  # type: ignore[misc]  # not in the stubs

    def _parse_disconnect(self, message: Message) -> None:
        message.get_int()
        self.farewell = message.get_text()

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        self.blob = bytes(host_key)
        super()._verify_key(host_key, sig)  # type: ignore[misc]  # not in the stubs


class HostKey(NamedTuple):
    """A host's key as error texts show it."""

    name: str
    type: str
    fingerprint: str


def _allowed(route: Route, option: str, said: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the known algorithms that the configuration allows. Raise Usage if there are none."""
    usual = tuple(name for name in known if not any(known_hosts.matches(name, weak) for weak in _WEAK))
    found = allowed(said, known if said else usual)
    if not found:
        raise Usage(
            f"{route}: xw supports none of the algorithms that {option} in ~/.ssh/config allows: "
            f"add one of {', '.join(usual)}"
        )
    return found


def greet(route: Route, stream: DeadlineSocket, budget: Budget, tell: Callable[[str], None]) -> Transport:
    """Exchange keys on a stream, and verify the host; `tell` gets each step done. Unreachable, Refused."""
    host, port = (route.known_as, PORT) if route.known_as else (route.host, route.port)
    try:
        lines = known_hosts.read(route.known_hosts) + _commanded(route, host, port, budget)
        transport = Transport(stream, route, _host_keys(route, lines, host, port))
    except XwError:
        stream.close()
        raise
    limit = budget(route.connect_s or _HANDSHAKE)
    began = time.monotonic()
    transport.banner_timeout = transport.handshake_timeout = limit
    try:
        transport.start_client(timeout=limit)
        if not transport.blob or not transport.initial_kex_done:
            raise _silent(route, limit, transport)
        tell(f"key exchange: {visible(transport.remote_version, '')}, {transport.local_cipher}")
        about = lines + _commanded(route, host, port, budget, transport.blob)
        _check_host(route, host, port, about, transport.blob)
        if route.check_address:
            _check_address(route, stream.address, lines, transport.blob)
        plain = certificate.plain(transport.blob)
        tell(f"host key: {Message(plain).get_text()} {fingerprint(plain)} is known")
    except paramiko.ssh_exception.IncompatiblePeer as error:
        transport.close()
        raise Unreachable(f"{route}: no common way to encrypt: {_in_common(transport, error)}") from None
    except XwError:
        transport.close()
        raise
    except Exception as error:  # noqa: BLE001  # paramiko passes on any error of its own thread
        late = time.monotonic() - began > 0.9 * limit
        transport.close()
        stream.close()
        raise _why_no_greeting(route, stream, transport, error, limit if late else 0.0) from None
    return transport


def _why_no_greeting(
    route: Route, stream: DeadlineSocket, transport: Transport, error: BaseException, limit: float
) -> XwError:
    """Return why the key exchange failed; `limit` is the time that it took, if that was all there was."""
    said = shown(stream.opening)
    if stream.command is not None and (stream.ended or limit) and not transport.remote_version:
        return _command_failed(route, stream, limit)
    if limit:
        return _silent(route, limit, transport)
    if transport.remote_version:
        why = visible(transport.farewell, "") or _first(error)
        return Dropped(f"{route}: it ended the connection during the key exchange ({why}): try again")
    if not said or "MaxStartups" in said:
        return Dropped(
            f"{route}: it takes connections but does not speak SSH, or too many connect at once "
            f"({_first(error)}): try again, or raise MaxStartups in its sshd_config"
        )
    if "Not allowed" in said:
        return Refused(
            f"{route}: it takes no connection from this machine for now, and says {said}: too many "
            f"logins have failed (PerSourcePenalties in its sshd_config): wait some minutes"
        )
    return Unreachable(f"{route}: it does not speak SSH, and says {said}: is port {route.port} right?")


def _command_failed(route: Route, stream: DeadlineSocket, limit: float) -> Unreachable:
    """Return why a ProxyCommand made no connection."""
    assert stream.command is not None
    code = stream.command.returncode
    if code in (126, 127):  # the shell's codes for it
        return Unreachable(
            f"{route}: its ProxyCommand cannot be run: `{route.command}`; `ssh -G {route.host}` shows it"
        )
    happened = f"brought no answer in {limit:.1f} s" if limit else f"ended with exit code {code}"
    line = stream.complaint.line() if stream.complaint else ""
    said = shown(line.encode()) or shown(stream.opening)
    saying = f", and says {said}" if said else ""
    return Unreachable(f"{route}: its ProxyCommand {happened}{saying}: `{route.command}`")


def shown(data: bytes) -> str:
    """Return the first 80 bytes of what a program says in one line, in quotes; empty if there is nothing."""
    text = " ".join(data[:_SHOWN].decode(errors="replace").split())
    return f"'{visible(text, '')}'" if text else ""


def _silent(route: Route, limit: float, transport: Transport) -> Unreachable:
    if transport.remote_version:
        why = "it greets and then does not answer", "overloaded, or are large packets lost on the way (MTU)"
    else:
        why = "it takes connections but does not answer", "overloaded"
    return Unreachable(f"{route}: {why[0]} ({limit:.1f} s): is it {why[1]}?")


def _in_common(transport: Transport, error: Exception) -> str:
    """Return for which option host and xw have no algorithm in common, and what to configure."""
    for option, theirs, ours, known in transport.choices():
        if set(theirs).isdisjoint(ours):
            weak = next((name for name in theirs if name in known), "")
            fix = f", or allow a weak one in ~/.ssh/config: `{option} +{weak}`" if weak else ""
            return (
                f"for {option} it offers {visible(', '.join(theirs), '')}, and xw has {', '.join(ours)}: "
                f"add one of those to {option} in its sshd_config{fix}"
            )
    return f"{_first(error)}: upgrade the older of the two"


def _host_keys(route: Route, lines: list[known_hosts.KeyLine], host: str, port: int) -> tuple[str, ...]:
    """Return the algorithms to offer: certificates if an authority applies, then known types, then others."""
    about = known_hosts.of_host(lines, host, port) or known_hosts.of_host(lines, host, PORT)
    types = {line.type for line in about if not line.marker}
    signed = _SIGNED if known_hosts.authorities(lines, host, port) else ()
    found = _allowed(route, "HostKeyAlgorithms", route.algorithms.host_keys, (*signed, *_PLAIN))
    return tuple(sorted(found, key=lambda name: (name not in _SIGNED, _SIGNS.get(name, name) not in types)))


def _commanded(
    route: Route, host: str, port: int, budget: Budget, blob: bytes = b""
) -> list[known_hosts.KeyLine]:
    """Return the `KnownHostsCommand`'s keys: before a key was shown (to order the types), and after."""
    if not route.known_hosts_command:
        return []
    shown = {
        "%%": "%",
        "%I": "HOSTNAME" if blob else "ORDER",
        "%H": known_hosts.name_of(host, port),
        "%t": Message(blob).get_text() if blob else "NONE",
        "%f": fingerprint(blob) if blob else "NONE",
        "%K": base64.b64encode(blob).decode() if blob else "NONE",
    }
    return known_hosts.ask([expand(word, shown) for word in route.known_hosts_command], budget)


def _check_address(route: Route, address: str, lines: list[known_hosts.KeyLine], blob: bytes) -> None:
    """Raise Refused if the address is known with another key: `CheckHostIP`."""
    if address == route.host or ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        return
    found = known_hosts.verdict(lines, address, route.port, Message(blob).get_text(), blob)
    if found.line and found.state in ("changed", "revoked"):
        raise Refused(
            f"{route}: {found.line.place} knows another key of its address {address} (CheckHostIP): "
            f"somebody may be in between; ask its administrator"
        )


def _check_host(route: Route, host: str, port: int, lines: list[known_hosts.KeyLine], blob: bytes) -> None:
    """Raise Refused, with what to do, unless the key is known and not revoked."""
    why = revoked.why_refused(blob, route.revoked)
    if why:
        raise Refused(f"{route}: its host key {fingerprint(certificate.plain(blob))} {why}")
    key = certificate.plain(blob)
    if Message(key).get_text() == "ssh-rsa" and paramiko.RSAKey(data=key).get_bits() < route.rsa_bits:
        raise Refused(
            f"{route}: its RSA host key has fewer than the {route.rsa_bits} bits of RequiredRSASize"
        )
    if certificate.is_certificate(blob):
        counted = [line.blob for line in known_hosts.authorities(lines, host, port)]
        why = certificate.why_not(blob, host, counted, allowed=route.algorithms.authorities)
        if not why:
            signer = certificate.parse(blob).authority
            for what, key in (("authority", signer), ("key", blob)):
                gone = known_hosts.revoked(lines, host, port, key)
                why = why or (f"its {what} is revoked ({gone.place})" if gone else None)
        if why:
            raise Refused(f"{route}: {why}: ask its administrator; nothing was sent")
        return
    key_type = Message(blob).get_text()
    found = known_hosts.verdict(lines, host, port, key_type, blob)
    if found.state != "known":
        name = known_hosts.name_of(host, port)
        shown = HostKey(name, key_type, fingerprint(blob))
        place = found.line.place if found.line else ""
        raise OtherHostKey(f"{route}: {_why_not_known(route, found, shown, blob)}", place)


def _why_not_known(route: Route, found: known_hosts.Verdict, shown: HostKey, blob: bytes) -> str:
    scan = _how_to_note(route, shown, blob)
    place = found.line.place if found.line else ""
    if found.state == "revoked":
        return (
            f"its host key {shown.fingerprint} is revoked ({place}): do not trust it; ask its administrator"
        )
    if found.state == "changed":
        path = quote(place.rpartition(":")[0])
        return (
            f"its host key has changed ({place} knows another; it shows {shown.fingerprint}): "
            f"somebody may be in between; if it was renewed, "
            f"`ssh-keygen -R '{shown.name}' -f {path}`, then {scan}"
        )
    if found.state == "other-type":
        known = _short(found.line.type) if found.line else "other"
        return (
            f"it shows a host key of another type than is known ({place} has {known}; it shows {shown.type} "
            f"{shown.fingerprint}): compare it with the owner's, then {scan}"
        )
    what = f"{shown.type} {shown.fingerprint}"
    return f"its host key is unknown ({what}): compare it with the owner's, then {scan}"


def _how_to_note(route: Route, shown: HostKey, blob: bytes) -> str:
    """Return the command that makes a host's key known."""
    file = route.own_known_hosts or os.path.expanduser("~/.ssh/known_hosts")
    folder = os.path.dirname(file)
    make = "" if os.path.isdir(folder) else f"mkdir -p -m 700 {quote(folder)} && "
    if route.via or route.command or route.known_as:  # ssh-keyscan goes straight to the host, by its own name
        line = f"{shown.name} {shown.type} {base64.b64encode(blob).decode()}"
        command = f"`{make}echo {quote(line)} >> {quote(file)}`"
    else:
        port = f"-p {route.port} " if route.port != PORT else ""
        command = f"`{make}ssh-keyscan -H {port}-t {_short(shown.type)} {route.host} >> {quote(file)}`"
    if route.own_known_hosts:
        return command
    return f"{command}, and let `UserKnownHostsFile` in ~/.ssh/config name {file}: this host's keeps nothing"


def _short(key_type: str) -> str:
    """Return a type of key in the form of ssh-keyscan's -t."""
    return "ecdsa" if key_type.startswith("ecdsa") else key_type.removeprefix("ssh-")


def _first(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
