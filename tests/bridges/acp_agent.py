"""An ACP agent for tests.

A text may say one of the words below, `permission:KIND`, `delay:S`, `touch:PATH` or `mode:ID`. The agent
starts in mode `auto`, in which it runs its tool (touch) and asks nobody; in others it asks first. Arguments:
`modes=A,B` what it offers, its own choice first, `modes=` none; `option`: as a config option; `stays`: it
takes no mode though it says OK; `says`: it reports its mode; `deaf-to-modes`: an error answers a mode.
`loads=FILE`: it can load the sessions that FILE names, with their number of turns; `no-load` says otherwise.
When it loads one it replays a turn with a tool and a switch to `auto`, then `fails`, is `stuck` or
`forgets-modes`; `late`: it replays with the first text.
`uses:KIND:STATUS,STATUS` in a text: it reports a tool call with these states, `ask` among them asks for it.
"""

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, cast

import acp
from acp import schema

WORDS = sys.argv[1:]
MODES = next(
    (word[6:].split(",") for word in WORDS if word.startswith("modes=")), ["auto", "plan", "default"]
)
LOADS = next((Path(word[6:]) for word in WORDS if word.startswith("loads=")), None)


class Agent:
    session = "s1"
    mode = MODES[0]
    turns = 0
    cancelled = asyncio.Event()
    client: Any = None

    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **kwargs: Any) -> acp.InitializeResponse:
        able = schema.AgentCapabilities(load_session=bool(LOADS) and "no-load" not in WORDS)
        return acp.InitializeResponse(protocol_version=protocol_version, agent_capabilities=able)

    async def new_session(self, **kwargs: Any) -> acp.NewSessionResponse:
        if LOADS:
            self.session = f"s{len(self.kept()) + 1}"
            self.keep()
        if MODES == [""]:
            return acp.NewSessionResponse(session_id=self.session)
        if "option" in WORDS:
            return acp.NewSessionResponse(session_id=self.session, config_options=self.options())
        return acp.NewSessionResponse(session_id=self.session, modes=self.state())

    def state(self) -> schema.SessionModeState:
        modes = [schema.SessionMode(id=mode, name=mode) for mode in MODES]
        return schema.SessionModeState(current_mode_id=self.mode, available_modes=modes)

    def kept(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(LOADS.read_text()) if LOADS and LOADS.exists() else {}
        return found

    def keep(self) -> None:
        if LOADS:
            LOADS.write_text(json.dumps(self.kept() | {self.session: self.turns}))

    async def load_session(self, session_id: str, **kwargs: Any) -> Any:
        if session_id not in self.kept():
            raise acp.RequestError.resource_not_found(session_id)
        if "late" not in WORDS:
            await self.replay(session_id)
        if "fails" in WORDS:
            raise acp.RequestError.internal_error({"details": "its history is damaged"})
        await asyncio.sleep(300 if "stuck" in WORDS else 0)
        self.session, self.turns = session_id, self.kept()[session_id]
        if "option" in WORDS:
            return schema.LoadSessionResponse(config_options=self.options())
        return schema.LoadSessionResponse(modes=None if "forgets-modes" in WORDS else self.state())

    async def replay(self, session_id: str) -> None:
        asked = schema.UserMessageChunk(
            session_update="user_message_chunk", content=acp.text_block("an old question")
        )
        tool = acp.start_tool_call("old", "rm -r /", kind="execute", status="completed")
        mode = schema.CurrentModeUpdate(session_update="current_mode_update", current_mode_id="auto")
        for update in (asked, acp.update_agent_message_text("an old answer"), tool, mode):
            await self.client.session_update(session_id=session_id, update=update)

    def options(self) -> list[Any]:
        values = [schema.SessionConfigSelectOption(value=mode, name=mode) for mode in MODES]
        about: dict[str, Any] = {"id": "m", "name": "Mode", "category": "mode", "type": "select"}
        return [schema.SessionConfigOptionSelect(**about, current_value=self.mode, options=values)]

    async def set_session_mode(self, mode_id: str, session_id: str, **kwargs: Any) -> Any:
        if "deaf-to-modes" in WORDS or "option" in WORDS:
            raise acp.RequestError.invalid_params({"mode": "no such mode"})
        await self.take(session_id, mode_id)
        return schema.SetSessionModeResponse()

    async def set_config_option(self, config_id: str, session_id: str, value: Any, **kwargs: Any) -> Any:
        await self.take(session_id, value)
        return schema.SetSessionConfigOptionResponse(config_options=self.options())

    async def take(self, session_id: str, mode: str) -> None:
        self.mode = self.mode if "stays" in WORDS else mode
        if "says" in WORDS:
            await self.report(session_id)

    async def report(self, session_id: str) -> None:
        update = schema.CurrentModeUpdate(session_update="current_mode_update", current_mode_id=self.mode)
        await self.client.session_update(session_id=session_id, update=update)

    async def cancel(self, session_id: str, **kwargs: Any) -> None:
        self.cancelled.set()

    async def say(self, session_id: str, text: str) -> None:
        await self.client.session_update(session_id=session_id, update=acp.update_agent_message_text(text))

    async def prompt(self, session_id: str, prompt: list[Any], **kwargs: Any) -> acp.PromptResponse:
        text = "".join(block.text for block in prompt)
        words = text.split()
        if text.startswith("only-tool:"):
            await self.say(session_id, text[10:])
            update = acp.start_tool_call("t1", "todo", kind="think")
            await self.client.session_update(session_id=session_id, update=update)
            return acp.PromptResponse(stop_reason="end_turn")
        if text.startswith("only:"):
            await self.say(session_id, text[5:])
            return acp.PromptResponse(stop_reason="end_turn")
        if text.startswith("endless:"):
            await self.say(session_id, text[8:])
            await asyncio.sleep(300)
        self.turns += 1
        self.keep()
        if "late" in WORDS and self.turns > 1:
            await self.replay(session_id)
        if "die" in words:
            os._exit(3)
        if "fork" in words:
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
        if "log" in words:
            os.write(1, b"a line that is no message\n")
        if "tool" in words:
            await self.say(session_id, "let me look")
            update = acp.start_tool_call("t1", "ls", kind="execute")
            await self.client.session_update(session_id=session_id, update=update)
        moved = re.search(r"mode:(\S+)", text)
        if moved:
            self.mode = moved[1]
            await self.report(session_id)
        used = re.search(r"uses:(\w+):(\S+)", text)
        if used:
            await self.use(session_id, used[1], used[2].split(","))
        touched = re.search(r"touch:(\S+)", text)
        if touched:
            by_itself = self.mode in ("auto", "yolo", "build")
            if by_itself or (await self.permission(session_id, "execute")).endswith("yes"):
                Path(touched[1]).touch()
        if "broke" in words:
            raise acp.RequestError.internal_error({"details": "usage limit reached"})
        asked = re.search(r"permission:(\w+)", text)
        if asked:
            await self.say(session_id, await self.permission(session_id, asked[1]) + "\n")
        delay = re.search(r"delay:([\d.]+)", text)
        if delay and "deaf" in words:
            await asyncio.sleep(float(delay[1]))
        elif delay:
            self.cancelled.clear()
            try:
                await asyncio.wait_for(self.cancelled.wait(), float(delay[1]))
            except TimeoutError:
                pass
            else:
                return acp.PromptResponse(stop_reason="cancelled")
        for piece in re.findall(r"(?s).{1,7}", f"turn {self.turns} heard {len(text)}:\n{text}"):
            await self.say(session_id, piece)
        reasons: dict[str, schema.StopReason] = {"refuse": "refusal", "long": "max_tokens"}
        return acp.PromptResponse(stop_reason=next((reasons[w] for w in words if w in reasons), "end_turn"))

    async def use(self, session_id: str, kind: Any, states: list[Any]) -> None:
        first = acp.start_tool_call("t1", "make it", kind=kind, status="pending")
        await self.client.session_update(session_id=session_id, update=first)
        for state in states:
            if state == "ask":
                await self.permission(session_id, kind)
            else:
                update = acp.update_tool_call("t1", status=state)
                await self.client.session_update(session_id=session_id, update=update)

    async def permission(self, session_id: str, kind: Any) -> str:
        options = [
            schema.PermissionOption(option_id="always", name="Always", kind="allow_always"),
            schema.PermissionOption(option_id="yes", name="Yes", kind="allow_once"),
            schema.PermissionOption(option_id="no", name="No", kind="reject_once"),
        ]
        call = schema.ToolCallUpdate(tool_call_id="t1", title="x", kind=kind)
        answer = await self.client.request_permission(session_id=session_id, tool_call=call, options=options)
        return f"permission: {getattr(answer.outcome, 'option_id', answer.outcome.outcome)}"


if __name__ == "__main__":
    asyncio.run(acp.run_agent(cast(acp.Agent, Agent())))
