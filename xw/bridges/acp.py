"""The ACP chat: an agent that the bridge starts and talks to in the Agent Client Protocol (extra `xw[acp]`).

Answers are streamed; the text after the agent's last tool call is the answer. The bridge keeps a finished
answer in its state directory, so that a bridge killed before filing it loses nothing; the agent itself ends
with its bridge. The id of the session is kept there too: the next agent loads that session if it can; else it
knows nothing of earlier turns, and the chat reports that. `acp_agent` has the process and the protocol,
`acp_client` the agent's requests, `acp_modes` the modes in which an agent asks.

Options: `permissions` (`deny`, the default; `read`: allow reading and searching; `allow`), `asks`
(`yes`: the agent asks because of its own configuration, though it offers no mode that does), `timeout` in
seconds for an answer, `cwd`.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import get_args

from xw.bridges import steady
from xw.bridges.acp_agent import Agent, Outcome, reason
from xw.bridges.acp_modes import Permissions
from xw.bridges.chat import ChatFailed, ChatGone, Found, NoAnswer, NotPresented, Reply, Uncertain
from xw.bridges.kinds import check_options, yes_or_no
from xw.bridges.own_files import DAY_S, OwnFiles
from xw.bridges.program import Program, program_of
from xw.bridges.provider_errors import error_in
from xw.errors import Usage

POLICIES: tuple[Permissions, ...] = get_args(Permissions)

SESSION = "session"
"""The file that notes the session."""

_INCOMPLETE = {
    "max_tokens": "the agent reached its model's limit of tokens",
    "max_turn_requests": "the agent reached its limit of requests in one turn",
}


class AcpChat:
    """One session with an agent process of the program, started with the first text."""

    limit = 0
    """The protocol sets no limit."""

    def __init__(
        self,
        program: Program,
        state: Path,
        permissions: Permissions = "deny",
        asks: bool = False,
        clock: Callable[[], float] = steady.seconds,
    ) -> None:
        self._program = program
        self._own = OwnFiles(state)
        self._agent = Agent(program, permissions, asks)
        self._clock = clock
        self._turns: dict[str, Future[Outcome]] = {}
        self._tell: Callable[[str], None] = lambda text: None

    def tells(self, tell: Callable[[str], None]) -> None:
        """Note the function that reports a line; see `chat.Telling`."""
        self._tell = tell

    def serves(self, instance: str) -> None:
        """Note the instance; see `Personal`."""
        self._program = self._program._replace(instance=instance)
        self._agent.serves(instance)

    def ready(self) -> str | None:
        """Return "busy" during a turn, or why the program cannot be found; see `Chat.ready`."""
        if any(not turn.done() for turn in self._turns.values()):
            return "busy"
        return self._program.missing()

    @property
    def memory(self) -> str:
        """Return the id of the session: in a new one the agent knows nothing of the texts before."""
        return self._agent.session

    def start(self) -> None:
        """Start the agent unless it runs; see `chat.Starting`."""
        if not self._agent.lives:
            self._own.make()
            earlier, why = self._earlier()
            why = self._agent.start(earlier) or why
            if why:
                self._tell(f"{self._program.name}: starts without its memory of earlier turns: {why}")

    def mark(self) -> str:
        """Return an id for the next turn; start the agent unless it runs."""
        self.start()
        self._own.check()
        self._sweep()
        return json.dumps({"turn": secrets.token_hex(8), "at": round(self._clock(), 3)})

    def present(self, mark: str, text: str) -> None:
        """Send the prompt; see `Chat.present`."""
        if not self._agent.lives:
            raise NotPresented(f"{self._program.name}: the agent ended before the text was sent")
        self._remember()
        turn = str(json.loads(mark)["turn"])
        self._turns = {turn: self._agent.prompt(text, lambda outcome: self._keep(turn, outcome))}
        with suppress(TimeoutError):
            # A failed start shows at once, and so may an answer.
            error = self._turns[turn].exception(timeout=0.05)
            if isinstance(error, OSError):
                raise Uncertain(f"{self._program.name}: ended while the text was sent: {error}") from error

    def seen(self, mark: str, text: str) -> bool | None:  # noqa: ARG002 (the mark suffices)
        """Return True for a turn with an answer, or one that this object began; else None."""
        turn = str(json.loads(mark)["turn"])
        return True if turn in self._turns or self._kept(turn) is not None else None

    def capture(self, mark: str, text: str) -> Reply | None:  # noqa: ARG002 (the mark suffices)
        """Return the finished turn's answer; see `Chat.capture`."""
        noted = json.loads(mark)
        turn = str(noted["turn"])
        kept = self._kept(turn)
        if kept is not None:
            return self._reply(kept)
        running = self._turns.get(turn)
        if running is None:
            raise ChatGone(f"{self._program.name}: ended with its bridge before it answered")
        if running.done():
            if error := running.exception():
                raise ChatFailed(f"{self._program.name}: {reason(error)}", self._agent.words)
            return self._reply(running.result())
        if self._clock() - noted["at"] > self._program.timeout_s:
            self._agent.cancel(running)
            why = f"no answer within {self._program.timeout_s:g} s; cancelled"
            raise NoAnswer(f"{self._program.name}: {why}", self._agent.words)
        return None

    def close(self) -> None:
        """End the agent, its children and the event loop."""
        self._agent.close()

    def _earlier(self) -> tuple[str, str]:
        """Return the session to load, or else why that of the earlier turns cannot be; both may be empty."""
        try:
            noted = json.loads(self._own.read(SESSION, -1))
            session = str(noted["session"])
            same = (noted["argv"], noted["cwd"]) == (list(self._program.argv), self._agent.cwd)
        except (ValueError, TypeError, KeyError):
            return "", ""  # no turn yet, or torn by a crash of the machine
        if not same:
            return "", "its command or directory is another now"
        if self._agent.strayed:
            # What the session makes it do may come again, and no mail would ever be answered.
            return "", "in its session it ran tools without asking"
        return session, ""

    def _remember(self) -> None:
        """Note the session, for the next agent: now it has a turn to remember."""
        session, argv = self._agent.session, list(self._program.argv)
        if session and self._earlier() != (session, ""):
            noted = {"session": session, "argv": argv, "cwd": self._agent.cwd}
            with suppress(OSError):  # a full disk keeps no mail from the agent
                self._own.files.replace(json.dumps(noted).encode(), "", SESSION)

    def _reply(self, outcome: Outcome) -> Reply:
        error = error_in(self._program.argv, outcome.text)
        if error:
            raise ChatFailed(f"{self._program.name}: {error}", outcome.text)
        if outcome.stop == "end_turn":
            return Reply(outcome.text)
        if outcome.stop in _INCOMPLETE:
            return Reply(outcome.text, True, _INCOMPLETE[outcome.stop])
        raise ChatFailed(f"{self._program.name}: the turn ended with {outcome.stop!r}", outcome.text)

    def _keep(self, turn: str, outcome: Outcome) -> None:
        with suppress(OSError):  # on a full disk this object still has it
            self._own.files.replace(json.dumps(outcome._asdict()).encode(), "", f"{turn}.json")

    def _kept(self, turn: str) -> Outcome | None:
        try:
            return Outcome(**json.loads(self._own.read(f"{turn}.json", -1)))
        except (ValueError, TypeError):
            return None  # unfinished, or torn by a crash of the machine

    def _sweep(self) -> None:
        """Remove answers older than a day: the loop has filed them."""
        for name in self._own.files.list_folder(""):
            with suppress(OSError):
                if name.endswith(".json") and self._own.age(name) > DAY_S:
                    self._own.files.remove(name)


OPTIONS = ("permissions", "asks", "timeout", "cwd")


def open_chat(target: str, options: Mapping[str, str], state: Path) -> AcpChat:
    """Return a chat with the agent that the command line `target` starts, such as `gemini --acp`."""
    check_options(options, OPTIONS)
    given = options.get("permissions", "deny")
    policy = next((one for one in POLICIES if one == given), None)
    if policy is None:
        raise Usage(f"invalid value {given!r} for option permissions: use {', '.join(POLICIES)}")
    asks = yes_or_no(options, "asks")
    return AcpChat(program_of("acp", target, options), state, policy, asks)


def discover(options: Mapping[str, str]) -> list[Found]:  # noqa: ARG001 (nothing to look for)
    """Return nothing: agents are started, not found."""
    return []
