r"""The lines that a room passes on: each in a turn, the message it was, and whether the two agree.

A turn's body has a line as its author's name at the margin, and its other rows indented:

    [room salon] your turn, bob
    alice: Is the moon made of cheese?
      (file: moon.png)

`rooms` writes it so, with `spoken`. The turn's field `originals` has, for each line in this order, the text
of the signed message that it was, or null. A reader compares them, and is shown what it found behind the
name: `alice (verified): …`. Without an original, the room alone says who spoke. `Mailbox.judged` calls
`marked`, so every face shows the same; `xw log --room` reads the messages themselves, and asks `in_record`.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from xw import clock, layout
from xw.errors import Damaged
from xw.message import Attachment, Message, decode, parse_object
from xw.named_tuple import NamedTuple
from xw.quote import COLONS, GUARD, is_look_alike
from xw.sender_status import FORGED, UNSIGNED, Relayed, SenderStatus, as_the_room_says, forged
from xw.text import span

ORIGINALS = "originals"
"""The field of a turn with the messages that its lines were."""
LONGEST = 64 * 1024
"""Bytes of an original that travels with a turn."""

_TURN = "ROOM_TURN"
_INDENT = "  "
_OLD_S = 3600  # a line this much older than its turn is shown with its age: it may be said again out of place
_SEEN = 400  # characters of a row that are seen; a name and a status are shorter
_NAMED = 3  # recipients of an original that was not sent to the room
_line = re.compile(r"([a-z0-9][a-z0-9-]{0,31}): (.*)", re.ASCII | re.DOTALL).fullmatch
_BRACKETS = (  # that open; in `_seen` each becomes "(", and each that closes ")"
    "([{<\uff08\ufe59\u207d\u208d\u2768\u276a\u27ee\u2985\u2e28\u3014\ufd3e\uff3b\uff5b\uff1c\ufe5b\ufe5d\ufe64"
    "\u3008\u300a\u300c\u300e\u3010\u3016\u3018\u301a\u27e6\u27e8\u27ea\u27ec\u276c\u276e\u2770\u2772\u2774\u2045"
    "\u2329\u2983\u2987\u2989\u298b\u2991\u2993\u2997\uff5f\uff62\u00ab\u2039"
)
_UNDRAWN = "\u115f\u1160\u2800"  # letters and a sign that are blank
_mark = re.compile(rf"\(([^\n]*)\)\W*[{COLONS}]").search
_near = re.compile(rf"\W*(?:\w+\W+){{1,3}}?\(([^\n]*)\)\W*[{COLONS}]").match
_MARKS = ("verif", "unsigned", "forged", "new key", "room says")

Judge = Callable[[Message], SenderStatus]


class _Part(NamedTuple):
    """Rows of a turn's body, without indents: a line of `author`'s; or, with none, the room's own words."""

    author: str
    rows: list[str]


# Writing


def spoken(author: str, text: str, files: Sequence[str]) -> str:
    """Return a line with its author, safe to stand among others; `files` has the words for each file."""
    return f"{author}: " + f"\n{_INDENT}".join([*_rows(text), *map(_file_row, files)])


def _rows(text: str) -> list[str]:
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    # `splitlines` knows every character that some program shows as a line break.
    return [GUARD + row if is_look_alike(row) else row for row in plain.splitlines()] or [""]


def _file_row(words: str) -> str:
    return f"(file: {words})"


def may_travel(message: Message) -> bool:
    """Return True for a line whose message can show who said it: signed by its sender, and not too long.

    A dead letter that was sent again is signed by the room.
    """
    again = message.fields.get("retry_of")
    return message.is_signed and not again and len(message.data) <= LONGEST


# Reading


def concerns(message: Message) -> bool:
    """Return True for a message whose body has lines to judge, or might look as if it had."""
    return _is_turn(message) or any(sign in message.body for sign in _BRACKETS)


def _is_turn(message: Message) -> bool:
    payload = message.fields.get("protocol")
    kind = payload.get("kind") if isinstance(payload, dict) else None
    return kind == _TURN or (message.fields.get("room") == message.sender and message.type == "question")


def marked(message: Message, judge: Judge) -> Message:
    """Return a message as a reader is shown it: in a room's turn, each line with the status of its author.

    In all other mail, rows that look like such lines get `| ` before them. `judge` returns the status of a
    message's sender, from its signature.
    """
    if not _is_turn(message):
        return message._replace(body=guarded(message.body))
    parts = list(_parts(message))
    lines = [part for part in parts if part.author]
    statuses = iter(_judged(message, lines, judge))
    rows: list[str] = []
    found: list[Relayed] = []
    for part in parts:
        first, *others = part.rows
        if part.author:
            status, words = next(statuses)
            found.append(Relayed(part.author, status))
            first = f"{part.author} ({words}): {_guarded(first)}"
        rows += [first, *(_INDENT + _guarded(row) for row in others)]
    return message._replace(body="\n".join(rows), lines=tuple(found))


def _parts(message: Message) -> Iterator[_Part]:
    """Yield the parts of a turn's body. Rows that no room writes there get `| ` before them."""
    own = f"[room {message.sender}] "
    part: _Part | None = None
    for row in message.body.split("\n"):
        if part and row.startswith(_INDENT):
            part.rows.append(row.removeprefix(_INDENT))
            continue
        if part:
            yield part
        line = _line(row)
        if line and not row.startswith(own):
            part = _Part(line[1], [line[2]])
        else:
            words = row.removeprefix(own)
            part = _Part("", [row if words != row and _guarded(words) == words else GUARD + row])
    if part:
        yield part


def _judged(turn: Message, lines: Sequence[_Part], judge: Judge) -> Iterator[tuple[SenderStatus, str]]:
    """Yield the status of each line, and the words that show it."""
    originals = turn.fields.get(ORIGINALS)
    given = originals if isinstance(originals, list) else [None] * len(lines)
    seen: set[str] = set()
    for index, line in enumerate(lines):
        if len(given) != len(lines):
            yield _in_words(forged("the room lists other messages than it shows"))
        elif line.author == turn.sender:
            yield _in_words(SenderStatus(turn.status.word if turn.status else UNSIGNED))
        elif given[index] is None:
            yield _in_words(_without(line.author, turn, judge))
        else:
            yield _with(given[index], line, turn, judge, seen)


def _without(author: str, turn: Message, judge: Judge) -> SenderStatus:
    """Return the status of a line without an original: the room's word alone."""
    unknown = turn._replace(sender=author, fields={}, data=b"", status=None)
    return as_the_room_says(author if judge(unknown).is_alarming else "")


def _with(text: object, line: _Part, turn: Message, judge: Judge, seen: set[str]) -> tuple[SenderStatus, str]:
    try:
        original = _opened(text)
    except (Damaged, ValueError):
        return _in_words(forged("the message that the room shows for it is damaged"))
    if not original.is_signed:
        return _in_words(_without(line.author, turn, judge))
    status = judge(original)
    if status.word != FORGED:
        wrong = _difference(original, line, turn) or ("it is shown twice" if original.id in seen else "")
        status = forged(wrong) if wrong else status
    seen.add(original.id)
    age = (turn.sent - original.sent) / clock.SECOND
    return _in_words(status, f", {span(age)} before this turn" if age >= _OLD_S else "")


def _opened(text: object) -> Message:
    """Return the message in a text. Raise Damaged or ValueError."""
    data = str(text).encode()
    fields = parse_object(data)
    stamp = "".join(sign for sign in str(fields.get("sent")) if sign not in "-:.")
    named = (f"{stamp}-{layout.digest(data)}", str(fields.get("type")), str(fields.get("from")))
    return decode(f"{'.'.join(named)}.json", data)


def in_record(message: Message, room: str, thread: str | None, judge: Judge) -> SenderStatus:
    """Return the status of a line or an event among a room's own files; `thread` is the room's, if known."""
    if message.fields.get("retry_of"):
        return as_the_room_says()  # the room has signed it, to take it again
    status = judge(message)
    if status.word == FORGED or message.sender == room:
        return status
    wrong = _misplaced(message, room, thread)
    return forged(wrong) if wrong else status


def _difference(original: Message, line: _Part, turn: Message) -> str:
    """Return how a line in a turn differs from the message that it was; empty if it does not."""
    room = turn.sender
    if original.sender != line.author:
        return f"{original.sender} wrote it"
    if wrong := _misplaced(original, room, turn.thread or turn.id):
        return wrong
    files = original.files[1]
    rows, enclosed = line.rows[: len(line.rows) - len(files)], line.rows[len(line.rows) - len(files) :]
    if rows != _rows(original.body):
        return f"{room} changed its words"
    listed = {file.name: file for file in turn.attachments}
    if not all(_is_of(row, file, listed, line.author) for row, file in zip(enclosed, files, strict=True)):
        return f"{room} changed its files"
    return ""


def _misplaced(original: Message, room: str, thread: str | None) -> str:
    """Return why a message is no line of a room's conversation; empty if it may be one."""
    if room not in original.to:
        others = " and others" if len(original.to) > _NAMED else ""
        return f"it was sent to {', '.join(original.to[:_NAMED])}{others}, not to {room}"
    if original.type == "reply" and thread and original.thread not in (None, thread):
        return "it answers in another conversation"
    return ""


def _is_of(row: str, file: Attachment, listed: dict[str, Attachment], author: str) -> bool:
    """Return True if a row of a turn names a line's file, as the turn has it or as one that is too large."""
    words = row.removeprefix("(file: ").removesuffix(")")
    if row != _file_row(words):
        return False
    if words in listed:
        return listed[words].sha256 == file.sha256
    return words.startswith(f"{file.name}, ") and words.endswith(f": ask {author}")


def _in_words(status: SenderStatus, age: str = "") -> tuple[SenderStatus, str]:
    return status, in_words(status) + age


def in_words(status: SenderStatus) -> str:
    """Return the words for a status behind an author's name."""
    why = f", {status.why}" if status.why else ""
    what = ", do not act on it" if status.word == FORGED else ""
    return f"{status.word}{what}{why}".replace("\n", " ")


def guarded(text: str) -> str:
    """Return a text with `| ` before the rows that look like a marked line."""
    return "\n".join(map(_guarded, text.split("\n")))


def _guarded(row: str) -> str:
    """Return a row of other mail, guarded if a reader may take it for a marked line.

    Any row with a status and a colon may be one: a number or a sign may stand before the name. A status in
    other letters may be one near the left edge.
    """
    if not any(sign in row for sign in _BRACKETS):
        return row
    seen = _seen(row)
    near = _near(seen)
    if near and not near[1].isascii():
        return GUARD + row
    found = _mark(seen)
    return GUARD + row if found and any(word in found[1] for word in _MARKS) else row


def _seen(row: str) -> str:
    """Return the first characters of a row that a reader sees, in small plain letters, without accents."""
    from unicodedata import category, normalize

    signs: list[str] = []
    for sign in row:
        for part in normalize("NFKD", sign).casefold():
            kind = category(part)
            if part.isspace():
                signs += [" "] if signs[-1:] != [" "] else []
            elif part == "<" or kind in ("Ps", "Pi"):
                signs.append("(")
            elif part == ">" or kind in ("Pe", "Pf"):
                signs.append(")")
            elif kind[0] not in "MC" and part not in _UNDRAWN:
                signs.append(part)
        if len(signs) >= _SEEN:
            break
    return "".join(signs)
