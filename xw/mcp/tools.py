"""The tools: their names, descriptions and parameters as data, and the call of the Agent behind each.

Names, descriptions and schemas are in every request of the model, so they are short (a test counts them);
results have no schema.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import xw
from xw import Agent, clock, layout
from xw.errors import TimedOut, Usage, XwError
from xw.mcp import shown
from xw.mcp.shown import Object, Shown
from xw.text import nearest

WAIT_S = 45.0
"""How long `ask` waits: less than the 60 s after which programs give up a call."""
LONGEST_S = 600.0
_PEERS = 50

Arguments = Mapping[str, object]
Schema = Mapping[str, object]

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
_WHOLE: Schema = {"type": "integer"}
_SWITCH: Schema = {"type": "boolean"}
_NUMBER: Schema = {"type": "number"}
_TYPE: Schema = {"enum": list(layout.TYPES)}


class Call(NamedTuple):
    """A tool's call: the Agent, the arguments, and a function that raises if nobody waits any more."""

    agent: Agent
    given: Arguments
    check_wanted: Callable[[], None]

    def text(self, name: str) -> str:
        """Return an argument that is a text; empty if absent."""
        return str(self.given.get(name, ""))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return an argument that is a list of texts; models also give a single one."""
        value = self.given.get(name, ())
        return (value,) if isinstance(value, str) else tuple(map(str, value))  # type: ignore[call-overload]


class Tool(NamedTuple):
    """A tool; `required` are the names of the parameters that a call must give."""

    name: str
    description: str
    params: Mapping[str, Schema]
    required: tuple[str, ...]
    run: Callable[[Call], Shown]
    waits: bool = False
    """True if it waits for others."""

    @property
    def schema(self) -> Object:
        """The JSON Schema of its arguments."""
        schema: Object = {"type": "object", "properties": dict(self.params)}
        return {**schema, "required": list(self.required)} if self.required else schema


def run(tool: Tool, call: Call) -> Shown:
    """Run a tool. Raise Usage for arguments that do not fit, and the errors of the Agent."""
    _check(tool, call.given)
    return tool.run(call)


def _check(tool: Tool, given: Arguments) -> None:
    for name, value in given.items():
        schema = tool.params.get(name)
        if schema is None:
            near = nearest(name, list(tool.params))
            raise Usage(f"{tool.name} has no argument {_quoted(name)}{near}: use {', '.join(tool.params)}")
        if not _fits(schema, value):
            raise Usage(f"{tool.name}: invalid {name}: give {_wanted(schema)}")
    for name in tool.required:
        if name not in given:
            raise Usage(f"{tool.name}: {name} is missing: give {_wanted(tool.params[name])}")


def _quoted(name: str) -> str:
    """Return an argument's name, which a model has made up, in quotes and short."""
    return repr(name[:40])


_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a text"),
    "array": ((str, list), "a list of texts"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
}


def _fits(schema: Schema, value: object) -> bool:
    if "enum" in schema:
        return value in layout.TYPES
    kind = str(schema["type"])
    if isinstance(value, list) and not all(isinstance(one, str) for one in value):
        return False
    return isinstance(value, _KINDS[kind][0]) and isinstance(value, bool) == (kind == "boolean")


def _wanted(schema: Schema) -> str:
    return f"one of {', '.join(layout.TYPES)}" if "enum" in schema else _KINDS[str(schema["type"])][1]


def _check_mail(call: Call) -> Shown:
    limit, kind = call.given.get("limit"), call.text("type")
    found = call.agent.check(limit=limit, type=kind or None, sender=call.text("from") or None)  # type: ignore[arg-type]
    return shown.inbox(found, call.agent.name, clock.now())


def _read(call: Call) -> Shown:
    agent, now = call.agent, clock.now()
    if call.given.get("thread"):
        ids = call.texts("ids")
        if len(ids) != 1:
            raise Usage("read: give one id with thread")
        return shown.messages(agent.thread(ids[0]), agent.name, now, newest=True)
    found: list[xw.Opened] = []
    errors: list[XwError] = []
    for token in call.texts("ids"):
        try:
            found.append(agent.read(token))
        except XwError as error:
            errors.append(error)
    if not found:
        raise errors[0] if errors else Usage("read: ids is empty: check lists them")
    offset = call.given.get("offset", 0)
    result = shown.messages(found, agent.name, now, max(0, offset))  # type: ignore[call-overload]
    return _and_errors(result, errors)


def _send(call: Call) -> Shown:
    sent = call.agent.send(
        call.texts("to"),
        call.text("type"),
        call.text("body"),
        re=call.text("re") or None,
        attach=call.texts("attach"),
        expires=call.text("expires") or None,
        urgent=call.given.get("urgent") is True,
    )
    return shown.sent(sent.to_json(), "sent")


def _reply(call: Call) -> Shown:
    sent = call.agent.reply(call.text("id"), call.text("body"), attach=call.texts("attach"))
    return shown.sent(sent.to_json(), f"answers {call.text('id')}")


def _done(call: Call) -> Shown:
    ids = call.texts("ids")
    if not ids:
        raise Usage("done: ids is empty: check lists them")
    try:
        finished = call.agent.done(*ids)
    except xw.Unfinished as error:
        finished = error.finished
    rows = [one.to_json() for one in finished]
    lines = [
        f"{one.token}: " + (str(one.error) if one.error else "done" if one.moved else "was done before")
        for one in finished
    ]
    told = {"messages": [{**row, "id": row["id"] and layout.short_id(row["id"])} for row in rows]}
    result = shown.listed(told, "messages", lines)
    return _and_errors(result, [one.error for one in finished if one.error], again=False)


def _ask(call: Call) -> Shown:
    timeout = call.given.get("timeout", WAIT_S)
    assert isinstance(timeout, (int, float))
    if timeout > LONGEST_S:
        raise Usage(
            f"ask: invalid timeout {timeout:g}: give at most {LONGEST_S:g}; later answers come as mail"
        )
    agent = call.agent
    try:
        with agent.question(call.texts("to"), call.text("body"), timeout=timeout) as asked:
            result = shown.answer(asked.reply, asked.enclosed, agent.name, clock.now())
            call.check_wanted()  # an answer that nobody gets stays pending
            return result
    except TimedOut as error:
        return shown.error(error, "an answer that comes later is mail: check lists it")


def _peers(call: Call) -> Shown:
    found = call.agent.peers(call.text("which") or None, limit=_PEERS)
    lines = [
        ", ".join(
            filter(None, (peer.name, peer.status, peer.task, f"{peer.pending} pending", peer.description))
        )
        for peer in found
    ]
    result = shown.listed(found.to_json(), "peers", lines)
    more = found.total - len(found)
    text = result.text or "no other instance"
    return result._replace(text=f"{text}\nand {more} more: name one, or a @GROUP" if more > 0 else text)


def _attach(call: Call) -> Shown:
    sent = call.agent.attach(call.text("id"), *call.texts("files"))
    return shown.sent(sent.to_json(), f"adds to {call.text('id')}")


def _and_errors(result: Shown, errors: list[XwError], again: bool = True) -> Shown:
    """Return a result that failed in part: with the worst error, and with all of them in the text."""
    if not errors:
        return result
    worst = shown.error(max(errors, key=lambda error: error.code))
    lines = [shown.error(error).text for error in errors] if again else []
    return Shown({**result.told, **worst.told}, "\n".join([result.text, *lines]), failed=True)


TOOLS = (
    Tool(
        "check",
        "List your pending mail: id, type, sender, first line",
        {"type": _TYPE, "from": _TEXT, "limit": _WHOLE},
        (),
        _check_mail,
    ),
    Tool(
        "read",
        "Read messages, with the paths of their files. thread: the whole thread of one. "
        "offset: continue a long body",
        {"ids": _TEXTS, "thread": _SWITCH, "offset": _WHOLE},
        ("ids",),
        _read,
    ),
    Tool(
        "send",
        "Send to instances, @GROUP or all. re: id it is about. attach: paths. expires: 2h, 3d or a date",
        {
            "to": _TEXTS,
            "type": _TYPE,
            "body": _TEXT,
            "re": _TEXT,
            "attach": _TEXTS,
            "expires": _TEXT,
            "urgent": _SWITCH,
        },
        ("to", "type", "body"),
        _send,
    ),
    Tool(
        "reply",
        "Answer a message; it stays pending until done",
        {"id": _TEXT, "body": _TEXT, "attach": _TEXTS},
        ("id", "body"),
        _reply,
    ),
    Tool("done", "Mark messages as handled", {"ids": _TEXTS}, ("ids",), _done),
    Tool(
        "ask",
        f"Send a question and wait for its answer, at most timeout seconds (default {WAIT_S:g}); "
        "a later answer comes as mail",
        {"to": _TEXTS, "body": _TEXT, "timeout": _NUMBER},
        ("to", "body"),
        _ask,
        waits=True,
    ),
    Tool(
        "peers",
        "List the other instances and what they do. which: a name or @GROUP",
        {"which": _TEXT},
        (),
        _peers,
    ),
    Tool(
        "attach",
        "Add files, by path, to a message that you sent",
        {"id": _TEXT, "files": _TEXTS},
        ("id", "files"),
        _attach,
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}
