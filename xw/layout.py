"""The names of the format: folders, file names, ids. Only this module knows them.

A message is the file `<instance>/inbox/<state>/<id>.<type>.<from>.json`. Its id is `<UTC time to the
microsecond>-<short id>`; the short id is the first 40 bits of the SHA-256 of its bytes in Crockford's base32.
So a name shows time, type and sender, sorts by time, and reveals altered bytes. `docs/format.md` is the
standard.
"""

import re

from xw import clock
from xw.errors import Usage
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xw.words import Delivery, State, Type

try:  # hashlib loads OpenSSL, a fifth of a bare start; the built-in SHA-256 does not
    from _sha2 import sha256  # Python 3.12 and later
except ImportError:
    try:
        from _sha256 import sha256  # Python 3.11
    except ImportError:
        from hashlib import sha256

new_sha256 = sha256
FORMAT = 1
TYPES: "tuple[Type, ...]" = ("task", "question", "reply", "info")
DELIVERIES: "tuple[Delivery, ...]" = ("asked", "start", "turn", "push")
"""When an instance is shown mail by itself, on its card; `delivery` has the moments of each."""
# In the order to search: messages only move to the right.
STATES: "tuple[State, ...]" = ("pending", "processing", "done", "failed")
# If a message is in two states, the higher one counts.
RANK: "dict[State, int]" = {"pending": 0, "processing": 1, "failed": 2, "done": 3}
EVERYONE = "all"
POSTMASTER = "postmaster"
RESERVED = (EVERYONE, POSTMASTER)

HUB_FILE = "hub.json"
HUB_ID = "hub.id"
SERVED = ".served"  # what the host of a served hub keeps about its members
HUB_MARK = "hub.mark-"  # followed by a random word; it shows whether two URLs lead to one hub
CARD = "card.json"
KEY = "key"  # the published keys of an instance
ADMITTED = "admitted"  # there while one more machine may use the instance's name
CARD_FIELDS = ("name", "kind", "description", "capabilities", "model", "delivery")  # those that `init` writes
PRESENCE = "presence.json"
ROOM = "room.json"
SCRATCH = "inbox/tmp"
ATTACHMENTS = "attachments"
SENT = "sent"
OUTBOX = "outbox"
REFUSED = "outbox/failed"
LOCK = "outbox/.lock"  # this folder stays on its machine, as all locks do
GC_LOCK = "outbox/.gc.lock"
BRIDGE_LOCK = "outbox/.bridge.lock"
PRESENCE_LOCK = "outbox/.presence.lock"
BRIDGE = "bridge"  # files of a bridge and its chat, on this machine only
CLAIM = ".claim"  # suffix of a note in a hub's scratch folder, which names a claim's owner
FREE = ".free"  # suffix of a note beside it: its machine has released the claim
HELD = ".held.json"  # beside a claim: who holds it on this machine
CLAIMS_LOCK = "outbox/.claims.lock"
HOLDER = "outbox/.holder-"  # followed by a random word: the lock of a process that claims, and its record
TURN = ".turn.json"  # beside a claim: the text its bridge presented, and where capture began
ROOM_LOCK = "outbox/.room.lock"
SYNC_LOCK = "outbox/.sync.lock"
LAUNCH_LOCK = "outbox/.launch.lock"  # of the `xw launch` that runs its owner's program
LAUNCHED = "outbox/.launch.json"  # the run directory of that launch
WATCH_LOCK = "outbox/.watch.lock"
SESSIONS = "outbox/.sessions.json"  # the agent programs that lately acted as its owner
GROUPS = "outbox/.groups.json"  # the groups that its owner has joined
SWEPT = "inbox/.swept"  # what gc may have removed of the mail that was handled
HOLD = "outbox/.hold.json"  # there while its owner lets no mail be shown by itself
WAITED = "outbox/.waited.json"  # the messages that `wait --new` has seen
SYNCED = "outbox/.sync.json"  # in a mirror: the time of the last collection
PART = ".part"  # the end of a scratch file's name with which a later connection goes on
PARTS = "outbox/.parts.json"  # in a mirror: how much of such files was compared
INTEREST = "outbox/.peers.json"  # in a mirror: the peers to whom its owner has recently written
INBOX = {state: f"inbox/{state}" for state in STATES}
FOLDERS = (SCRATCH, *INBOX.values(), ATTACHMENTS, SENT, REFUSED)
# The kinds of an instance's folder and its card. A link to a mailbox is not an instance: its mail would be
# addressed to another.
INSTANCE = ("folder", "file")
WHY = ".why.json"

MESSAGE_LIMIT = 1024 * 1024  # bytes of one message file

_NAME = r"[a-z0-9][a-z0-9-]{0,31}"
_ID = r"\d{8}T\d{12}Z-[0-9a-hjkmnp-tv-z]{8}"
_is_name = re.compile(_NAME, re.ASCII).fullmatch
_is_id = re.compile(_ID, re.ASCII).fullmatch
_is_file_name = re.compile(rf"({_ID})\.({'|'.join(TYPES)})\.({_NAME})\.json", re.ASCII).fullmatch
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
_SHORT = 8
_TIME = 22
_LAST = "99991231T235959999999Z"  # the latest time of an id


class FileName(NamedTuple):
    """The parts of a message's file name."""

    id: str
    type: "Type"
    sender: str

    def __str__(self) -> str:
        return f"{self.id}.{self.type}.{self.sender}.json"


def file_name(text: str) -> FileName | None:
    """Return the parts of a message's file name, or None if it is not one."""
    match = _is_file_name(text)
    return FileName(*match.groups()) if match else None  # type: ignore[arg-type]  # a type of TYPES


def id_of(text: str) -> str | None:
    """Return the id in a message's file name, or None if it is not one."""
    return text.partition(".")[0] if is_message(text) else None


def is_message(text: str) -> bool:
    """Return True if `text` has the form of a message's file name."""
    return _is_file_name(text) is not None


def is_hidden(text: str) -> bool:
    """Return True for a name with a leading dot: other programs' files and xw's own notes, never mail."""
    return text.startswith(".")


def type_of(text: str) -> "Type | None":
    """Return the message type that `text` names, or None."""
    return next((one for one in TYPES if one == text), None)


def is_name(text: str) -> bool:
    """Return True if `text` can be an instance's name, reserved ones included."""
    return _is_name(text) is not None


def is_id(text: str) -> bool:
    """Return True if `text` has the form of a whole id."""
    return _is_id(text) is not None


def is_id_start(text: str) -> bool:
    """Return True if `text`, in lower case, can be a whole id or the start of a short one."""
    short = len(text) <= _SHORT and not text.strip(_BASE32)
    return bool(text) and (short or is_id(text.upper()[:_TIME] + text[_TIME:]))


def is_stamp(text: str) -> bool:
    """Return True if `text` is an id's time that exists and can have a successor."""
    # Compiling another pattern would slow every start.
    return is_id(f"{text}-{_SHORT * '0'}") and clock.is_stamp(text) and text != _LAST


def archived(folder: str, name: str) -> str | None:
    """Return the time in the name of an instance's archived mailbox; None if `folder` is none of it."""
    at = folder.removeprefix(f"{name}.")
    return at if at != folder and is_stamp(at) else None


def in_order(names: list[str], again: list[str]) -> list[str]:
    """Return the messages in two successive listings of `pending/` that cannot overtake an earlier one.

    The kernel lists in steps: a listing may miss a message, and yet have a later one of the same sender. The
    second listing has both. Messages newer than the first listing are left for the next call.
    """
    if again == names:
        return names
    latest: dict[str, str] = {}
    for name in names:
        latest[sender_of(name)] = max(name, latest.get(sender_of(name), ""))
    return [name for name in again if name <= latest.get(sender_of(name), "")]


def furthest(folders: "Sequence[Sequence[str]]") -> "dict[str, State]":
    """Return each message's furthest state, from listings of the folders of `STATES`."""
    states: dict[str, State] = {}
    for state, names in zip(STATES, folders, strict=True):
        for name in names:
            if is_message(name) and RANK[state] >= RANK[states.get(name, "pending")]:
                states[name] = state
    return states


def type_in(name: str) -> str:
    """Return the type in a message's file name, without a regular expression: it runs 100,000 times."""
    return name.split(".", 2)[1]


def sender_of(name: str) -> str:
    """Return the sender in a message's file name."""
    return name.removesuffix(".json").rpartition(".")[2]


def short_id(message_id: str) -> str:
    """Return the short id, the eight characters after the time, of an id or a file name."""
    return message_id[_TIME + 1 : _TIME + 1 + _SHORT]


def time_of(message_id: str) -> str:
    """Return the time stamp of an id or a file name."""
    return message_id[:_TIME]


def digest(data: bytes) -> str:
    """Return the short id of a message's bytes."""
    number = int.from_bytes(sha256(data).digest()[:5], "big")
    return "".join(_BASE32[number >> shift & 31] for shift in range(35, -5, -5))


def check_name(name: str, what: str = "an instance name") -> str:
    """Return `name` if an instance, or `what` else the error shall say, may have it; else raise Usage."""
    if name in RESERVED:
        raise Usage(f"{name!r} is reserved: choose another name")
    if not is_name(name):
        raise Usage(f"{name!r} is not {what}: use 1 to 32 of a-z, 0-9 and '-', not starting with '-'")
    return name


def name_from(text: str) -> str:
    """Return an instance name made from any text, such as a folder's name; may be empty."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part)[:32].strip("-")


def attachment_name(path: str, taken: set[str]) -> str:
    """Return a safe file name for an attachment, like its own, that is not in `taken`, and add it there.

    ASCII letters, digits, `.`, `_` and `-` stay; other characters become `_`. It does not begin with a dot or
    a dash, and has at most 100 characters. `taken` is in lower case.
    """
    base = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in base).lstrip(".-")
    stem, dot, ending = kept.rpartition(".")
    if not dot or len(ending) > 16:
        stem, dot, ending = kept, "", ""
    stem = stem[:80] or "file"
    name, count = stem + dot + ending, 1
    while name.lower() in taken:  # lower case, because some disks ignore case
        count += 1
        name = f"{stem}-{count}{dot}{ending}"
    taken.add(name.lower())
    return name


def is_attachment_name(name: str) -> bool:
    """Return True if `name` may name a file below `attachments/<id>/`."""
    plain = name.isascii() and all(c.isalnum() or c in "._-" for c in name)
    return plain and 0 < len(name) <= 120 and name[0] not in ".-"
