"""A stage whose instances sign, each with the keys and the knowledge of a user of its own."""

from pathlib import Path

from tests.rooms.stage import Stage
from xw import config
from xw.actions import keys
from xw.credentials import equip
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import Fields, Message, decode, encode
from xw.mirror.carrier import Direct
from xw.signing import line
from xw.signing.keys import PrivateKey


class SignedStage(Stage):
    """A hub whose instances sign what they send, but those in `older`, which have an xw without keys."""

    def __init__(self, folder: Path, older: tuple[str, ...] = ()) -> None:
        super().__init__(folder)
        self._users = folder / "users"
        self._older = older

    def instance(self, name: str) -> Instance:
        """Return an instance of the hub, on the machine of its own user."""
        if name in self._older:
            return super().instance(name)
        mailbox = Mailbox(self.files, name)
        home = {"XDG_CONFIG_HOME": str(self._users / name)}
        given = equip(mailbox, self.hub, config.NONE, home)
        made = Instance(mailbox, self.hub, Direct(mailbox, self.hub), config.NONE, self.root, self.now, given)
        if not given.keyring.find(name):
            keys.ensure(made, self.hub)
        return made

    def add(self, name: str, kind: str = "agent") -> Instance:
        """Add an instance to the hub, with a key."""
        self.hub.register(name, {"name": name, "kind": kind})
        return self.instance(name)

    def key(self, name: str) -> PrivateKey:
        """Return an instance's private key."""
        found = self.instance(name).credentials.keyring.find(name)
        assert found
        return found

    def shown(self, name: str, message: Message | None = None) -> Message:
        """Return the turn of a member, or a message, as its xw shows it."""
        if message is None:
            turn = self.turn(name)
            assert turn, f"{name} has no turn"
            message = turn.message
        return self.instance(name).mailbox.judged(message)

    def rows(self, name: str, message: Message | None = None) -> list[str]:
        """Return the rows of a turn as a member is shown it, without the room's own."""
        body = self.shown(name, message).body
        return [row for row in body.split("\n") if not row.startswith("[room ")]

    def lie(self, turn: Message, key: PrivateKey | None, **changes: object) -> Message:
        """Return a turn as a room would write it that says something else, signed with a key."""
        left = ("format", "sent", "signature")
        fields: Fields = {name: value for name, value in turn.fields.items() if name not in left} | changes

        def sign(data: bytes) -> bytes:
            return line.signed(data, key, self.hub.identity()) if key else data

        return decode(*encode(fields, self.now(), sign))

    def plant(self, owner: str, message: Message) -> None:
        """Put a message into a mailbox, as whoever can write there."""
        path = Path(self.root) / owner / INBOX["pending"] / message.file_name
        path.write_bytes(message.data)
