"""`~/.ssh/config` as ssh(1) reads it: which value of each option counts for a host. Used by `route`.

Paramiko has a reader too, which takes each `Match` criterion that it does not
know (`Match Host` with a capital is one) for fulfilled, and knows no `Include`.
Format: ssh_config(5); the tests compare the outcome with `ssh -G`.
"""

import glob
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from getpass import getuser
from hashlib import sha1
from typing import IO

from xw.errors import Usage

Options = dict[str, tuple[str, ...]]
"""Option in lower case → its words; of a command, the rest of the line as one word."""

_LISTS = ("identityfile", "certificatefile")  # every value counts, not the first alone
_COMMANDS = ("proxycommand", "localcommand", "remotecommand", "knownhostscommand")
_LINE = re.compile(r'\s*"?(\w+)"?(?:\s*=\s*|\s+)(.+)')
_CRITERIA = ("host", "originalhost", "user", "localuser", "tagged", "sessiontype", "exec")
_DEPTH = 16  # files that include files: ssh(1)'s own limit
_SYSTEM = "/etc/ssh/ssh_config"
PORT = 22
"""The port of a host for which nothing else is said."""
_EXEC_S = 10.0
_FRESH_S = 60.0  # a command asks several times for one route, and ssh(1) runs `Match exec` once

_executed: dict[str, tuple[float, bool]] = {}  # command → when it ended, and whether well


def lookup(name: str, given: Mapping[str, str], environ: Mapping[str, str]) -> Options:
    """Return what counts for the host called `name`; `given` comes before all files.

    ValueError or Usage where a line cannot be obeyed.
    """
    found: Options = {key: (value,) for key, value in given.items()}
    first = _Pass(name, name, found, environ, final=False)
    first.read()
    host = one(found, "hostname") or name
    host = re.sub("%[%h]", lambda token: name if token[0] == "%h" else "%", host)
    canonical = one(found, "canonicalizehostname", "no").lower() in ("yes", "true", "always")
    if canonical:
        host = _canonical(host, found)
    found["hostname"] = (host,)
    if canonical or first.wants_final:
        _Pass(host, name, found, environ, final=True).read()
    return found


def one(found: Options, option: str, otherwise: str = "") -> str:
    """Return an option's first word, or `otherwise`."""
    return found[option][0] if found.get(option) else otherwise


def expand(text: str, tokens: Mapping[str, str], environ: Mapping[str, str] | None = None) -> str:
    """Return a value with its `%` tokens, with `environ` its `${VARIABLES}` too; an unknown token stays."""
    if environ is not None:
        text = re.sub(r"\$\{(\w+)\}", lambda found: _variable(found[1], environ), text)
    return re.sub("%.", lambda found: tokens.get(found[0], found[0]), text)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ValueError(f"the environment variable {name} is not set")
    return environ[name]


def tokens(name: str, found: Options) -> dict[str, str]:
    """Return what the `%` tokens stand for, of the host called `name`."""
    host = one(found, "hostname", name)
    port, user = one(found, "port", str(PORT)), one(found, "user") or getuser()
    here = socket.gethostname()
    return {
        "%%": "%",
        "%C": sha1(f"{here}{host}{port}{user}".encode(), usedforsecurity=False).hexdigest(),
        "%d": os.path.expanduser("~"),
        "%h": host,
        "%i": str(os.getuid()),
        "%k": one(found, "hostkeyalias", name),
        "%L": here.partition(".")[0],
        "%l": here,
        "%n": name,
        "%p": port,
        "%r": user,
        "%u": getuser(),
    }


class _Pass:
    """One reading of all files: for `host`, which was called `name`; what they say goes into `found`."""

    def __init__(
        self, host: str, name: str, found: Options, environ: Mapping[str, str], *, final: bool
    ) -> None:
        self.wants_final = False
        self._host = host
        self._name = name
        self._found = found
        self._environ = environ
        self._final = final

    def read(self) -> None:
        own = os.path.expanduser("~/.ssh/config")
        self._file(own, os.path.dirname(own), active=True, checked=True)
        self._file(_SYSTEM, os.path.dirname(_SYSTEM), active=True, checked=False)

    def _file(self, path: str, folder: str, *, active: bool, checked: bool, depth: int = 0) -> None:
        """Read a file; one that is included where nothing counts (not `active`) never counts itself."""
        if depth > _DEPTH:
            raise ValueError(f"{path}: too many files include each other")
        counts = active
        for line in _lines(path, checked):
            keyword, rest = _split(line)
            if keyword == "host":
                counts = active and matches_any(self._host, words(rest))
            elif keyword == "match":
                counts = active and self._matches(rest)
            elif keyword == "include":
                for word in words(rest):
                    pattern = expand(word, tokens(self._name, self._found), self._environ)
                    for name in sorted(glob.glob(os.path.join(folder, os.path.expanduser(pattern)))):
                        self._file(name, folder, active=counts, checked=True, depth=depth + 1)
            elif counts:
                self._note(keyword, rest)

    def _note(self, option: str, rest: str) -> None:
        said = (rest.strip(),) if option in _COMMANDS else tuple(words(rest))
        if option in _LISTS:
            before = self._found.get(option, ())
            self._found[option] = before + tuple(word for word in said if word not in before)
        elif said:
            self._found.setdefault(option, said)

    def _matches(self, rest: str) -> bool:
        """Return whether all criteria of a `Match` line are met; Usage where nobody here can tell."""
        met, unknown = True, ""
        criteria = iter(words(rest))
        for word in criteria:
            negated, criterion = word.startswith("!"), word.removeprefix("!")
            criterion, equals, argument = criterion.partition("=")
            criterion = criterion.lower()
            if criterion == "all":
                met = met and not negated
                continue
            if criterion in ("canonical", "final"):
                self.wants_final |= criterion == "final"
                met = met and self._final != negated
                continue
            argument = argument if equals else next(criteria, "")
            if not argument:
                raise ValueError(f"`Match {rest}`: {word} needs an argument")
            if criterion not in _CRITERIA:
                unknown = unknown or criterion
            elif met:  # nothing is executed where it does not matter
                met = self._meets(criterion, argument) != negated
        if met and unknown:
            raise Usage(
                f"~/.ssh/config: `Match {rest}`: xw does not know the criterion {unknown}: "
                f"write `Match !originalhost {self._name} {rest}`, or leave it out"
            )
        return met

    def _meets(self, criterion: str, argument: str) -> bool:
        user = one(self._found, "user") or getuser()
        host = self._host if self._final else one(self._found, "hostname", self._name)
        if criterion == "host":
            return _matches_list(host.replace("%h", self._name).lower(), argument.lower())
        if criterion == "originalhost":
            return _matches_list(self._name.lower(), argument.lower())
        if criterion == "tagged":
            return _matches_list(one(self._found, "tag"), argument)
        if criterion == "sessiontype":
            return _matches_list("subsystem", argument)
        if criterion == "exec":
            return _succeeds(expand(argument, tokens(self._name, self._found)), self._environ)
        return _matches_list(user if criterion == "user" else getuser(), argument)


def _succeeds(command: str, environ: Mapping[str, str]) -> bool:
    """Run a command in the user's shell, once a minute at most. Usage where it does not end."""
    at, well = _executed.get(command, (float("-inf"), False))
    if time.monotonic() - at < _FRESH_S:
        return well
    shell = environ.get("SHELL") or "/bin/sh"
    try:
        ended = subprocess.run(
            [shell, "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_EXEC_S,
        )
    except subprocess.TimeoutExpired:
        raise Usage(
            f"~/.ssh/config: `Match exec {command}` does not end ({_EXEC_S:.0f} s): make it shorter"
        ) from None
    except OSError as error:
        raise Usage(f"~/.ssh/config: `Match exec {command}`: {shell}: {error.strerror}") from None
    _executed[command] = (time.monotonic(), ended.returncode == 0)
    return ended.returncode == 0


def words(text: str) -> list[str]:
    """Return the words of a line, up to a comment, as ssh(1) takes them apart. ValueError: an open quote."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        if text[at] == "#":
            break
        word, at = _word(text, at)
        found.append(word)
    return found


def _word(text: str, at: int) -> tuple[str, int]:
    """Return the word that begins at a place, and where it ends."""
    word, quote = "", ""
    while at < len(text):
        sign, following = text[at], text[at + 1 : at + 2]
        if sign == "\\" and following and (following in "'\"\\" or (not quote and following == " ")):
            word += following
            at += 1
        elif not quote and sign.isspace():
            break
        elif not quote and sign in "'\"":
            quote = sign
        elif quote and sign == quote:
            quote = ""
        else:
            word += sign
        at += 1
    if quote:
        raise ValueError(f"no closing quote: {text.strip()}")
    return word, at


def _lines(path: str, checked: bool) -> Iterator[str]:
    """Yield the lines that say something. Usage where the file may not be read, or others can write it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            if checked:
                _check_owner(path, file)
            lines = file.read().split("\n")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):  # ssh reads nothing of a folder either
        return
    except OSError as error:
        raise Usage(f"{path}: {error.strerror}") from None
    yield from (line for line in map(str.strip, lines) if line and not line.startswith("#"))


def _check_owner(path: str, file: IO[str]) -> None:
    about = os.fstat(file.fileno())
    if about.st_uid not in (0, os.getuid()):
        raise Usage(f"{path} belongs to user {about.st_uid}, so ssh does not read it: make it your own")
    if about.st_mode & 0o002 or (about.st_mode & 0o020 and not _is_private(about.st_gid, about.st_uid)):
        raise Usage(f"{path} can be written by others, so ssh does not read it: `chmod go-w {path}`")


def _is_private(group: int, user: int) -> bool:
    """Return whether a user is a group's only member: Debian's ssh lets such a group write."""
    import grp
    import pwd

    try:
        members = {pwd.getpwnam(name).pw_uid for name in grp.getgrgid(group).gr_mem}
    except KeyError:
        return False
    return members | {one.pw_uid for one in pwd.getpwall() if one.pw_gid == group} == {user}


def _split(line: str) -> tuple[str, str]:
    found = _LINE.match(line)
    if not found:
        raise ValueError(f"Unparsable line {line}")
    return found[1].lower(), found[2]


def _matches_list(value: str, patterns: str) -> bool:
    return matches_any(value, patterns.split(","))


def matches_any(value: str, patterns: list[str]) -> bool:
    """Return whether a value fits one of the patterns, and none of those that begin with `!`."""
    found = False
    for pattern in patterns:
        if matches(value, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def matches(value: str, pattern: str) -> bool:
    """Return whether a value fits a pattern, in which only `*` and `?` have a meaning."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _canonical(host: str, found: Options) -> str:
    """Return the host's name in the first of `CanonicalDomains` that knows it. Usage where none may fail."""
    proxied = any(one(found, key, "none").lower() != "none" for key in ("proxycommand", "proxyjump"))
    if proxied and one(found, "canonicalizehostname").lower() != "always":
        return host
    if host.count(".") > int(one(found, "canonicalizemaxdots", "1")) or host.endswith("."):
        return host.removesuffix(".")
    for domain in found.get("canonicaldomains", ()):
        if domain.lower() == "none":
            break
        try:
            socket.getaddrinfo(f"{host}.{domain}.", None, family(found), socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            continue
        return f"{host}.{domain}"
    if one(found, "canonicalizefallbacklocal", "yes").lower() == "no":
        raise Usage(f"~/.ssh/config: {host} is in none of the CanonicalDomains")
    return host


def family(found: Options) -> int:
    """Return the family of addresses that `AddressFamily` asks for."""
    said = one(found, "addressfamily", "any").lower()
    return {"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(said, socket.AF_UNSPEC)


def chosen(said: str, usual: tuple[str, ...], known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the algorithms that a list allows, in its order; `+`, `-` and `^` as in ssh_config(5).

    `usual` are those offered where it says nothing, `known` those that it may add.
    """
    if not said:
        return usual
    first, patterns = said[0], said.lstrip("+-^").split(",")
    both = tuple(dict.fromkeys((*usual, *known)))
    listed = tuple(dict.fromkeys(name for pattern in patterns for name in both if matches(name, pattern)))
    if first == "+":
        return usual + tuple(name for name in listed if name not in usual)
    if first == "-":
        return tuple(name for name in usual if name not in listed)
    if first == "^":
        return listed + tuple(name for name in usual if name not in listed)
    return listed
