"""Check a host's identity: `known_hosts` as OpenSSH reads it, line by line.

Paramiko rejects a whole file for one line with a marker, so this module reads the lines itself: hashed names,
patterns, `[host]:port`, `@revoked` and `@cert-authority`. Format: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. A key
here is its type and its bytes as the protocol sends them.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from xw.errors import Refused, Unreachable
from xw.files.ssh import program
from xw.files.ssh.certificate import plain
from xw.files.ssh.program import Budget
from xw.files.ssh.target import PORT

_COMMAND_S = 10.0
_MARKERS = ("@revoked", "@cert-authority")


class KeyLine(NamedTuple):
    """A key in a file; `marker` is empty, `@revoked` or `@cert-authority`."""

    marker: str
    names: str
    type: str
    blob: bytes
    place: str  # file and line number


class Verdict(NamedTuple):
    """The status of a key (known, unknown, changed, other-type or revoked), and the place in the files."""

    state: str
    line: KeyLine | None = None


def read(paths: Iterable[str]) -> list[KeyLine]:
    """Return the lines of the readable files; like OpenSSH, skip lines without a valid key."""
    lines: list[KeyLine] = []
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines += filter(None, (_parse(text, f"{path}:{at}") for at, text in enumerate(file, start=1)))
        except OSError:
            continue  # a missing file has no keys
    return lines


def ask(command: Sequence[str], budget: Budget) -> list[KeyLine]:
    """Return the lines that a `KnownHostsCommand` prints.

    Raise Refused if it fails, because it may know revoked keys; Unreachable if it takes too long.
    """
    shown = f"its KnownHostsCommand {command[0]}"
    limit = budget(_COMMAND_S)
    try:
        ended = program.run(command, limit)
    except TimeoutError:
        raise Unreachable(f"{shown} takes longer than {limit:.1f} s: run it by hand") from None
    except OSError as error:
        raise Refused(f"{shown} cannot be run: {error.strerror}") from None
    if ended.code:
        raise Refused(f"{shown} failed (exit {ended.code}): run it by hand")
    text = ended.out.split("\n")
    return [
        *filter(None, (_parse(line, f"{command[0]}, line {at}") for at, line in enumerate(text, start=1)))
    ]


def name_of(host: str, port: int) -> str:
    """Return a host's name in the files."""
    return host if port == PORT else f"[{host}]:{port}"


def of_host(lines: Sequence[KeyLine], host: str, port: int) -> list[KeyLine]:
    """Return the lines about a host."""
    name = name_of(host, port).lower()
    return [line for line in lines if _matches(line.names, name)]


def verdict(lines: Sequence[KeyLine], host: str, port: int, key_type: str, blob: bytes) -> Verdict:
    """Return the lines' verdict on the key that a host has shown."""
    found = _verdict(of_host(lines, host, port), key_type, blob)
    if found.state in ("unknown", "other-type") and port != PORT:
        # Like OpenSSH, accept the key known for the default port.
        plain = _verdict(of_host(lines, host, PORT), key_type, blob)
        if plain.state in ("known", "revoked"):
            return plain
    return found


def authorities(lines: Sequence[KeyLine], host: str, port: int) -> list[KeyLine]:
    """Return the authorities whose certificates are valid for a host."""
    return [line for line in of_host(lines, host, port) if line.marker == "@cert-authority"]


def revoked(lines: Sequence[KeyLine], host: str, port: int, blob: bytes) -> KeyLine | None:
    """Return the line that revokes a key, the key in a certificate, or an authority's key; or None."""
    return _revoked(of_host(lines, host, port), blob)


def _verdict(lines: Sequence[KeyLine], key_type: str, blob: bytes) -> Verdict:
    gone = _revoked(lines, blob)
    if gone:
        return Verdict("revoked", gone)
    unmarked = [line for line in lines if not line.marker]
    for line in unmarked:
        if line.blob == blob:
            return Verdict("known", line)
    for line in unmarked:
        if line.type == key_type:
            return Verdict("changed", line)
    return Verdict("other-type", unmarked[0]) if unmarked else Verdict("unknown")


def _revoked(lines: Sequence[KeyLine], blob: bytes) -> KeyLine | None:
    key = plain(blob)  # like ssh(1), treat a certificate and its key as one
    return next((line for line in lines if line.marker == "@revoked" and plain(line.blob) == key), None)


def _parse(text: str, place: str) -> KeyLine | None:
    fields = text.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#") or (marker and marker not in _MARKERS):
        return None
    names, key_type, encoded = fields[:3]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    # The bytes contain the type too; ignore a line whose types differ.
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != key_type.encode():
        return None
    return KeyLine(marker, names, key_type, blob, place)


def matches_any(value: str, patterns: Iterable[str]) -> bool:
    """Return True if a value matches one of the patterns, and none of those that begin with `!`."""
    fits = {pattern for pattern in patterns if matches(value, pattern.removeprefix("!"))}
    return bool(fits) and not any(pattern.startswith("!") for pattern in fits)


def matches(value: str, pattern: str) -> bool:
    """Return True if a value matches a pattern, in which only `*` and `?` are special."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _matches(names: str, name: str) -> bool:
    if names.startswith("|1|"):
        return _matches_hash(names, name)
    return matches_any(name, names.lower().split(","))


def _matches_hash(names: str, name: str) -> bool:
    try:
        salt, expected = (base64.b64decode(part) for part in names[3:].split("|"))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), expected)
