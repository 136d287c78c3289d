"""Dead letters: move files out of the way, each with a note of the reason beside it.

`mailbox` uses it for files in `pending/` that are not mail, and for messages that failed or were refused. All
files of one call are moved in one sweep, because a flood of them must not cost some syncs each.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress

from xw import clock, layout

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.attachments import Attachments

_LINKS = 1000  # to one note; some file systems allow 1,024


def set_aside(
    mailbox: "Attachments", source: str, folder: str, files: Sequence[tuple[str, dict[str, str]]]
) -> list[OSError | None]:
    """Move files from one folder to another, each with its note; return each file's error.

    The note is `<name>.why.json`; if that name is taken or too long, the file gets another name and the note
    has the original.
    """
    at = clock.rfc3339(int(mailbox.files.now() * clock.SECOND))
    targets = [_free_name(mailbox, folder, name) for name, _ in files]
    same: dict[bytes, list[str]] = {}  # the targets, by the bytes of their note
    for (name, reasons), target in zip(files, targets, strict=True):
        note = reasons | {"at": at}
        if target != name:
            note["name"] = name.encode(errors="backslashreplace").decode()  # the name may not be text
        same.setdefault((json.dumps(note, indent=2) + "\n").encode(), []).append(target)
    noted: list[str] = []
    try:
        # The notes first: a dead letter needs its reason.
        for data, names in same.items():
            _write_notes(mailbox, folder, data, names)
            noted += names
    except OSError as error:
        outcomes: list[OSError | None] = [error] * len(files)
    else:
        there = [mailbox.at(source, name) for name, _ in files]
        moved = [mailbox.at(folder, target) for target in targets]
        outcomes = mailbox.files.move_all(list(zip(there, moved, strict=True)))
    failed = [target for target, error in zip(targets, outcomes, strict=True) if error is not None]
    for target in set(noted).intersection(failed):
        with suppress(OSError):  # a note needs its dead letter
            if not mailbox.exists(folder, target):
                mailbox.files.remove(mailbox.at(folder, target + layout.WHY))
    return outcomes


def _write_notes(mailbox: "Attachments", folder: str, data: bytes, targets: list[str]) -> None:
    """Write one note beside each target: links to one file, which is synced once.

    A note that a crash left there is replaced.
    """
    notes = [target + layout.WHY for target in targets]
    new = [note for note in notes if len(notes) > 1 and not mailbox.exists(folder, note)]
    scratch = mailbox.at(layout.SCRATCH)
    for start in range(0, len(new), _LINKS):
        paths = [mailbox.at(folder, note) for note in new[start : start + _LINKS]]
        mailbox.files.publish(data, scratch, paths)
    for note in set(notes).difference(new):
        mailbox.files.replace(data, scratch, mailbox.at(folder, note))


def _free_name(mailbox: "Attachments", folder: str, name: str) -> str:
    """Return a free name among dead letters, the same one if possible."""
    kept, count = name, 1
    # A file named like a note could be overwritten by one.
    while len(os.fsencode(kept)) > 240 or kept.endswith(layout.WHY) or mailbox.exists(folder, kept):
        count += 1
        plain = "".join(c if c.isascii() and c.isprintable() else "_" for c in name[:120])
        kept = f"{plain}.{layout.digest(os.fsencode(name))}.{count}"
    return kept
