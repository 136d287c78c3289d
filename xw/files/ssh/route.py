"""The way to a host as `~/.ssh/config` tells it: real name, port, user, keys, jump hosts."""

import glob
import os
import re
import shlex
from collections.abc import Mapping
from getpass import getuser
from typing import NamedTuple

import paramiko

from xw.errors import Usage
from xw.files.ssh.target import Target, hop

_HOPS = 8  # hosts to jump over, and files that include files: more is a loop
_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_COMMANDS = ("proxycommand", "localcommand", "remotecommand", "knownhostscommand")
# Its value is put into quotes of its own: paramiko takes off the outermost, which may belong to two paths.
_REVOKED = re.compile(r"(?i)^(\s*RevokedHostKeys(?:\s*=\s*|\s+))(\S.*)$")
_SAID = re.compile(r'(?:"[^"]*"?|[^"#]|(?<!\s)#)*')  # a line without the comment at its end


class Route(NamedTuple):
    """All that is needed to connect to a host. `named` are keys that the configuration names."""

    host: str
    port: int
    user: str
    named: tuple[str, ...]
    identities_only: bool
    agent: str | None
    known_hosts: tuple[str, ...]
    known_as: str | None
    revoked: tuple[str, ...]
    via: "Route | None"
    command: str | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The files of the keys to try."""
        return self.named or tuple(os.path.expanduser(f"~/.ssh/{name}") for name in _KEYS)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + (f":{self.port}" if self.port != paramiko.config.SSH_PORT else "")


def find(target: Target, environ: Mapping[str, str] = os.environ) -> Route:
    """The route to a target, by the user's configuration and then the system's. Usage, where one is wrong."""
    paths = (os.path.expanduser("~/.ssh/config"), "/etc/ssh/ssh_config")
    try:
        getuser()  # paramiko asks as well, whatever the target says
    except (KeyError, OSError):  # the second since Python 3.13
        raise Usage(
            f"user id {os.getuid()} has no name on this machine: set LOGNAME to one, "
            f"here `export LOGNAME={target.user or 'NAME'}`"
        ) from None
    try:
        return _route(target, "".join(f"Host *\n{_text(path)}" for path in paths), environ, _HOPS)
    except (paramiko.SSHException, ValueError, KeyError, ImportError) as error:
        raise Usage(f"~/.ssh/config: {error}: `ssh -G {target.host}` says what is wrong with it") from None


def _route(target: Target, text: str, environ: Mapping[str, str], left: int) -> Route:
    # What is said first counts, also in the places where a value names another: `%p`.
    port = f"Port {target.port}\n" if target.port else ""
    user = f"User {target.user}\n" if target.user else ""
    config = paramiko.SSHConfig.from_text(f"Host *\n{port}{user}{text}")
    found: Mapping[str, object] = config.lookup(target.host)
    if left == 0:
        raise Usage(f"~/.ssh/config: the jump hosts for {target.host} lead in a circle")
    said = {key: str(value) for key, value in found.items() if isinstance(value, str)}
    identities = found.get("identityfile")
    listed = identities if isinstance(identities, list) else []
    # The first of the two counts, also where it says `none`; but a jump over none leaves room for a command.
    proxies = [key for key in found if key in ("proxyjump", "proxycommand")]
    jumps = said["proxyjump"] if proxies[:1] == ["proxyjump"] else "none"
    via = None if jumps.lower() == "none" else _via(jumps, text, environ, left - 1)
    return Route(
        host=said.get("hostname", target.host),
        port=int(said.get("port", paramiko.config.SSH_PORT)),
        user=said.get("user") or getuser(),
        named=tuple(os.path.expanduser(path) for path in listed if path.lower() != "none"),
        identities_only=said.get("identitiesonly", "no").lower() == "yes",
        agent=_agent(said.get("identityagent"), environ),
        known_hosts=_known_hosts(said),
        known_as=said.get("hostkeyalias"),
        revoked=_revoked(said, target.host),
        via=via,
        command=None if via else said.get("proxycommand"),
    )


def _via(jumps: str, text: str, environ: Mapping[str, str], left: int) -> Route:
    """The last of the hosts to jump over, reached through those before it."""
    first, *more = (hop(place.strip()) for place in jumps.split(","))
    route = _route(first, text, environ, left)
    for target in more:
        route = _route(target, text, environ, left)._replace(via=route, command=None)
    return route


def _agent(said: str | None, environ: Mapping[str, str]) -> str | None:
    if said is None or said == "SSH_AUTH_SOCK":
        return environ.get("SSH_AUTH_SOCK")
    if said.lower() == "none":
        return None
    return environ.get(said[1:]) if said.startswith("$") else os.path.expanduser(said)


def _known_hosts(said: Mapping[str, str]) -> tuple[str, ...]:
    own = said.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
    system = said.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2")
    return tuple(os.path.expanduser(path) for path in shlex.split(f"{own} {system}") if path != "none")


def _revoked(said: Mapping[str, str], alias: str) -> tuple[str, ...]:
    """Return the files that `RevokedHostKeys` names, with `~` and the tokens that later versions of ssh know.

    One that stays unknown names no file, and then the host is refused.
    """
    paths = shlex.split(said.get("revokedhostkeys", "none"))
    if [path.lower() for path in paths] == ["none"]:
        return ()
    tokens = {
        "%%": "%",
        "%d": os.path.expanduser("~"),
        "%h": said.get("hostname", alias),
        "%i": str(os.getuid()),
        "%k": said.get("hostkeyalias", alias),
        "%n": alias,
        "%p": said.get("port", str(paramiko.config.SSH_PORT)),
        "%r": said.get("user") or getuser(),
        "%u": getuser(),
    }
    return tuple(
        os.path.expanduser(re.sub("%.", lambda found: tokens.get(found[0], found[0]), path)) for path in paths
    )


def _text(path: str, left: int = _HOPS, section: str = "Host *") -> str:
    """A configuration file's text with what it includes, without comments: paramiko knows neither.

    `section` is the line that opens the section into which it is included.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise Usage(f"{path}: {error.strerror}") from None
    text = []
    for line in lines:
        keyword, *rest = line.replace("=", " ", 1).split(None, 1) or [""]
        if keyword.lower() not in _COMMANDS:
            line = _SAID.findall(line)[0].rstrip()
        if keyword.lower() in ("host", "match"):
            section = line
        if keyword.lower() == "include" and rest and left:
            for pattern in shlex.split(rest[0], comments=True):
                text += [_text(name, left - 1, section) for name in _included(pattern, path)]
            text.append(section)  # one that began in there ends with it
        else:
            text.append(_REVOKED.sub(r'\1"\2"', line))
    return "\n".join(text) + "\n"


def _included(pattern: str, path: str) -> list[str]:
    folder = os.path.dirname(path) if path.startswith("/etc/") else os.path.expanduser("~/.ssh")
    return sorted(glob.glob(os.path.join(folder, os.path.expanduser(pattern))))
