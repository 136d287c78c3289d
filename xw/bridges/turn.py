"""A turn: one message on its way through a chat, durable beside its claim.

`inbox/processing/<name>.turn.json` records the turn's stage, so that the next
bridge can continue after this one was killed at any moment:

    claimed      nothing of it went into the chat; may be presented
    presenting   the text is about to go in, or has: only the chat can tell
    presented    it is in; capture the answer from the mark on
    ended        its ending is decided, down to the bytes of the letter to send
    failing      it fails as its head did; its own letter is not written yet
    lost         never written: stands for a note that is damaged

Replies that wait are shown together: the oldest is the head, whose turn it is, and whose note lists the
others as its riders before the text goes in. A rider is claimed too, and its note names its head, whose
fate it shares while that one lists it.

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

Stage = Literal["claimed", "presenting", "presented", "ended", "failing", "lost"]
CLAIMED: Stage = "claimed"
PRESENTING: Stage = "presenting"
PRESENTED: Stage = "presented"
ENDED: Stage = "ended"
FAILING: Stage = "failing"
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
    """The progress of one message. `name` is its file name, `infos` are those shown above it.

    `riders` are the replies shown below it; a rider has the file name of its `head` instead.
    """

    name: str
    stage: Stage = CLAIMED
    tries: int = 0
    chat: str = ""
    """The kind of chat that made the mark, which means nothing to another kind."""
    mark: str = ""
    text: str = ""
    infos: tuple[str, ...] = ()
    ending: Ending | None = None
    riders: tuple[str, ...] = ()
    head: str = ""
    since: str = ""
    """The time of the last id that the instance had given out before the text went in; see `own_reply`."""

    def again(self) -> "Turn":
        """Return the turn as it was claimed, for another try."""
        return Turn(self.name, tries=self.tries, riders=self.riders)


_LATER = ("riders", "head", "since")
"""Fields that older versions do not know: they take a note with one for damaged."""


def save(mailbox: Mailbox, turn: Turn) -> None:
    """Write the turn durably, in place of its earlier note."""
    fields = turn._asdict() | {"ending": turn.ending and turn.ending._asdict()}
    fields = {key: value for key, value in fields.items() if value or key not in _LATER}
    data = (json.dumps(fields, indent=2) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), _path(mailbox, turn.name))


def remove(mailbox: Mailbox, turn: Turn) -> None:
    """Remove the turn's note. It may be gone already, or be another user's folder, which stays."""
    with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
        mailbox.files.remove(_path(mailbox, turn.name))


def load_all(mailbox: Mailbox) -> list[Turn]:
    """Return the turns that an earlier bridge left, oldest first; a damaged note as LOST.

    Riders that a head lists are left out, for its turn decides. Those of a damaged head are LOST too, and so
    are those of a head that failed without them: an older version did that, and may have read of no riders.
    """
    names = mailbox.files.list_folder(mailbox.at(_FOLDER))
    turns = [_load(mailbox, name.removesuffix(layout.TURN)) for name in sorted(names) if _is_turn(name)]
    heads = {one.name: one for one in turns}
    return [
        _alone(mailbox, one, heads.get(one.head)) for one in turns if not _rides(one, heads.get(one.head))
    ]


def _rides(turn: Turn, head: Turn | None) -> bool:
    return head is not None and turn.name in head.riders


def _alone(mailbox: Mailbox, turn: Turn, head: Turn | None) -> Turn:
    if not turn.head or turn.stage != CLAIMED:
        return turn
    if head is None:
        lost = mailbox.why(turn.head).get("kind") == "uncertain"
    else:
        lost = head.stage == LOST or (head.ending is not None and head.ending.kind == "uncertain")
    return turn._replace(stage=LOST) if lost else turn


def _is_turn(name: str) -> bool:
    return name.endswith(layout.TURN) and layout.is_message(name.removesuffix(layout.TURN))


def _load(mailbox: Mailbox, name: str) -> Turn:
    try:
        fields = json.loads(mailbox.files.read(_path(mailbox, name), _LIMIT))
        ending = fields["ending"] and Ending(**fields["ending"])
        listed = {"infos": tuple(fields["infos"]), "riders": tuple(fields.get("riders", ()))}
        turn = Turn(**(fields | listed | {"ending": ending}))
        if turn.name == name and _is_sound(turn):
            return turn
    except (Damaged, PermissionError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # the stage is lost, but the message was claimed
    return Turn(name, LOST)


def _is_sound(turn: Any) -> bool:
    """Return True if a file's fields have a turn's types, and its names are messages' names."""
    texts = (turn.chat, turn.mark, turn.text, turn.since, *(turn.ending or ()))
    return (
        turn.stage in (CLAIMED, PRESENTING, PRESENTED, ENDED, FAILING)
        and all(isinstance(text, str) for text in texts)
        and type(turn.tries) is int
        and 0 <= turn.tries <= _TRIES
        and all(layout.is_message(other) for other in (*turn.infos, *turn.riders))
        and (turn.head == "" or layout.is_message(turn.head))
        and (turn.ending is not None if turn.stage == FAILING else True)
        and (turn.ending is None or _is_ending(turn.ending))
    )


def _is_ending(ending: Ending) -> bool:
    return ending.state in ("done", "failed") and (not ending.letter or layout.is_message(ending.letter))


def _path(mailbox: Mailbox, name: str) -> str:
    return mailbox.at(_FOLDER, name + layout.TURN)
