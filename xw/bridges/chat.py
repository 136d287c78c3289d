"""The seam between a bridge and the program it presents mail to.

A `Chat` is one running conversation: a socket, a tmux pane, a command, an
agent. The bridge's loop owns the mailbox and decides what to present when; a
Chat only puts one text in and gets the answer out. It keeps no record of its
own: everything that must survive a crash of the bridge is in the mark, which
the loop stores beside the claim.

The loop, for one message:

    chat.ready() is None            the chat can take a text
    mark = chat.mark()              stored durably, with the text, before …
    chat.present(mark, text)        … this
    chat.capture(mark, text)        polled until it returns a Reply

After a crash a new Chat continues with the stored mark: `seen` tells whether
the text went in, and `capture` returns the answer.

    Unreachable
    └── ChatGone       the program is not running; nothing was sent
    Refused
    └── Unusable       the program must not be used as it is configured: the bridge ends
    XwError
    ├── NotPresented   the text certainly did not go in: may be presented again
    ├── Uncertain      it may or may not have gone in: must not be presented again
    └── ChatFailed     it went in, and the program gave an error instead of an answer
    TimedOut
    └── NoAnswer       it went in, and no answer came within the chat's own limit
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from xw.errors import Refused, TimedOut, Unreachable, XwError, explain, unforeseen

BLOCKED_S = 3.0
"""The longest pause while a chat cannot take mail, perhaps for days: each look costs 10 ms and more."""


class ChatGone(Unreachable):
    """The chat program is not running; nothing was sent to it."""


class Unusable(Refused):
    """The program must not be used as it is configured, for any message; the bridge ends."""


class NotPresented(XwError):
    """The text certainly did not go in; presenting it again later is safe."""


class Uncertain(XwError):
    """The text may have gone in; presenting it again could show it twice."""


class ChatFailed(XwError):
    """The text went in and the program answered with an error; `said` is its output before that."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.said = said


class NoAnswer(TimedOut):
    """The text went in and no answer came within the chat's limit; `said` is the output until then."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.said = said


class Reply(NamedTuple):
    """The chat's answer alone, without the program's decoration."""

    text: str
    truncated: bool = False
    """Part of the answer could not be captured; `note` tells which."""
    note: str = ""


class Found(NamedTuple):
    """A chat program that discovery found."""

    target: str
    """The value for `--target`."""
    program: str
    state: str
    """`idle`, or why the chat cannot take a text now."""
    needs: str = ""
    """Options that a bridge needs before it types anything there."""
    place: str = ""
    """Where a person finds it: tmux's `session:window.pane` and the window's name."""
    directory: str = ""
    """The directory that it works in."""
    agent: str = ""
    """The `XW_NAME` that the program was started with."""


@runtime_checkable
class Starting(Protocol):
    """A chat whose program can start before there is a text, so that a problem shows at once."""

    def start(self) -> None:
        """Start the program unless it runs. Raise ChatGone if it may start later, Unusable if never."""


class Routine(str):
    """A line that a bridge reports in its ordinary course, of no use once its program has ended."""

    __slots__ = ()


@runtime_checkable
class Telling(Protocol):
    """A chat that has something to report to the person who runs the bridge."""

    def tells(self, tell: Callable[[str], None]) -> None:
        """Note the function that reports a line; called once, before anything else."""


@runtime_checkable
class Personal(Protocol):
    """A chat that must know whose mail it takes."""

    def serves(self, instance: str) -> None:
        """Note the instance; called once, before anything else."""


DIALOG = "a dialog is open"
"""How each chat's reason begins, or goes on, while its program waits for a person's decision."""


class Later(str):
    """A reason that passes only with a prompt, which may come by another way; see `Probing`."""


@runtime_checkable
class Probing(Protocol):
    """A chat that can tell whether it can be used at all: with another version, perhaps never."""

    def unusable(self) -> str | None:
        """Return why this way into the program does not work now, None if it does; send nothing.

        What may pass is returned: the program has not opened its socket yet; as a `Later` if it passes with
        a prompt only. Raise Unusable for what will not: a version or a protocol that this chat does not know.
        A busy program is usable; see `ready`.
        """


class Way(NamedTuple):
    """The kind of chat by which mail goes in, empty before the first; and why not by a better one."""

    kind: str
    why: str = ""


@runtime_checkable
class Choosing(Protocol):
    """A chat that chooses between several ways into its program."""

    @property
    def way(self) -> Way:
        """Return the way in use. Any thread may ask."""

    def look(self) -> None:
        """Choose again if that is due, while no mail waits. Raise Unusable if no way is left."""


@runtime_checkable
class Remembering(Protocol):
    """A chat that can tell whether its program remembers the texts of earlier turns."""

    @property
    def memory(self) -> str:
        """Return `presence.NO_MEMORY` if the program forgets each text, or a name for its memory.

        Another name means that it has forgotten all texts before. Empty if it does not run, or if nobody can
        tell. Any thread may ask.
        """


@runtime_checkable
class Turning(Protocol):
    """A chat that can tell one turn of its program from the next, whoever began them."""

    def last_turn(self) -> str | None:
        """Return a name for the last turn, empty if there is none; None if nobody can tell.

        Two looks at a chat that is ready have different names if it has taken a turn in between. Raise
        ChatGone or another XwError if nobody can tell now.
        """


@runtime_checkable
class Ending(Protocol):
    """A chat whose program may end for good: no later process will ask it for an answer."""

    @property
    def over(self) -> bool:
        """Return True once it has ended."""


class Overheard(NamedTuple):
    """An exchange that a person began in the program's own window, and the place after it."""

    words: str
    """Empty if only the place is new: the conversation before it was cleared."""
    answer: str
    """Empty if the program gave none."""
    place: str


@runtime_checkable
class Hearing(Protocol):
    """A chat that shows what people type into the program's own window, beside the texts of the bridge."""

    @property
    def hears(self) -> bool:
        """Return False if the user does not want that."""

    def here(self) -> str:
        """Return the present end of the conversation: opaque, printable, valid in another process."""

    def overhear(self, place: str) -> Overheard | None:
        """Return the first finished exchange after a place, None while there is none; never wait for it.

        Raise ChatGone or another XwError if nobody can tell now.
        """


class Chat(Protocol):
    """One chat program. Not thread-safe; one message is under way at a time."""

    @property
    def limit(self) -> int:
        """Return the longest text, in bytes of UTF-8, that `present` takes; 0 for no limit."""

    def ready(self) -> str | None:
        """Return None if the chat can take a text now, else the reason why not, for a person to read.

        Send nothing, start nothing, raise nothing. Busy, a dialog, a half-typed line,
        a program that is gone: each is a reason, and each may pass.
        """

    def mark(self) -> str:
        """Return where capture will begin: opaque, printable, at most 4 KB, valid in another process.

        Call this right before `present`; each mark serves one text. Raise ChatGone if
        the program is not running.
        """

    def present(self, mark: str, text: str) -> None:
        """Put the text in, submit it, and return once it is certainly in.

        Raise NotPresented or ChatGone if it certainly is not, and Uncertain in every
        other case: a crash of the program, a lost answer, a person who typed at the
        same moment. Raise Refused for a text over `limit`. This takes some seconds, and
        minutes if a text goes in several turns.
        """

    def seen(self, mark: str, text: str) -> bool | None:
        """Return True if this text went in before a crash, False if not, None if nobody can tell.

        False is a promise: the text is not in and, whatever an earlier process left
        behind, never will be under this mark.
        """

    def capture(self, mark: str, text: str) -> Reply | None:
        """Return the answer since the mark, or None while it is not finished; never wait for it.

        A caller may ask again after an answer, also through a new Chat object in a new
        process. Raise ChatFailed or NoAnswer if no answer will come, ChatGone if the
        program ended before it answered.
        """

    def close(self) -> None:
        """Release what this object holds and end what it started. A second call does nothing."""


def why_not_ready(chat: Chat) -> str | None:
    """Return why a chat cannot take a text now, or None; an exception in `ready` is a reason too."""
    try:
        return chat.ready()
    except Unusable:
        raise
    except (XwError, OSError) as error:
        return str(explain(error))
    except Exception as bug:  # noqa: BLE001  # it may pass; mail stays pending until then
        return unforeseen(bug)
