"""The printed form of values. No text of other people reaches the terminal raw."""

import json
from collections.abc import Iterable, Mapping

from xw import clock, layout
from xw.errors import XwError
from xw.gist import gist
from xw.message import USUAL, Message
from xw.text import span, visible

_WIDTH = 100
_ABOUT = 60  # characters of the body in a message's one-line name


def say(text: str) -> None:
    """Print text of one or more lines, with control characters as escapes."""
    put(visible(text))


def tell(text: str) -> None:
    """Print exactly one line: line breaks become escapes too."""
    put(visible(text, keep=""))


def emit(value: Mapping[str, object], errors: Iterable[XwError] = ()) -> int:
    """Print an object as one line of ASCII JSON, which no terminal can take for a command.

    Return the highest exit code of `errors`; that error is in the object.
    """
    worst = max(errors, key=lambda error: error.code, default=None)
    failed = worst and {"error": str(worst), "code": worst.word, "exit_code": worst.code}
    put(json.dumps({"format": layout.FORMAT, **value, **(failed or {})}))
    return worst.code if worst else 0


def put(text: str, end: str = "\n", flush: bool = False) -> None:
    """Print text that is safe already. Raise XwError if standard output is not writable."""
    try:
        print(text, end=end, flush=flush)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritten(error) from None


def flush() -> None:
    """Write out the printed text. Raise XwError like `put`."""
    put("", end="", flush=True)


def dated(at: int) -> str:
    """Return a time for a Markdown document: `2026-11-21 05:30:12 UTC`."""
    return clock.brief(at).replace("T", " ").replace("Z", " UTC")


def unwritten(error: OSError) -> XwError:
    """Return the error for output that cannot be written, distinct from errors of the hub's disk."""
    return XwError(f"cannot write the output: {error.strerror}; the command itself has taken effect")


def line(message: Message, now: int) -> str:
    """Return a message as a line: short id, type, sender and its status, age, first line of the body."""
    age = span((now - message.sent) / clock.SECOND)
    marks = (" (urgent)" if message.urgent else "") + (" (expired)" if message.expired(now) else "")
    who = f"{message.type} {message.sender}{status(message)}"
    return f"{message.short} {who} {age}{marks} {gist(message.body, _WIDTH)}"


def status(message: Message) -> str:
    """Return the status of a message's sender for use after its name, with the reason and what to do."""
    return f" ({message.status})" if message.status else ""


def subject(name: str, message: Message | None) -> str:
    """Return a message's one-line name: short id, type, sender, first line.

    For an unreadable message, take them from its file name.
    """
    if message is None:
        _, kind, sender, _ = name.split(".")
        return f"{layout.short_id(name)} {kind} {sender}"
    text = gist(message.body, _ABOUT)
    return f"{message.short} {message.type} {message.sender}" + (f": {text}" if text else "")


def named(name: str, message: Message | None, own: str = "") -> str:
    """Return `subject` for use within a line, with the first line in quotes that it cannot close.

    For this instance's own message, with the recipients in place of the sender.
    """
    if message is None:
        return subject(name, None)
    who = f"to {names(message.to)}" if message.sender == own else message.sender
    text = gist(message.body, _ABOUT).replace('"', "'")
    return f"{message.short} {message.type} {who}" + (f' "{text}"' if text else "")


def heading(message: Message, now: int) -> str:
    """Return the lines above a message's body: sender and its status, recipients, time, related messages."""
    age = span((now - message.sent) / clock.SECOND)
    sent, to = clock.brief(message.sent), ", ".join(message.to)
    word = f" ({message.status.word})" if message.status else ""
    lines = [f"{message.type} {message.short} from {message.sender}{word} to {to}, {sent} ({age} ago)"]
    if message.status and message.status.note:
        lines.append(f"sender: {message.status.note}")
    if message.re:
        lines.append(f"re: {layout.short_id(message.re)}")
    if message.thread:
        lines.append(f"thread: {layout.short_id(message.thread)}")
    if message.fields.get("retry_of"):
        lines.append(f"retry of: {layout.short_id(str(message.fields['retry_of']))}")
    if message.urgent or message.priority != USUAL:
        lines.append("urgent" if message.urgent else f"priority: {message.priority}, of 0 to 9")
    if message.expires:
        lines.append(f"{'EXPIRED' if message.expired(now) else 'expires'}: {message.expires}")
    return "\n".join(lines)


def names(listed: tuple[str, ...]) -> str:
    """Return names for a sentence: a few, or the first ones and the number of others."""
    return ", ".join(listed) if len(listed) <= 8 else f"{', '.join(listed[:8])} and {len(listed) - 8} more"
