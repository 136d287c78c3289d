"""An agent process with one session of the Agent Client Protocol: start it, prompt it, end it.

JSON-RPC over the agent's stdin and stdout, through the SDK `agent-client-protocol`. The SDK needs an
event loop: this module runs it in a thread, and callers see nothing asynchronous.

Unless the user grants every permission, `Agent` puts the session into a mode that asks (`acp_modes`). An
agent that reports modes must confirm it. If the agent leaves that mode, or confirmed it only by an OK and
then reports a tool call without having asked (`acp_tools`), `Agent` ends it and the turn fails.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar, cast

import acp
from acp import schema

from xw import __version__
from xw.bridges import acp_modes
from xw.bridges.acp_client import Client, mode_option, modes_of
from xw.bridges.acp_modes import Modes, Permissions
from xw.bridges.chat import ChatGone, Unusable
from xw.bridges.program import Program

START_S = 60.0
"""Limit for starting: agents load model lists, plugins and MCP servers before they answer."""

LOAD_S = 30.0
"""Limit for loading an earlier session, with the replay of its history; then a new one is begun."""

CANCEL_S = 10.0
"""Limit for confirming a cancelled turn; then `Agent` ends the process."""

LOOK_S = 0.5
"""Longest delay of a signal while an agent starts or is cancelled."""

DEATH_S = 0.2
"""Longest delay until the bridge notices that the agent ended during a turn."""

CONFIRM_S = 0.5
"""Limit for an agent to report that it is in another mode than the one just set."""

LINE_LIMIT = 50_000_000
"""The longest JSON line to read: a tool's whole output comes in one."""

_ALLOW = "choose another agent, or give --option permissions=allow"

# The SDK logs each line that is not JSON, with a traceback; agents print such lines.
logging.getLogger().addHandler(logging.NullHandler())

_T = TypeVar("_T")


class Strayed(Exception):
    """The bridge ended the agent because it ran tools without asking, or might."""


class _NotLoaded(Exception):
    """The agent did not load an earlier session; the text says why."""


class Outcome(NamedTuple):
    """The end of a turn: the protocol's stop reason, and the agent's text."""

    stop: str
    text: str


class Agent:
    """One agent process and its session; `start` works again after either has ended."""

    def __init__(self, program: Program, permissions: Permissions, asks: bool) -> None:
        self._program = program
        self.cwd = os.path.abspath(program.cwd or ".")
        self._guarded = permissions != "allow"
        self._asks = asks
        self._client = Client(permissions)
        self._client.on_report = self._end_if_strayed
        self._settled = False
        """True once the session was put into a mode that asks."""
        self._believed = False
        """True once the agent reported that mode itself, or if the user stated that it asks."""
        self._broken = False
        self._loaded = False
        """True if the session is an earlier one."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._connection: Any = None
        self._session = ""

    def serves(self, instance: str) -> None:
        """Note the instance that the next process acts for."""
        self._program = self._program._replace(instance=instance)

    @property
    def pid(self) -> int:
        """Return the process's id; 0 if none was started."""
        return self._process.pid if self._process else 0

    @property
    def lives(self) -> bool:
        """Return True while the agent runs and can be prompted."""
        return self._process is not None and self._process.returncode is None and not self._broken

    @property
    def session(self) -> str:
        """Return the id of the session; empty while the agent does not run."""
        return self._session if self.lives else ""

    @property
    def strayed(self) -> bool:
        """Return True if the agent was ended because it ran tools without asking, or might have."""
        return bool(self._strayed())

    @property
    def words(self) -> str:
        """Return the agent's text of this turn."""
        return self._client.words()

    def start(self, earlier: str = "") -> str:
        """Start the process, and load the session `earlier`; if it cannot be loaded, begin a new one.

        Return why the session is new; empty if it is the earlier one, or if there was none. Raise ChatGone if
        the start may work later, Unusable if never.
        """
        try:
            self._start(earlier)
        except _NotLoaded as error:
            # In a new process: this one may still be loading, and report what it finds.
            self._start("")
            return str(error)
        return "the agent cannot load sessions" if earlier and not self._loaded else ""

    def _start(self, earlier: str) -> None:
        self.close()
        self._broken = self._settled = self._believed = self._loaded = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="acp", daemon=True)
        self._thread.start()
        limit = START_S + LOAD_S if earlier else START_S
        starting = self._run(self._connect(earlier))
        _wait_for(starting, limit)
        try:
            starting.result(0)
        except (Unusable, _NotLoaded):
            self.close()
            raise
        except (OSError, TimeoutError, acp.RequestError, ValueError) as error:
            self.close()
            why = reason(error) or f"no answer within {limit:g} s"
            raise ChatGone(f"{self._program.name}: cannot be started as an ACP agent: {why}") from error

    def prompt(self, text: str, keep: Callable[[Outcome], None]) -> "Future[Outcome]":
        """Send a text. Call `keep` with the outcome, in the event loop's thread, before the future has it."""
        return self._run(self._prompt(text, keep))

    def cancel(self, turn: "Future[Outcome]") -> None:
        """Cancel a turn; end the agent if it does not confirm in time."""
        if self._connection:
            self._run(self._connection.cancel(session_id=self._session))
        _wait_for(turn, CANCEL_S)
        if not turn.done():
            self.close()

    def close(self) -> None:
        """End the agent, its children and the event loop."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        self._kill()
        with suppress(Exception):  # the agent is dead, whatever the SDK reports about it
            asyncio.run_coroutine_threadsafe(self._disconnect(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        if self._thread:
            self._thread.join(5)
        loop.close()
        self._process = self._connection = self._thread = None

    async def _connect(self, earlier: str) -> None:
        self._client.begin_session()
        environ = self._program.environment()
        self._process = await asyncio.create_subprocess_exec(
            *self._program.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self.cwd,
            env=acp_modes.environment(environ) if self._guarded else environ,
            limit=LINE_LIMIT,
            # Agents start helpers that outlive them: killing the group ends them all.
            process_group=0,
        )
        self._connection = acp.connect_to_agent(
            cast(acp.Client, self._client), self._process.stdin, self._process.stdout
        )
        about_us = schema.Implementation(name="xw", version=__version__)
        about_it = await self._or_death(
            self._connection.initialize(
                protocol_version=acp.PROTOCOL_VERSION,
                client_capabilities=schema.ClientCapabilities(),
                client_info=about_us,
            )
        )
        name = str(getattr(about_it.agent_info, "name", ""))
        if earlier and getattr(about_it.agent_capabilities, "load_session", False):
            try:
                await self._load(earlier, name)
            except (OSError, TimeoutError, acp.RequestError, ValueError, Unusable) as error:
                why = reason(error) or f"no answer within {LOAD_S:g} s"
                raise _NotLoaded(f"the earlier session cannot be loaded: {why}") from error
            self._loaded = True
            return
        made = await self._or_death(self._connection.new_session(cwd=self.cwd, mcp_servers=[]))
        self._session = made.session_id
        if self._guarded:
            await self._set_mode(modes_of(made), name)

    async def _load(self, session: str, agent: str) -> None:
        """Load a session, past all reports about its history, and set its mode as in a new one."""
        self._session = session
        self._client.replays = True
        loading = self._connection.load_session(cwd=self.cwd, session_id=session, mcp_servers=[])
        try:
            loaded = await asyncio.wait_for(self._or_death(loading), LOAD_S)
        finally:
            self._client.replays = False
        if self._guarded:
            await self._set_mode(modes_of(loaded), agent, again=True)

    async def _set_mode(self, modes: Modes, agent: str, again: bool = False) -> None:
        """Put the session into a mode that asks. Raise Unusable if it offers none, or does not take it."""
        wanted = modes.asking()
        if wanted is None:
            if self._asks or acp_modes.is_opencode(self._program.argv, agent):
                return
            raise Unusable(acp_modes.refusal(self._program.name, modes.offered))
        if again or modes.current != wanted:
            await self._ask_for(modes, wanted)
            with suppress(TimeoutError):  # it may stay silent, but must not report another mode
                await asyncio.wait_for(self._client.until_mode(wanted), CONFIRM_S)
        if self._client.mode not in ("", wanted):
            raise Unusable(f"{self._program.name}: the agent stays in mode {self._client.mode!r}: {_ALLOW}")
        self._believed = self._asks or wanted in (modes.current, self._client.mode)
        self._settled = True

    async def _ask_for(self, modes: Modes, wanted: str) -> None:
        connection, session = self._connection, self._session
        try:
            if not modes.option:
                await self._or_death(connection.set_session_mode(session_id=session, mode_id=wanted))
                return
            response = await self._or_death(
                connection.set_config_option(session_id=session, config_id=modes.option, value=wanted)
            )
        except acp.RequestError as error:
            why = f"does not take mode {wanted!r} ({reason(error)})"
            raise Unusable(f"{self._program.name}: the agent {why}: {_ALLOW}") from error
        found = mode_option(getattr(response, "config_options", None))
        if found:
            self._client.note_mode(found.current)

    async def _prompt(self, text: str, keep: Callable[[Outcome], None]) -> Outcome:
        self._client.begin_turn()
        prompt = self._connection.prompt(session_id=self._session, prompt=[acp.text_block(text)])
        try:
            response: schema.PromptResponse = await self._or_death(prompt)
        except (OSError, acp.RequestError) as error:
            # The pipe's end arrives before the process's.
            self._broken = self._broken or isinstance(error, OSError)
            self._raise_if_strayed()
            raise
        self._client.tools.end()
        self._raise_if_strayed()
        outcome = Outcome(str(response.stop_reason), self._client.words())
        keep(outcome)
        return outcome

    def _strayed(self) -> str:
        """Return why the agent counts as running tools without asking; empty if it does not."""
        if not self._settled:
            return ""
        mode, ran = self._client.mode, self._client.tools.ran
        if mode not in ("", *acp_modes.HARMLESS):
            return f"ended the agent: it switched to mode {mode!r}, in which it may run tools without asking"
        return acp_modes.unasked(ran) if ran and not self._believed and not mode else ""

    def _end_if_strayed(self) -> None:
        if self._strayed():
            self._broken = True
            self._kill()

    def _raise_if_strayed(self) -> None:
        sign = self._strayed()
        if sign:
            self._end_if_strayed()
            raise Strayed(sign)

    async def _or_death(self, request: Coroutine[Any, Any, Any]) -> Any:
        """Return the answer to a request. Raise OSError if the agent ends first; the SDK alone would hang."""
        assert self._process
        asked, died = asyncio.ensure_future(request), asyncio.ensure_future(self._death())
        await asyncio.wait({asked, died}, return_when=asyncio.FIRST_COMPLETED)
        died.cancel()
        if asked.done():
            return asked.result()
        asked.cancel()
        raise OSError(f"the agent ended with status {self._process.returncode}")

    async def _death(self) -> None:
        """Return once the agent has ended; `wait` would also wait for a child that holds its stdout."""
        while self._process and self._process.returncode is None:
            await asyncio.sleep(DEATH_S)

    async def _disconnect(self) -> None:
        if self._process:
            await self._process.wait()
        if self._connection:
            await self._connection.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)  # lets the cancelled tasks end inside the loop
        if self._process:
            # No public call closes the pipes of an agent whose child still held them a moment ago.
            self._process._transport.close()  # type: ignore[attr-defined]

    def _run(self, work: Coroutine[Any, Any, _T]) -> "Future[_T]":
        assert self._loop
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def reason(error: BaseException) -> str:
    """Return an error's text, with the details that a JSON-RPC error carries beside its message."""
    data = getattr(error, "data", None)
    told = [value for value in data.values() if isinstance(value, str)] if isinstance(data, dict) else [data]
    texts = [text for text in (str(error), *told) if isinstance(text, str) and text.strip()]
    return ": ".join(dict.fromkeys(texts))


def _wait_for(work: "Future[Any]", seconds: float) -> None:
    """Return when the work is done, or after this many seconds."""
    deadline = time.monotonic() + seconds
    # In short waits: Python handles a signal that comes just before a wait only at its end.
    while not wait([work], LOOK_S).done and time.monotonic() < deadline:
        pass
