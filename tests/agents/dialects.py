"""The four protocols in which agent programs ask models: how a request is read, how an answer is written.

Each is a `Dialect`: `read` finds the newest turn in a request, `stream` and
`whole` write the answer as server-sent events (name, data) or as one object.
Only what the programs of these tests look at is there.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]
Events = Iterator[tuple[str, Json | str]]
_USAGE = {"input_tokens": 10, "output_tokens": 10}
_PIECE = 40


class Call(NamedTuple):
    """A use of a tool; a tool is chosen by a pattern for the end of its name: some programs put prefixes."""

    tool: str
    arguments: Json


class Answer(NamedTuple):
    """The model's text, or the tool that it calls first."""

    text: str = ""
    delay_s: float = 0.0
    call: Call | None = None


class Turn(NamedTuple):
    """The messages since the model's last turn."""

    text: str
    tools: tuple[str, ...]
    items: tuple[tuple[str, str], ...] = ()
    """All messages of the request, as (role, text); the role `tool` for results."""

    def results(self, marker: str) -> list[str]:
        """Return the results of tools since the message that holds the marker; none after a later text."""
        given: list[str] = []
        for role, text in reversed(self.items):
            if role == "tool":
                given.append(text)
            elif marker in text and role not in SPOKEN:
                break
        return given[::-1]


SPOKEN = ("assistant", "model")
"""The roles of the model's own words."""


class Dialect(NamedTuple):
    """One protocol."""

    read: Callable[[Json], Turn]
    stream: Callable[[Answer, Json], Events]
    whole: Callable[[Answer, Json], Json]


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)] or [""]


def _id(kind: str) -> str:
    return f"{kind}_{time.time_ns()}"


def _flat(value: Any) -> str:
    """All text in a content value: a string, a list of blocks, a block."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(map(_flat, value))
    found = [value[key] for key in ("text", "output", "content") if key in (value or {})]
    return _flat(found[0]) if found else ""


def _newest(items: list[tuple[str, str]], tools: list[str]) -> Turn:
    """Return the last turn of items of (role, text); for a tool's result, with all text before it."""
    spoke = max((number for number, (role, _) in enumerate(items) if role in SPOKEN), default=-1)
    called = any(role == "tool" for role, _ in items[spoke + 1 :])
    said = items if called else items[spoke + 1 :]
    # Some hooks add text as a message of the developer.
    text = "\n".join(text for role, text in said if role in ("user", "developer"))
    return Turn(text, tuple(tools), tuple(items))


def _read_anthropic(body: Json) -> Turn:
    items = []
    for message in body.get("messages", []):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            role = "tool" if block["type"] == "tool_result" else message["role"]
            items.append((role, _flat(block)))
    return _newest(items, [tool.get("name", "") for tool in body.get("tools", [])])


def _block(answer: Answer) -> Json:
    if answer.call:
        return {
            "type": "tool_use",
            "id": _id("toolu"),
            "name": answer.call.tool,
            "input": answer.call.arguments,
        }
    return {"type": "text", "text": answer.text}


def _whole_anthropic(answer: Answer, body: Json) -> Json:
    stop = "tool_use" if answer.call else "end_turn"
    head = {"type": "message", "id": _id("msg"), "role": "assistant", "model": body.get("model", "stub-1")}
    return {**head, "content": [_block(answer)], "stop_reason": stop, "stop_sequence": None, "usage": _USAGE}


def _stream_anthropic(answer: Answer, body: Json) -> Events:
    whole = _whole_anthropic(answer, body)
    block = whole["content"][0]
    empty = {**block, "input": {}} if answer.call else {**block, "text": ""}
    kinds = ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
    start, begin, end, delta, stop = ({"type": kind} for kind in kinds)
    yield kinds[0], {**start, "message": {**whole, "content": [], "stop_reason": None}}
    yield kinds[1], {**begin, "index": 0, "content_block": empty}
    if answer.call:
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(answer.call.arguments)}]
    else:
        deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(answer.text)]
    for one in deltas:
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": one}
    yield kinds[2], {**end, "index": 0}
    yield kinds[3], {**delta, "delta": {"stop_reason": whole["stop_reason"]}, "usage": _USAGE}
    yield kinds[4], dict(stop)


def _read_chat(body: Json) -> Turn:
    tools = [(tool.get("function") or tool).get("name", "") for tool in body.get("tools", [])]
    return _newest([(one["role"], _flat(one.get("content"))) for one in body.get("messages", [])], tools)


def _whole_chat(answer: Answer, body: Json) -> Json:
    message = {"role": "assistant", "content": None if answer.call else answer.text, **_calls(answer)}
    finish = "tool_calls" if answer.call else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {**_completion(body, "chat.completion"), "choices": [choice]}


def _calls(answer: Answer) -> Json:
    if not answer.call:
        return {}
    function = {"name": answer.call.tool, "arguments": json.dumps(answer.call.arguments)}
    return {"tool_calls": [{"index": 0, "id": _id("call"), "type": "function", "function": function}]}


def _completion(body: Json, kind: str) -> Json:
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    made = {"id": _id("chatcmpl"), "object": kind, "created": int(time.time())}
    return {**made, "model": body.get("model", "stub-1"), "usage": usage}


def _stream_chat(answer: Answer, body: Json) -> Events:
    head = _completion(body, "chat.completion.chunk")
    deltas = [_calls(answer)] if answer.call else [{"content": piece} for piece in _pieces(answer.text)]
    for delta in [{"role": "assistant", "content": ""}, *deltas]:
        yield "", {**head, "usage": None, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    finish = "tool_calls" if answer.call else "stop"
    yield "", {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    yield "", "[DONE]"


def _read_responses(body: Json) -> Turn:
    given = body.get("input") or []
    items = []
    for one in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        kind = one.get("type", "message")
        role = one.get("role", "tool" if kind.endswith("_output") else "assistant")
        items.append((role, _flat(one)))
    tools: list[str] = []
    for tool in body.get("tools", []):
        inner = [f"{tool['name']}/{one['name']}" for one in tool.get("tools", [])]
        tools += inner or [tool.get("name", "")]
    return _newest(items, tools)


def _item(answer: Answer) -> Json:
    if not answer.call:
        content = {"type": "output_text", "text": answer.text, "annotations": []}
        head = {"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed"}
        return {**head, "content": [content]}
    space, _, name = answer.call.tool.rpartition("/")
    call = {"name": name, "arguments": json.dumps(answer.call.arguments), "status": "completed"}
    place = {"namespace": space} if space else {}
    return {"type": "function_call", "id": _id("fc"), "call_id": _id("call"), **call, **place}


def _whole_responses(answer: Answer, body: Json) -> Json:
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    head = {"id": _id("resp"), "object": "response", "created_at": int(time.time()), "status": "completed"}
    usage = {**_USAGE, **details, "total_tokens": 20}
    return {**head, "model": body.get("model", "stub-1"), "output": [_item(answer)], "usage": usage}


def _stream_responses(answer: Answer, body: Json) -> Events:
    whole = _whole_responses(answer, body)
    item = whole["output"][0]
    begun = {**item, "status": "in_progress", **({"arguments": ""} if answer.call else {"content": []})}
    place = {"output_index": 0, "item_id": item["id"]}
    events: list[Json] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
    ]
    if not answer.call:
        part = {"type": "output_text", "text": "", "annotations": []}
        events.append({"type": "response.content_part.added", **place, "content_index": 0, "part": part})
        for piece in _pieces(answer.text):
            delta = {"content_index": 0, "delta": piece, "logprobs": []}
            events.append({"type": "response.output_text.delta", **place, **delta})
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": whole})
    for number, event in enumerate(events):
        yield event["type"], {**event, "sequence_number": number}


def _read_gemini(body: Json) -> Turn:
    items = []
    for content in body.get("contents", []):
        for part in content["parts"]:
            role = "tool" if "functionResponse" in part else content.get("role", "user")
            items.append((role, _flat(part) or json.dumps(part)))
    tools = [one for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]
    return _newest(items, [tool["name"] for tool in tools])


def _candidate(part: Json, finish: str = "") -> Json:
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20}
    one = {
        "index": 0,
        "content": {"role": "model", "parts": [part]},
        **({"finishReason": finish} if finish else {}),
    }
    return {"candidates": [one], "usageMetadata": usage, "modelVersion": "stub-1"}


def _whole_gemini(answer: Answer, body: Json) -> Json:
    config = body.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if (
        schema
    ):  # a question of the program's own, which model to take or who is next: dull values of that form
        return _candidate({"text": json.dumps(_fill(schema))}, "STOP")
    if answer.call:
        call = {"functionCall": {"name": answer.call.tool, "args": answer.call.arguments}}
        return _candidate(call, "STOP")
    return _candidate({"text": answer.text}, "STOP")


def _stream_gemini(answer: Answer, body: Json) -> Events:
    whole = _whole_gemini(answer, body)
    text = whole["candidates"][0]["content"]["parts"][0].get("text")
    if text is None:
        yield "", whole
        return
    *pieces, last = _pieces(text)
    for piece in pieces:
        yield "", _candidate({"text": piece})
    yield "", _candidate({"text": last}, "STOP")


def _fill(schema: Json) -> Any:
    if schema.get("enum"):
        return schema["enum"][-1]
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        return {name: _fill(one) for name, one in (schema.get("properties") or {}).items()}
    return {"array": [], "integer": 1, "number": 1, "boolean": False}.get(kind, "stub")


anthropic = Dialect(_read_anthropic, _stream_anthropic, _whole_anthropic)
chat = Dialect(_read_chat, _stream_chat, _whole_chat)
responses = Dialect(_read_responses, _stream_responses, _whole_responses)
gemini = Dialect(_read_gemini, _stream_gemini, _whole_gemini)
