"""An ACP agent for tests; a text may say one of the words below, `permission:KIND` or `delay:S`."""

import asyncio
import os
import re
import time
from typing import Any, cast

import acp
from acp import schema


class Agent:
    turns = 0
    cancelled = asyncio.Event()
    client: Any = None

    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **kwargs: Any) -> acp.InitializeResponse:
        return acp.InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, **kwargs: Any) -> acp.NewSessionResponse:
        return acp.NewSessionResponse(session_id="s1")

    async def cancel(self, session_id: str, **kwargs: Any) -> None:
        self.cancelled.set()

    async def say(self, session_id: str, text: str) -> None:
        await self.client.session_update(session_id=session_id, update=acp.update_agent_message_text(text))

    async def prompt(self, session_id: str, prompt: list[Any], **kwargs: Any) -> acp.PromptResponse:
        text = "".join(block.text for block in prompt)
        words = text.split()
        self.turns += 1
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
