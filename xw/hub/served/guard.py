"""Check what a member of a served hub asks for: pure checks, each with its sentence.

Used by `calls` and `delivering`. A member acts as itself only, whatever its client says. `Asked` has the
arguments of a call, each checked as it is taken; `letter` checks a message. A check that fails raises
Refused.
"""

from collections.abc import Mapping

from xw import layout
from xw.errors import Damaged, Refused, Unreadable
from xw.hub.directory import card_bytes
from xw.hub.served import protocol
from xw.message import Message, decode

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.words import State

_CARD_LIMIT = 32 * 1024  # bytes of a card's or a presence's JSON, half of what a hub reads
_DEEP = 8  # lists and objects within each other on a card
_TOKEN = 64  # bytes of the word by which a mirror claims
_NAME_BYTES = 255  # of a file's name
_KEY_LINE = 2000  # characters
_HEX = "0123456789abcdef"


class Asked:
    """The arguments of a member's call."""

    def __init__(self, member: str, values: Mapping[str, object]) -> None:
        self.member = member
        self._values = values

    def owner(self) -> str:
        """Return the mailbox that the call is about: the member's own."""
        owner = self.text("owner", _NAME_BYTES)
        if owner != self.member:
            raise Refused(_own_only(self.member, owner))
        return owner

    def name(self, key: str) -> str:
        """Return an instance's name."""
        return _instance(self.text(key, _NAME_BYTES))

    def message(self, key: str = "name") -> str:
        """Return a message's file name."""
        return _message(self.text(key, _NAME_BYTES))

    def messages(self, key: str = "names") -> list[str]:
        """Return messages' file names."""
        return [_message(_text(one, _NAME_BYTES)) for one in self.items(key, protocol.NAMES)]

    def known_to(self, to: str, name: str) -> str:
        """Return a message's name that the member may ask about: in its own mailbox, or sent by it."""
        if to != self.member and layout.sender_of(name) != self.member:
            raise Refused(f"{name} in the mailbox of {to} is not {self.member}'s: only its sender may ask")
        return name

    def sent(self) -> tuple[str, str]:
        """Return the recipient and the name of a message that the member has sent."""
        to, name = self.name("to"), self.message()
        if layout.sender_of(name) != self.member:
            raise Refused(f"{name} was not sent by {self.member}: only its sender may withdraw it")
        return to, name

    def state(self, key: str) -> "State":
        """Return a state."""
        return _state(self._values.get(key))

    def fetched(self) -> "list[tuple[State, str]]":
        """Return states and names of messages."""
        return [
            (_state(state), _message(_text(name, _NAME_BYTES)))
            for state, name in map(_pair, self.items("messages", protocol.NAMES))
        ]

    def plain(self, key: str) -> str:
        """Return a name in a folder, whatever it is, but no path."""
        name = self.text(key, _NAME_BYTES)
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise Refused(f"{name!r} is not a file's name")
        return name

    def attachment(self) -> tuple[str, str]:
        """Return the id and the name of an attachment."""
        folder, name = self.text("folder", _NAME_BYTES), self.text("name", _NAME_BYTES)
        if not layout.is_id(folder) or not layout.is_attachment_name(name):
            raise Refused(f"{folder}/{name} is not an attachment")
        return folder, name

    def items(self, key: str, most: int) -> list[object]:
        """Return a list of at most `most` items."""
        value = self._values.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise Refused(f"{key} is not a list of at most {most}")
        return value

    def text(self, key: str, most: int) -> str:
        """Return a text of at most `most` characters."""
        return _text(self._values.get(key), most)

    def flag(self, key: str) -> bool:
        """Return True or False."""
        return self._values.get(key) is True

    def number(self, key: str, most: int) -> int:
        """Return a whole number from 0 to `most`."""
        value = self._values.get(key)
        if type(value) is not int or not 0 <= value <= most:
            raise Refused(f"{key} is not a number from 0 to {most}")
        return value

    def mark(self) -> str:
        """Return a mark: a random word of hexadecimal digits."""
        mark = self.text("mark", _TOKEN)
        if not mark or mark.strip(_HEX):
            raise Refused("a mark has hexadecimal digits only")
        return mark

    def token(self) -> bytes:
        """Return the word by which a mirror claims messages."""
        token = self.text("token", _TOKEN)
        if not token.isascii() or not token.isprintable() or not token:
            raise Refused("the token of a claim has printable characters only")
        return token.encode()

    def card(self) -> dict[str, object]:
        """Return a card for the member's own name. Rooms are made on the hub's host."""
        card = self._values.get("card")
        if not isinstance(card, dict) or not _is_flat(card, _DEEP) or len(card_bytes(card)) > _CARD_LIMIT:
            raise Refused(f"a card is an object of at most {_CARD_LIMIT // 1024} KiB")
        if card.get("kind") == "room":
            raise Refused("a room runs on the host of its hub's files: make it there")
        if card.get("name", self.member) != self.member:
            raise Refused(_own_only(self.member, str(card.get("name"))[:_NAME_BYTES]))
        return card

    def key_line(self) -> str:
        """Return a line of the keys that an instance publishes."""
        line = self.text("line", _KEY_LINE)
        if not line.startswith("ssh-ed25519 ") or not line.isascii() or not line.isprintable():
            raise Refused("a line with a public key is missing")
        return line

    def names(self, key: str, most: int) -> list[str]:
        """Return instances' names."""
        return [_instance(_text(one, _NAME_BYTES)) for one in self.items(key, most)]

    def groups(self) -> list[str]:
        """Return names of groups."""
        listed = self.items("groups", 100)
        if not all(isinstance(one, str) and layout.is_name(one) for one in listed):
            raise Refused("groups are a list of names")
        return [str(one) for one in listed]


def presence(data: bytes) -> bytes:
    """Return the bytes of a presence. Raise Refused if it is too large."""
    if len(data) > _CARD_LIMIT:
        raise Refused(f"a presence has at most {_CARD_LIMIT // 1024} KiB")
    return data


def letter(member: str, to: str, name: str, data: bytes, file_bytes: int) -> Message:
    """Return a message that a member may deliver to one of its recipients, decoded.

    Raise Refused if it may not, or Newer for a format that this xw does not know.
    """
    try:
        message = decode(name, data)
    except Unreadable:
        raise
    except Damaged as error:
        raise Refused(f"{name!r} is not a message: {error}") from None
    if message.sender != member:
        raise Refused(f"it is from {message.sender}, and this key sends as {member} only")
    if to not in message.to:
        raise Refused(f"it is addressed to {', '.join(message.to)}, not to {to}")
    for file in message.files[1]:
        if file.size > file_bytes:
            raise Refused(f"its file {file.name} has {file.size:,} bytes, this hub takes {file_bytes:,}")
    return message


def _own_only(member: str, other: str) -> str:
    return (
        f"this key is {member}'s on this hub: it acts for {member} only, not for {other!r}; "
        f"`xw init --name {member}` with the same --hub continues as {member}"
    )


def _text(value: object, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise Refused(f"a text of at most {most} characters is missing")
    return value


def _instance(name: str) -> str:
    if not layout.is_name(name):
        raise Refused(f"{name!r} is not an instance's name")
    return name


def _message(name: str) -> str:
    if not layout.is_message(name):
        raise Refused(f"{name!r} is not a message's file name")
    return name


def _state(value: object) -> "State":
    state = next((one for one in layout.STATES if one == value), None)
    if state is None:
        raise Refused("there is no such state")
    return state


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise Refused("a pair is missing")
    return value[0], value[1]


def forward(source: "State", state: "State") -> None:
    """Raise Refused if a message would move back."""
    if layout.RANK[state] <= layout.RANK[source]:
        raise Refused(f"a message does not move from {source} to {state}")


def _is_flat(value: object, deep: int) -> bool:
    if isinstance(value, dict):
        return deep > 0 and all(_is_flat(one, deep - 1) for one in value.values())
    if isinstance(value, list):
        return deep > 0 and all(_is_flat(one, deep - 1) for one in value)
    return True
