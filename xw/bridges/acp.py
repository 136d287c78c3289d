"""The ACP chat: an agent that the bridge starts and talks to in the Agent Client Protocol.

JSON-RPC over the agent's stdin and stdout, through the SDK
`agent-client-protocol` (extra `xw[acp]`). The SDK wants an event loop: it runs
in a thread of this file, and nothing asynchronous leaves it. Answers are
streamed; what the agent said after its last use of a tool is the answer. A
finished answer is kept in the bridge's state, so that it survives a bridge that
was killed before it filed it; the agent itself ends with its bridge.

Options: `permissions` (`deny`, the default; `read`: reading and searching are
allowed; `allow`), `asks` (`yes`: the agent asks by its own configuration, though it offers no mode
that does), `timeout` in seconds for an answer, `cwd`.

Without `permissions=allow` the session is put into a mode that asks (`acp_modes`), which the agent must
confirm where it can be looked at; an agent that leaves it is ended, and its turn fails.
"""

import asyncio
import json
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import acp
from acp import schema

from xw import __version__
from xw.bridges import acp_modes
from xw.bridges.acp_modes import Modes
from xw.bridges.chat import ChatFailed, ChatGone, Found, NotPresented, Reply, Uncertain, Unusable
from xw.bridges.kinds import check_options, yes_or_no
from xw.bridges.program import Program, program_of
from xw.bridges.provider_errors import error_in
from xw.errors import TimedOut, Usage

START_S = 60.0
"""Agents load models' lists, plugins and MCP servers before they answer."""

CANCEL_S = 10.0
"""After a cancelled turn the agent has this long to say so; then it is ended."""

_ALLOW = "choose another agent, or give --option permissions=allow"

LOOK_S = 0.5
"""So soon a signal is heard while an agent starts or is cancelled."""

DEATH_S = 0.2
"""An agent that ended in the middle of a turn is noticed so late."""

CONFIRM_S = 0.5
"""An agent that was put into a mode has this long to say that it is in another."""

LINE_LIMIT = 50_000_000
"""The longest JSON line that is read: tools' outputs come in one."""

# The SDK logs each line that is no JSON with a traceback; agents print such lines.
logging.getLogger().addHandler(logging.NullHandler())

POLICIES = ("deny", "read", "allow")

_T = TypeVar("_T")
_INCOMPLETE = {
    "max_tokens": "the agent reached its model's limit of tokens",
    "max_turn_requests": "the agent reached its limit of requests in one turn",
}


class _Client:
    """What the agent may ask of us: permissions, by the policy. It gets no files and no terminals."""

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self.said: list[str] = []
        self.before_tool = ""
        self.mode = ""
        self.moved = asyncio.Event()
        """Set when the agent reports its mode."""
        self.watch: Callable[[], None] = lambda: None
        """Called then."""

    def forget(self) -> None:
        """Begin a turn: nothing is said yet."""
        self.said.clear()
        self.before_tool = ""

    def heard(self) -> str:
        """Return what was said after the last tool, or else the last that was said before one."""
        return "".join(self.said).strip("\n") or self.before_tool

    def reports(self, mode: str) -> None:
        """Note the mode that the agent says it is in."""
        self.mode = mode
        self.moved.set()
        self.watch()

    async def in_mode(self, mode: str) -> None:
        """Return once the agent says that it is in this mode."""
        while self.mode != mode:
            self.moved.clear()
            await self.moved.wait()

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:  # noqa: ARG002 (SDK's)
        if isinstance(update, schema.AgentMessageChunk):
            self.said.append(str(getattr(update.content, "text", "")))
        elif isinstance(update, schema.ToolCallStart):
            # What it said on the way is not the answer, unless nothing follows.
            self.before_tool = self.heard()
            self.said.clear()
        elif isinstance(update, schema.CurrentModeUpdate):
            self.reports(update.current_mode_id)
        elif isinstance(update, schema.ConfigOptionUpdate):
            found = _mode_option(update.config_options)
            if found:
                self.reports(found.current)

    async def request_permission(
        self,
        session_id: str,  # noqa: ARG002 (SDK's)
        tool_call: schema.ToolCallUpdate,
        options: list[schema.PermissionOption],
        **kwargs: Any,  # noqa: ARG002 (SDK's)
    ) -> acp.RequestPermissionResponse:
        allowed = self._policy == "allow" or (self._policy == "read" and tool_call.kind in ("read", "search"))
        wanted = "allow_once" if allowed else "reject_once"
        chosen = [option for option in options if option.kind == wanted]
        if not chosen:
            return acp.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        outcome = schema.AllowedOutcome(outcome="selected", option_id=chosen[0].option_id)
        return acp.RequestPermissionResponse(outcome=outcome)

    def on_connect(self, conn: acp.Agent) -> None:
        pass


class AcpChat:
    """One session with an agent process of the program, started with the first text."""

    limit = 0
    """None: the protocol has no limit."""

    def __init__(
        self,
        program: Program,
        state: Path,
        permissions: str = "deny",
        asks: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._program = program
        self._state = state
        self._guarded = permissions != "allow"
        self._asks = asks
        self._client = _Client(permissions)
        self._client.watch = self._watch_mode
        self._settled = False
        """Whether the session was put into a mode that asks."""
        self._cwd = os.path.abspath(program.cwd or ".")
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._agent: Any = None
        self._session = ""
        self._broken = False
        self._turns: dict[str, Future[dict[str, str]]] = {}

    def ready(self) -> str | None:
        """Not ready while a turn is under way."""
        if any(not turn.done() for turn in self._turns.values()):
            return "busy"
        return self._program.missing()

    def start(self) -> None:
        """Start the agent unless it runs; see `chat.Starting`."""
        if not self._lives():
            self._start()

    def mark(self) -> str:
        """An id for the next turn; starts the agent if it does not run."""
        self.start()
        self._sweep()
        return json.dumps({"turn": secrets.token_hex(8), "at": round(self._clock(), 3)})

    def present(self, mark: str, text: str) -> None:
        """Send the prompt; see `Chat.present`."""
        if not self._lives():
            raise NotPresented(f"{self._program.name}: the agent ended before the text was sent")
        turn = str(json.loads(mark)["turn"])
        self._turns = {turn: self._run(self._prompt(turn, text))}
        with suppress(TimeoutError):
            # An agent that is gone shows at once; an answer at once is as good.
            error = self._turns[turn].exception(timeout=0.05)
            if isinstance(error, OSError):
                raise Uncertain(f"{self._program.name}: ended while the text was sent: {error}") from error

    def seen(self, mark: str, text: str) -> bool | None:  # noqa: ARG002 (the mark says it all)
        """An answer, or a turn of this object, proves it."""
        turn = str(json.loads(mark)["turn"])
        return True if turn in self._turns or self._kept(turn) is not None else None

    def capture(self, mark: str, text: str) -> Reply | None:  # noqa: ARG002 (the mark says it all)
        """The turn's outcome once it has one; see `Chat.capture`."""
        noted = json.loads(mark)
        turn = str(noted["turn"])
        kept = self._kept(turn)
        if kept is not None:
            return self._outcome(**kept)
        running = self._turns.get(turn)
        if running is None:
            raise ChatGone(f"{self._program.name}: ended with its bridge before it answered")
        if running.done():
            if error := running.exception():
                raise ChatFailed(f"{self._program.name}: {_reason(error)}", self._client.heard())
            return self._outcome(**running.result())
        if self._clock() - noted["at"] > self._program.timeout_s:
            self._cancel(running)
            raise TimedOut(f"{self._program.name}: no answer within {self._program.timeout_s:g} s; cancelled")
        return None

    def close(self) -> None:
        """End the agent, its children and the event loop."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        self._kill()
        with suppress(Exception):  # whatever the SDK makes of a killed agent, it is over
            asyncio.run_coroutine_threadsafe(self._disconnect(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        if self._thread:
            self._thread.join(5)
        loop.close()
        self._process = self._agent = self._thread = None

    def _outcome(self, stop: str, text: str) -> Reply:
        error = error_in(self._program.argv, text)
        if error:
            raise ChatFailed(f"{self._program.name}: {error}")
        if stop == "end_turn":
            return Reply(text)
        if stop in _INCOMPLETE:
            return Reply(text, True, _INCOMPLETE[stop])
        raise ChatFailed(f"{self._program.name}: the turn ended with {stop!r}", text)

    def _start(self) -> None:
        self.close()
        self._broken = self._settled = False
        self._client.mode = ""
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="acp", daemon=True)
        self._thread.start()
        starting = self._run(self._connect())
        _wait_for(starting, START_S)
        try:
            starting.result(0)
        except Unusable:
            self.close()
            raise
        except (OSError, TimeoutError, acp.RequestError, ValueError) as error:
            self.close()
            reason = _reason(error) or f"no answer within {START_S:g} s"
            raise ChatGone(f"{self._program.name}: cannot be started as an ACP agent: {reason}") from error

    async def _connect(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._program.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._cwd,
            env=acp_modes.environment(os.environ) if self._guarded else None,
            limit=LINE_LIMIT,
            # Agents start helpers that outlive them: the group ends with all of them.
            process_group=0,
        )
        self._agent = acp.connect_to_agent(
            cast(acp.Client, self._client), self._process.stdin, self._process.stdout
        )
        about = schema.Implementation(name="xw", version=__version__)
        about_it = await self._or_death(
            self._agent.initialize(
                protocol_version=acp.PROTOCOL_VERSION,
                client_capabilities=schema.ClientCapabilities(),
                client_info=about,
            )
        )
        made = await self._or_death(self._agent.new_session(cwd=self._cwd, mcp_servers=[]))
        self._session = made.session_id
        if self._guarded:
            await self._set_mode(made, str(getattr(about_it.agent_info, "name", "")))

    async def _set_mode(self, session: Any, agent: str) -> None:
        """Put a session into a mode that asks, as far as can be seen. Unusable where it cannot be."""
        modes = _modes_of(session)
        wanted = modes.asking()
        if wanted is None:
            if self._asks or acp_modes.is_opencode(self._program.argv, agent):
                return
            raise Unusable(acp_modes.refusal(self._program.name, modes.offered))
        if modes.current != wanted:
            self._client.moved = asyncio.Event()  # of this event loop
            await self._ask_for(modes, wanted)
            with suppress(TimeoutError):  # it need not say so; but one that says another must not be used
                await asyncio.wait_for(self._client.in_mode(wanted), CONFIRM_S)
        if self._client.mode not in ("", wanted):
            raise Unusable(f"{self._program.name}: the agent stays in mode {self._client.mode!r}: {_ALLOW}")
        self._settled = True

    async def _ask_for(self, modes: Modes, wanted: str) -> None:
        try:
            if not modes.option:
                asked = self._agent.set_session_mode(session_id=self._session, mode_id=wanted)
                await self._or_death(asked)
                return
            asked = self._agent.set_config_option(
                session_id=self._session, config_id=modes.option, value=wanted
            )
            response = await self._or_death(asked)
        except acp.RequestError as error:
            why = f"does not take mode {wanted!r} ({_reason(error)})"
            raise Unusable(f"{self._program.name}: the agent {why}: {_ALLOW}") from error
        found = _mode_option(getattr(response, "config_options", None))
        if found:
            self._client.reports(found.current)

    async def _prompt(self, turn: str, text: str) -> dict[str, str]:
        self._client.forget()
        prompt = self._agent.prompt(session_id=self._session, prompt=[acp.text_block(text)])
        try:
            response: schema.PromptResponse = await self._or_death(prompt)
        except OSError:
            # The end of a process is noticed later than that of its pipe.
            self._broken = True
            self._raise_if_strayed()
            raise
        self._raise_if_strayed()
        outcome = {"stop": str(response.stop_reason), "text": self._client.heard()}
        with suppress(OSError):  # on a full disk this object still has it
            self._keep(turn, outcome)
        return outcome

    def _watch_mode(self) -> None:
        """End the agent once it says that it is in a mode that may ask nobody."""
        if self._settled and self._client.mode not in ("", *acp_modes.HARMLESS):
            self._broken = True
            self._kill()

    def _raise_if_strayed(self) -> None:
        if self._settled and self._client.mode not in ("", *acp_modes.HARMLESS):
            mode = self._client.mode
            raise OSError(f"the agent switched to mode {mode!r}, in which it may ask nobody, and was ended")

    async def _or_death(self, request: Coroutine[Any, Any, Any]) -> Any:
        """The request's answer; `OSError` when the agent ends first, where the SDK would wait for ever."""
        assert self._process
        asked, died = asyncio.ensure_future(request), asyncio.ensure_future(self._death())
        await asyncio.wait({asked, died}, return_when=asyncio.FIRST_COMPLETED)
        died.cancel()
        if asked.done():
            return asked.result()
        asked.cancel()
        raise OSError(f"the agent ended with status {self._process.returncode}")

    async def _death(self) -> None:
        """Returns when the agent has ended; `wait` would also wait for a child of it that has its stdout."""
        while self._process and self._process.returncode is None:
            await asyncio.sleep(DEATH_S)

    async def _disconnect(self) -> None:
        if self._process:
            await self._process.wait()
        if self._agent:
            await self._agent.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)  # lets the cancelled tasks end inside the loop
        if self._process:
            # No public way closes the pipes of an agent whose child had them a moment ago.
            self._process._transport.close()  # type: ignore[attr-defined]

    def _cancel(self, running: "Future[dict[str, str]]") -> None:
        if self._agent:
            self._run(self._agent.cancel(session_id=self._session))
        _wait_for(running, CANCEL_S)
        if not running.done():
            self.close()

    def _run(self, work: Coroutine[Any, Any, _T]) -> "Future[_T]":
        assert self._loop
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _lives(self) -> bool:
        return self._process is not None and self._process.returncode is None and not self._broken

    def _kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _keep(self, turn: str, outcome: dict[str, str]) -> None:
        new = self._state / f"{turn}.new"
        new.write_text(json.dumps(outcome), encoding="utf-8")
        new.replace(self._state / f"{turn}.json")

    def _kept(self, turn: str) -> dict[str, str] | None:
        try:
            outcome: dict[str, str] = json.loads((self._state / f"{turn}.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None  # not finished, or lost with the machine while it was written
        return outcome

    def _sweep(self) -> None:
        """Forget answers of a day ago; the loop has filed them long since."""
        for answer in self._state.glob("*.json"):
            with suppress(OSError):
                if answer.stat().st_mtime < time.time() - 86400:
                    answer.unlink()


def _modes_of(session: Any) -> Modes:
    """The modes of a session that was made or loaded: its own, or those of its config option for them."""
    option = _mode_option(getattr(session, "config_options", None))
    modes = getattr(session, "modes", None)
    if modes is None:
        return option or Modes("", ())
    own = Modes(modes.current_mode_id, tuple(mode.id for mode in modes.available_modes))
    return option if option and own.asking() is None and option.asking() else own


def _mode_option(options: Any) -> Modes | None:
    for option in options or ():
        if isinstance(option, schema.SessionConfigOptionSelect) and "mode" in (option.category, option.id):
            values = [value for entry in option.options for value in getattr(entry, "options", [entry])]
            return Modes(option.current_value, tuple(value.value for value in values), option.id)
    return None


def _reason(error: BaseException) -> str:
    """What went wrong, with what a JSON-RPC error says besides its message."""
    data = getattr(error, "data", None)
    told = [value for value in data.values() if isinstance(value, str)] if isinstance(data, dict) else [data]
    texts = [text for text in (str(error), *told) if isinstance(text, str) and text.strip()]
    return ": ".join(dict.fromkeys(texts))


def _wait_for(work: "Future[Any]", seconds: float) -> None:
    """Return when it is done, or after so long."""
    deadline = time.monotonic() + seconds
    # In short waits: a signal that comes just before a long one would be heard at its end.
    while not wait([work], LOOK_S).done and time.monotonic() < deadline:
        pass


def open_chat(target: str, options: Mapping[str, str], state: Path) -> AcpChat:
    """A chat with the agent that the command line `target` starts: `gemini --acp`, `opencode acp`."""
    check_options(options, ("permissions", "asks", "timeout", "cwd"))
    policy = options.get("permissions", "deny")
    if policy not in POLICIES:
        raise Usage(f"permissions is one of {', '.join(POLICIES)}, not {policy!r}")
    asks = yes_or_no(options, "asks")
    return AcpChat(program_of("acp", target, options), state, policy, asks)


def discover() -> list[Found]:
    """None: agents are started, not found."""
    return []
