"""Carry a mailbox's content to another place: of a hub that moves, or of a mirror that another takes over.

Works between any two `Files`. Everything is durable in the new place before it is removed from the old one,
so an interrupted call may be repeated. If a message is in both places, its furthest state wins. Unreadable
files stay.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from xw import layout
from xw.batches import batches
from xw.errors import Damaged
from xw.files import Publication
from xw.files.batch import is_file
from xw.layout import INBOX, RANK, STATES
from xw.mailbox import Mailbox
from xw.words import State

INBOX_FOLDERS: tuple[tuple[str, State], ...] = tuple((INBOX[state], state) for state in STATES)
_NOTES = (layout.WHY, layout.TURN, layout.HELD)  # notes beside a message
_NOTE_LIMIT = 16 * 1024 * 1024  # bytes of a note


def carry_mailbox(
    source: Mailbox, target: Mailbox, folders: Sequence[tuple[str, State]] = INBOX_FOLDERS
) -> None:
    """Carry everything of an instance: `carry_inbox` of `folders`, its own mail, and all attachments.

    The caller holds the `outbox/.lock` of both.
    """
    carry_attachments(source, target)
    carry_inbox(source, target, folders)
    carry_own(source, target)
    remove_attachments(source)


def carry_inbox(
    source: Mailbox, target: Mailbox, folders: Sequence[tuple[str, State]] = INBOX_FOLDERS, keep: bool = False
) -> None:
    """Carry received messages with their notes, but not their attachments; with `keep`, copy them.

    `folders` are the folders to carry and the states that they become, in the order in which messages move
    on, so that none is missed.
    """
    there = layout.furthest([target.files.list_folder(target.at(INBOX[state])) for state in STATES])
    for folder, state in folders:
        names = _listed(source, folder)
        _carry_notes(source, target, folder, INBOX[state], names)
        mail = [name for name in names if layout.is_message(name)]
        new = [name for name in mail if name not in there]
        _carry_messages(source, folder, new, target, INBOX[state], keep)
        # A copy there with other bytes is damaged: this one stays, so that nothing is lost.
        both = _same(source, folder, target, {name: there[name] for name in mail if name in there})
        behind = [name for name in both if RANK[state] > RANK[there[name]]]
        moves = [(target.at(INBOX[there[name]], name), target.at(INBOX[state], name)) for name in behind]
        _raise_first(target.files.move_all(moves), FileNotFoundError)
        if not keep:
            _remove(source, folder, both)
            _remove_notes(source, folder, names)
        there |= dict.fromkeys((*new, *behind), state)


def _same(source: Mailbox, folder: str, target: Mailbox, states: Mapping[str, State]) -> list[str]:
    """Return those of the messages that have the same bytes in both places."""
    here = source.files.read_all([source.at(folder, name) for name in states], layout.MESSAGE_LIMIT)
    paths = [target.at(INBOX[state], name) for name, state in states.items()]
    there = target.files.read_all(paths, layout.MESSAGE_LIMIT)
    return [name for name, one, two in zip(states, here, there, strict=True) if one == two]


def carry_claims(source: Mailbox, target: Mailbox) -> None:
    """Carry the notes that show who has claimed which message, before the messages."""
    for name in _listed(source, layout.SCRATCH):
        if name.endswith((layout.CLAIM, layout.FREE)):
            _copy(source, target, f"{layout.SCRATCH}/{name}", f"{layout.SCRATCH}/{name}")


def carry_own(source: Mailbox, target: Mailbox) -> None:
    """Carry the sender's part: messages sent, unsent and refused, and a bridge's notes.

    The caller holds the `outbox/.lock` of both.
    """
    _carry_messages(source, layout.SENT, _messages(source, layout.SENT), target, layout.SENT)
    for to in source.outboxes():
        folder = f"{layout.OUTBOX}/{to}"
        target.files.make_folder(target.at(folder))
        _carry_messages(source, folder, _messages(source, folder), target, folder)
    names = _listed(source, layout.REFUSED)
    _carry_notes(source, target, layout.REFUSED, layout.REFUSED, names)
    refused = [name for name in names if layout.is_message(name)]
    _carry_messages(source, layout.REFUSED, refused, target, layout.REFUSED)
    _remove_notes(source, layout.REFUSED, names)
    _carry_tree(source, target, layout.BRIDGE)
    _carry_file(source, target, layout.WAITED)
    _carry_file(source, target, layout.GROUPS)


def carry_attachments(source: Mailbox, target: Mailbox, ids: Iterable[str] | None = None) -> None:
    """Copy the attachments of the messages in `ids`, or all. They must be there before their messages."""
    wanted = None if ids is None else set(ids)
    for folder in filter(layout.is_id, _listed(source, layout.ATTACHMENTS)):
        if wanted is None or folder in wanted:
            for name in sorted(source.attachment_names(folder)):
                _carry_attachment(source, target, folder, name)


def remove_attachments(source: Mailbox) -> None:
    """Remove the carried attachments, once all messages were carried."""
    for folder in filter(layout.is_id, _listed(source, layout.ATTACHMENTS)):
        with suppress(FileNotFoundError):
            source.files.remove_folder(source.at(layout.ATTACHMENTS, folder))


def _carry_attachment(source: Mailbox, target: Mailbox, folder: str, name: str) -> None:
    path = source.attachment(folder, name)
    look = source.files.stat(path)
    if look.kind != "file":
        return
    with suppress(FileNotFoundError):
        if target.files.stat(target.attachment(folder, name)).size == look.size:
            target.files.sync_all([target.at(layout.ATTACHMENTS, folder), target.at(layout.ATTACHMENTS)])
            return
    target.place(target.stage(source.files.read_chunks(path)), folder, name)


def _carry_messages(
    source: Mailbox, folder: str, names: Sequence[str], target: Mailbox, new_folder: str, keep: bool = False
) -> None:
    for batch in batches(_read(source, folder, names), lambda item: len(item[1])):
        scratch = target.at(layout.SCRATCH)
        items = [Publication(data, scratch, (target.at(new_folder, name),)) for name, data in batch]
        outcomes = target.files.publish_all(items)
        carried = [name for (name, _), error in zip(batch, outcomes, strict=True) if error is None]
        _remove(source, folder, [] if keep else carried)
        # A copy there with other bytes is damaged: keep this one, so that nothing is lost.
        _raise_first(outcomes, FileExistsError)


def _read(source: Mailbox, folder: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the readable messages; the others stay in place."""
    paths = [source.at(folder, name) for name in names]
    for name, data in zip(names, source.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True):
        if isinstance(data, bytes):
            yield name, data


def _carry_notes(
    source: Mailbox, target: Mailbox, folder: str, new_folder: str, names: Sequence[str]
) -> None:
    for name in names:
        if name.endswith(_NOTES):
            _copy(source, target, f"{folder}/{name}", f"{new_folder}/{name}")


def _remove_notes(source: Mailbox, folder: str, names: Sequence[str]) -> None:
    """Remove the carried notes, after their messages."""
    left = set(_listed(source, folder))
    notes = [name for name in names if name.endswith(_NOTES)]
    about = {
        note: note.removesuffix(layout.WHY).removesuffix(layout.TURN).removesuffix(layout.HELD)
        for note in notes
    }
    _remove(source, folder, [note for note in notes if about[note] not in left])


def _carry_tree(source: Mailbox, target: Mailbox, folder: str) -> None:
    for name in _listed(source, folder):
        path = f"{folder}/{name}"
        kind = source.files.stat(source.at(path)).kind
        if kind == "folder":
            _carry_tree(source, target, path)
        elif kind == "file":
            target.files.make_folder(target.at(folder))
            _carry_file(source, target, path)


def _carry_file(source: Mailbox, target: Mailbox, path: str) -> None:
    if is_file(source.files, source.at(path)):
        _copy(source, target, path, path)
        source.files.remove(source.at(path))


def _copy(source: Mailbox, target: Mailbox, path: str, new_path: str) -> None:
    """Copy a note, unless one with its name exists."""
    if is_file(target.files, target.at(new_path)):
        return
    with suppress(FileNotFoundError, Damaged):
        data = source.files.read(source.at(path), _NOTE_LIMIT)
        target.files.replace(data, target.at(layout.SCRATCH), target.at(new_path))


def _messages(mailbox: Mailbox, folder: str) -> list[str]:
    return [name for name in _listed(mailbox, folder) if layout.is_message(name)]


def _listed(mailbox: Mailbox, folder: str) -> list[str]:
    try:
        return sorted(mailbox.files.list_folder(mailbox.at(folder)))
    except FileNotFoundError:
        return []


def _remove(mailbox: Mailbox, folder: str, names: Sequence[str]) -> None:
    _raise_first(mailbox.files.remove_all([mailbox.at(folder, name) for name in names]), FileNotFoundError)


def _raise_first(outcomes: Sequence[OSError | None], harmless: type[OSError]) -> None:
    for outcome in outcomes:
        if outcome is not None and not isinstance(outcome, harmless):
            raise outcome
