"""The opencode chat: a session of a running opencode, over the HTTP server of `opencode --port N`.

A text goes in by `prompt_async` under a message id that the bridge chose: it touches neither a half-typed
draft nor an open dialog, and the program's own window shows it. It counts as presented once the session has
the message of that id, so that after a crash the chat knows whether the text went in: a note in `state` tells
a text that never left from one that may still arrive. The answer is the text of the last message that replies
to it, exact, once the session rests.

The target is `auto` (the instance's own program), a process id or `http://127.0.0.1:PORT`, with
`/session/ID` for one session; else the last used session of this run of the program gets the mail, and a
program that shows none gets a new one. Options: `timeout` in seconds for an answer, `password` (a file with
the server's; else OPENCODE_SERVER_PASSWORD), `run`.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from xw.backoff import Pause
from xw.bridges import opencode_servers, opencode_turns, steady
from xw.bridges.chat import ChatFailed, ChatGone, Found, NoAnswer, Reply, Uncertain, Unusable
from xw.bridges.kinds import AUTO, check_options, run_of, seconds
from xw.bridges.opencode_http import Foreign, Missing, Server
from xw.bridges.opencode_target import Target
from xw.bridges.opencode_turns import Answers
from xw.bridges.own_files import DAY_S, OwnFiles
from xw.bridges.provider_errors import error_in
from xw.errors import NotFound, Usage

PROGRAM = "opencode"

ARRIVES_S = 60.0
"""Limit for an accepted text to show in its session; the first turn without a network takes some 15 s."""

LOST_S = 20.0
"""After a crash, time for a text that may be on its way to show."""

SILENT_S = 30.0
"""A session that rests for this long without an answer has ended the turn without one."""

LOOK_S = 1.0
"""For so long nobody asks again whether an opencode answers at the address."""

RECENT = 100
"""Messages to ask for: a turn with many tools has one for each step, and its answer is the last."""

DIALOG = "a dialog is open in opencode: answer it in its window"


class OpenCodeChat:
    """One program, which its person uses too. `state` must outlive the process."""

    limit = 0
    """A request's body has no limit that mail reaches."""

    def __init__(
        self,
        state: Path,
        target: str = AUTO,
        *,
        instance: str = "",
        run: str = "",
        password: str = "",
        timeout_s: float = 1800.0,
        clock: Callable[[], float] = steady.seconds,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._own = OwnFiles(state)
        self._password = password
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        address, _, self._session = target.partition("/session/")
        self._program = Target(address, instance, run)
        self._server: Server | None = None
        self._since = 0.0
        self._looked = 0.0
        self._version = ""
        self._memory = self._session
        self._made = ""
        self._rests: dict[str, float] = {}
        self._told = ""
        self._tell: Callable[[str], None] = lambda text: None

    def tells(self, tell: Callable[[str], None]) -> None:
        """Note the function that reports a line; see `Telling`."""
        self._tell = tell

    def serves(self, instance: str) -> None:
        """Note the instance; see `Personal`."""
        self._program.instance = instance

    @property
    def memory(self) -> str:
        """Return the session: another one knows nothing of the texts before."""
        return self._memory

    def last_turn(self) -> str:
        """Return the id of the session's last message; see `Turning`."""
        server = self._find()
        session = self._current(server)
        return server.get(f"/session/{session}/message?limit=1", _last_id) if session else ""

    def unusable(self) -> str | None:
        """Return why mail cannot go in this way now; raise Unusable if it never can. See `Probing`."""
        try:
            self._asked(lambda server: self._state(server, ""))
        except ChatGone as error:
            return str(error)
        return None

    def ready(self) -> str | None:
        """Return None while the session rests and no dialog is open; see `Chat.ready`."""
        try:
            # Without a session: `mark` makes it.
            return self._asked(lambda server: self._state(server, self._current(server)))
        except ChatGone as error:
            return str(error)

    def mark(self) -> str:
        """Return the session and the id of the text's message; make a session if none is used."""
        server = self._find()
        session = self._current(server) or self._create(server)
        self._own.make()
        self._sweep()
        message = server.get(f"/session/{session}/message?limit=1", _new_id)
        noted = {"server": server.url, "session": session, "message": message}
        return json.dumps({**noted, "at": round(self._clock(), 3)})

    def present(self, mark: str, text: str) -> None:
        """Send the text, and return once the session has its message; see `Chat.present`."""
        noted = json.loads(mark)
        server, message = self._server_of(noted), noted["message"]
        if not self._program.is_at(noted["server"]):
            raise ChatGone(f"opencode at {server.url} has ended")
        body = {"messageID": message, "parts": [{"type": "text", "text": text}]}
        path = f"/session/{noted['session']}/prompt_async"
        try:
            server.deliver(path, body, lambda: self._own.write(f"{message}.sent"))
        except Uncertain:
            if self._arrived(server, noted, LOST_S):
                return
            raise
        if not self._arrived(server, noted, ARRIVES_S):
            raise Uncertain(f"opencode took the text, and has not shown it within {ARRIVES_S:g} s")
        if noted["session"] == self._made:
            self._made = ""
            self._show(server, noted["session"])  # again, for a window that has just opened missed the first

    def seen(self, mark: str, text: str) -> bool | None:  # noqa: ARG002 (the mark suffices)
        """Return True if the session has the message, False if it was never sent; see `Chat.seen`."""
        noted = json.loads(mark)
        server, sent = self._server_of(noted), self._own.has(f"{noted['message']}.sent")
        try:
            if self._has(server, noted):
                return True  # whatever a power cut left of the note
        except ChatGone:
            return None if sent else False
        return True if sent and self._arrived(server, noted, LOST_S) else None if sent else False

    def capture(self, mark: str, text: str) -> Reply | None:  # noqa: ARG002 (the mark suffices)
        """Return the answer once the session rests; see `Chat.capture`."""
        noted = json.loads(mark)
        server, session = self._server_of(noted), noted["session"]
        busy = self._state(server, session)  # before the messages, which may come to rest between the two
        answers = server.get(
            f"/session/{session}/message?limit={RECENT}",
            lambda found: opencode_turns.answers(found, noted["message"]),
        )
        reply = self._finished(noted["message"], answers, busy)
        if reply is not None:
            return reply
        if busy == DIALOG and self._told != noted["message"]:
            self._told = noted["message"]
            self._tell(DIALOG)
        if self._clock() - noted["at"] > self._timeout_s:
            raise NoAnswer(f"opencode: no answer within {self._timeout_s:g} s", answers.said)
        return None

    def close(self) -> None:
        """Do nothing: each request has its own connection."""

    # The program and its session

    def _find(self) -> Server:
        """Return the server that takes mail now. Raise ChatGone, or Unusable for what is not an opencode."""
        if self._server and self._clock() < self._looked + LOOK_S:
            return self._server
        url, self._since = self._program.find(self._clock())
        server = Server(url, self._password)
        try:
            self._version = server.get("/global/health", lambda found: str(found["version"]))
        except Foreign as error:
            raise ChatGone(f"{url}: is not the server of opencode") from error
        self._server, self._looked = server, self._clock()
        return server

    def _asked(self, question: Callable[[Server], str | None]) -> str | None:
        """Return the server's answer to a question. Raise ChatGone, or Unusable for an unknown version."""
        try:
            return question(self._find())
        except Foreign as error:
            self._server = None
            self._find()  # else another program has the port meanwhile
            raise Unusable(
                f"opencode {self._version} is not one that xw knows (seen with 1.18.33): {error}; "
                "use another version, or a bridge of kind tmux"
            ) from error

    def _current(self, server: Server) -> str:
        """Return the session that was used last in this run of the program; empty if there is none."""
        if self._session:
            return server.get(f"/session/{self._session}", lambda found: str(found["id"]))
        found = server.get("/session", self._last_used)
        self._memory = found or self._memory
        return found

    def _last_used(self, sessions: Any) -> str:
        """Return the first session, they come last used first, unless it is of an earlier run."""
        of_this_run = (
            str(one["id"])
            for one in sessions
            if not one.get("parentID") and one["time"]["updated"] / 1000 >= self._since
        )
        return next(of_this_run, "")

    def _create(self, server: Server) -> str:
        """Make a session and let the program's window show it; a draft there stays."""
        self._memory = self._made = server.post("/session", {}, lambda made: str(made["id"]))
        self._show(server, self._made)
        return self._made

    def _show(self, server: Server, session: str) -> None:
        with suppress(ChatGone):  # a server without a window has none to show it in
            server.post("/tui/select-session", {"sessionID": session}, bool)

    def _state(self, server: Server, session: str) -> str | None:
        """Return why a session cannot take a text now, or None."""
        for path in ("/permission", "/question"):
            asking = server.get(path, lambda found: [one.get("sessionID") for one in found])
            if session in asking:
                return DIALOG
        return server.get("/session/status", lambda found: _busy(found.get(session) or {}))

    def _server_of(self, noted: Mapping[str, Any]) -> Server:
        return Server(noted["server"], self._password)

    # The text and its answer

    def _has(self, server: Server, noted: Mapping[str, Any]) -> bool:
        """Return True if the session has the message with its text."""
        try:
            return server.get(
                f"/session/{noted['session']}/message/{noted['message']}",
                lambda found: bool(found.get("parts")),
            )
        except Missing:
            return False

    def _arrived(self, server: Server, noted: Mapping[str, Any], limit_s: float) -> bool:
        """Wait for the message to show. Return False if it does not within the limit."""
        end, pause = self._clock() + limit_s, Pause(0.02, 0.2)
        while not self._shows(server, noted):
            if self._clock() >= end:
                return False
            self._sleep(pause.longer())
        return True

    def _shows(self, server: Server, noted: Mapping[str, Any]) -> bool:
        try:
            return self._has(server, noted)
        except ChatGone:
            return False  # it may come back

    def _finished(self, message: str, answers: Answers, busy: str | None) -> Reply | None:
        """Return the answer if it is finished. Raise ChatFailed if there will be none."""
        if answers.error:
            raise ChatFailed(f"opencode: {answers.error}", answers.said)
        if answers.text is not None:
            error = error_in((PROGRAM,), answers.text)
            if error:
                raise ChatFailed(f"opencode: {error}", answers.said)
            return Reply(
                answers.text, answers.cut, "the model reached its limit of tokens" if answers.cut else ""
            )
        if busy:
            self._rests.pop(message, None)
            return None
        if answers.later is not None:
            return Reply(answers.later)
        began = self._rests.setdefault(message, self._clock())
        if self._clock() - began >= SILENT_S:
            raise ChatFailed("opencode: the turn ended without an answer", answers.said)
        return None

    def _sweep(self) -> None:
        """Remove notes older than a day: the loop has filed their answers."""
        for name in self._own.files.list_folder(""):
            with suppress(OSError):
                if name.endswith(".sent") and self._own.age(name) > DAY_S:
                    self._own.files.remove(name)


def _busy(status: Mapping[str, Any]) -> str | None:
    """Return what a session does that has this status; None if it rests."""
    if not status or status.get("type") == "idle":
        return None
    return f"busy: {status['message']}" if status.get("message") else "busy"


def _last_id(messages: Any) -> str:
    """Return the id of the last message; empty if there is none."""
    return str(messages[-1]["info"]["id"]) if messages else ""


def _new_id(last: Any) -> str:
    """Return an id for a message: opencode sorts by it, and takes one that is not the latest for answered."""
    now = (int(time.time() * 1000) * 0x1000 + 1) & 0xFFFFFFFFFFFF
    found = re.match(r"msg_([0-9a-f]{12})", _last_id(last))
    if found:
        now = max(now, int(found[1], 16) + 1)
    return f"msg_{now:012x}{secrets.token_hex(7)}"


def discover(options: Mapping[str, str]) -> list[Found]:
    """Return the user's running opencode programs with a server, with their states."""
    found = []
    for one in opencode_servers.running():
        chat = OpenCodeChat(Path("/nonexistent"), one.url, password=_password(options))
        state = chat.ready() or "idle"
        about = one.process
        found.append(Found(one.url, PROGRAM, state, directory=about.directory, agent=about.name))
    return found


OPTIONS = ("timeout", "password", "run")


def open_chat(target: str, options: Mapping[str, str], state: Path) -> OpenCodeChat:
    """Return a chat with the program at `target`: `auto`, a process id, or its address."""
    check_options(options, OPTIONS)
    if not (target == AUTO or target.isdigit()):
        address, mark, session = target.partition("/session/")
        if mark and not re.fullmatch(r"ses_\w+", session):
            raise Usage(f"invalid session {session!r}: give http://127.0.0.1:PORT/session/ID")
        Server(address)
    return OpenCodeChat(
        state,
        target.rstrip("/"),
        instance=state.parent.parent.name,  # <root>/<instance>/bridge/opencode
        run=run_of(options),
        password=_password(options),
        timeout_s=seconds(options, "timeout", 1800.0),
    )


def _password(options: Mapping[str, str]) -> str:
    """Return the server's password. Raise NotFound if its file cannot be read."""
    file = options.get("password")
    if not file:
        return os.environ.get("OPENCODE_SERVER_PASSWORD", "")
    try:
        return Path(file).read_text("utf-8").strip()
    except OSError as error:
        raise NotFound(f"option password: {file}: {error.strerror}") from error
