"""Give mail to a directory hub: the giving half of `directory.DirectoryHub`, on any `Files`.

Only `publisher` and `deliver` use this module, so commands that only read never load it.
"""

from collections.abc import Callable, Sequence

from xw import layout
from xw.errors import Closed, NotFound, Refused, XwError, explain
from xw.files import Publication
from xw.files.batch import is_file
from xw.layout import INBOX, INSTANCE
from xw.mailbox import Mailbox

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Iterable

    from xw.files import Stat
    from xw.files.contract import Files
    from xw.hub.contract import Parcel, Progress
    from xw.message import Attachment

_LOOKS = 2 + len(layout.STATES)  # paths that `deliver` checks for a parcel


class DirectoryPublisher:
    """A `contract.Publisher` for a mailbox in the hub's directory."""

    def __init__(self, files: "Files", owner: str, look_for_hub: Callable[[], None]) -> None:
        self._files = files
        self._own = Mailbox(files, owner)
        self._look_for_hub = look_for_hub

    def takes(self, to: str) -> bool:
        if self._files.divided(self._own.owner, to):
            raise Refused(f"{_divided(self._own.owner, to)}; nothing was sent")
        if self._files.writable(_pending(to)):
            return True
        self._look_for_hub()  # a hub that has moved meanwhile takes nothing, not even into an outbox
        return False

    def bring(self, to: str, folder: str, file: "Attachment", added: bool) -> str | None:
        from xw.hub.handover import hand_over

        try:
            return hand_over(self._own.reader(folder), Mailbox(self._files, to), folder, file, added=added)
        except FileNotFoundError:
            self._look_for_hub()
            raise_if_gone(self._files, to)
            raise

    def publish(
        self,
        name: str,
        data: bytes,
        to: Sequence[str],
        own: Sequence[str],
        *,
        own_first: bool,
        separate: bool,
    ) -> None:
        """Link one file to all targets, or write one for each."""
        theirs = [f"{_pending(one)}/{name}" for one in to]
        ours = [self._own.at(folder, name) for folder in own]
        targets = [*ours, *theirs] if own_first else [*theirs, *ours]
        try:
            self._files.publish(data, self._own.at(layout.SCRATCH), targets, separate_files=separate)
        except FileNotFoundError:
            self._look_for_hub()
            for one in to:
                raise_if_gone(self._files, one)
            raise


class Delivery:
    """Delivers parcels to the mailboxes in `files`, the directory of the hub at `url`.

    `look_for_hub` raises Unreachable if the hub itself is gone, Moved if it is at another URL now.
    """

    def __init__(
        self, files: "Files", url: str, look_for_hub: Callable[[], None], progress: "Progress | None"
    ) -> None:
        self._files = files
        self._url = url
        self._look_for_hub = look_for_hub
        self._progress = progress

    def deliver(self, parcels: "Sequence[Parcel]") -> list[XwError | None]:
        """Check all parcels, copy the attachments, and publish the remaining ones in one batch."""
        looks = self._files.stat_all([path for parcel in parcels for path in self._looked_at(parcel)])
        if any(isinstance(looks[index * _LOOKS], OSError) for index in range(len(parcels))):
            self._look_for_hub()  # else a hub that is gone would make every name unknown
        outcomes: list[XwError | None] = []
        held: dict[str, XwError] = {}  # recipients that can take nothing now → the error
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
        published = self._files.publish_all([self._publication(parcels[index]) for index in ready])
        for index, problem in zip(ready, published, strict=True):
            if problem is not None:
                if isinstance(problem, FileNotFoundError):
                    self._look_for_hub()
                parcel = parcels[index]
                error = held.get(parcel.to) or _outcome(parcel, problem)
                outcomes[index] = error
                if not isinstance(error, Refused):
                    held[parcel.to] = error  # one outcome for all that wait behind
            elif self._progress:
                self._progress(parcels[index].name, len(parcels[index].data), len(parcels[index].data))
        return outcomes

    def _looked_at(self, parcel: "Parcel") -> list[str]:
        mailbox = Mailbox(self._files, parcel.to)
        states = [mailbox.at(INBOX[state], parcel.name) for state in layout.STATES]
        return [parcel.to, f"{parcel.to}/{layout.CARD}", *states]

    def _prepare(self, parcel: "Parcel", known: bool, delivered: bool) -> XwError | None:
        """Do everything but publish: copy the files, or complete an earlier try's message."""
        if not known:
            return unknown(self._files, self._url, parcel.to)
        if self._files.divided(parcel.sender, parcel.to):
            return XwError(_divided(parcel.sender, parcel.to))
        target = Mailbox(self._files, parcel.to)
        try:
            if parcel.files:
                from xw.hub.handover import hand_over
            for file in parcel.files:
                wrong = hand_over(
                    parcel.read,
                    target,
                    parcel.folder,
                    file,
                    self._progress,
                    added=_is_added(parcel),
                    part=parcel.part,
                )
                if wrong:  # permanent: waiting would keep it, and all mail behind it, in the outbox for ever
                    return Refused(wrong)
        except OSError as error:
            return XwError(str(explain(error)))
        try:
            if delivered:
                target.accept(parcel.name, parcel.data)  # makes it durable
        except OSError as error:
            return _outcome(parcel, error)
        return None

    def _publication(self, parcel: "Parcel") -> Publication:
        # The recipient's own, because its mailbox may be on a file system of its own.
        scratch = Mailbox(self._files, parcel.to).at(layout.SCRATCH)
        target, *later = self._looked_at(parcel)[2:]
        return Publication(parcel.data, scratch, (target,), tuple(later))


def unknown(files: "Files", url: str, name: str) -> NotFound:
    """Return the error for a name that is not registered; a closed room has everything but its card."""
    if layout.is_name(name) and is_file(files, f"{name}/{layout.ROOM}"):
        fix = f"`xw log --room {name}` shows it, `xw room resume {name}` continues it"
        return Closed(f"the room {name!r} on {url} is closed: {fix}")
    from xw.hub.noted import new_name

    now = new_name(files, name) if layout.is_name(name) else ""
    renamed = f": {name} is {now} now" if now and is_file(files, f"{now}/{layout.CARD}") else ""
    return NotFound(f"no peer {name!r} on {url}{renamed}")


def raise_if_gone(files: "Files", name: str) -> None:
    """Raise NotFound if an instance has left the hub since it was checked."""
    if not is_file(files, f"{name}/{layout.CARD}"):
        raise NotFound(f"{name} has just left the hub; nothing was sent")


def _outcome(parcel: "Parcel", error: OSError) -> XwError:
    if isinstance(error, FileExistsError):
        return Refused(f"{parcel.to} has another message named {parcel.name}")
    # A disk's error may pass; only the hub's own refusal is permanent.
    return XwError(str(explain(error)))


def _hidden(looks: "Iterable[Stat | OSError]") -> XwError | None:
    """Return why a mailbox is not accessible, so that nobody knows whether it has the message; else None."""
    for look in looks:
        if isinstance(look, OSError) and not isinstance(look, (FileNotFoundError, NotADirectoryError)):
            return XwError(str(explain(look)))
    return None


def _is_added(parcel: "Parcel") -> bool:
    """Return True for files that `xw attach` adds to an earlier message."""
    return not parcel.name.startswith(f"{parcel.folder}.")


def _pending(name: str) -> str:
    return f"{name}/{INBOX['pending']}"


def _divided(sender: str, to: str) -> str:
    return (
        f"{sender} and {to} belong to different users, and only one of them could read mail from root: "
        f"share a hub made with `xw init --group NAME`"
    )
