r"""The one form in which mail is presented to a chat program.

    [mail k7f3q2m9] question from alice (verified), 3 min old
    [sender k7f3q2m9] …if the sender is not certain: why, and what to do…
    …the body…
    [file k7f3q2m9] /home/bob/hub/bob/attachments/…/plan.md
    [end k7f3q2m9] answer alice in your next message

A message's short id is the hash of its own bytes, so a body cannot hold the id
of the frame around it. Each measure prevents something seen in real programs:

    the first line starts with `[`      `!` runs a shell command, `/` a command, `?` opens help
    the last line is fixed              a trailing `\` swallows Enter
    `visible` over everything written   ESC[201~ ends a paste, ^C clears the line, bidi and tag
    by others                           characters show people something else than the model reads
    look-alikes of frame lines get `| ` a body that ends its frame, or opens another sender's

The frame makes control and invisible characters visible and removes none. Only
CR LF changes without a trace: it becomes a newline.
"""

import re
import unicodedata
from typing import NamedTuple

from xw.sender_status import SenderStatus
from xw.text import visible

LATE_S = 3600
"""Older mail is marked LATE: an agent must not carry out a morning's task at night as if it were new."""

GUARD = "| "
"""Goes before a line of a body that looks like a line of the frame."""

_SEEN = 4000  # characters of a line; anything behind them is rows away from the left edge
_FIRST_WORD = re.compile(r"((?:\W|_)*)(\w*)")
_ODD_WORD = re.compile(r"\[\s*\w*[^\x00-\x7f]")
_CLOSING = ("Pe", "Pf")
_BRACKETS = ("Ps", "Pi", *_CLOSING)


class Mail(NamedTuple):
    """The fields of one message that the frame shows."""

    sender: str
    type: str
    short: str
    """The short id."""
    age_s: float
    body: str
    wants_answer: bool = False
    attachments: tuple[str, ...] = ()
    """Paths on this machine."""
    urgent: bool = False
    status: SenderStatus | None = None
    """What is known of the sender; None in tests."""


def framed(*mails: Mail) -> str:
    """Return the text to present: each message in its frame."""
    return "\n".join(map(_frame, mails))


def notice(mail: Mail, pending: int, alone: bool = True) -> str:
    """Return the text that only announces mail, for agents that can run `xw` themselves.

    `pending` is the number of messages that wait, this one included; if it is not `alone` with its news, the
    text names the command that lists them.
    """
    run = f"xw read {mail.short}" if alone else "xw check"
    tell = f"you have mail, {pending} pending; run: {run}"
    return "\n".join([*_first_lines(mail), tell, f"[end {mail.short}] nothing else follows"])


def age(seconds: float) -> str:
    """Return an age in its largest whole unit: `12 s`, `3 min`, `7 h`, `2 days`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < LATE_S:
        return f"{whole // 60} min"
    if whole < 48 * LATE_S:
        return f"{whole // LATE_S} h"
    return f"{whole // (24 * LATE_S)} days"


def guarded(body: str) -> str:
    """Return the body without invisible characters, and without lines that could pass for the frame's."""
    lines = visible(body.replace("\r\n", "\n")).split("\n")
    return "\n".join(GUARD + line if _looks_like_frame(line) else line for line in lines)


def _frame(mail: Mail) -> str:
    ask = (
        f"answer {visible(mail.sender, '')} in your next message" if mail.wants_answer else "no answer needed"
    )
    files = [f"[file {mail.short}] {visible(path, '')}" for path in mail.attachments]
    return "\n".join([*_first_lines(mail), guarded(mail.body), *files, f"[end {mail.short}] {ask}"])


def _first_lines(mail: Mail) -> list[str]:
    """Return the line that opens the frame, and one about a sender that is not certain."""
    urgent = "URGENT, " if mail.urgent else ""
    late = "LATE, " if mail.age_s > LATE_S else ""
    word = f" ({visible(mail.status.word, '')})" if mail.status else ""
    who = f"{visible(mail.type, '')} from {visible(mail.sender, '')}{word}"
    first = f"[mail {mail.short}] {who}, {urgent}{late}{age(mail.age_s)} old"
    note = visible(mail.status.note, "") if mail.status else ""
    return [first, f"[sender {mail.short}] {note}"] if note else [first]


def _looks_like_frame(line: str) -> bool:
    # Full-width and other variants of a letter look like it, and a blank Braille pattern like a blank.
    kept = (sign for sign in line[:_SEEN].replace("\u2800", " ") if not unicodedata.combining(sign))
    plain = unicodedata.normalize("NFKC", " ".join("".join(kept).split())[:80])
    if _ODD_WORD.match(plain):
        return True
    before, word = _FIRST_WORD.match(plain).groups()  # type: ignore[union-attr]  # it matches anything
    brackets = [sign for sign in before if sign in "<|" or unicodedata.category(sign) in _BRACKETS]
    # `- [ ] mail bob` is not a frame line: its bracket closes before the word.
    opened = brackets and unicodedata.category(brackets[-1]) not in _CLOSING
    return bool(opened) and word.strip("_").lower() in ("mail", "sender", "end", "file", "part")
