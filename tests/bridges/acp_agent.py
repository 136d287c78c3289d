"""An ACP agent for tests.

A text may say one of the words below, `permission:KIND`, `delay:S`, `touch:PATH` or `mode:ID`. The agent
starts in mode `auto`, in which it runs its tool (touch) and asks nobody; in others it asks first. Arguments:
`modes=A,B` what it offers, its own choice first, `modes=` none; `option`: as a config option; `stays`: it
takes no mode though it says OK; `says`: it reports its mode; `deaf-to-modes`: an error answers a mode.
`loads=FILE`: it can load the sessions that FILE names, with their number of turns; `no-load` says otherwise.
When it loads one it replays a turn with a tool and a switch to `auto`, then `fails`, is `stuck` or
`forgets-modes`; `late`: it replays with the first text.
`uses:KIND:STATUS,STATUS` in a text: it reports a tool call with these states, `ask` among them asks for it.

It writes the protocol's lines itself, because importing the SDK takes longer than most of its tests.
The bridge's side of each test is the SDK, which checks them.
"""

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

Object = dict[str, Any]
"""A JSON object of the protocol."""

WORDS = sys.argv[1:]
MODES = next(
    (word[6:].split(",") for word in WORDS if word.startswith("modes=")), ["auto", "plan", "default"]
)
LOADS = next((Path(word[6:]) for word in WORDS if word.startswith("loads=")), None)


class RefusedError(Exception):
    """A request gets an error for an answer: its code, message and data."""


class Wire:
    """JSON-RPC on stdin and stdout, one object a line."""

    def __init__(self) -> None:
        self.asked: dict[int, asyncio.Future[Object]] = {}

    def write(self, **message: Any) -> None:
        os.write(1, json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def update(self, name: str, **about: Any) -> None:
        """Report an update of the session."""
        params = {"sessionId": agent.session, "update": {"sessionUpdate": name, **about}}
        self.write(method="session/update", params=params)

    async def ask(self, method: str, params: Object) -> Object:
        """Ask the client, and return its result."""
        number = len(self.asked)
        self.asked[number] = asyncio.get_running_loop().create_future()
        self.write(id=number, method=method, params=params)
        return await self.asked[number]

    async def serve(self) -> None:
        """Answer requests until the input ends."""
        lines = asyncio.StreamReader(limit=1 << 30)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        running = set()
        while line := await lines.readline():
            message = json.loads(line)
            if "method" in message:
                running.add(asyncio.ensure_future(self.answer(message)))
            else:
                self.asked[message["id"]].set_result(message["result"])

    async def answer(self, message: Object) -> None:
        method = message["method"].removeprefix("session/")
        try:
            done = {"result": await getattr(agent, method)(**message["params"])}
        except RefusedError as refused:
            code, said, data = refused.args
            done = {"error": {"code": code, "message": said, "data": data}}
        if "id" in message:
            self.write(id=message["id"], **done)


def block(text: str) -> Object:
    return {"type": "text", "text": text}


class Agent:
    """The protocol's methods of an agent, by their names without `session/`."""

    session = "s1"
    mode = MODES[0]
    turns = 0
    cancelled = asyncio.Event()

    async def initialize(self, **_: Any) -> Object:
        return {
            "protocolVersion": 1,
            "agentCapabilities": {"loadSession": bool(LOADS) and "no-load" not in WORDS},
        }

    async def new(self, **_: Any) -> Object:
        if LOADS:
            self.session = f"s{len(self.kept()) + 1}"
            self.keep()
        if MODES == [""]:
            return {"sessionId": self.session}
        return {"sessionId": self.session, **self.choices()}

    def choices(self) -> Object:
        """The modes, as modes or as a config option."""
        if "option" in WORDS:
            values = [{"value": mode, "name": mode} for mode in MODES]
            about = {"id": "m", "name": "Mode", "category": "mode", "type": "select"}
            return {"configOptions": [{**about, "currentValue": self.mode, "options": values}]}
        modes = [{"id": mode, "name": mode} for mode in MODES]
        return {"modes": {"currentModeId": self.mode, "availableModes": modes}}

    def kept(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(LOADS.read_text()) if LOADS and LOADS.exists() else {}
        return found

    def keep(self) -> None:
        if LOADS:
            LOADS.write_text(json.dumps(self.kept() | {self.session: self.turns}))

    async def load(self, sessionId: str, **_: Any) -> Object:  # noqa: N803 (the protocol's)
        if sessionId not in self.kept():
            raise RefusedError(-32002, "Resource not found", {"uri": sessionId})
        if "late" not in WORDS:
            self.replay()
        if "fails" in WORDS:
            raise RefusedError(-32603, "Internal error", {"details": "its history is damaged"})
        await asyncio.sleep(300 if "stuck" in WORDS else 0)
        self.session, self.turns = sessionId, self.kept()[sessionId]
        return {} if "forgets-modes" in WORDS else self.choices()

    def replay(self) -> None:
        wire.update("user_message_chunk", content=block("an old question"))
        self.say("an old answer")
        wire.update("tool_call", toolCallId="old", title="rm -r /", kind="execute", status="completed")
        wire.update("current_mode_update", currentModeId="auto")

    async def set_mode(self, modeId: str, **_: Any) -> Object:  # noqa: N803 (the protocol's)
        if "deaf-to-modes" in WORDS or "option" in WORDS:
            raise RefusedError(-32602, "Invalid params", {"mode": "no such mode"})
        self.take(modeId)
        return {}

    async def set_config_option(self, value: str, **_: Any) -> Object:
        self.take(value)
        return self.choices()

    def take(self, mode: str) -> None:
        self.mode = self.mode if "stays" in WORDS else mode
        if "says" in WORDS:
            self.report()

    def report(self) -> None:
        wire.update("current_mode_update", currentModeId=self.mode)

    async def cancel(self, **_: Any) -> None:
        self.cancelled.set()

    def say(self, text: str) -> None:
        wire.update("agent_message_chunk", content=block(text))

    async def prompt(self, prompt: list[Object], **_: Any) -> Object:
        text = "".join(one["text"] for one in prompt)
        words = text.split()
        if text.startswith("only-tool:"):
            self.say(text[10:])
            wire.update("tool_call", toolCallId="t1", title="todo", kind="think")
            return {"stopReason": "end_turn"}
        if text.startswith("only:"):
            self.say(text[5:])
            return {"stopReason": "end_turn"}
        if text.startswith("endless:"):
            self.say(text[8:])
            await asyncio.sleep(300)
        self.turns += 1
        self.keep()
        if "late" in WORDS and self.turns > 1:
            self.replay()
        if "die" in words:
            os._exit(3)
        if "fork" in words:
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
        if "log" in words:
            os.write(1, b"a line that is no message\n")
        if "tool" in words:
            self.say("let me look")
            wire.update("tool_call", toolCallId="t1", title="ls", kind="execute")
        moved = re.search(r"mode:(\S+)", text)
        if moved:
            self.mode = moved[1]
            self.report()
        used = re.search(r"uses:(\w+):(\S+)", text)
        if used:
            await self.use(used[1], used[2].split(","))
        touched = re.search(r"touch:(\S+)", text)
        if touched:
            by_itself = self.mode in ("auto", "yolo", "build")
            if by_itself or (await self.permission("execute")).endswith("yes"):
                Path(touched[1]).touch()
        if "broke" in words:
            raise RefusedError(-32603, "Internal error", {"details": "usage limit reached"})
        asked = re.search(r"permission:(\w+)", text)
        if asked:
            self.say(await self.permission(asked[1]) + "\n")
        delay = re.search(r"delay:([\d.]+)", text)
        if delay and "deaf" in words:
            await asyncio.sleep(float(delay[1]))
        elif delay:
            self.cancelled.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.cancelled.wait(), float(delay[1]))
                return {"stopReason": "cancelled"}
        for piece in re.findall(r"(?s).{1,7}", f"turn {self.turns} heard {len(text)}:\n{text}"):
            self.say(piece)
        reasons = {"refuse": "refusal", "long": "max_tokens"}
        return {"stopReason": next((reasons[word] for word in words if word in reasons), "end_turn")}

    async def use(self, kind: str, states: list[str]) -> None:
        wire.update("tool_call", toolCallId="t1", title="make it", kind=kind, status="pending")
        for state in states:
            if state == "ask":
                await self.permission(kind)
            else:
                wire.update("tool_call_update", toolCallId="t1", status=state)

    async def permission(self, kind: str) -> str:
        options = [
            {"optionId": "always", "name": "Always", "kind": "allow_always"},
            {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
            {"optionId": "no", "name": "No", "kind": "reject_once"},
        ]
        call = {"toolCallId": "t1", "title": "x", "kind": kind}
        params = {"sessionId": self.session, "toolCall": call, "options": options}
        outcome = (await wire.ask("session/request_permission", params))["outcome"]
        return f"permission: {outcome.get('optionId', outcome['outcome'])}"


wire, agent = Wire(), Agent()
if __name__ == "__main__":
    asyncio.run(wire.serve())
