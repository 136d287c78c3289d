"""The seam between a bridge and the program it presents mail to.

A `Chat` is one running conversation: a socket, a tmux pane, a command, an
agent. The bridge's loop owns the mailbox and decides what is presented when;
a Chat only knows how to put one text in and how to get the answer out. It
keeps no record of its own that must survive: what has to be remembered over a
crash of the bridge is in the mark, which the loop stores beside the claim.

The loop, for one message:

    chat.ready() is None            nobody is in the way
    mark = chat.mark()              stored durably, with the text, before …
    chat.present(mark, text)        … this
    chat.capture(mark, text)        polled until it returns a Reply

After a crash a new Chat goes on with the stored mark: `seen` tells whether the
text went in, and `capture` continues.

    Unreachable
    └── ChatGone       the program is not there; nothing was sent
    Refused
    └── Unusable       the program must not be used as it is configured: the bridge ends
    XwError
    ├── NotPresented   the text certainly did not go in: may be presented again
    ├── Uncertain      it may or may not have gone in: must not be presented again
    └── ChatFailed     it went in, and the program gave an error instead of an answer
    TimedOut           it went in, and no answer came within the chat's own limit
"""

from typing import NamedTuple, Protocol, runtime_checkable

from xw.errors import Refused, Unreachable, XwError, explain, unforeseen


class ChatGone(Unreachable):
    """The chat program is not there (any more); nothing was sent to it."""


class Unusable(Refused):
    """The program must not be used as it is configured, by any message; the bridge ends."""


class NotPresented(XwError):
    """The text certainly did not go in; presenting it again later is safe."""


class Uncertain(XwError):
    """The text may have gone in; presenting it again could show it twice."""


class ChatFailed(XwError):
    """The text went in and the program answered with an error; `said` is what it had said before."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.said = said


class Reply(NamedTuple):
    """The chat's answer alone, without the program's decoration."""

    text: str
    truncated: bool = False
    """Something of the answer could not be captured; `note` says what."""
    note: str = ""


class Found(NamedTuple):
    """A chat program that discovery came across."""

    target: str
    """What to give as `--target`."""
    program: str
    state: str
    """`idle`, or why it cannot take a text now."""
    needs: str = ""
    """Options without which a bridge would type nothing there."""


@runtime_checkable
class Starting(Protocol):
    """A chat whose program can be started before there is a text, to find out whether it can be used."""

    def start(self) -> None:
        """Start the program unless it runs. Raise ChatGone if it cannot be started now, Unusable if never."""


class Chat(Protocol):
    """One chat program. Not thread-safe; one message is under way at a time."""

    @property
    def limit(self) -> int:
        """The longest text, in bytes of UTF-8, that `present` takes; 0 = any."""

    def ready(self) -> str | None:
        """None if the chat can take a text now, else the reason why not, for a person to read.

        Only looks: sends nothing, starts nothing, raises nothing. Busy, a dialog, a
        half-typed line, a program that is gone: each is a reason, and each may pass.
        """

    def mark(self) -> str:
        """Return where capture will begin: opaque, printable, at most 4 KB, valid in another process.

        Taken right before `present`; each mark serves one text. Raises `ChatGone`.
        """

    def present(self, mark: str, text: str) -> None:
        """Put the text in and submit it; returns once it is certainly in.

        Raises `NotPresented` or `ChatGone` when it certainly is not, `Uncertain` in
        every other case: a crash of the program, a lost answer, a person who typed at
        the same moment. Takes some seconds; minutes where a text goes in several turns.
        Refuses what is over `limit` (`Refused`).
        """

    def seen(self, mark: str, text: str) -> bool | None:
        """Asked after a crash: did this text go in? None if nobody can tell.

        False is a promise: it is not in and, whatever an earlier process left
        behind, never will be under this mark.
        """

    def capture(self, mark: str, text: str) -> Reply | None:
        """Return the answer to the text since the mark, None while it is not finished; returns at once.

        May be asked again after it has answered, and by a new Chat object in a new
        process. Raises `ChatFailed` or `TimedOut` (no answer will come), or `ChatGone`
        (the program ended before it answered).
        """

    def close(self) -> None:
        """Let go of what this object holds, and end what it started. May be called twice."""


def why_not_ready(chat: Chat) -> str | None:
    """Return why a chat cannot take a text now. A fault in its looking is a reason, too."""
    try:
        return chat.ready()
    except Unusable:
        raise
    except (XwError, OSError) as error:
        return str(explain(error))
    except Exception as bug:  # noqa: BLE001  # it may pass, and mail waits until then
        return unforeseen(bug)
