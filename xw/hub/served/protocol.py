"""The words of the framed protocol: its version, greeting, errors and sightings. Used by both sides.

A connection begins as SFTP does. The client sends `SSH_FXP_INIT`; the answer `SSH_FXP_VERSION` has the
extension `xw-hub@1`, whose value is a `Greeting` in JSON. Then one call at a time: a frame CALL with
`{"v", "call", "with"}`, answered by frames that end with an ANSWER of `{"is", "now"}` or `{"error", "now"}`.
"""

import json
import os
from collections.abc import Mapping, Sequence

from xw import __version__, clock, errors, layout
from xw.errors import Damaged, Moved, XwError, unforeseen
from xw.files.sftp_packets import SERVED_HUB
from xw.hub.sighting import Sighting
from xw.message import parse_object
from xw.named_tuple import NamedTuple

EXTENSION = SERVED_HUB
VERSION = 1
GREETING_LIMIT = 16 * 1024
"""Bytes of a greeting."""

PARCELS, PARCEL_BYTES = 64, 1024 * 1024
"""Parcels in one call, and the bytes of their messages but for the last."""
NAMES = 500
"""Messages that one call may name."""
MOVES = 100
"""Messages that one call may settle, each with a reason."""
REASON = 4000
"""Characters of a reason."""
KEYS = 10
"""Instances whose keys one call may ask for: each has at most 64 KiB."""
KNOWN = 5000
"""Peers whose sightings a client may know; more are read again."""

_TEXT = 2000  # characters of an error's text
_ERRORS = {
    one.__name__: one
    for one in (
        errors.XwError,
        errors.Busy,
        errors.Damaged,
        errors.Unreadable,
        errors.Newer,
        errors.Usage,
        errors.NotFound,
        errors.Closed,
        errors.Unreachable,
        errors.Refused,
    )
}


class Greeting(NamedTuple):
    """A server's first words: the name that it takes the key for, and the hub's path on its host.

    `refused` is the reason why it serves nothing now, which may pass; `moved` is the hub's URL if it is on
    another host now; `invited` is True if the key is an invitation.
    """

    name: str
    hub: str = ""
    path: str = ""
    protocols: tuple[int, ...] = (VERSION,)
    xw: str = __version__
    refused: str = ""
    moved: str = ""
    invited: bool = False

    def encode(self) -> bytes:
        """Return the bytes that are sent, which `greeting` reads."""
        return json.dumps({**self._asdict(), "protocols": list(self.protocols)}).encode()


def greeting(data: bytes) -> Greeting:
    """Return a server's greeting. Raise Damaged."""
    if len(data) > GREETING_LIMIT:
        raise Damaged("it is too long")
    found = parse_object(data)
    texts = {key: found.get(key, "") for key in ("name", "hub", "path", "xw", "refused", "moved")}
    protocols = found.get("protocols")
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(protocols, list):
        raise Damaged("a field is missing or malformed")
    if not layout.is_name(str(texts["name"])):
        raise Damaged("it names no instance")
    known = tuple(one for one in protocols if type(one) is int)
    return Greeting(**texts, protocols=known, invited=found.get("invited") is True)  # type: ignore[arg-type]


def error_to_json(error: Exception, root: str = "") -> dict[str, object]:
    """Return an error as it is sent; paths below `root` become relative."""
    if isinstance(error, Moved):
        return {"kind": "Moved", "text": error.url}
    if isinstance(error, XwError):
        kind = next(one for one in type(error).__mro__ if one.__name__ in _ERRORS)
        return {"kind": kind.__name__, "text": _clean(str(error))}
    if isinstance(error, OSError):
        path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
        path = path.removeprefix(f"{root}/") if root else path
        said = error.strerror or str(error)
        return {"kind": "OSError", "number": error.errno, "text": _clean(said), "path": _clean(path)}
    return {"kind": "XwError", "text": _clean(unforeseen(error))}


def error_from_json(told: object, url: str, path: str) -> XwError | OSError:
    """Return the error that a server sent; its texts name the hub by `url` in place of its `path` there."""
    if not isinstance(told, dict):
        return errors.Unreachable(f"{url}: it answered with an error of an unknown form")
    kind, text = told.get("kind"), str(told.get("text"))[:_TEXT]
    if kind == "Moved":
        from xw.hub.moved import seen_from

        return Moved(url, seen_from(url, text))
    if len(path) > 1:
        text = text.replace(path, url)
    if kind == "OSError":
        number = told.get("number")
        where = f"{url}/{str(told.get('path'))[:_TEXT]}"
        return OSError(number, text, where) if type(number) is int else OSError(text)
    found: XwError = _ERRORS.get(str(kind), XwError)(text)
    return found


def names(value: object) -> Sequence[str]:
    """Return the strings in a list that was received. Raise Damaged."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Damaged("a list of texts is missing")
    return value


def _clean(text: str) -> str:
    """Return a text that JSON can hold: file names may be no valid Unicode."""
    return text[:_TEXT].encode("utf-8", "replace").decode()


# Sightings


def sighting_to_json(one: Sighting, unchanged: str = "") -> dict[str, object]:
    """Return a sighting as it is sent; texts that are `unchanged` are left out."""
    told = {**one._asdict(), "problem": _clean(one.problem)}
    return {key: value for key, value in told.items() if not unchanged or value != unchanged}


def sighting_from_json(told: object, known: Mapping[str, Sighting]) -> Sighting:
    """Return a sighting that was sent, completed by the one that is known. Raise Damaged."""
    if not isinstance(told, dict) or not layout.is_name(str(told.get("name"))):
        raise Damaged("a sighting is malformed")
    before = known.get(str(told["name"]), Sighting(""))
    told = {"card": before.card, "presence": before.presence, "keys": before.keys, **told}
    texts = [told.get(key) for key in ("name", "card", "presence", "problem", "keys")]
    times = [told.get(key) for key in ("card_at", "presence_at", "keys_at", "pending")]
    oldest, changed = told.get("oldest"), told.get("changed")
    if (
        not all(isinstance(text, str) for text in texts)
        or None in map(clock.seconds, (*times, changed or 0))
        or not (oldest is None or (isinstance(oldest, str) and layout.is_message(oldest)))
    ):
        raise Damaged("a sighting is malformed")
    fields = {key: told.get(key) for key in Sighting._fields}
    return Sighting(**fields)  # type: ignore[arg-type]  # checked above
