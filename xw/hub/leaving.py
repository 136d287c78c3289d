"""Take an instance off a directory hub, on any `Files`. Called by `DirectoryHub.unregister`.

The steps, each durable before the next, so that after a crash at any point the
same call continues:

1. The mailbox is renamed to `<name>.<time>`, which is no instance's name in any
   version: from that moment the name is free, and nothing can be delivered to it.
2. Each pending or claimed message goes back to its sender as postmaster's
   info, and then to the archive's `failed/`.
3. The archive's `pending/` is removed, which shows that the call is complete. A
   process that had it open can deliver nothing any more; mail that it was
   linking at that moment is found before.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from xw import clock, failure, layout
from xw.batches import batches
from xw.errors import Damaged, NoMessage, NotFound, Refused, XwError
from xw.files.contract import Files
from xw.hub.contract import Parcel, Unregistered
from xw.hub.giving import unknown
from xw.hub.seeing import see
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import STRAY, decode
from xw.words import State

_UNHANDLED: tuple[State, ...] = ("pending", "processing")
_SERVERS = {layout.BRIDGE_LOCK: "a bridge", layout.ROOM_LOCK: "a coordinator"}
_ROUNDS = 100  # each is needed only if mail has arrived during the last

Deliver = Callable[[Sequence[Parcel]], list[XwError | None]]


def unregister(files: Files, url: str, name: str, deliver: Deliver) -> Unregistered:
    """Archive a mailbox and return its unhandled mail; see `contract.Hub.unregister`.

    `deliver` gives mail to others on this hub.
    """
    looks = files.stat_all([name, f"{name}/{layout.ROOM}"])
    folder, room = (None if isinstance(look, OSError) else look.kind for look in looks)
    if room:
        raise Refused(f"{name!r} is a room, or was one: `xw room close {name}` takes it off the hub")
    before = [archive for archive in sorted(files.list_folder("")) if layout.archived(archive, name)]
    if folder == "folder":
        raise_if_served(files, name)
        archive = f"{name}.{clock.stamp(int(files.now() * clock.SECOND))}"
        files.move(name, archive)
        before.append(archive)
    elif not before:
        raise unknown(files, url, name)
    returned = [to for archive in before for to in _return_all(Mailbox(files, archive), name, deliver)]
    return Unregistered(name, before[-1], tuple(returned))


def raise_if_served(files: Files, name: str) -> None:
    """Raise Refused while a bridge or a coordinator takes an instance's mail."""
    for lock, what in _SERVERS.items():
        if files.held(f"{name}/{lock}"):
            raise Refused(f"{what} of {name} runs: stop it first")
    for seen in see(files, [name], {}):  # a bridge on another machine shows only here
        peer = seen.peer(files.now())
        if peer.bridge_runs:
            raise Refused(
                f"a bridge of {name} gave a sign of life {peer.age or 0:.0f} s ago: stop it, or if it has "
                "just died, try again in half a minute"
            )


def _return_all(box: Mailbox, name: str, deliver: Deliver) -> Iterator[tuple[str, str]]:
    """Return an archive's unhandled mail to its senders; yield each sender, and the message's file name."""
    for _ in range(_ROUNDS):
        lists = box.files.list_folders([box.at(INBOX[state]) for state in _UNHANDLED])
        if isinstance(lists[0], (FileNotFoundError, NotADirectoryError)):
            return  # it is complete, or there never was a mailbox
        listed = {state: _names(names) for state, names in zip(_UNHANDLED, lists, strict=True)}
        found = [(state, one) for state, names in listed.items() for one in sorted(names)]
        for state, one in found:
            if not layout.is_message(one) and (state == "pending" or not one.endswith(layout.TURN)):
                box.quarantine(state, one, STRAY)
        mail = [(state, one) for state, one in found if layout.is_message(one)]
        stuck = ""
        for batch in batches(_notices(box, name, mail), lambda item: len(item[2].data)):
            outcomes = deliver([parcel for _, _, parcel in batch])
            for (state, one, parcel), error in zip(batch, outcomes, strict=True):
                if error is not None and not isinstance(error, (NotFound, Refused)):
                    stuck = f"its mail cannot go back to {parcel.to} now: {error}"
                    continue  # the others get theirs
                where = f"not returned: {error}" if error else f"returned to {parcel.to}"
                box.fail(one, "gone", f"{name} was unregistered; {where}", state)
                if not error:
                    yield parcel.to, one
        if stuck:
            raise XwError(f"{name} is off the hub, but {stuck}; the same command completes it")
        for state, one in mail:  # nobody to return them to
            if layout.sender_of(one) in (layout.POSTMASTER, name):
                box.fail(one, "gone", f"{name} was unregistered", state)
        try:
            box.files.remove_empty_folder(box.at(INBOX["pending"]))
        except FileNotFoundError:
            return
        except OSError:
            # A message has just arrived, by a folder opened before: return it too.
            if not box.files.list_folder(box.at(INBOX["pending"])):
                raise
    raise XwError(f"mail for {name} keeps arriving in {box.owner}/: the same command continues")


def _names(listed: list[str] | OSError) -> list[str]:
    if isinstance(listed, FileNotFoundError):
        return []
    if isinstance(listed, OSError):
        raise listed
    return listed


def _notices(
    box: Mailbox, name: str, mail: Sequence[tuple[State, str]]
) -> Iterator[tuple[State, str, Parcel]]:
    """Yield postmaster's info about each message that has a sender to return it to."""
    wanted = [(state, one) for state, one in mail if layout.sender_of(one) not in (layout.POSTMASTER, name)]
    paths = [box.at(INBOX[state], one) for state, one in wanted]
    for (state, one), data in zip(wanted, box.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True):
        thread = None
        if isinstance(data, bytes):
            with suppress(NoMessage):  # it goes back all the same: its name has what is needed
                thread = decode(one, data).thread
        info = failure.unregistered(name, one, thread)
        to = layout.sender_of(one)
        yield state, one, Parcel(to, *info, to, layout.id_of(info[0]) or "", (), _no_file)


def _no_file(_file: object) -> Iterator[bytes]:
    raise Damaged("postmaster sends no files")
