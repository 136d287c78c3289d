"""A message: one immutable JSON file, composed and read only in this module.

`encode` returns a file's name and bytes. `decode` reads them, and rejects a file whose name and bytes
disagree, or whose fields do not match `docs/format.md`. Fields unknown to this version stay in
`Message.fields`.
"""

import json
from collections.abc import Callable

from xw import clock, layout
from xw.errors import Damaged, Newer, Refused, Unreadable, Usage, XwError, unforeseen
from xw.gist import gist
from xw.named_tuple import NamedTuple
from xw.sender_status import FORGED, Relayed, SenderStatus

TYPE_CHECKING = False  # type checkers read it as true: the imports are for them only
if TYPE_CHECKING:
    from xw.shapes import mail
    from xw.words import Type

Fields = dict[str, object]
STRAY = "the file name is not a message's"
_REPORTS = ("STATUS_UPDATE", "HEARTBEAT", "CONTEXT_COMPACTION")

# Bounds that no honest writer exceeds, so that no number in a file can break a calculation.
HOPS = 1_000_000
USUAL = 5
"""The priority of a message without the field."""
_SIZE = 2**63 - 1  # bytes of a file
_DIGITS = 40  # of a whole number: 128 bits and a sign
_DEPTH = 100  # of nested lists and objects
_ABOUT = 60  # characters of the body in a message's one-line name
_PRINTED = ("id", "state", "files", "error", "code", "exit_code", "sender_status", "sender_note", "lines")
"""Keys that xw adds to a printed message: an unknown field of this name could pass for one."""
_LEFT_OUT = (*_PRINTED, "originals", "signature")
"""Fields that are not printed: `lines` stands for the originals, and the signature is of the file."""


class Attachment(NamedTuple):
    """A file sent with a message: cleaned name, size in bytes, SHA-256 in hex."""

    name: str
    size: int
    sha256: str


class Message(NamedTuple):
    """A message read from its file; `fields` is the whole object, unknown fields included, `data` the bytes.

    `status` is what is known of its sender, from `Mailbox.judged`; None where nobody has asked.
    In a room's turn, `lines` has the same for each line that its body shows.
    """

    id: str
    type: "Type"
    sender: str
    to: tuple[str, ...]
    body: str
    re: str | None
    thread: str | None
    attachments: tuple[Attachment, ...]
    attached: tuple[Attachment, ...]
    expires: str | None
    fields: Fields
    data: bytes = b""
    status: SenderStatus | None = None
    lines: tuple[Relayed, ...] = ()

    @property
    def short(self) -> str:
        """The short id."""
        return layout.short_id(self.id)

    @property
    def file_name(self) -> str:
        """The name of the message's file, in every folder."""
        return str(layout.FileName(self.id, self.type, self.sender))

    @property
    def sent(self) -> int:
        """The time of sending, in microseconds since the epoch."""
        return clock.from_stamp(layout.time_of(self.id))

    @property
    def files(self) -> tuple[str, tuple[Attachment, ...]]:
        """Return the id below which its files lie, and the files that travel with it."""
        return (self.attached_to, self.attached) if self.attached else (self.id, self.attachments)

    @property
    def attached_to(self) -> str:
        """The id of the message whose folder has its `attached` files."""
        return self.re or self.id

    @property
    def hops(self) -> int:
        """The number of automatic answers that led to this message."""
        hops = self.fields.get("hops", 0)
        return hops if isinstance(hops, int) else 0

    @property
    def urgent(self) -> bool:
        """True if its sender marked it urgent."""
        return self.fields.get("urgent") is True

    @property
    def priority(self) -> int:
        """Its priority, from 0 to 9 (first); 5 if not given."""
        given = self.fields.get("priority", USUAL)
        return given if type(given) is int and 0 <= given <= 9 else USUAL

    @property
    def report(self) -> str | None:
        """The kind of a report that a later one from its sender replaces; None for all other mail."""
        payload = self.fields.get("protocol")
        kind = payload.get("kind") if isinstance(payload, dict) else None
        return kind if self.type == "info" and kind in _REPORTS else None

    @property
    def answered_hops(self) -> int:
        """The `hops` of an automatic answer to this message."""
        return min(self.hops + 1, HOPS)

    @property
    def is_signed(self) -> bool:
        """True if its file has a signature; `status` says whether that counts."""
        return "signature" in self.fields

    @property
    def is_forged(self) -> bool:
        """True if it is known that its sender did not write it as it is."""
        return self.status is not None and self.status.word == FORGED

    def to_json(self) -> "mail.Message":
        """Return the fields of its file, unknown ones included, its id, and the status of its sender.

        Unknown fields with the names of what xw adds are left out, and the signature: it is of the file.
        """
        fields = {key: value for key, value in self.fields.items() if key not in _LEFT_OUT}
        told = {"format": layout.FORMAT, "id": self.id, **fields}
        if self.expires:
            told["expires"] = clock.utc(self.expires)
        if self.status:
            told |= {"sender_status": self.status.word, "sender_note": self.status.note}
        if self.lines:
            told["lines"] = [one.to_json() for one in self.lines]
        return told  # type: ignore[return-value]  # checked by _SHAPE

    def about(self) -> "mail.About":
        """Return its id, type, sender and the beginning of its body, for programs."""
        first = gist(self.body, _ABOUT)
        return {"id": self.id, "type": self.type, "from": self.sender, "first_line": first}

    def expired(self, at: int) -> bool:
        """Return True if the message has expired at this time."""
        return self.expires is not None and clock.from_rfc3339(self.expires) <= at


def unsigned(data: bytes) -> bytes:
    """Return a message's file as it is: the `sign` for an owner without a key."""
    return data


def encode(fields: Fields, at: int, sign: Callable[[bytes], bytes] = unsigned) -> tuple[str, bytes]:
    """Return the file name and bytes of the message `fields`, sent at `at` (microseconds).

    Adds `format` and `sent`; `sign` adds the signature's line. Raise Refused above 1 MiB, Usage if a text is
    not valid Unicode.
    """
    stamped = clock.stamp(at)
    whole = {"format": layout.FORMAT, "sent": clock.spell(stamped), **fields}
    # One field per line, so that a person can read a message with `cat`.
    lines = (f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in whole.items())
    try:
        data = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
    except UnicodeEncodeError:
        raise Usage("the text is not valid UTF-8: send it as a file with --attach") from None
    data = sign(data)
    if len(data) > layout.MESSAGE_LIMIT:
        raise Refused(f"the message has {len(data):,} bytes, more than 1 MiB: send the text with --attach")
    kind: Type = fields["type"]  # type: ignore[assignment]  # `decode` refuses any other
    name = layout.FileName(f"{stamped}-{layout.digest(data)}", kind, str(fields["from"]))
    return str(name), data


def decode(file_name: str, data: bytes) -> Message:
    """Return the message in `data`. Raise Damaged, with the reason, if name and bytes are not a message's.

    Raise Newer if the file is intact but has a later format, Unreadable if a bug in xw prevents reading it.
    """
    try:
        return _decode(file_name, data)
    except XwError:
        raise
    except Exception as bug:  # a bug that one message triggers must not affect the others
        raise Unreadable(unforeseen(bug)) from bug


def _decode(file_name: str, data: bytes) -> Message:
    name = layout.file_name(file_name)
    if name is None:
        raise Damaged(STRAY)
    if len(data) > layout.MESSAGE_LIMIT:
        raise Damaged(f"it has {len(data):,} bytes, more than 1 MiB")
    if layout.digest(data) != layout.short_id(name.id):
        raise Damaged("its bytes do not match the short id in its name")
    fields = parse_object(data)
    version = fields.get("format")
    if type(version) is int and version > layout.FORMAT:
        raise Newer(f"it has format {version}, this xw knows format {layout.FORMAT}: upgrade xw")
    for field, fits in _SHAPE.items():
        if field not in fields and field in _OPTIONAL:
            continue
        if not fits(fields.get(field)):
            raise Damaged(f"its field {field!r} is missing or malformed")
    if (fields["from"], fields["type"]) != (name.sender, name.type):
        raise Damaged("its sender or type is not the one in its name")
    stamped = layout.time_of(name.id)
    if fields["sent"] != clock.spell(stamped):
        raise Damaged("its time is not the one in its name")
    if not clock.is_stamp(stamped):
        raise Damaged(f"it has the invalid timestamp {stamped}")
    return Message(
        name.id,
        name.type,
        name.sender,
        tuple(fields["to"]),  # type: ignore[arg-type]  # checked by _SHAPE
        str(fields["body"]),
        fields.get("re"),  # type: ignore[arg-type]
        fields.get("thread"),  # type: ignore[arg-type]
        _files(fields.get("attachments")),
        _files(fields.get("attached")),
        fields.get("expires"),  # type: ignore[arg-type]
        fields,
        data,
    )


def parse_object(data: bytes) -> Fields:
    """Return the only JSON object in `data`. Raise Damaged.

    It has no duplicate key, NaN, infinity, lone surrogate, oversized number or excessive nesting.
    """
    try:
        text = data.decode()
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
        if "\\u" in text:  # only an escape can make a lone surrogate
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # UnicodeError and JSONDecodeError are ValueErrors
        raise Damaged(f"it is not valid JSON in UTF-8: {error}") from None
    if not isinstance(value, dict):
        raise Damaged("it is not a JSON object")
    if text.count("[") + text.count("{") > _DEPTH and _depth_exceeds(value, _DEPTH):
        raise Damaged(f"it has lists or objects nested more than {_DEPTH} deep")
    return value


def _depth_exceeds(value: object, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            item
            for one in level
            if isinstance(one, (list, dict))
            for item in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return any(isinstance(one, (list, dict)) for one in level)


def _unique(pairs: list[tuple[str, object]]) -> Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key appears twice")
    return fields


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _bounded(number: str) -> int:
    if len(number) > _DIGITS:
        raise ValueError(f"{number[:_DIGITS]}… is too large a number")
    return int(number)


def _finite(number: str) -> float:
    value = float(number)
    if value in (float("inf"), float("-inf")):  # JSON cannot represent it
        raise ValueError(f"{number[:40]} is too large a number")
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and layout.is_name(value)


def _is_id_or_null(value: object) -> bool:
    return value is None or (isinstance(value, str) and layout.is_id(value))


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_name, value)) and len(set(value)) == len(value)


def _is_time_or_null(value: object) -> bool:
    if value is None:
        return True
    try:
        return isinstance(value, str) and clock.from_rfc3339(value) > 0
    except (ValueError, OverflowError):
        return False


def _is_file(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    name, size, sha256 = value.get("name"), value.get("size"), value.get("sha256")
    return (
        isinstance(name, str)
        and layout.is_attachment_name(name)
        and type(size) is int
        and 0 <= size <= _SIZE
        and isinstance(sha256, str)
        and len(sha256) == 64
        and not sha256.strip("0123456789abcdef")
    )


def _is_files(value: object) -> bool:
    return (
        isinstance(value, list)
        and all(map(_is_file, value))
        and len({f["name"] for f in value}) == len(value)
    )


def _files(value: object) -> tuple[Attachment, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(Attachment(f["name"], f["size"], f["sha256"]) for f in value)


_SHAPE: dict[str, Callable[[object], bool]] = {
    "format": lambda value: type(value) is int and value == layout.FORMAT,
    "from": _is_name,
    "type": _is_text,
    "to": lambda value: bool(value) and _is_names(value),
    "sent": _is_text,
    "re": _is_id_or_null,
    "thread": _is_id_or_null,
    "body": _is_text,
    "attachments": _is_files,
    "attached": _is_files,
    "expires": _is_time_or_null,
    "room": lambda value: value is None or _is_name(value),
    "author": lambda value: value is None or _is_name(value),
    "hops": lambda value: type(value) is int and 0 <= value <= HOPS,
    "rooms": _is_names,
    "retry_of": _is_id_or_null,
    "protocol": lambda value: value is None or isinstance(value, dict),
}
_OPTIONAL = {
    "re",
    "thread",
    "attachments",
    "attached",
    "expires",
    "room",
    "author",
    "hops",
    "rooms",
    "retry_of",
} | {"protocol"}
