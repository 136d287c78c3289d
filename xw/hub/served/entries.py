"""The lines of `authorized_keys` that give a key one mailbox of a hub, or invite somebody to bring a key.

    command="/usr/bin/xw hub serve --as alice --key SHA256:… /srv/hub",restrict ssh-ed25519 AAAA… xw-member …

The forced command decides who the key is; the comment has dates and marks, as `name=value`. A line by hand
needs the command alone. Format: sshd(8), AUTHORIZED_KEYS FILE FORMAT. Used by `authorized`.
"""

import base64
import binascii
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xw import clock
from xw.errors import Usage
from xw.signing import keys

_TYPES = ("ssh-", "ecdsa-", "sk-")
_FLAGS = ("--as", "--invited", "--key", "--authorized-keys")
_LONGEST = 8192  # characters of a key; sshd reads no longer line
_LATER_S = 26 * 3600


class Entry(NamedTuple):
    """A key of the member `name`, or with `invited` the one-time key of an invitation for that name.

    `key` is its type and its bytes in base64, `hub` the hub's directory. `since` and `until` are RFC 3339
    times; `used` is the fingerprint of the key that an invitation was exchanged for. `was` is the former name
    while a rename is under way. `file` names another file of keys than the account's own.
    """

    key: str
    hub: str
    name: str
    invited: bool = False
    since: str = ""
    until: str = ""
    used: str = ""
    was: str = ""
    file: str = ""

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as OpenSSH prints it."""
        return fingerprint(self.key)

    def expired(self, now: int) -> bool:
        """Return True for an invitation whose time is over; one without a time is."""
        return self.invited and not now < _time(self.until)


class Line(NamedTuple):
    """A line of the file, byte for byte: its key if it has one, and the entry if it is one of xw's."""

    raw: bytes
    key: str = ""
    entry: Entry | None = None
    options: tuple[str, ...] = ()


def program() -> tuple[str, ...]:
    """Return the words that start this xw from any directory: sshd knows no PATH of ours."""
    script = os.path.join(os.path.dirname(sys.executable), "xw")
    # -P: never import `xw` from the current directory.
    return (script,) if os.access(script, os.X_OK) else (sys.executable, "-P", "-m", "xw")


def fingerprint(key: str) -> str:
    """Return the fingerprint of a key given as its type and its bytes in base64."""
    return keys.fingerprint(base64.b64decode(key.split()[1]))


def public_key(text: str) -> str:
    """Return the type and bytes of a public key without its comment. Raise Usage if it is none."""
    fields = text.split()
    if len(text) > _LONGEST or len(fields) < 2 or not _is_key(*fields[:2]):
        raise Usage("that is not a public key in the form of OpenSSH: `ssh-ed25519 AAAA…`")
    return " ".join(fields[:2])


def written(entry: Entry, options: Sequence[str] = ()) -> Line:
    """Return the line for an entry; from an older line, keep the `options` besides its command.

    Raise Usage if the hub's path cannot be written there.
    """
    words = [*program(), "hub", "serve", "--invited" if entry.invited else "--as", entry.name]
    words += ["--key", entry.fingerprint]
    words += ["--authorized-keys", entry.file] if entry.file else []
    command = shlex.join([*words, entry.hub])
    if "\n" in command or "\r" in command:
        raise Usage(f"{entry.hub!r} has a line break, which authorized_keys cannot hold: rename it")
    usual = ["restrict", *([f'expiry-time="{_expiry(entry.until)}"'] if entry.invited else [])]
    kept = [option for option in options if not option.lower().startswith("command=")]
    quoted = command.replace('"', '\\"')
    both = (f'command="{quoted}"', *(kept if options else usual))
    facts = {"since": entry.since, "until": entry.until, "used": entry.used, "was": entry.was}
    about = [f"{name}={value}" for name, value in facts.items() if value]
    comment = " ".join(["xw-invitation" if entry.invited else "xw-member", entry.name, *about])
    text = f"{','.join(both)} {entry.key} {comment}"
    return Line(text.encode("utf-8", "surrogateescape"), entry.key, entry, both)


def parse(raw: bytes) -> Line:
    """Return a line with what is known of it. Never fails: a line that is not understood has no key."""
    text = raw.decode("utf-8", "surrogateescape").strip()
    if not text or text.startswith("#"):
        return Line(raw)
    fields = text.split(None, 2)
    options: tuple[str, ...] = ()
    if len(fields) < 2 or not _is_key(*fields[:2]):
        end = _end(text, " \t")
        options, fields = tuple(_apart(text[:end])), text[end:].split(None, 2)
        if len(fields) < 2 or not _is_key(*fields[:2]):
            return Line(raw)
    key = " ".join(fields[:2])
    entry = _entry(key, _command(options), fields[2] if len(fields) > 2 else "")
    return Line(raw, key, entry, options)


def _entry(key: str, command: str, comment: str) -> Entry | None:
    """Return the entry that a forced command describes; None if it is not `xw hub serve`."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    at = next((at for at in range(len(words)) if words[at : at + 2] == ["hub", "serve"]), None)
    if at is None:
        return None
    values, places = _values(words[at + 2 :])
    name = values.get("--as") or values.get("--invited")
    if not name or len(places) != 1 or not os.path.isabs(places[0]):
        return None
    facts = dict(word.split("=", 1) for word in comment.split() if "=" in word)
    return Entry(
        key,
        places[0],
        name,
        invited="--as" not in values,
        since=facts.get("since", ""),
        until=facts.get("until", ""),
        used=facts.get("used", ""),
        was=facts.get("was", ""),
        file=values.get("--authorized-keys", ""),
    )


def _values(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the values of the flags in a command, and its other words."""
    values: dict[str, str] = {}
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, joined, value = word.partition("=")
        if flag in _FLAGS:
            values[flag] = value if joined else next(rest, "")
        else:
            others.append(word)
    return values, others


def _command(options: Sequence[str]) -> str:
    """Return the value of `command=`; like sshd, take a quote after a backslash as itself."""
    for option in options:
        name, _, value = option.partition("=")
        if name.lower() == "command" and len(value) > 1 and value[0] == value[-1] == '"':
            return value[1:-1].replace('\\"', '"')
    return ""


def _apart(options: str) -> Iterator[str]:
    """Yield the options of a line, which commas outside quotes separate."""
    while options:
        end = _end(options, ",")
        yield options[:end]
        options = options[end + 1 :]


def _end(text: str, ends: str) -> int:
    """Return where the first of these characters stands outside quotes, or the length."""
    quoted, at = False, 0
    while at < len(text):
        if text[at : at + 2] == '\\"':
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] in ends and not quoted:
            return at
        at += 1
    return at


def _is_key(key_type: str, encoded: str) -> bool:
    if not key_type.startswith(_TYPES):
        return False
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    length = int.from_bytes(blob[:4], "big")  # the bytes contain the type too
    return blob[4 : 4 + length] == key_type.encode() and len(blob) > 4 + length


def _time(text: str) -> int:
    try:
        return clock.from_rfc3339(text)
    except ValueError:
        return 0


def _expiry(until: str) -> str:
    """Return sshd's own limit for an invitation: a day later than that of xw.

    sshd counts in a time zone of its own, and does not say why it refuses a key; xw, asked within that day,
    says that the invitation has expired.
    """
    return time.strftime("%Y%m%d%H%M", time.localtime(_time(until) / clock.SECOND + _LATER_S))
