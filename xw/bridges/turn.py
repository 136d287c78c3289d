"""A turn: one message on its way through a chat, durable beside its claim.

`inbox/processing/<name>.turn.json` says how far the turn has come, so that a
bridge which was killed at any moment is followed by one that goes on:

    claimed      nothing of it went into the chat; may be presented
    presenting   the text is about to go in, or has: only the chat can tell
    presented    it is in; the answer is captured from the mark on
    ended        what becomes of it is fixed, to the bytes of the letter that is sent
    lost         never noted: how a note is read that cannot be understood

It is written before each step that it speaks of, the claim included: a claim
without a turn is another worker's.
"""

import json
from contextlib import suppress
from typing import Any, NamedTuple

from xw import layout
from xw.errors import Damaged
from xw.layout import INBOX
from xw.mailbox import Mailbox

CLAIMED, PRESENTING, PRESENTED, ENDED = "claimed", "presenting", "presented", "ended"
LOST = "lost"
_FOLDER = INBOX["processing"]
_TRIES = 1_000_000  # more than any bridge makes
_LIMIT = 16 * layout.MESSAGE_LIMIT  # a text and a letter, each escaped at its worst


class Ending(NamedTuple):
    """What becomes of the message: done, or failed with a kind and a reason; and the letter that says so."""

    state: str
    kind: str = ""
    reason: str = ""
    letter: str = ""
    """The file name of the reply or info that goes out; empty if none does."""
    data: str = ""
    """Its bytes, as text."""


class Turn(NamedTuple):
    """How far one message has come. `name` is its file name, `infos` those shown above it."""

    name: str
    stage: str = CLAIMED
    tries: int = 0
    chat: str = ""
    """What kind of chat the mark is of: to another it means nothing."""
    mark: str = ""
    text: str = ""
    infos: tuple[str, ...] = ()
    ending: Ending | None = None


def save(mailbox: Mailbox, turn: Turn) -> None:
    """Make the turn durable, in place of what was noted of it before."""
    fields = turn._asdict() | {"ending": turn.ending and turn.ending._asdict()}
    data = (json.dumps(fields, indent=2) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), _path(mailbox, turn.name))


def remove(mailbox: Mailbox, turn: Turn) -> None:
    """Forget the turn; it may be gone already, or be another user's folder, which stays."""
    with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
        mailbox.files.remove(_path(mailbox, turn.name))


def load_all(mailbox: Mailbox) -> list[Turn]:
    """Return the turns that an earlier bridge left, oldest first; an unreadable one as LOST."""
    names = mailbox.files.names(mailbox.at(_FOLDER))
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
        pass  # what it said is lost; that the message was claimed is not
    return Turn(name, LOST)


def _is_sound(turn: Any) -> bool:
    """Return whether the fields of a file have a turn's types, and only messages' names."""
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
