"""Messages: composed, read back, and the examples that fix the format."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xw import clock, layout
from xw.errors import Damaged, Newer, Refused, Usage
from xw.message import Attachment, decode, encode

_EXAMPLES = Path(__file__).parent / "examples"
_AT = 1_795_238_400_000_000
_PLAIN: dict[str, Any] = {"from": "alice", "type": "task", "to": ["bob"], "body": "x"}

_IDS = st.builds(
    "{}-{}".format,
    st.integers(0, 4 * 10**15).map(clock.stamp),
    st.text("0123456789abcdef", min_size=8, max_size=8),
)
_NAMES = st.text("abcxyz0189-", min_size=1, max_size=32).filter(lambda name: name[0] != "-")
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_FILES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text("abcXYZ019_.-", min_size=1, max_size=20).filter(lambda name: name[0] not in ".-"),
            "size": st.integers(0, 2**60),
            "sha256": st.text("0123456789abcdef", min_size=64, max_size=64),
        }
    ),
    max_size=3,
    unique_by=lambda file: str(file["name"]),
)
_FIELDS = st.fixed_dictionaries(
    {
        "from": _NAMES,
        "type": st.sampled_from(layout.TYPES),
        "to": st.lists(_NAMES, min_size=1, max_size=4, unique=True),
        "body": st.text(),
    },
    optional={
        "re": st.none() | _IDS,
        "thread": st.none() | _IDS,
        "attachments": _FILES,
        "attached": _FILES,
        "expires": st.none() | st.integers(1, 4 * 10**15).map(clock.rfc3339),
        "room": st.none() | _NAMES,
        "author": st.none() | _NAMES,
        "hops": st.integers(0, 100),
        "rooms": st.lists(_NAMES, max_size=3, unique=True),
        "retry_of": st.none() | _IDS,
        "protocol": st.none() | st.dictionaries(st.text(), _JSON, max_size=3),
        "unknown": _JSON,
        "x-vendor": _JSON,
    },
)


@settings(max_examples=300, deadline=None)
@given(_FIELDS, st.integers(1, 4 * 10**15))
def test_round_trip(fields: dict[str, Any], at: int) -> None:
    """A composed message is read back whole, unknown fields included, under the name made from its bytes."""
    name, data = encode(fields, at)
    message = decode(name, data)
    assert message.file_name == name
    assert message.short == layout.digest(data)
    assert message.sent == at
    assert message.fields == {"format": 1, "sent": clock.rfc3339(at), **fields}
    assert (message.sender, message.type, list(message.to)) == (fields["from"], fields["type"], fields["to"])
    assert (message.body, message.re, message.thread) == (
        fields["body"],
        fields.get("re"),
        fields.get("thread"),
    )
    assert [file._asdict() for file in message.attachments] == fields.get("attachments", [])
    assert [file._asdict() for file in message.attached] == fields.get("attached", [])
    assert json.loads(data) == message.fields
    assert encode(fields, at) == (name, data)


@settings(max_examples=200, deadline=None)
@given(_FIELDS, st.data())
def test_any_changed_byte_gives_itself_away(fields: dict[str, Any], chance: st.DataObject) -> None:
    """A message of which one byte is changed, added or lost is damaged."""
    name, data = encode(fields, _AT)
    at = chance.draw(st.integers(0, len(data) - 1))
    other = chance.draw(st.integers(0, 255).filter(lambda byte: byte != data[at]))
    for changed in (data[:at] + bytes([other]) + data[at + 1 :], data[:at] + data[at + 1 :], data + b"\n"):
        with pytest.raises(Damaged, match="short id"):
            decode(name, changed)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_damaged(data: bytes) -> None:
    """Bytes that are nobody's message are damaged with a reason, under a name that fits them too."""
    name = f"20261121T053012123456Z-{layout.digest(data)}.task.alice.json"
    with pytest.raises(Damaged) as raised:
        decode(name, data)
    assert str(raised.value)


def test_a_field_to_a_line() -> None:
    """A message is text that a person can read: a field to a line, no escapes for letters."""
    _, data = encode(_PLAIN | {"body": "žluťoučký\nkůň"}, _AT)
    assert data.decode().splitlines()[-2] == '  "body": "žluťoučký\\nkůň"'


def test_the_largest_message() -> None:
    """1 MiB is allowed, a byte more is refused, with what to do."""
    room = layout.MESSAGE_LIMIT - len(encode(_PLAIN | {"body": ""}, _AT)[1])
    name, data = encode(_PLAIN | {"body": "x" * room}, _AT)
    assert len(data) == layout.MESSAGE_LIMIT
    assert len(decode(name, data).body) == room
    with pytest.raises(Refused, match="--attach"):
        encode(_PLAIN | {"body": "x" * (room + 1)}, _AT)


def test_text_that_is_not_unicode() -> None:
    """A lone surrogate cannot be sent."""
    with pytest.raises(Usage, match="not valid UTF-8"):
        encode(_PLAIN | {"body": "\ud800"}, _AT)


def test_a_newer_format() -> None:
    """An intact file of a later format differs from a damaged one, whatever else it contains."""
    data = b'{"format": 2}'
    with pytest.raises(Newer, match="upgrade"):
        decode(f"20261121T053012123456Z-{layout.digest(data)}.task.alice.json", data)


def test_expired() -> None:
    """A message has expired from its time on, and never without one."""
    message = decode(*encode(_PLAIN | {"expires": clock.rfc3339(_AT + 5)}, _AT))
    assert [message.expired(_AT + late) for late in (4, 5, 6)] == [False, True, True]
    assert not decode(*encode(_PLAIN, _AT)).expired(_AT * 2)


_TASK = {
    "from": "alice", "type": "task", "to": ["bob", "carol"], "re": None, "thread": None,
    "body": "Count the beans in beans.csv.\nGreen ones too: žluté ne.",
    "attachments": [{"name": "beans.csv", "size": 8, "sha256": "b2" * 32}],
    "expires": "2026-11-22T05:30:12.123456Z",
}  # fmt: skip
_REPLY = {
    "from": "bob", "type": "reply", "to": ["alice"], "re": "20261121T053012123456Z-k7f3q2m9",
    "thread": "20261121T053012123456Z-k7f3q2m9", "body": "144", "attachments": [], "expires": None,
    "hops": 1, "room": "kitchen", "author": "bob", "rooms": ["kitchen"],
    "protocol": {"kind": "STATUS_UPDATE"},
    "x-later": {"kept": True},
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "at", "name"),
    [
        (_TASK, "20261121T053012123456Z", "20261121T053012123456Z-zjgrae8h.task.alice.json"),
        (_REPLY, "20261121T053100000001Z", "20261121T053100000001Z-8p22krr6.reply.bob.json"),
    ],
)  # fmt: skip
def test_the_format_has_not_changed(fields: dict[str, Any], at: str, name: str) -> None:
    """The example files are what this version writes, byte for byte, and what it reads."""
    kept = (_EXAMPLES / name).read_bytes()
    assert encode(fields, clock.from_stamp(at)) == (name, kept)
    message = decode(name, kept)
    assert message.fields == {"format": 1, "sent": clock.spell(at), **fields}
    if message.attachments:
        assert message.attachments == (Attachment("beans.csv", 8, "b2" * 32),)
