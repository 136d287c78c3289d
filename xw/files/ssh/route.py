"""The way to a host according to `~/.ssh/config`: real name, port, user, keys, jump hosts.

`config` interprets the configuration. xw obeys what ssh(1) would obey; where it cannot, and the connection
would be less safe, it refuses the host and names the option. Values of files and commands are complete.
"""

import os
import re
import shlex
import socket
from collections.abc import Iterable, Mapping
from hashlib import sha1
from typing import NamedTuple

from xw.errors import Usage
from xw.files.ssh.config import Configuration, lookup
from xw.files.ssh.program import Budget
from xw.files.ssh.target import PORT, Target, hop

_HOPS = 8  # jump hosts; more means a loop
_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
# `ssh -G` prints every key that it would try, configured or not.
_IS_USUAL = re.compile(r"(~|/.*)/\.ssh/id_(rsa|dsa|ecdsa|ecdsa_sk|ed25519|ed25519_sk|xmss)").fullmatch
_USUAL_KEYS = 4  # at least this many in every version


class Algorithms(NamedTuple):
    """Lists of permitted algorithms; empty if unknown."""

    host_keys: str = ""
    authorities: str = ""
    user_keys: str = ""
    ciphers: str = ""
    macs: str = ""
    exchanges: str = ""


class Route(NamedTuple):
    """Everything needed to connect to a host. `named` are the keys that the configuration names."""

    host: str
    port: int
    user: str
    named: tuple[str, ...]
    usual: tuple[str, ...]
    """The keys to try if it names none, and does not say `none`."""
    certificates: tuple[str, ...]
    identities_only: bool
    agent: str | None
    known_hosts: tuple[str, ...]
    own_known_hosts: str | None
    """The file for new keys; None if the user's files keep none, as /dev/null."""
    known_hosts_command: tuple[str, ...]
    """Its words; `%` tokens about the host's key are not replaced yet."""
    known_as: str | None
    check_address: bool
    """True if the address must be known with the host's key as well."""
    revoked: tuple[str, ...]
    rsa_bits: int
    """Minimum bits of an RSA host key."""
    algorithms: Algorithms
    family: int
    bind: str | None
    connect_s: float | None
    """`ConnectTimeout` in seconds, for TCP and for the key exchange; None if not set."""
    via: "Route | None"
    command: str | None
    served: bool = False
    """True if the host knows the one key to try as a member of a served hub."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The files of the keys to try."""
        return self.named + self.usual

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + (f":{self.port}" if self.port != PORT else "")


def find(
    target: Target, budget: Budget = lambda usual: usual, environ: Mapping[str, str] = os.environ
) -> Route:
    """Return the route to a target, from the user's configuration and then the system's.

    Raise Usage if it is invalid or needs what xw cannot do, Unreachable if ssh takes too long.
    """
    return _Finder(budget, environ).route(target, _HOPS)


class _Finder:
    """Finds the route to a host, and to its jump hosts."""

    def __init__(self, budget: Budget, environ: Mapping[str, str]) -> None:
        self._budget = budget
        self._environ = environ

    def route(self, target: Target, left: int, jumps: str = "", onward: str = "") -> Route:
        if left == 0:
            raise Usage(f"~/.ssh/config: the jump hosts for {target.host} lead in a circle")
        found = lookup(target, self._budget, self._environ, jumps, onward)
        try:
            return self._route(target, found, left)
        except ValueError as error:
            raise Usage(
                f"~/.ssh/config: {error}: fix it; `ssh -G {target.host}` shows what counts for the host"
            ) from None

    def _route(self, target: Target, found: Configuration, left: int) -> Route:
        _refuse(found, target.host)
        values = _Values(target.host, found, self._environ)
        named, usual = values.keys()
        own = values.files("userknownhostsfile")
        place = f"[{found.one('hostname')}]:{found.one('port')}"
        # Only one of the two applies, and ssh prints that one.
        jumps, command = values.way("proxyjump"), values.way("proxycommand")
        via = self._via(jumps, left, place) if jumps else None
        return Route(
            host=found.one("hostname"),
            port=_port(found.one("port")),
            user=found.one("user"),
            named=named,
            usual=usual,
            certificates=values.paths("certificatefile"),
            identities_only=found.is_on("identitiesonly"),
            agent=values.agent(),
            known_hosts=own + values.files("globalknownhostsfile"),
            own_known_hosts=next((path for path in own if path != os.devnull), None),
            known_hosts_command=values.known_hosts_command(),
            known_as=found.one("hostkeyalias").lower() or None,
            check_address=found.is_on("checkhostip") and not (via or command),
            revoked=values.revoked(),
            rsa_bits=int(found.one("requiredrsasize", "1024")),
            algorithms=_algorithms(found),
            family=_family(found),
            bind=found.one("bindaddress") or None,
            connect_s=_seconds(found.one("connecttimeout")),
            via=via,
            command=command,
        )

    def _via(self, jumps: str, left: int, onward: str) -> Route:
        """Return the route to the last jump host, which is reached through those before it."""
        before, _, last = jumps.rpartition(",")
        try:
            target = hop(last.strip())
        except Usage:  # its text is about a hub's URL
            raise ValueError(f"invalid host {last!r} in ProxyJump {jumps}") from None
        return self.route(target, left - 1, before, onward)


class _Values:
    """A host's options in xw's form: in files and commands, `~`, tokens and variables are replaced."""

    def __init__(self, name: str, found: Configuration, environ: Mapping[str, str]) -> None:
        self._found = found
        self._environ = environ
        self._tokens = _tokens(name, found)

    def way(self, option: str) -> str | None:
        """Return the jump hosts or the command that lead to the host, or None."""
        text = self._found.one(option)
        if text.lower() in ("", "none"):
            return None
        return expand(text, {token: self._tokens[token] for token in ("%%", "%h", "%n", "%p", "%r")})

    def paths(self, option: str) -> tuple[str, ...]:
        """Return the files of an option that names one on each line."""
        said = (path for path in self._found.options.get(option, ()) if path.lower() != "none")
        return tuple(self._home(expand(path, self._tokens, self._environ)) for path in said)

    def keys(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the keys that the configuration names, and the usual ones if it names none."""
        listed = self.paths("identityfile")
        if len(listed) < _USUAL_KEYS or not all(map(_IS_USUAL, listed)):
            return listed, ()
        found = {os.path.basename(path): path for path in listed}
        first = [found.pop(name) for name in _KEYS if name in found]
        return (), (*first, *filter(os.path.exists, found.values()))

    def files(self, option: str) -> tuple[str, ...]:
        """Return the files of an option that names several on one line, which ssh prints without quotes."""
        # A name with a blank counts if the file exists; otherwise its end is unknown.
        files = [self._home(path) for path in _apart(self._found.one(option))]
        for path in files:
            if " " in path and not os.path.exists(path):
                raise ValueError(
                    f"{option} {path}: no such file; xw accepts a name with a blank only if the file exists"
                )
        return tuple(path for path in files if path.lower() not in ("", "none"))

    def revoked(self) -> tuple[str, ...]:
        """Return the files of `RevokedHostKeys`, with the tokens of later ssh versions."""
        said = self._found.one("revokedhostkeys", "none")
        if said.lower() == "none":
            return ()
        return tuple(self._home(expand(path, self._tokens, self._environ)) for path in _apart(said))

    def agent(self) -> str | None:
        """Return the agent's socket."""
        said = self._found.one("identityagent", "SSH_AUTH_SOCK")
        if said == "SSH_AUTH_SOCK":
            return self._environ.get(said)
        if said.lower() == "none":
            return None
        return self._environ.get(said[1:]) if said.startswith("$") else self._home(said)

    def known_hosts_command(self) -> tuple[str, ...]:
        """Return the words of `KnownHostsCommand`; `%` tokens about the host's key are not replaced yet."""
        said = self._found.one("knownhostscommand", "none")
        if said.lower() == "none":
            return ()
        words = [] if "\\" in said else shlex.split(said)  # ssh treats a backslash differently
        if not words or not words[0].startswith("/"):
            raise ValueError(f"KnownHostsCommand {said}: it needs an absolute path, and no backslashes")
        later = {token: token for token in ("%%", "%f", "%H", "%I", "%K", "%t")}
        return tuple(expand(word, {**self._tokens, **later}, self._environ) for word in words)

    def _home(self, path: str) -> str:
        return self._found.home + path[1:] if path[:2] in ("~", "~/") else os.path.expanduser(path)


def expand(text: str, tokens: Mapping[str, str], environ: Mapping[str, str] | None = None) -> str:
    """Return a value with its `%` tokens and, with `environ`, its `${VARIABLES}` replaced.

    Raise ValueError for an unknown one.
    """
    known = {**tokens, **{f"${{{name}}}": value for name, value in (environ or {}).items()}}

    def value(found: re.Match[str]) -> str:
        if found[0] not in known:
            raise ValueError(f"{text}: {found[0]} is unknown, or not set")
        return known[found[0]]

    return re.sub("%.?" if environ is None else r"%.?|\$\{\w+\}", value, text)


def _tokens(name: str, found: Configuration) -> dict[str, str]:
    """Return the values of the `%` tokens for the host called `name`."""
    host, port, user = found.one("hostname"), found.one("port"), found.one("user")
    here = socket.gethostname()
    return {
        "%%": "%",
        "%C": sha1(f"{here}{host}{port}{user}".encode(), usedforsecurity=False).hexdigest(),
        "%d": found.home,
        "%h": host,
        "%i": str(os.getuid()),
        "%k": found.one("hostkeyalias", name),
        "%L": here.partition(".")[0],
        "%l": here,
        "%n": name,
        "%p": port,
        "%r": user,
        "%u": found.local_user,
    }


def _apart(said: str) -> list[str]:
    """Return the files that ssh prints on one line without quotes: each begins with `/` or `~`."""
    return re.split(" (?=[/~])", said)


def _refuse(found: Configuration, host: str) -> None:
    """Raise Usage for an option that ssh(1) would obey and xw cannot."""
    methods = found.one("preferredauthentications", "publickey").lower().split(",")
    if not found.is_on("pubkeyauthentication", "yes") or "publickey" not in methods:
        option = "PubkeyAuthentication" if "publickey" in methods else "PreferredAuthentications"
        raise Usage(f"~/.ssh/config: {option} for {host} allows no keys, and xw logs in with nothing else")
    if found.is_on("proxyusefdpass"):
        raise Usage(f"~/.ssh/config: {host}: xw cannot take a connection by ProxyUseFdpass: leave it out")
    if found.one("bindinterface"):
        raise Usage(f"~/.ssh/config: {host}: xw does not know BindInterface: use BindAddress")
    if found.is_on("refuseconnection"):  # since OpenSSH 10
        raise Usage(f"~/.ssh/config: RefuseConnection for {host}: {found.one('refuseconnection')}")


def _port(said: str) -> int:
    if not (said.isascii() and said.isdigit() and 0 < int(said) < 65536):
        raise ValueError(f"{said!r} is not a port")
    return int(said)


def _seconds(said: str) -> float | None:
    return float(said) if said.isascii() and said.isdigit() and int(said) else None


def _family(found: Configuration) -> int:
    """Return the address family of `AddressFamily`."""
    said = found.one("addressfamily").lower()
    return {"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(said, socket.AF_UNSPEC)


def allowed(said: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the known algorithms that a list allows, in its order; all if the list is empty."""
    names = tuple(known)
    return tuple(name for name in dict.fromkeys(said.split(",")) if name in names) if said else names


def _algorithms(found: Configuration) -> Algorithms:
    return Algorithms(
        host_keys=found.one("hostkeyalgorithms"),
        authorities=found.one("casignaturealgorithms"),
        user_keys=found.one("pubkeyacceptedalgorithms") or found.one("pubkeyacceptedkeytypes"),
        ciphers=found.one("ciphers"),
        macs=found.one("macs"),
        exchanges=found.one("kexalgorithms"),
    )
