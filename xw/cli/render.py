"""Print transcripts as text, Markdown or JSON: the only place that lays out conversations and their files.

An item is a message of a mailbox (`Line`), or a line or event of a room (`Entry`). Other people's text is
behind a margin, or guarded, so that it cannot look like a line of xw's. The one-line form of a message and
the heading of `xw read` are in `show`, which the hot commands import.
"""

import os
import sys
from collections.abc import Callable, Iterable

from xw import Entry, Line, clock, layout, relayed
from xw.cli.show import dated, emit, put, say, status, tell
from xw.quote import MARGIN, guarded, indented, quoted
from xw.text import visible

Item = Line | Entry

# Bright and plain colours without red, black and white: errors are red, and terminals are dark or light.
_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)
_FAINT = 2


def printer(form: str) -> Callable[[Item], None]:
    """Return a function that prints an item in a form: text, markdown or json."""
    if form == "json":
        return _json
    if form == "markdown":
        return _markdown
    return Text(colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


def _json(item: Item) -> None:
    """Print one JSON object per line, so that a growing transcript can be read as it comes."""
    emit(item.to_json())


def _markdown(item: Item) -> None:
    if isinstance(item, Line):
        message = item.message
        to = ", ".join(message.to)
        say(f"### {message.sender}{status(message)} → {to}: {message.type}{_answer(message.re)}\n")
        say(f"*{dated(message.sent)}, {message.short}*\n")
        _quote(message.body, _names(item))
    elif item.kind == "event":
        tell(f"*{item.text.replace('<', '&lt;')}{_doubt(item)}*")
        say("")
    elif not item.silent:
        put(f"**{visible(item.author)}**{visible(_status(item), '')} ({dated(item.at)})\n")
        _quote(item.text.rstrip(), item.files)


def _quote(text: str, files: Iterable[str]) -> None:
    below = tuple(line for name in files for line in ("", f"File: `{visible(name, keep='')}`"))
    put(f"{quoted(text, below)}\n")


class Text:
    """Prints items as text; in a room, with `colours`, each author in a different colour."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._given: dict[str, int] = {}

    def __call__(self, item: Item) -> None:
        """Print an item."""
        if isinstance(item, Line):
            self._message(item)
        else:
            self._entry(item)

    def _message(self, line: Line) -> None:
        message = line.message
        when, to = clock.brief(message.sent), ", ".join(message.to)
        who = f"{message.sender}{status(message)} -> {to}"
        tell(f"{when} {message.short} {who} [{message.type}{_answer(message.re)}]")
        put(indented(guarded(message.body)))
        for name in _names(line):
            tell(f"{MARGIN}(file: {name})")

    def _entry(self, entry: Entry) -> None:
        when = clock.brief(entry.at)
        if entry.kind == "event" or entry.silent:
            what = (entry.text if entry.kind == "event" else f"{entry.author} passes") + _doubt(entry)
            put(self._paint(f"{when} -- {visible(what, keep='')}", _FAINT))
            return
        colour = self._given.setdefault(entry.author, _COLOURS[len(self._given) % len(_COLOURS)])
        files = (f"(file: {visible(name, keep='')})" for name in entry.files)
        text = "\n".join(filter(None, (guarded(relayed.guarded(entry.text.rstrip())), *files)))
        said = text.replace("\n", f"\n{MARGIN}")
        who = self._paint(visible(entry.author), colour) + visible(_status(entry), "")
        put(f"{when} {who}: {said}")

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text


def _status(entry: Entry) -> str:
    """Return the status of a line's author, behind the name."""
    return f" ({relayed.in_words(entry.status)})" if entry.status else ""


def _doubt(entry: Entry) -> str:
    """Return the status of an event's author if the event may not be the room's."""
    return _status(entry) if entry.status and entry.status.is_alarming else ""


def _names(line: Line) -> Iterable[str]:
    message = line.message
    return (file.name for file in (*message.attachments, *message.attached))


def _answer(re: str | None) -> str:
    return f" re {layout.short_id(re)}" if re else ""
