"""Decide when an Agent syncs, what it reports, and which of its threads acts; check its arguments.

The only such place, for every face: a verb that needs news calls `refresh` before it reads, and one that
sends gives its result to `travel`.
"""

import os
from _thread import RLock  # `threading` is too slow for the start-up path
from collections import deque
from contextlib import contextmanager
from os import PathLike

from xw import layout
from xw.errors import NotFound, Usage, XwError, cause, explain

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from typing import TypeVar

    from xw.config import Config
    from xw.instance import Instance
    from xw.message import Message
    from xw.post import Sent

    Report = Callable[[str], None]
    _Item = TypeVar("_Item")

    Names = str | Iterable[str]
    Path = str | PathLike[str]
    Paths = Path | Iterable[Path]
    Named = str | Message | Sent

_LONGEST_S = 1e9
_AGENTS = (
    "AI_AGENT", "AMP_", "CLAUDE", "CODEX", "COPILOT", "CURSOR_", "GEMINI", "GOOSE", "KIMI", "OPENCODE", "PI_",
    "QWEN",
)  # fmt: skip
"""Beginnings of variables that agent programs set: without one, `check` need not look who runs it."""
_RECIPIENTS = 8  # of a message that are looked at for an end of their programs
_NOTES = 100
"""Number of notes to keep without a `report` function."""


class Policy:
    """One instance, its lock, and its reports."""

    def __init__(self, instance: "Instance", report: "Report | None") -> None:
        self.instance = instance
        self.notes: deque[str] = deque(maxlen=_NOTES)
        self._report = report
        self._lock = RLock()
        self._held = False
        self._url = instance.hub.url  # a sync may find the hub elsewhere

    def hold(self) -> None:
        """Keep other Agents from closing the connection to the hub, until `close`."""
        self._held = True
        with _using_lock:
            _using[self._url] = _using.get(self._url, 0) + 1

    def close(self) -> None:
        """Release the connection to the hub, once no other Agent of this process uses it."""
        with self._lock:
            with _using_lock:
                if self._held:
                    self._held = False
                    _using[self._url] -= 1
                used = _using.get(self._url, 0)
            if not used:  # a verb may have connected again since an earlier close
                self.instance.carrier.close()

    def refresh(self, peers: bool = False, mail: bool = True) -> None:
        """Sync a mirror within the limit of automatic syncs, and report a failure.

        With `peers`, also update the information about all peers. Without `mail`, the caller shows none.
        """
        self.tell(self.instance.carrier.refresh(peers=peers, mail=mail))

    def learn_peers(self, to: "Sequence[str]") -> None:
        """Update the hub's peers if the recipients depend on them."""
        from xw.actions import sending

        if sending.needs_peers(to):
            self.refresh(peers=True, mail=False)

    def travel(self, sent: "Sent") -> "Sent":
        """Sync a mirror after a send; return the message's present state. Raise Returned, and nothing else.

        The message is durable: another error is reported, and must not make it look unsent.
        """
        self._tell_of_unsigned()
        known: list[str] = []
        try:
            sent, problem = self.instance.carrier.after_send(sent)
            self.tell(problem)
            known = self.instance.hub.instances() if sent.returned else []
        except (XwError, OSError) as error:
            self.tell(f"{layout.short_id(sent.id)} was sent, but xw cannot tell where it is: {cause(error)}")
        if sent.returned:
            from xw.agent.values import returned

            raise returned(known, sent)
        return sent

    def _tell_of_unsigned(self) -> None:
        """Report that the mail went unsigned though others know a key of its sender."""
        if self.instance.credentials.keyring.path(self.instance.name) is None:
            from xw.actions.unsigned import why_unsigned

            why = why_unsigned(self.instance)
            self.tell(why and f"sent unsigned: {why}")

    def tell(self, text: str | None) -> None:
        """Report a sentence, if there is one; keep it in the notes if `report` fails."""
        if text and self._report:
            try:
                self._report(text)
                return
            except Exception as error:  # noqa: BLE001  # a message may be sent by now: return the result
                text = f"{text} (`report` failed: {error})"
        if text:
            self.notes.append(text)

    def tell_of_gone(self, names: "Sequence[str]") -> None:
        """Report recipients whose programs have ended. Costs a short read for each one that has not."""
        ended = [name for name in names[:_RECIPIENTS] if self._may_have_ended(name)]
        if ended:
            from xw.actions.absence import gone

            for sentence in gone(self.instance, ended):
                self.tell(sentence)

    def _may_have_ended(self, name: str) -> bool:
        """Return False if an instance's presence has no mark of an end; most calls need not judge it."""
        if self.instance.carrier.mirror:
            return True
        try:
            text = self.instance.mailbox.files.read(f"{name}/{layout.PRESENCE}", layout.MESSAGE_LIMIT)
            return b'"ttl_s": 0' in text
        except (XwError, OSError):  # there is none, or it cannot be read
            return False

    def missing(self, name: str, error: "XwError") -> None:
        """Report a message that is missing from a transcript."""
        self.tell(f"left out: {name}: {error}")

    def tell_of_others(self, again: bool = False) -> None:
        """Report each other agent that acts under this name once, or with `again` each time."""
        if again or _is_agent():
            from xw.sessions import others

            for sentence in others(self.instance.mailbox, again):
                self.tell(sentence)

    def note_read(self, message: "Message") -> None:
        """Note that the agent's session has read a message: its hooks do not tell it any more."""
        if _is_agent():
            from xw.told import note_read

            note_read(self.instance.mailbox, message.short)

    def tell_of_stranded(self, hub: str | None) -> None:
        """Report unused mirrors with unsent mail, except those of other projects."""
        for sentence in of_stranded(self.instance.config, hub, self.instance.root):
            self.tell(sentence)

    # Threads

    @contextmanager
    def acting(self) -> "Iterator[None]":
        """Hold the lock, and raise errors as `explained` does; NotFound if the mailbox has left the hub."""
        with self._lock, explained():
            try:
                yield
            except FileNotFoundError:
                hub, name = self.instance.hub, self.instance.name
                if self.instance.carrier.mirror is None and not hub.knows(name):
                    raise NotFound(
                        f"{name} is not on {hub.url} any more: `xw init --name {name}` joins it again"
                    ) from None
                raise

    @contextmanager
    def asleep(self) -> "Iterator[None]":
        """Let other threads act while this one, which holds the lock, sleeps."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()

    def each(self, found: "Generator[_Item, None, None]") -> "Generator[_Item, None, None]":
        """Yield a generator's items; hold the lock while it runs, but not while the caller acts."""
        try:
            while True:
                with self.acting():
                    item = next(found, None)
                if item is None:
                    return
                yield item
        finally:
            found.close()


def _is_agent() -> bool:
    """Return True if an agent program seems to run this process."""
    given = os.environ.get("XW_SESSION")
    return any(name.startswith(_AGENTS) for name in os.environ) if given is None else bool(given)


@contextmanager
def explained() -> "Iterator[None]":
    """Raise a disk's OSError, and that of a text with surrogates, as an XwError."""
    try:
        yield
    except UnicodeEncodeError:
        raise Usage("an argument is not valid UTF-8: write it in UTF-8, or attach it as a file") from None
    except OSError as error:
        raise explain(error) from error


def of_stranded(found: "Config", hub: str | None, root: str = "") -> "Iterator[str]":
    """Yield a sentence for each unused mirror with unsent mail, except those of other projects."""
    from xw.actions.stranded import stranded

    for mirror in stranded(found, hub, root=root):
        if not mirror.others:  # otherwise their own project reports it
            yield f"{mirror.what}: {mirror.fix}"


# Agents of one process share the connection to a host, so the last one closes it. The command line's do
# not count: nobody closes them, and they end with their process.
_using: dict[str, int] = {}
_using_lock = RLock()


# Arguments: each function raises TypeError with the argument's name, so that no wrong type ends as an
# AttributeError from inside.


def texts(**given: object) -> None:
    """Check that each argument is a string."""
    for name, value in given.items():
        if not isinstance(value, str):
            raise _wrong(name, "a string", value)


def optional(**given: object) -> None:
    """Check that each argument is a string or None."""
    texts(**{name: value for name, value in given.items() if value is not None})


def names(name: str, given: "Names") -> tuple[str, ...]:
    """Return the strings of an argument that is one or several."""
    found = (given,) if isinstance(given, str) else _several(name, "a string", given)
    for one in found:
        texts(**{name: one})
    return found


def paths(name: str, given: "Paths") -> tuple[str, ...]:
    """Return the paths of an argument that is one or several."""
    found = (given,) if isinstance(given, (str, PathLike)) else _several(name, "a path", given)
    return tuple(path(name, one) for one in found)


def path(name: str, given: "Path") -> str:
    """Return an argument's path as a string."""
    found = given.__fspath__() if isinstance(given, PathLike) else given
    if not isinstance(found, str):
        raise _wrong(name, "a path", given)
    return found


def token(name: str, given: "Named") -> str:
    """Return the id of an argument that is a message, what a method has sent, or an id."""
    found = given if isinstance(given, str) else getattr(given, "id", None)
    if not isinstance(found, str):
        raise _wrong(name, "an id or a message", given)
    return found


def several(name: str, given: "Named | Iterable[Named]") -> tuple[str, ...]:
    """Return the ids of an argument that is one message or several."""
    one = isinstance(given, str) or hasattr(given, "id")
    return tuple(token(name, item) for item in ((given,) if one else _several(name, "a message", given)))  # type: ignore[arg-type]


def seconds(**given: object) -> None:
    """Check that each argument is a number of seconds. Raise Usage if it is negative or not a number."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong(name, "a number", value)
        if not 0 <= value <= _LONGEST_S:  # also true for NaN
            raise Usage(f"invalid {name} {value}: give a number from 0 to {_LONGEST_S:,.0f}")


def whole(**given: object) -> None:
    """Check that each argument is a whole number. Raise Usage if it is negative."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(name, "a whole number", value)
        if value < 0:
            raise Usage(f"invalid {name} {value}: give a whole number, 0 or more")


def function(**given: object) -> None:
    """Check that each argument can be called."""
    for name, value in given.items():
        if not callable(value):
            raise _wrong(name, "a function", value)


def _several(name: str, kind: str, given: "Iterable[_Item]") -> "tuple[_Item, ...]":
    try:
        if not isinstance(given, (bytes, dict)):
            return tuple(given)
    except TypeError:
        pass
    raise _wrong(name, f"{kind} or several", given)


def _wrong(name: str, kind: str, given: object) -> TypeError:
    return TypeError(f"{name} must be {kind}, not {type(given).__name__}")
