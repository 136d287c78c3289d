"""How values look when printed. Nothing that others wrote reaches the terminal raw."""

import json
from collections.abc import Iterable, Mapping

from xw import clock, layout
from xw.errors import XwError
from xw.message import Message
from xw.text import first_line, span, visible

_WIDTH = 100
_ABOUT = 60  # of the body, where only what was acted on is named


def say(text: str) -> None:
    """Print text of one or more lines; control characters in it are spelled out."""
    put(visible(text))


def tell(text: str) -> None:
    """Print one line, whatever is in it: line breaks are spelled out too."""
    put(visible(text, keep=""))


def emit(value: Mapping[str, object], errors: Iterable[XwError] = ()) -> int:
    """Print an object as JSON in one line of ASCII, which no terminal can take for a command.

    Return the highest exit code of `errors`; the error that has it is told in the object.
    """
    worst = max(errors, key=lambda error: error.code, default=None)
    failed = worst and {"error": str(worst), "code": worst.word, "exit_code": worst.code}
    put(json.dumps({"format": layout.FORMAT, **value, **(failed or {})}))
    return worst.code if worst else 0


def put(text: str, end: str = "\n", flush: bool = False) -> None:
    """Print text that is harmless already. XwError where standard output takes nothing."""
    try:
        print(text, end=end, flush=flush)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritten(error) from None


def flush() -> None:
    """Write out what was printed. XwError as `put`."""
    put("", end="", flush=True)


def dated(at: int) -> str:
    """A time in a Markdown document: `2026-11-21 05:30:12 UTC`."""
    return clock.brief(at).replace("T", " ").replace("Z", " UTC")


def unwritten(error: OSError) -> XwError:
    """The error of output that goes nowhere, which must not be taken for one of the hub's disk."""
    return XwError(f"cannot write the output: {error.strerror}; the command itself has taken effect")


def line(message: Message, now: int) -> str:
    """A message in one line: short id, type, sender, age, first line of the body."""
    age = span((now - message.sent) / clock.SECOND)
    late = " (expired)" if message.expired(now) else ""
    return f"{message.short} {message.type} {message.sender} {age}{late} {first_line(message.body, _WIDTH)}"


def subject(name: str, message: Message | None) -> str:
    """Return in one line what was acted on: short id, type, sender, first line.

    Of a message that cannot be read, what its file name says.
    """
    if message is None:
        _, kind, sender, _ = name.split(".")
        return f"{layout.short_id(name)} {kind} {sender}"
    text = first_line(message.body, _ABOUT)
    return f"{message.short} {message.type} {message.sender}" + (f": {text}" if text else "")


def named(name: str, message: Message | None, own: str = "") -> str:
    """Return `subject` for use within a line, with the first line in quotes that it cannot end.

    Of one's own message, the recipients in place of the sender.
    """
    if message is None:
        return subject(name, None)
    who = f"to {names(message.to)}" if message.sender == own else message.sender
    text = first_line(message.body, _ABOUT).replace('"', "'")
    return f"{message.short} {message.type} {who}" + (f' "{text}"' if text else "")


def heading(message: Message, now: int) -> str:
    """A message's first lines, above its body: who, to whom, when, and what it belongs to."""
    age = span((now - message.sent) / clock.SECOND)
    sent, to = clock.brief(message.sent), ", ".join(message.to)
    lines = [f"{message.type} {message.short} from {message.sender} to {to}, {sent} ({age} ago)"]
    if message.re:
        lines.append(f"re: {layout.short_id(message.re)}")
    if message.thread:
        lines.append(f"thread: {layout.short_id(message.thread)}")
    if message.fields.get("retry_of"):
        lines.append(f"retry of: {layout.short_id(str(message.fields['retry_of']))}")
    if message.expires:
        lines.append(f"{'EXPIRED' if message.expired(now) else 'expires'}: {message.expires}")
    return "\n".join(lines)


def names(listed: tuple[str, ...]) -> str:
    """Names for a sentence: a few, or the first and how many more."""
    return ", ".join(listed) if len(listed) <= 8 else f"{', '.join(listed[:8])} and {len(listed) - 8} more"
