"""A hub's URL on another host: `ssh://[user@]host[:port]/path` or `[user@]host:path`."""

import re
from typing import NamedTuple
from urllib.parse import unquote

from xw.errors import Usage

# No leading dash: error texts suggest commands with this name.
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?\]", re.ASCII).fullmatch
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@\\-]*", re.ASCII).fullmatch


PORT = 22
"""The default port."""


class Target(NamedTuple):
    """A hub's place. None leaves the choice to `~/.ssh/config`; a relative `path` starts at the home."""

    host: str
    user: str | None
    port: int | None
    path: str

    @property
    def login(self) -> str:
        """The user, host and port, as far as given."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")

    def __str__(self) -> str:
        return (
            f"ssh://{self.login}/{self.path.removeprefix('/') if self.path[:1] == '/' else '~/' + self.path}"
        )


def parse(url: str) -> Target:
    """Return the parts of a URL. Raise Usage if it is invalid."""
    if url.startswith("ssh://"):
        place, slash, path = url[len("ssh://") :].partition("/")
        path = slash + unquote(path)
        path = path[1:] if path.startswith("/~") else path
        login, host, port = _split(place)
        if port == "":
            raise _wrong(url, "the port is missing after `:`")
    else:
        # A bracketed host contains colons.
        place, _, path = url.partition(":") if "[" not in url else _bracketed(url)
        login, host, port = _split(place)
        digits, colon, rest = path.partition(":")
        if colon and digits.isdigit():
            right = f"ssh://{place}:{digits}/{rest.removeprefix('/') if rest[:1] == '/' else '~/' + rest}"
            raise Usage(f"{url!r}: a port does not go there; write {right}")
    if login is not None and ":" in login:
        raise _wrong(url.replace(login.partition(":")[2], "…"), "a password does not belong there: use a key")
    if not _HOST(host):
        raise _wrong(url, f"{host!r} is not a host name")
    if login is not None and not _USER(login):
        raise _wrong(url, f"{login!r} is not a user name")
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _wrong(url, f"{port!r} is not a port")
    return Target(host.strip("[]"), login, int(port) if port else None, _path(url, path))


def hop(text: str) -> Target:
    """Return a host of a ProxyJump: `[user@]host[:port]` or an `ssh://` URL."""
    return parse(f"ssh://{text.removeprefix('ssh://').rstrip('/')}/~")


def _split(place: str) -> tuple[str | None, str, str | None]:
    login, at, host = place.rpartition("@")
    host, colon, port = host.rpartition(":") if re.search(r":[^\]]*$", host) else (host, "", "")
    return login if at else None, host, port if colon else None


def _bracketed(url: str) -> tuple[str, str, str]:
    place, bracket, rest = url.partition("]")
    return place + bracket, rest[:1], rest[1:]


def _path(url: str, path: str) -> str:
    if path == "~" or path.startswith("~/"):
        path = path[2:]
    elif path.startswith("~"):
        raise _wrong(url, "only `~/` is supported: give the absolute path of another user's home")
    elif not path:
        raise _wrong(url, "the path is missing; the login's home is `~`")
    if "\0" in path or "\n" in path:
        raise _wrong(url, "the path has a control character")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _wrong(url, "the path contains `..`: give it without")
    return ("/" if path.startswith("/") else "") + "/".join(parts)


def _wrong(url: str, why: str) -> Usage:
    return Usage(f"{url!r}: {why}; a hub by SSH is ssh://user@host/path or user@host:path")
