"""Take mail out of a directory hub: the receiving half of `directory.DirectoryHub`, on any `Files`.

Its methods of the same names call these functions, for a mirror's sync. If a file is missing, `look_for_hub`
raises Unreachable if the hub itself is gone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from xw import layout
from xw.errors import Damaged, Unreadable, XwError, explain, unforeseen
from xw.files.contract import Files
from xw.hub.contract import Claim, Move, Survey
from xw.hub.seeing import pending_folders, see
from xw.hub.sighting import Sighting
from xw.layout import INBOX, STATES, in_order
from xw.mailbox import Mailbox
from xw.words import State


def survey(files: Files, owner: str, known: Mapping[str, Sighting], everyone: bool) -> Survey:
    """Return a mailbox's content and sightings of peers; two flights, or three if a peer's card changed."""
    names = sorted(known)
    mailbox = Mailbox(files, owner)
    own = [mailbox.at(INBOX[state]) for state in STATES]
    # `pending/` twice, as `in_order` needs it, and before the states that its messages move to.
    wanted = [*([""] if everyone else []), own[0], *own, *pending_folders(names)]
    listed = files.list_folders(wanted)
    top = _must(listed.pop(0)) if everyone else []
    first, *folders = [_must(found) for found in listed[: 1 + len(own)]]
    folders[0] = in_order(first, folders[0])
    strays = tuple(name for name in folders[0] if not (layout.is_message(name) or layout.is_hidden(name)))
    peers = see(files, names, known, listed[1 + len(own) :]) if names else []
    new = [name for name in sorted(top) if layout.is_name(name) and name not in (*layout.RESERVED, *names)]
    if new:
        peers = sorted(peers + see(files, new, {}))
    nameless = everyone and layout.HUB_ID not in top
    return Survey(layout.furthest(folders), tuple(peers), strays, nameless)


def fetch(
    mailbox: Mailbox, messages: Sequence[tuple[State, str]], look_for_hub: Callable[[], None]
) -> Iterator[bytes | Unreadable | Damaged | None]:
    """Yield each message's bytes, or the error."""
    paths = [mailbox.at(INBOX[state], name) for state, name in messages]
    for data in mailbox.files.read_all(paths, layout.MESSAGE_LIMIT):
        if isinstance(data, FileNotFoundError):
            look_for_hub()
            yield None
        elif isinstance(data, OSError):  # its permissions, or the hub's disk
            yield Unreadable(str(explain(data)))
        else:
            yield data


def attachment(mailbox: Mailbox, folder: str, name: str) -> Iterator[bytes]:
    """Yield an attachment in pieces."""
    try:
        yield from mailbox.files.read_chunks(mailbox.attachment(folder, name))
    except PermissionError as error:
        raise Unreadable(str(explain(error))) from None


def settle(
    mailbox: Mailbox, moves: Sequence[Move], look_for_hub: Callable[[], None]
) -> list[XwError | OSError | None]:
    """Move messages on; return an outcome for each."""
    outcomes: dict[str, XwError | OSError | None] = {}
    plain = []
    for move in moves:
        if move.state == "failed":
            outcomes[move.name] = _fail(mailbox, move)
        else:
            plain.append(move)
    paths = [
        (mailbox.at(INBOX[move.source], move.name), mailbox.at(INBOX[move.state], move.name))
        for move in plain
    ]
    for move, error in zip(plain, mailbox.files.move_all(paths), strict=True):
        outcomes[move.name] = error
    if any(isinstance(outcome, FileNotFoundError) for outcome in outcomes.values()):
        look_for_hub()
    for move in plain:
        if isinstance(outcomes[move.name], FileNotFoundError):
            outcomes[move.name] = None  # another machine has settled it, as the next survey shows
    return [outcomes[move.name] for move in moves]


def _fail(mailbox: Mailbox, move: Move) -> XwError | OSError | None:
    """Move a message to `failed/`, with its reason beside it."""
    try:
        mailbox.quarantine(move.source, move.name, move.reason or "failed", move.kind or "failed")
    except OSError as error:
        return error
    except XwError:
        raise
    except Exception as bug:  # noqa: BLE001  # one message must not delay the others
        return XwError(unforeseen(bug))
    return None


def claim(mailbox: Mailbox, name: str, token: bytes) -> Claim:
    """Claim a message. Only one machine can make its note, which shows the owner after a lost answer."""
    note = mailbox.at(layout.SCRATCH, f"{name}{layout.CLAIM}")
    try:
        held = mailbox.files.read(note, layout.MESSAGE_LIMIT)
    except FileNotFoundError:
        held = b""
        try:
            mailbox.files.publish(token, mailbox.at(layout.SCRATCH), [note])
        except FileExistsError:
            return "lost"
    if held and held != token:
        return "lost"
    if mailbox.start(name):
        return "won"
    if mailbox.state_of(name) == "processing":
        if held:
            return "ours"  # an earlier try of this machine
        with suppress(FileNotFoundError):
            mailbox.files.remove(mailbox.at(layout.SCRATCH, f"{name}{layout.FREE}"))
            return "won"  # another machine has released it
    mailbox.files.remove(note)
    return "lost"


def release(mailbox: Mailbox, name: str, token: bytes) -> bool:
    """Let go of a claim: first the note that it is free, then the one that shows its owner is removed."""
    note = mailbox.at(layout.SCRATCH, f"{name}{layout.CLAIM}")
    try:
        held = mailbox.files.read(note, layout.MESSAGE_LIMIT)
    except FileNotFoundError:
        held = b""
    if (held and held != token) or mailbox.state_of(name) != "processing":
        return False
    mailbox.files.replace(b"", mailbox.at(layout.SCRATCH), mailbox.at(layout.SCRATCH, f"{name}{layout.FREE}"))
    if held:
        mailbox.files.remove(note)
    return True


def _must(names: list[str] | OSError) -> list[str]:
    if isinstance(names, OSError):
        raise names
    return names
