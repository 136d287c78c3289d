"""The keys that were seen here, by the instance's name: the file `pins.json` beside this machine's own keys.

    {"format": 1,
     "names": {"alice": [{"key": "ssh-ed25519 AAAA…", "how": "trusted", "by": "", "at": "2026-…"}]}}

`how` is the reason why the key is alice's; all but `first seen` and `led to` are confirmed by it.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged, XwError
from xw.message import parse_object
from xw.named_tuple import NamedTuple
from xw.signing.keys import PublicKey, public_key

FILE = "pins.json"
_LOCK = "pins.lock"
_LIMIT = 8 * 1024 * 1024

FIRST_SEEN = "first seen"
OWN = "made here"
TRUSTED = "trusted"
SERVED = "served hub"
LED_TO = "led to"  # by a key pinned before


class Pin(NamedTuple):
    """A key that was seen for a name: how it was pinned, by which message, when (RFC 3339)."""

    key: PublicKey
    how: str
    by: str = ""
    at: str = ""
    confirmed: bool = False


class Pins(NamedTuple):
    """The pins of a hub's instances, by name."""

    names: Mapping[str, tuple[Pin, ...]]

    def of(self, name: str) -> tuple[Pin, ...]:
        """Return the pins of an instance."""
        return self.names.get(name, ())

    def whose(self, key: PublicKey) -> str | None:
        """Return the instance for which a key is pinned, or None."""
        for name, pins in self.names.items():
            if any(pin.key == key for pin in pins):
                return name
        return None


NONE = Pins({})


def load(folders: tuple[str, ...]) -> Pins:
    """Return the pins in all folders; those of the first folder count where both have a key.

    A later folder adds no key to a name of an earlier one, and confirms none: a project's may have come with
    the project.
    Raise Damaged, with the file, if one of the files is damaged.
    """
    names: dict[str, tuple[Pin, ...]] = {}
    for number, folder in enumerate(folders):
        found = _load(f"{folder}/{FILE}")
        for name, pins in found.names.items():
            added = (pin if number == 0 else pin._replace(how=FIRST_SEEN, confirmed=False) for pin in pins)
            names.setdefault(name, tuple(added))
    return Pins(names)


def _load(path: str) -> Pins:
    try:
        about = os.stat(path)
        if os.geteuid() and about.st_uid not in (os.geteuid(), 0):
            return NONE  # another user's word about keys counts for nothing
        with open(path, "rb") as file:
            found = parse_object(file.read(_LIMIT))
        if found.get("format") != layout.FORMAT:
            raise Damaged("it is a newer xw's")
        listed = found.get("names", {})
        if not isinstance(listed, dict):
            raise Damaged("it does not have the shape of pins")
        return Pins({name: tuple(map(_pin, pins)) for name, pins in listed.items() if layout.is_name(name)})
    except (FileNotFoundError, NotADirectoryError):
        return NONE
    except (Damaged, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(
            f"{path} is damaged ({error}): restore it, or move it away and run `xw trust` again"
        ) from None
    except OSError as error:
        raise Damaged(f"{path} cannot be read: {error.strerror}") from None


def _pin(entry: dict[str, object]) -> Pin:
    how, by, at = str(entry["how"]), str(entry.get("by") or ""), str(entry.get("at") or "")
    confirmed = entry.get("confirmed") is True or how in (OWN, TRUSTED, SERVED)
    return Pin(public_key(str(entry["key"])), how, by, at, confirmed)


def pin(folders: tuple[str, ...], name: str, new: Pin, now: int) -> bool:
    """Add a pin, or confirm one, durable; return False if no folder can be written."""

    def change(found: Pins) -> Pins:
        others = tuple(one for one in found.of(name) if one.key != new.key)
        known = next((one for one in found.of(name) if one.key == new.key), None)
        if known and (known.confirmed or not new.confirmed):
            return found
        stamped = new._replace(at=clock.rfc3339(now))
        return found._replace(names={**found.names, name: (*others, stamped)})

    return _change(folders, change)


def unpin(folders: tuple[str, ...], name: str, key: PublicKey | None = None) -> bool:
    """Forget a key of an instance, or all its keys; return False if no folder can be written."""

    def change(found: Pins) -> Pins:
        kept = tuple(one for one in found.of(name) if key is not None and one.key != key)
        names = {other: pins for other, pins in found.names.items() if other != name}
        return found._replace(names={**names, name: kept} if kept else names)

    done = [_change((folder,), change) for folder in folders if os.path.exists(f"{folder}/{FILE}")]
    return all(done)


def _change(folders: tuple[str, ...], change: Callable[[Pins], Pins]) -> bool:
    """Replace the pins in the first folder that can be written, under a lock; return False if none can be."""
    from xw.files.local import LocalFiles

    for folder in folders:
        files = LocalFiles(folder)
        with suppress(OSError, XwError):
            files.make_folder("")
            with files.locked_briefly(_LOCK):
                before = _load(f"{folder}/{FILE}")
                after = change(before)
                if after != before:
                    files.replace(_text(after).encode(), "", FILE)
            return True
    return False


def _text(pins: Pins) -> str:
    names = {name: [_entry(pin) for pin in some] for name, some in sorted(pins.names.items())}
    whole: dict[str, object] = {"format": layout.FORMAT, "names": names}
    return json.dumps(whole, indent=1) + "\n"


def _entry(pin: Pin) -> dict[str, object]:
    entry: dict[str, object] = {"key": str(pin.key), "how": pin.how, "by": pin.by, "at": pin.at}
    return {**entry, "confirmed": True} if pin.confirmed and pin.how in (FIRST_SEEN, LED_TO) else entry
