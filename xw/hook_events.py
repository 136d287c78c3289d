"""The hooks of agent programs, as data: the names of their events, and the JSON that each understands.

A program runs `xw hook EVENT` with a JSON object on its standard input, and acts on the object that the hook
prints. Claude Code's shapes are everybody's model; a program without a row here is treated like them. The
facts were seen at the versions in `docs/hooks.md`. `programs` has the rest of what xw knows of a program;
this module is read by each `xw hook`, and must stay light.
"""

from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from typing import Literal

    HookMoment = Literal["start", "prompt", "end", "exit"]

WAKE = "wake"
"""The event of the waker, which no program has: a hook that runs in the background until mail arrives."""
_CALLED = "hook_event_name"  # on standard input: the event, by the program's own word


class Dialect(NamedTuple):
    """A program's words: its events at a session's start, a prompt, a turn's end and a session's end.

    With `goes_on`, a text given at a turn's end continues the turn as context; else the end is blocked, with
    the text as the reason. `answer` is the field with the turn's answer, or empty if none is exact. With
    `warns`, it shows a `systemMessage` to its user.
    """

    start: str = "SessionStart"
    prompt: str = "UserPromptSubmit"
    end: str = "Stop"
    exit: str = "SessionEnd"
    goes_on: bool = False
    answer: str = "last_assistant_message"
    warns: bool = False

    def moment(self, event: str) -> "HookMoment | None":
        """Return what happens at an event; None if hooks of xw do nothing then."""
        events: dict[str, HookMoment] = {
            self.start: "start",
            self.prompt: "prompt",
            self.end: "end",
            self.exit: "exit",
        }
        return events.get(event)

    def output(self, moment: "HookMoment", text: str, warning: str = "") -> dict[str, object]:
        """Return the object that gives a text to the model, and a warning to the user; empty for neither."""
        shown: dict[str, object] = {"systemMessage": warning} if warning and self.warns else {}
        if not text or moment == "exit":
            return shown
        if moment == "end" and not self.goes_on:
            return {**shown, "decision": "block", "reason": text}
        event = {"start": self.start, "prompt": self.prompt, "end": self.end}[moment]
        return {**shown, "hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}


_OTHER = Dialect()
DIALECTS = {
    "claude": Dialect(goes_on=True, warns=True),
    "codex": Dialect(),  # its output objects are strict: one more key, and it ignores the hook
    "gemini": Dialect(prompt="BeforeAgent", end="AfterAgent", answer=""),  # its answer has pieces twice
    "qwen": Dialect(),
}


def dialect(program: str) -> Dialect:
    """Return the words of a program; those of Claude Code's model for an unknown one."""
    return DIALECTS.get(program, _OTHER)


def hooks(program: str) -> dict[str, str]:
    """Return a program's events by moment, for its profile."""
    words = dialect(program)
    return {"start": words.start, "prompt": words.prompt, "end": words.end, "exit": words.exit}


class Given(NamedTuple):
    """A hook's call: the program, the event that its settings name, and the fields of its input."""

    program: str
    event: str
    fields: dict[str, object]

    def text(self, *names: str) -> str:
        """Return the first of these fields that is a text and not empty, or an empty text.

        Half a surrogate pair, of a text that the program has cut, is `?`: no file could keep it.
        """
        values = (self.fields.get(name) for name in names)
        found = next((value for value in values if isinstance(value, str) and value), "")
        return found.encode("utf-8", "replace").decode()

    @property
    def session(self) -> str:
        """The program's own id of the session; empty if it gives none."""
        return self.text("session_id")

    @property
    def is_of_subagent(self) -> bool:
        """True if a part of the session has begun or ended, and not the session or its turn."""
        called = self.text(_CALLED)
        other = bool(called) and called != self.event and self.event != WAKE
        return other or bool(self.text("agent_id"))
