"""A hub that is a directory: on this machine, or wherever `Files` reach.

`<hub>/<instance>/` are the mailboxes. Where the sender's own mailbox lies in
the same directory, delivery is the one publish that `post` makes; else a
parcel is put into the recipient's mailbox here.
"""

import json
from collections.abc import Mapping, Sequence

from xw import clock, layout
from xw.errors import Damaged, NotFound, Refused, Unreachable, XwError, explain
from xw.files import Publication
from xw.files.batch import is_file
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.record import NamedTuple

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xw.files import Look
    from xw.files.contract import Files
    from xw.hub.contract import Located, Parcel, Peer, Progress
    from xw.message import Attachment

# What an instance's folder and its card are. A link to a mailbox is no instance of its own: its mail would
# be addressed to another.
INSTANCE = ("folder", "file")
LEAST = '{"format": 1, "name": "hub"}'  # a hub.json that will do
_LIMIT = 64 * 1024  # bytes of a card or of hub.json
_LOOKS = 2 + len(layout.STATES)  # paths that `deliver` looks at for a parcel


class Facts(NamedTuple):
    """What `hub.json` says: its name, whether several Unix users share it, how files are published.

    `unix_group` is the group's name as `init` was given it, for people; the hub's folder decides.
    """

    name: str
    group: bool
    links: bool
    unix_group: str = ""


def facts(files: "Files", url: str) -> Facts:
    """The facts of the hub in `files`. Unreachable where there is none."""
    try:
        found = parse_object(files.read(layout.HUB_FILE, _LIMIT))
        version = found["format"]
        if version != layout.FORMAT:
            if type(version) is not int:
                raise Damaged("its format is no number")
            raise XwError(
                f"the hub {url} has format {version}, this xw knows format {layout.FORMAT}: upgrade xw"
            )
        group, links = found.get("group") is True, found.get("publish") != "rename"
        return Facts(str(found["name"]), group, links, str(found.get("unix_group", "")) if group else "")
    except (FileNotFoundError, NotADirectoryError):
        raise Unreachable(f"no hub at {url}: is the path right, and is its disk mounted?") from None
    except (KeyError, Damaged) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else error
        raise XwError(
            f"{url}/{layout.HUB_FILE} is damaged ({problem}): put it right by hand; {LEAST} is enough"
        ) from None


def found(files: "Files", name: str, readme: str, *, group: bool, links: bool, unix_group: str = "") -> None:
    """Make a hub of an empty directory. Durable; harmless where there is one."""
    files.make_folder("")
    about = {"format": layout.FORMAT, "name": name, "created": clock.rfc3339(clock.now())}
    if group:
        about["group"] = True
    if unix_group:
        about["unix_group"] = unix_group
    if not links:
        about["publish"] = "rename"
    # First what makes it a hub: whoever died in between left a hub, not a directory of something else.
    files.replace((json.dumps(about, indent=2) + "\n").encode(), "", layout.HUB_FILE)
    files.replace(readme.encode(), "", "README.md")


class DirectoryHub:
    """`contract.Hub` on `files`, whose root is the hub's directory."""

    def __init__(self, files: "Files", url: str) -> None:
        self.files = files
        self.url = url
        self.progress: Progress | None = None  # hears of what is being delivered

    def mailbox(self, name: str) -> Mailbox:
        """The mailbox of an instance, as it lies on the hub."""
        return Mailbox(self.files, name)

    def instances(self) -> list[str]:
        """See `contract.Hub.instances`."""
        self._must_be_there()
        return sorted(filter(self.knows, self.files.names("")))

    def everyone(self) -> list[str]:
        """See `contract.Hub.everyone`; an instance whose card cannot be read is no room."""
        names = self.instances()
        cards = self.files.read_all([f"{name}/{layout.CARD}" for name in names], _LIMIT)
        return [name for name, card in zip(names, cards, strict=True) if not _is_room(card)]

    def knows(self, name: str) -> bool:
        """See `contract.Hub.knows`."""
        if not layout.is_name(name) or name in layout.RESERVED:
            return False
        try:
            return (self.files.look(name).kind, self.files.look(f"{name}/{layout.CARD}").kind) == INSTANCE
        except (FileNotFoundError, NotADirectoryError):
            self._must_be_there()
            return False
        except PermissionError:  # closed to this user: it hides no other instance, and its mail waits
            self._must_be_there()
            return True

    def peer(self, name: str) -> "Peer":
        """See `contract.Hub.peer`."""
        from xw.hub.sighting import see

        seen = see(self.files, [name], {}) if self.knows(name) else []
        if not seen:
            raise self._unknown(name)
        return seen[0].peer(self.files.now())

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        """See `contract.Hub.register`."""
        layout.check_name(name)
        looks = self.files.look_all([name, *(f"{name}/{file}" for file in (layout.CARD, layout.ROOM))])
        folder, card_there, room_there = (None if isinstance(look, OSError) else look.kind for look in looks)
        new = (folder, card_there) != INSTANCE
        if new:
            self._must_be_there()
        if (new or card.get("kind") != "room") and room_there == "file":
            raise Refused(f"{name!r} is the name of a room on {self.url}, or was: choose another name")
        mailbox = self.mailbox(name)
        mailbox.make()
        path, scratch = f"{name}/{layout.CARD}", mailbox.at(layout.SCRATCH)
        # The card last: it is what makes the instance known.
        if first:
            # By link, so that of two at once one wins: the time makes their bytes differ.
            made = {**card, "created": clock.rfc3339(clock.now())}
            self.files.publish(_card_bytes(made), scratch, [path])
        else:
            self.files.replace(_card_bytes(card), scratch, path)
        return new

    def pending_of(self, to: str, sender: Mailbox) -> str | None:
        """See `contract.Hub.pending_of`."""
        if sender.files is not self.files:
            return None
        if self._divided(sender, to):
            raise Refused(f"{_apart(sender, to)}; nothing was sent")
        folder = self.mailbox(to).at(INBOX["pending"])
        return folder if self.files.writable(folder) else None

    def _divided(self, sender: Mailbox, to: str) -> bool:
        return sender.files.root == self.files.root and self.files.divided(sender.owner, to)

    def deliver(self, parcels: "Sequence[Parcel]") -> list[XwError | None]:
        """See `contract.Hub.deliver`."""
        looks = self.files.look_all([path for parcel in parcels for path in self._looked_at(parcel)])
        if any(isinstance(looks[index * _LOOKS], OSError) for index in range(len(parcels))):
            self._must_be_there()  # else a hub that is gone would make every name unknown
        outcomes: list[XwError | None] = []
        held: dict[str, XwError] = {}  # the recipients that can take nothing now, and why
        ready: list[int] = []
        for index, parcel in enumerate(parcels):
            found = looks[index * _LOOKS : (index + 1) * _LOOKS]
            folder, card, *states = [None if isinstance(look, OSError) else look.kind for look in found]
            known = (folder, card) == INSTANCE
            error = held.get(parcel.to) or _hidden(found) or self._prepare(parcel, known, any(states))
            outcomes.append(error)
            if error and not isinstance(error, (NotFound, Refused)):
                held[parcel.to] = error
            elif not error and not any(states):
                ready.append(index)
        published = self.files.publish_all([self._publication(parcels[index]) for index in ready])
        for index, problem in zip(ready, published, strict=True):
            if problem is not None:
                parcel = parcels[index]
                error = held.get(parcel.to) or self._outcome(parcel, problem)
                outcomes[index] = error
                if not isinstance(error, Refused):
                    held[parcel.to] = error  # one outcome for all that wait behind
            elif self.progress:
                self.progress(parcels[index].name, len(parcels[index].data), len(parcels[index].data))
        return outcomes

    def locate(self, to: str, name: str) -> "Located | None":
        """See `contract.Hub.locate`."""
        from xw.hub.contract import Located

        mailbox = self.mailbox(to)
        state = mailbox.state_of(name)
        if state is None:
            self._must_be_there()
            return None
        try:
            return Located(state, self.files.look(mailbox.at(INBOX[state], name)).mtime)
        except FileNotFoundError:
            return self.locate(to, name)  # it has moved on, which it can do at most three times

    def now(self) -> float:
        """See `contract.Hub.now`."""
        return self.files.now()

    def _unknown(self, name: str) -> NotFound:
        """Why a name that is not registered has no mail: a closed room has kept all but its card."""
        if layout.is_name(name) and is_file(self.files, f"{name}/{layout.ROOM}"):
            return NotFound(f"the room {name!r} on {self.url} is closed: `xw log --room {name}` shows it")
        return NotFound(f"no peer {name!r} on {self.url}")

    def _must_be_there(self) -> None:
        """Unreachable where the hub is gone, so that its absence is not taken for that of a peer."""
        try:
            self.files.look(layout.HUB_FILE)
        except (FileNotFoundError, NotADirectoryError):
            raise Unreachable(f"no hub at {self.url}: was it moved, or is its disk not mounted?") from None

    def _looked_at(self, parcel: "Parcel") -> list[str]:
        mailbox = self.mailbox(parcel.to)
        states = [mailbox.at(INBOX[state], parcel.name) for state in layout.STATES]
        return [parcel.to, f"{parcel.to}/{layout.CARD}", *states]

    def _prepare(self, parcel: "Parcel", known: bool, there: bool) -> XwError | None:
        """See to all but the publishing: the files, or a message that an earlier try brought."""
        if not known:
            return self._unknown(parcel.to)
        if self._divided(parcel.source, parcel.to):
            return XwError(_apart(parcel.source, parcel.to))
        target = self.mailbox(parcel.to)
        try:
            for file in parcel.files:
                wrong = hand_over(
                    parcel.source, target, parcel.folder, file, self.progress, added=_is_added(parcel)
                )
                if wrong:  # for good: waiting would keep it, and all behind it, in the outbox for ever
                    return Refused(wrong)
        except OSError as error:
            return XwError(str(explain(error)))
        try:
            if there:
                target.accept(parcel.name, parcel.data)  # makes sure that it is durable
        except OSError as error:
            return self._outcome(parcel, error)
        return None

    def _publication(self, parcel: "Parcel") -> Publication:
        # In the sender's own scratch folder, which its own gc cleans.
        scratch = self.mailbox(parcel.source.owner).at(layout.SCRATCH)
        target, *later = (self.mailbox(parcel.to).at(INBOX[state], parcel.name) for state in layout.STATES)
        return Publication(parcel.data, scratch, (target,), tuple(later))

    def _outcome(self, parcel: "Parcel", error: OSError) -> XwError:
        if isinstance(error, FileExistsError):
            return Refused(f"{parcel.to} has another message named {parcel.name}")
        # What keeps a message out now may let it in later; only the hub's word is for good.
        return XwError(str(explain(error)))


def _hidden(looks: "Iterable[Look | OSError]") -> XwError | None:
    """Return why a mailbox cannot be looked into: then nobody knows whether it has the message."""
    for look in looks:
        if isinstance(look, OSError) and not isinstance(look, (FileNotFoundError, NotADirectoryError)):
            return XwError(str(explain(look)))
    return None


def _is_added(parcel: "Parcel") -> bool:
    """Return True for files of an earlier message, which `xw attach` adds to it."""
    return not parcel.name.startswith(f"{parcel.folder}.")


def _is_room(card: bytes | Exception) -> bool:
    try:
        return not isinstance(card, Exception) and parse_object(card).get("kind") == "room"
    except Damaged:
        return False


def _card_bytes(card: Mapping[str, object]) -> bytes:
    return (json.dumps(dict(card), indent=2, ensure_ascii=False) + "\n").encode()


def _apart(sender: Mailbox, to: str) -> str:
    return (
        f"{sender.owner} and {to} belong to different users, and mail that root brings from one to the other "
        f"could be read by one alone: share a hub made with `xw init --group NAME`"
    )


def hand_over(
    source: Mailbox,
    target: Mailbox,
    message_id: str,
    file: "Attachment",
    progress: "Progress | None" = None,
    *,
    added: bool = False,
) -> str | None:
    """Copy an attachment into another mailbox, durable; nothing to do where it is there as it was sent.

    Return None, or why it cannot be: the sender's copy is gone or has changed, or
    a file that was `added` to a message (`xw attach`) would replace another one.
    """
    lies = f"its file {file.name} in {layout.ATTACHMENTS}/{message_id}/"
    if target.has(message_id, file):
        target.files.sync(target.at(layout.ATTACHMENTS, message_id))
        target.files.sync(target.at(layout.ATTACHMENTS))
        return None
    if added and is_file(target.files, target.attachment(message_id, file.name)):
        return f"{lies} has the name of another file that {target.owner} has: attach it by another name"
    wrong = source.missing(message_id, [file]).get(file.name)
    if wrong:
        return f"{lies} is not as it was sent: {wrong}"
    pieces = source.files.chunks(source.attachment(message_id, file.name))
    try:
        staged = target.stage(shown(pieces, file, progress) if progress else pieces)
    except Damaged as error:
        return f"{lies} is not as it was sent: {error}"
    if (staged.size, staged.sha256) != (file.size, file.sha256):
        target.files.remove(staged.path)
        return f"{lies} is not as it was sent: its bytes have changed"
    target.place(staged, message_id, file.name)
    return None


def shown(pieces: "Iterable[bytes]", file: "Attachment", progress: "Progress") -> "Iterator[bytes]":
    """The pieces of an attachment, with progress told as they pass."""
    done = 0
    for piece in pieces:
        done += len(piece)
        progress(file.name, done, file.size)
        yield piece
