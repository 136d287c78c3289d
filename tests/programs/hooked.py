"""An imitation of an agent program's session as its hooks see it: the JSON of each event, and its loops.

Seen with Claude Code 2.1.332, Codex 0.171.0, Gemini CLI 0.61.0 and Qwen Code 0.24.4 (FRONT-DOORS.md). Its
traps: the end of a turn runs its hook again after each continuation, with `stop_hook_active`, until it stays
silent or the program has had enough; output with an unknown key is ignored; Gemini's answer has pieces twice.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.cli.team import Result
from tests.schemas import validate

Xw = Callable[..., Result]
"""Runs xw with arguments, and `stdin` in bytes."""

BLOCKS = 8
"""Continuations of one turn that Claude Code takes from its hooks."""
_EVENTS = {
    "claude": ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"),
    "codex": ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"),
    "gemini": ("SessionStart", "BeforeAgent", "AfterAgent", "SessionEnd"),
    "qwen": ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"),
}
_CONTEXT = {"hookEventName", "additionalContext"}


class Turn(NamedTuple):
    """What the model was given in a turn: with the prompt, and in each continuation."""

    context: str
    continued: list[str]


class Program:
    """A session of an agent program whose hooks run xw."""

    def __init__(self, xw: Xw, program: str = "claude", session: str = "s1") -> None:
        self._xw = xw
        self.program = program
        self.session = session
        self.shown: list[str] = []
        """What it showed its user."""
        self._start, self._prompt, self._stop, self._end = _EVENTS[program]

    def fire(self, event: str, **fields: Any) -> Result:
        """Run the hook of an event as the program does."""
        whole = {
            "session_id": self.session,
            "transcript_path": f"/home/you/{self.session}.jsonl",
            "cwd": "/home/you/project",
            "hook_event_name": event,
            **fields,
        }
        return self._run(event, whole)

    def start(self, source: str = "startup") -> str:
        """Begin the session; return what the model is given."""
        return self._context(self._start, self.fire(self._start, source=source))

    def prompt(self, text: str = "hello") -> str:
        """Submit a prompt; return what the model is given beside it."""
        return self._context(self._prompt, self.fire(self._prompt, prompt=text, turn_id="t1"))

    def stop(self, answer: str = "done", active: bool = False) -> str:
        """End a turn; return the text with which it continues, or an empty one."""
        said = {"prompt": "hello", "prompt_response": 2 * answer} if self.program == "gemini" else {}
        said = said or {"last_assistant_message": answer}
        result = self.fire(self._stop, stop_hook_active=active, **said)
        if self.program == "claude":
            return self._context(self._stop, result)
        output = self._output(result)
        if not output:
            return ""
        assert output.keys() == {"decision", "reason"}  # a strict program ignores any other object
        assert output["decision"] == "block"
        return str(output["reason"])

    def turn(self, prompt: str = "hello") -> Turn:
        """Play a turn to its end: Stop hooks run until they are silent, or the program has enough."""
        context = self.prompt(prompt)
        continued: list[str] = []
        while len(continued) < BLOCKS and (text := self.stop(active=bool(continued))):
            continued.append(text)
        return Turn(context, continued)

    def end(self, reason: str = "prompt_input_exit") -> None:
        """End the session."""
        assert self.fire(self._end, reason=reason) == Result(0, "", "")

    def wake_input(self, event: str = "Stop") -> bytes:
        """Return what a waker reads that is armed at an event."""
        return json.dumps({"session_id": self.session, "hook_event_name": event}).encode()

    def _run(self, event: str, fields: dict[str, Any]) -> Result:
        data = json.dumps(fields).encode()
        result = self._xw("hook", event, "--program", self.program, stdin=data)
        assert result.code == 0, result  # the turn would fail
        return result

    def _output(self, result: Result) -> dict[str, Any]:
        if not result.out:
            return {}
        output: dict[str, Any] = json.loads(result.out)  # nothing else may be on stdout
        validate.printed("hook", output)
        if self.program == "claude" and "systemMessage" in output:
            self.shown.append(output.pop("systemMessage"))
        return output

    def _context(self, event: str, result: Result) -> str:
        output = self._output(result)
        if not output:
            return ""
        assert output.keys() == {"hookSpecificOutput"}
        specific = output["hookSpecificOutput"]
        assert specific.keys() == _CONTEXT
        assert specific["hookEventName"] == event
        return str(specific["additionalContext"])


def told(text: str) -> list[str]:
    """Return the short ids of the messages that a text lists."""
    return re.findall(r"^([0-9a-z]{8}) (?:task|question|reply|info) from ", text, re.MULTILINE)
