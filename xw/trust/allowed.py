"""The team's file `allowed_signers` beside `xw.json`: which keys are whose, in OpenSSH's format, kept in git.

    alice ssh-ed25519 AAAA…
    bob,ci-* namespaces="xw@1:*",valid-before="20270101" ssh-ed25519 AAAA…

Source: ssh-keygen(1), ALLOWED SIGNERS. Patterns, `namespaces`, `valid-after` and `valid-before` count. If the
file names an instance, no other key is that instance's, not even where its line has a key of another kind, an
unknown option or a mistake. Lines for certificates are left out. Times without `Z` are the local zone's, as
in ssh-keygen.
"""

import re
import time
from fnmatch import fnmatchcase

from xw.named_tuple import NamedTuple
from xw.signing.keys import KIND, PublicKey, public_key

_LIMIT = 1024 * 1024
_OPTION = re.compile(r'([a-z-]+)(?:="((?:[^"\\]|\\.)*)")?(?:,|$)', re.ASCII | re.IGNORECASE)
_OPTIONS = ("namespaces", "valid-after", "valid-before", "cert-authority")
_SHAPES = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # of a time, by its length


class Signer(NamedTuple):
    """A line of the file: whose key it is (patterns), for what, and when (seconds since the epoch).

    `key` is None for a line that xw cannot use.
    """

    principals: str
    key: PublicKey | None
    namespaces: str = "*"
    after: float = 0.0
    before: float = float("inf")

    def is_for(self, name: str) -> bool:
        """Return True if the line names an instance."""
        return _matches(name, self.principals)

    def allows(self, name: str, namespace: str, at: float) -> bool:
        """Return True if the key may sign for an instance, in a namespace, at a time."""
        return self.is_for(name) and _matches(namespace, self.namespaces) and self.after <= at < self.before


def load(path: str) -> tuple[Signer, ...]:
    """Return the lines of a file that name instances; none if there is no file. Raise OSError."""
    try:
        with open(path, "rb") as file:
            text = file.read(_LIMIT).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(signer for line in text.split("\n") if (signer := _signer(line)) is not None)


def _signer(line: str) -> Signer | None:
    """Return the signer in a line; None for an empty line, a comment, or a line for certificates."""
    words = line.split(None, 1)
    if not words or words[0].startswith("#"):
        return None
    principals, rest = words[0].strip('"'), words[1] if len(words) > 1 else ""
    options: dict[str, str] = {}
    if not rest.startswith(f"{KIND} "):
        end = _end_of_word(rest)
        found = _options(rest[:end])
        if found is None:
            return Signer(principals, None)
        options, rest = found, rest[end:].lstrip()
    if "cert-authority" in options:
        return None
    try:
        key = public_key(rest)
        after = _time(options["valid-after"]) if "valid-after" in options else 0.0
        before = _time(options["valid-before"]) if "valid-before" in options else float("inf")
    except ValueError:
        return Signer(principals, None)
    return Signer(principals, key, options.get("namespaces", "*"), after, before)


def _end_of_word(text: str) -> int:
    quoted = False
    for index, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter in " \t" and not quoted:
            return index
    return len(text)


def _options(text: str) -> dict[str, str] | None:
    """Return the options in a word; None if ssh-keygen would refuse them, or xw does not know one."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None or match[1].lower() not in _OPTIONS or match[1].lower() in found:
            return None
        found[match[1].lower()] = match[2] or ""
        at = match.end()
    return None if text.endswith(",") else found


def _time(text: str) -> float:
    """Return a time `YYYYMMDD[HHMM[SS]][Z]` in seconds since the epoch. Raise ValueError."""
    utc, digits = text.endswith("Z"), text.removesuffix("Z")
    shape = _SHAPES.get(len(digits))
    if shape is None or not digits.isdigit():
        raise ValueError(f"{text!r} is not a time")
    parts = time.strptime(digits, shape)
    if utc:
        import calendar

        return float(calendar.timegm(parts))
    return time.mktime(parts)


def _matches(text: str, patterns: str) -> bool:
    """Return True if a text matches a comma-separated list of patterns, as in ssh_config(5)."""
    matched = False
    for pattern in patterns.split(","):
        negated, bare = pattern.startswith("!"), pattern.removeprefix("!")
        if fnmatchcase(text, bare.replace("[", "[[]")):
            if negated:
                return False
            matched = True
    return matched
