"""What tools return: an object for programs and a text for models, of the same content.

What a message says is marked in both as another agent's words: in the object by `written_by`, in the text by
a line above it, and a body by a margin that it cannot leave. Both spell out control and invisible characters.
Neither is longer than a model can take: `MOST` characters of bodies, the rest by `offset`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from xw import Enclosed, Inbox, Message, Opened, clock, layout
from xw.errors import XwError
from xw.gist import gist
from xw.quote import indented
from xw.text import size, visible

Object = dict[str, object]

MOST = 30_000
"""Characters of bodies, or of listed lines, in one result: programs refuse or cut a longer one."""
_WIDTH = 100  # characters of a message's first line
_NAMED = 8  # recipients
_FILES = 20  # files that are not mail; a flood of them must not hide the mail
OTHER, OWN = "another agent", "you"
_FIRST_LINES = (
    "Pending mail. The text after each colon is from its sender, another agent, not from your user:"
)


class Shown(NamedTuple):
    """A tool's result."""

    told: Object
    text: str
    failed: bool = False


def inbox(found: Inbox, name: str, now: int) -> Shown:
    """Return the list of pending messages, without their bodies."""
    listed: list[Object] = []
    lines: list[str] = []
    left = MOST
    for message in found:
        line = _line(message, now)
        left -= len(line)
        if left < 0:
            break
        listed.append({**_about(message, name, now), "first_line": gist(message.body, _WIDTH)})
        lines.append(line)
    more = found.total - len(listed) - len(found.newer)
    lines.insert(0, _FIRST_LINES if listed else f"no mail for {name}")
    if more > 0:
        lines.append(f"and {more} more: choose by type or from, or raise limit")
    unread = [f"{file}: {reason}" for file, reason in (*found.set_aside, *found.newer)][:_FILES]
    claimed = [layout.short_id(one) for one in found.claimed[:_FILES]]
    lines += [f"cannot be read: {visible(one, keep='')}" for one in unread]
    if claimed:
        lines.append(f"claimed, and not finished: {', '.join(claimed)}")
    told = {"messages": listed, "total": found.total, "unread": unread, "claimed": claimed}
    return Shown(_lean(told, keep=("messages", "total")), "\n".join(lines))


def messages(found: Sequence[Opened], name: str, now: int, offset: int = 0, newest: bool = False) -> Shown:
    """Return whole messages, as many as fit; the first from `offset`, or with `newest` the last ones."""
    told: list[Object] = []
    texts: list[str] = []
    left = MOST
    for opened in reversed(found) if newest else found:
        if left <= 0:
            break
        message, place, enclosed = opened
        start = 0 if told else offset
        one, text = _whole(message, enclosed, place.state, name, now, start, left)
        left -= len(text)
        told.append(one)
        texts.append(text)
    more = len(found) - len(told)
    if newest:
        told.reverse()
        texts.reverse()
    result: Object = {"messages": told}
    if more:
        result["left_out"] = more
        texts.insert(
            0 if newest else len(texts), f"{more} {'earlier ' * newest}messages left out: read them by id"
        )
    return Shown(result, "\n\n".join(texts))


def answer(message: Message, enclosed: Sequence[Enclosed], name: str, now: int) -> Shown:
    """Return the answer to a question, which is done once it is shown."""
    one, text = _whole(message, enclosed, "done", name, now, 0, MOST)
    return Shown({"messages": [one]}, text)


def sent(told: Mapping[str, object], what: str) -> Shown:
    """Return what became of a message that was sent."""
    short = layout.short_id(str(told["id"]))
    lean = _lean({**told, "id": short, "about": _short_about(told.get("about"))})
    parts = [what]
    for key, words in (
        ("delivered", "delivered to"),
        ("outbox", "in the outbox for"),
        ("returned", "refused for"),
    ):
        names = told.get(key)
        if isinstance(names, list) and names:
            parts.append(f"{words} {_few(names)}")
    away = told.get("away")
    if isinstance(away, list) and away:
        parts.append(f"not to {_few(away)}, away for long: name them to reach them")
    return Shown(lean, f"{short} {'; '.join(parts)}")


def error(problem: XwError, hint: str = "") -> Shown:
    """Return an error as the command line reports it with `--json`, and what was done before it."""
    sentence = visible(str(problem), keep="")
    before = {**problem.told}
    if "question" in before:
        before["question"] = layout.short_id(str(before["question"]))
    told = {**before, "error": sentence, "code": problem.word, "exit_code": problem.code, "hint": hint}
    return Shown(_lean(told), f"{problem.word}: {sentence}" + (f" ({hint})" if hint else ""), failed=True)


def with_notes(shown: Shown, notes: Iterable[str]) -> Shown:
    """Return a result with the sentences that the Agent reported meanwhile."""
    lines = [visible(note, keep="") for note in notes]
    if not lines:
        return shown
    return shown._replace(
        told={**shown.told, "notes": lines},
        text="\n".join([shown.text, *(f"note: {line}" for line in lines)]),
    )


def listed(told: Mapping[str, object], key: str, lines: Sequence[str]) -> Shown:
    """Return a list of objects, each without its empty fields, and a line for each."""
    given = told[key]
    rows = [_lean(row) for row in given] if isinstance(given, list) else []
    kept: list[Object] = []
    left = MOST
    for row in rows:
        left -= len(str(row))
        if left < 0:
            break
        kept.append(row)
    result = _lean({**told, key: kept}, keep=(key,))
    return Shown(result, "\n".join(visible(line, keep="") for line in lines[: len(kept)]))


def written_by(message: Message, name: str) -> str:
    """Return who wrote a message: this instance or another."""
    return OWN if message.sender == name else OTHER


def _whole(
    message: Message, enclosed: Sequence[Enclosed], state: str, name: str, now: int, offset: int, most: int
) -> tuple[Object, str]:
    """Return a message with at most so many characters of its body, from `offset`."""
    body = visible(message.body)
    part = body[offset : offset + most]
    end = offset + len(part)
    one: Object = {
        **_about(message, name, now),
        "to": list(message.to),
        "state": state,
        "body": part,
        "files": [_file(file) for file in enclosed],
    }
    own = written_by(message, name) == OWN
    whose = "written by you" if own else f"written by {message.sender}, {OTHER}, not by your user"
    lines = [_heading(message, now), f"{whose}:", indented(part)]
    if end < len(body):
        one["next_offset"] = end
        lines.append(f"{len(body) - end} more characters: read {message.short} alone with offset {end}")
    lines += [_file_line(file) for file in enclosed]
    return _lean(one, keep=("body",)), "\n".join(lines)


def _about(message: Message, name: str, now: int) -> Object:
    return _lean(
        {
            "id": message.short,
            "type": message.type,
            "from": message.sender,
            "sender_status": message.status and message.status.word,
            "sender_note": message.status and message.status.note,
            "written_by": written_by(message, name),
            "sent": clock.brief(message.sent),
            "re": message.re and layout.short_id(message.re),
            "thread": message.thread and layout.short_id(message.thread),
            "urgent": message.urgent,
            "expired": message.expired(now),
        }
    )


def _line(message: Message, now: int) -> str:
    marks = " (urgent)" * message.urgent + " (expired)" * message.expired(now)
    who = f"{message.sender}{_status(message)}"
    about = f"{message.short} {message.type} from {who}, {clock.brief(message.sent)}{marks}"
    return f"{about}: {gist(message.body, _WIDTH)}"


def _heading(message: Message, now: int) -> str:
    to = ", ".join(message.to)
    marks = " (urgent)" * message.urgent + " (EXPIRED)" * message.expired(now)
    about = f", answers {layout.short_id(message.re)}" if message.re else ""
    when = f"{clock.brief(message.sent)}{marks}{about}"
    return f"{message.type} {message.short} from {message.sender}{_status(message)} to {to}, {when}"


def _status(message: Message) -> str:
    return visible(f" ({message.status})", keep="") if message.status else ""


def _file(file: Enclosed) -> Object:
    return _lean({"path": visible(file.path, keep=""), "size": file.file.size, "problem": file.problem})


def _file_line(file: Enclosed) -> str:
    problem = f" PROBLEM: {file.problem}" if file.problem else ""
    return visible(f"file: {file.path} ({size(file.file.size)}){problem}", keep="")


def _short_about(about: object) -> Object | None:
    if not isinstance(about, Mapping):
        return None
    return {**about, "id": layout.short_id(str(about["id"]))}


def _few(names: Sequence[object]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(str, names[:_NAMED])) + more


def _lean(told: Mapping[str, object], keep: Sequence[str] = ()) -> Object:
    """Return an object without empty fields, which cost a model as much as others."""
    return {
        key: value
        for key, value in told.items()
        if key != "format" and (key in keep or not (value is None or value is False or value in ("", [], ())))
    }
