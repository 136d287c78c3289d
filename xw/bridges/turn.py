"""A turn: one message on its way through a chat, durable beside its claim.

`inbox/processing/<name>.turn.json` records the turn's stage, so that the next
bridge can continue after this one was killed at any moment:

    claimed      nothing of it went into the chat; may be presented
    presenting   the text is about to go in, or has: only the chat can tell
    presented    it is in; capture the answer from the mark on
    ended        its ending is decided, down to the bytes of the letter to send
    lost         never written: stands for a note that is damaged

The bridge writes the note before each step that it describes, the claim
included: a claim without a note belongs to another worker.
"""

import json
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from xw import layout
from xw.errors import Damaged
from xw.failure import Kind
from xw.layout import INBOX
from xw.mailbox import Mailbox

Stage = Literal["claimed", "presenting", "presented", "ended", "lost"]
CLAIMED: Stage = "claimed"
PRESENTING: Stage = "presenting"
PRESENTED: Stage = "presented"
ENDED: Stage = "ended"
LOST: Stage = "lost"
_FOLDER = INBOX["processing"]
_TRIES = 1_000_000  # more than any bridge makes
_LIMIT = 16 * layout.MESSAGE_LIMIT  # a text and a letter, each escaped at its worst


class Ending(NamedTuple):
    """The end of a message: done, or failed with a kind and a reason; and the letter that reports it."""

    state: Literal["done", "failed"]
    kind: Kind | Literal[""] = ""
    reason: str = ""
    letter: str = ""
    """The file name of the reply or info to send; empty if there is none."""
    data: str = ""
    """The letter's bytes, as text."""


class Turn(NamedTuple):
    """The progress of one message. `name` is its file name, `infos` are those shown above it."""

    name: str
    stage: Stage = CLAIMED
    tries: int = 0
    chat: str = ""
    """The kind of chat that made the mark, which means nothing to another kind."""
    mark: str = ""
    text: str = ""
    infos: tuple[str, ...] = ()
    ending: Ending | None = None


def save(mailbox: Mailbox, turn: Turn) -> None:
    """Write the turn durably, in place of its earlier note."""
    fields = turn._asdict() | {"ending": turn.ending and turn.ending._asdict()}
    data = (json.dumps(fields, indent=2) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), _path(mailbox, turn.name))


def remove(mailbox: Mailbox, turn: Turn) -> None:
    """Remove the turn's note. It may be gone already, or be another user's folder, which stays."""
    with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
        mailbox.files.remove(_path(mailbox, turn.name))


def load_all(mailbox: Mailbox) -> list[Turn]:
    """Return the turns that an earlier bridge left, oldest first; a damaged note as LOST."""
    names = mailbox.files.list_folder(mailbox.at(_FOLDER))
    return [_load(mailbox, name.removesuffix(layout.TURN)) for name in sorted(names) if _is_turn(name)]


def _is_turn(name: str) -> bool:
    return name.endswith(layout.TURN) and layout.is_message(name.removesuffix(layout.TURN))


def _load(mailbox: Mailbox, name: str) -> Turn:
    try:
        fields = json.loads(mailbox.files.read(_path(mailbox, name), _LIMIT))
        ending = fields["ending"] and Ending(**fields["ending"])
        turn = Turn(**(fields | {"infos": tuple(fields["infos"]), "ending": ending}))
        if turn.name == name and _is_sound(turn):
            return turn
    except (Damaged, PermissionError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # the stage is lost, but the message was claimed
    return Turn(name, LOST)


def _is_sound(turn: Any) -> bool:
    """Return True if a file's fields have a turn's types, and its names are messages' names."""
    texts = (turn.chat, turn.mark, turn.text, *(turn.ending or ()))
    return (
        turn.stage in (CLAIMED, PRESENTING, PRESENTED, ENDED)
        and all(isinstance(text, str) for text in texts)
        and type(turn.tries) is int
        and 0 <= turn.tries <= _TRIES
        and all(layout.is_message(info) for info in turn.infos)
        and (turn.ending is None or _is_ending(turn.ending))
    )


def _is_ending(ending: Ending) -> bool:
    return ending.state in ("done", "failed") and (not ending.letter or layout.is_message(ending.letter))


def _path(mailbox: Mailbox, name: str) -> str:
    return mailbox.at(_FOLDER, name + layout.TURN)
