"""The acting instance's means to prove who it is, and to judge who others are: its key, and known keys.

`instance` gives them to each mailbox that it opens, as its `sign` and `judge`. All is looked up when a first
message is signed or judged, so commands that do neither pay nothing.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from xw import config, layout
from xw.config import Config
from xw.errors import Damaged, NoMessage, XwError
from xw.files.batch import is_file
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import Message
from xw.sender_status import SenderStatus, undecided, under

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.hub.contract import Hub, Outgoing
    from xw.keyring import Keyring
    from xw.trust.senders import Senders

ALLOWED = "allowed_signers"


class Credentials:
    """The credentials of the owner of `mailbox` on `hub`; with `mirrored`, the mailbox is in a mirror."""

    def __init__(
        self,
        mailbox: Mailbox,
        hub: "Outgoing",
        found: Config,
        environ: Mapping[str, str] = os.environ,
        mirrored: bool = False,
    ) -> None:
        self._mailbox = mailbox
        self._hub = hub
        self.config = found
        self._environ = environ
        self._mirrored = mirrored
        self._hub_id = ""
        self._expected: str | None = None
        self._served = False
        self._senders: Senders | None = None

    @property
    def hub_id(self) -> str:
        """The hub's id; empty if it has none, or it is not known here."""
        if not self._hub_id:
            if self._mirrored:
                from xw.mirror.notes import about

                known = about(self._mailbox.files)
                self._hub_id, self._served = known.id or "", bool(known.served)
            else:
                from xw.hub.identity import identity_of

                self._hub_id = identity_of(self._mailbox.files)
        return self._hub_id

    @property
    def keyring(self) -> "Keyring":
        """The keys on this machine for the hub."""
        from xw import keyring

        return keyring.of(self.hub_id, self.config, self._environ)

    @property
    def allowed(self) -> str:
        """The path of the team's file of keys; empty outside a project."""
        return _team_file(self.config)

    @property
    def senders(self) -> "Senders":
        """Tells who sent the mailbox's messages."""
        if self._senders is None:
            from xw.trust.senders import Knowledge, Senders

            knowledge = Knowledge(
                self._mailbox.owner,
                self.hub_id,
                self.keyring,
                self.allowed,
                lambda name: self._hub.keys([name])[0],
                self._served,
                self._witness,
                self._dead_letter,
                self._copied,
            )
            self._senders = Senders(knowledge)
        return self._senders

    def forget(self) -> None:
        """Read again what is known of others' keys."""
        self._senders = None

    def known_keys(self) -> tuple[object, ...]:
        """Return a value that changes once what is known of others' keys may have changed."""
        paths = [f"{folder}/pins.json" for folder in self.keyring.trusted]
        if self._mirrored:
            from xw.mirror.notes import PEERS

            paths.append(f"{self._mailbox.files.root}/{PEERS}")
        return tuple(map(_look, (*paths, self.allowed)))

    def sign(self, data: bytes) -> bytes:
        """Return a message's file with its signature, or as it is if the owner has no key. Raise Refused."""
        if not self.hub_id:
            return data
        key = self.keyring.find(self._mailbox.owner)
        if key is None:
            return data
        from xw.signing.line import signed

        return signed(data, key, self.hub_id)

    def judge(self, message: Message, folder: str) -> SenderStatus:
        """Return the status of the sender of a message that lies in a folder of the mailbox."""
        if wrong := self.wrong_hub():
            found = undecided(message.is_signed, wrong)
        else:
            found = self.senders.status(message, folder)
        return under(config.sender_policy(self.config, self._mailbox.owner), found, message.sender)

    def note_removal(self, messages: Iterable[bytes]) -> None:
        """Note the signed messages, given as files, that gc will remove from the mailbox."""
        signed = [data for data in messages if b'"signature"' in data[:80]]
        if signed and self.hub_id:
            self.senders.swept.add(signed)

    def wrong_hub(self) -> str:
        """Return why the id of the hub here does not count: with another one, no known key would."""
        if self._expected is None:
            from xw.keyring import known_hub

            root = self._mailbox.files.root
            self._expected = self.hub_id if self._mirrored else known_hub(root, self._environ) or self.hub_id
        if self._expected == self.hub_id:
            return ""
        return f"{layout.HUB_ID} of the hub has changed: if you know why, `xw init` accepts it"

    def _witness(self, message: Message, folder: str) -> str:
        """Return why a message's file cannot be its sender's: on a shared hub, its owner delivered it."""
        files = self._mailbox.files
        if self._mirrored or not files.group or not folder.startswith("inbox/"):
            return ""
        if message.sender == layout.POSTMASTER:
            return ""
        try:
            file = os.lstat(f"{files.root}/{self._mailbox.at(folder, message.file_name)}").st_uid
            sender = os.lstat(f"{files.root}/{message.sender}").st_uid
        except OSError:
            return ""
        if file in (sender, 0):
            return ""
        if message.fields.get("retry_of") and file == self._uid():
            return ""  # a dead letter that the owner has sent again
        from xw.files.groups import user_name

        names = user_name(file), user_name(sender)
        return f"its file belongs to the user {names[0]}, the mailbox of {message.sender} to {names[1]}"

    def _uid(self) -> int:
        return os.lstat(f"{self._mailbox.files.root}/{self._mailbox.owner}").st_uid

    def _copied(self, message: Message, folder: str) -> str:
        """Return why a pending message is a copy, or nothing: others may put handled mail there again."""
        if folder != INBOX["pending"]:
            return ""
        name, files = message.file_name, self._mailbox.files
        *handled, pending = (self._mailbox.at(INBOX[state], name) for state in ("done", "failed", "pending"))
        for path in handled:
            # It may have been handled since the caller read it.
            if is_file(files, path) and is_file(files, pending):
                return f"it is a copy: {path.removeprefix(f'{self._mailbox.owner}/')} was handled before"
        return ""

    def _dead_letter(self, message_id: str) -> Message | None:
        folder = INBOX["failed"]
        with suppress(OSError, NoMessage, Damaged):
            for name in self._mailbox.names(folder):
                if name.startswith(f"{message_id}."):
                    return self._mailbox.read(Place(folder, name))
        return None


def onlooker(
    hub: "Hub", found: Config, environ: Mapping[str, str] = os.environ
) -> Callable[[Message], SenderStatus]:
    """Return a function for the sender's status of messages in others' folders of a hub, such as a room's."""
    from xw import keyring
    from xw.trust.senders import Knowledge, Senders

    hub_id = ""
    with suppress(XwError, OSError):  # a hub without an id, which cannot be given one
        hub_id = hub.identity()
    ring = keyring.of(hub_id, found, environ)
    senders = Senders(Knowledge("", hub_id, ring, _team_file(found), lambda name: hub.keys([name])[0]))
    return lambda message: senders.status(message, "")


def _team_file(found: Config) -> str:
    """Return the path of the team's file of keys; empty outside a project."""
    return os.path.join(found.folder, ALLOWED) if config.in_project(found) else ""


def _look(path: str) -> tuple[int, int, int] | None:
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def equip(
    mailbox: Mailbox,
    hub: "Outgoing",
    found: Config,
    environ: Mapping[str, str] = os.environ,
    mirrored: bool = False,
) -> Credentials:
    """Let a mailbox sign what its owner sends, and judge what it receives; return its credentials."""
    made = Credentials(mailbox, hub, found, environ, mirrored)
    mailbox.sign, mailbox.judge, mailbox.note_removal = made.sign, made.judge, made.note_removal
    return made
