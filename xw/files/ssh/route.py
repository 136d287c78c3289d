"""The way to a host as `~/.ssh/config` tells it: real name, port, user, keys, jump hosts.

What ssh(1) would obey is obeyed here too; where xw cannot, and the connection would be less safe
for it, the host is refused with the option's name. Values of files and commands are complete.
"""

import os
from collections.abc import Mapping
from getpass import getuser
from typing import NamedTuple

from xw.errors import Usage
from xw.files.ssh.config import PORT, Options, expand, family, lookup, one, tokens, words
from xw.files.ssh.target import Target, hop

_HOPS = 8  # hosts to jump over: more is a loop
_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_CONNECT_S = 10.0
_USER_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_SYSTEM_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_NO = ("no", "none", "false")


class Algorithms(NamedTuple):
    """Lists of algorithms as the configuration has them; empty where it says nothing."""

    host_keys: str = ""
    authorities: str = ""
    user_keys: str = ""
    ciphers: str = ""
    macs: str = ""
    exchanges: str = ""


class Route(NamedTuple):
    """All that is needed to connect to a host. `named` are keys that the configuration names."""

    host: str
    port: int
    user: str
    named: tuple[str, ...]
    usual: tuple[str, ...]
    """The keys to try where it names none, and does not say `none`."""
    certificates: tuple[str, ...]
    identities_only: bool
    agent: str | None
    known_hosts: tuple[str, ...]
    known_hosts_command: tuple[str, ...]
    """Its words; `%` tokens that speak of the host's key are still in them."""
    known_as: str | None
    check_address: bool
    """Must the address be known with the host's key as well?"""
    revoked: tuple[str, ...]
    rsa_bits: int
    """Bits that an RSA host key must have."""
    algorithms: Algorithms
    family: int
    bind: str | None
    connect_s: float
    via: "Route | None"
    command: str | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The files of the keys to try."""
        return self.named + self.usual

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + (f":{self.port}" if self.port != PORT else "")


def find(target: Target, environ: Mapping[str, str] = os.environ) -> Route:
    """The route to a target, by the user's configuration and then the system's. Usage, where one is wrong."""
    try:
        getuser()
    except (KeyError, OSError):  # the second since Python 3.13
        raise Usage(
            f"user id {os.getuid()} has no name on this machine: set LOGNAME to one, "
            f"here `export LOGNAME={target.user or 'NAME'}`"
        ) from None
    try:
        return _route(target, environ, _HOPS)
    except ValueError as error:
        raise Usage(f"~/.ssh/config: {error}: `ssh -G {target.host}` says what is wrong with it") from None


def _route(target: Target, environ: Mapping[str, str], left: int) -> Route:
    # What is said first counts, also in the places where a value names another: `%p`.
    given = {"port": str(target.port or ""), "user": target.user or ""}
    found = lookup(target.host, {key: value for key, value in given.items() if value}, environ)
    if left == 0:
        raise Usage(f"~/.ssh/config: the jump hosts for {target.host} lead in a circle")
    _refuse(found, target.host)
    names = tokens(target.host, found)
    named, certificates = (
        _paths([path for path in found.get(option, ()) if path.lower() != "none"], names, environ)
        for option in ("identityfile", "certificatefile")
    )
    via, command = _proxy(found, names, environ, left)
    return Route(
        host=one(found, "hostname", target.host),
        port=_port(one(found, "port", str(PORT))),
        user=one(found, "user") or getuser(),
        named=named,
        usual=() if "identityfile" in found else _paths([f"~/.ssh/{name}" for name in _KEYS], {}, {}),
        certificates=certificates,
        identities_only=one(found, "identitiesonly", "no").lower() not in _NO,
        agent=_agent(one(found, "identityagent"), names, environ),
        known_hosts=_known_hosts(found, names, environ),
        known_hosts_command=_known_hosts_command(found, names, environ),
        known_as=one(found, "hostkeyalias") or None,
        check_address=one(found, "checkhostip", "no").lower() not in _NO and not (via or command),
        revoked=_revoked(found, names, environ),
        rsa_bits=int(one(found, "requiredrsasize", "1024")),
        algorithms=_algorithms(found),
        family=family(found),
        bind=one(found, "bindaddress") or None,
        connect_s=_seconds(one(found, "connecttimeout")),
        via=via,
        command=command,
    )


def _refuse(found: Options, host: str) -> None:
    """Raise Usage for what ssh(1) would obey and xw cannot."""
    methods = one(found, "preferredauthentications", "publickey").lower().split(",")
    if one(found, "pubkeyauthentication", "yes").lower() in _NO or "publickey" not in methods:
        option = "PubkeyAuthentication" if "publickey" in methods else "PreferredAuthentications"
        raise Usage(f"~/.ssh/config: {option} for {host} allows no keys, and xw logs in with nothing else")
    if one(found, "proxyusefdpass", "no").lower() not in _NO:
        raise Usage(f"~/.ssh/config: {host}: xw cannot take a connection by ProxyUseFdpass: leave it out")
    if one(found, "bindinterface"):
        raise Usage(f"~/.ssh/config: {host}: xw does not know BindInterface: use BindAddress")


def _proxy(
    found: Options, names: Mapping[str, str], environ: Mapping[str, str], left: int
) -> tuple[Route | None, str | None]:
    """The host to jump over, or the command to run in place of a connection."""
    # The first of the two counts, also where it says `none`; but a jump over none leaves room for a command.
    order = [option for option in found if option in ("proxyjump", "proxycommand")]
    jumps = expand(" ".join(found.get("proxyjump", ())), names)
    if order[:1] == ["proxyjump"] and jumps.lower() != "none":
        return _via(jumps, environ, left - 1), None
    command = one(found, "proxycommand", "none")
    return None, None if command.lower() == "none" else expand(command, names)


def _via(jumps: str, environ: Mapping[str, str], left: int) -> Route:
    """The last of the hosts to jump over, reached through those before it."""
    first, *more = (hop(place.strip()) for place in jumps.split(","))
    route = _route(first, environ, left)
    for target in more:
        route = _route(target, environ, left)._replace(via=route, command=None)
    return route


def _port(said: str) -> int:
    if not (said.isascii() and said.isdigit() and 0 < int(said) < 65536):
        raise ValueError(f"{said!r} is no port")
    return int(said)


def _seconds(said: str) -> float:
    """How long a connection may take to stand; a time as sshd_config(5) writes it."""
    unit = {"s": 1, "m": 60, "h": 3600}.get(said[-1:].lower())
    number = said[:-1] if unit else said
    if not (number.isascii() and number.isdigit() and int(number)):
        return _CONNECT_S
    return float(int(number) * (unit or 1))


def _agent(said: str, names: Mapping[str, str], environ: Mapping[str, str]) -> str | None:
    if said in ("", "SSH_AUTH_SOCK"):
        return environ.get("SSH_AUTH_SOCK")
    if said.lower() == "none":
        return None
    if said.startswith("$") and not said.startswith("${"):
        return environ.get(said[1:])
    return os.path.expanduser(expand(said, names, environ))


def _paths(
    said: "tuple[str, ...] | list[str]", names: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Files as the configuration names them: `~`, tokens and variables replaced."""
    return tuple(os.path.expanduser(expand(path, names, environ)) for path in said)


def _known_hosts(found: Options, names: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, ...]:
    own = _paths(found.get("userknownhostsfile", _USER_HOSTS), names, environ)
    system = map(os.path.expanduser, found.get("globalknownhostsfile", _SYSTEM_HOSTS))
    return tuple(path for path in (*own, *system) if path.lower() != "none")


def _known_hosts_command(
    found: Options, names: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, ...]:
    said = one(found, "knownhostscommand", "none")
    if said.lower() == "none":
        return ()
    command = tuple(expand(word, {**names, "%%": "%%"}, environ) for word in words(said))
    if not command or not command[0].startswith("/"):
        raise ValueError(f"KnownHostsCommand {said}: it needs an absolute path")
    return command


def _revoked(found: Options, names: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files that `RevokedHostKeys` names, with `~` and the tokens that later versions of ssh know.

    One that stays unknown names no file, and then the host is refused.
    """
    said = found.get("revokedhostkeys", ("none",))
    return () if [path.lower() for path in said] == ["none"] else _paths(said, names, environ)


def _algorithms(found: Options) -> Algorithms:
    users = one(found, "pubkeyacceptedalgorithms") or one(found, "pubkeyacceptedkeytypes")
    return Algorithms(
        host_keys=one(found, "hostkeyalgorithms"),
        authorities=one(found, "casignaturealgorithms"),
        user_keys=users,
        ciphers=one(found, "ciphers"),
        macs=one(found, "macs"),
        exchanges=one(found, "kexalgorithms"),
    )
