"""The socket chat: a WibWob-DOS instance, over its Unix socket.

Builds differ in their commands; the first `mark` finds the dialect (`wibwob.py`
has the wire, `wiblog.py` the log file):

    direct     cmd:send_chat query=base64:…      cmd:get_chat_history
    registry   cmd:exec_command name=wibwob_ask  cmd:exec_command name=get_chat_history
    log        cmd:exec_command name=wibwob_ask  the chat's log file

One command holds 2,047 bytes, about 1,400 bytes of text. A longer text goes in
several turns, each in its own frame that asks to wait for the rest: an agent
behind a bridge may be unable to run `xw read`, so a path alone would keep the
mail from it. Each turn costs money, so there are at most `PARTS`; the loop cuts
a text that is longer still.

WibWob drops a text that comes while it works, so each part waits for the turn
before it. A history has no sign for "finished": an answer that rests for
`settle` seconds, longer than most tools take, counts as finished.

Options: `settle`, `timeout` (seconds for an answer), `log` (the log file, if xw
cannot find it by the socket's owner), `hear` (`own`, the default: what people type
in the chat's own window goes to the room of its last turn; `no`). The secret is
`WIBWOB_AUTH_SECRET`.
"""

import base64
import glob
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from xw.bridges import steady, wiblog
from xw.bridges.chat import ChatFailed, ChatGone, Found, NoAnswer, NotPresented, Overheard, Reply, Uncertain
from xw.bridges.kinds import check_options, seconds
from xw.bridges.provider_errors import error_in
from xw.bridges.wibwob import LIMIT, Wire, check, command, encode, unknown
from xw.errors import Refused, Usage, XwError

PARTS = 8
PART_S = 120.0
"""Limit for the turn of one part of a longer text."""

SETTLE_S = 10.0
"""Default of `settle`: after 2 s, the text before a tool call was taken for the answer."""

ARRIVES_S = 3.0
"""Limit for an accepted text to show in the history."""

STALLED_S = 600.0
"""A history that ends in an unanswered text for this long means a cancelled turn, not a busy chat."""

_OURS = re.compile(r"\[(mail|part) \w{4,}[ \]]")
"""The beginning of what a bridge presents; all else is typed in the chat's own window."""

GLOBS = ("/tmp/wibwob_*.sock", "/tmp/test_pattern_app.sock")


class Said(NamedTuple):
    """One entry of the chat's history; role is user, assistant, system (a notice) or error."""

    role: str
    text: str


class SocketChat:
    """The chat of one WibWob instance."""

    def __init__(
        self,
        path: str,
        *,
        secret: str = "",
        log: str = "",
        settle_s: float = SETTLE_S,
        timeout_s: float = 1800.0,
        hears: bool = True,
        clock: Callable[[], float] = steady.seconds,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wire = Wire(path, secret)
        self._path = path
        self._log = log
        self._settle_s = settle_s
        self._timeout_s = timeout_s
        self._hears = hears
        self._clock = clock
        self._sleep = sleep
        self._dialect = ""
        self._since: dict[str, tuple[object, float]] = {}

    @property
    def hears(self) -> bool:
        """Return True unless the user does not want it."""
        return self._hears

    def here(self) -> str:
        """Return the history's length."""
        return str(len(self._history()))

    def overhear(self, place: str) -> Overheard | None:
        """Return the first finished exchange that a person began; see `Hearing.overhear`."""
        said = self._history()
        start = int(place)
        if start > len(said):
            return Overheard("", "", str(len(said)))  # the history was cleared
        for number in range(start, len(said)):
            if said[number].role == "user" and not _OURS.match(said[number].text):
                return self._exchange(said, number)
        return None

    def _exchange(self, said: list[Said], number: int) -> Overheard | None:
        """Return the exchange that begins with this entry, once it has ended."""
        turn: list[Said] = []
        for entry in said[number + 1 :]:
            if entry.role == "user":
                break
            turn.append(entry)
        end = number + 1 + len(turn)
        text = _answer(turn)
        rested = self._rested("overheard", (number, text))
        over = bool(text) and (self._dialect == "log" or rested >= self._settle_s)
        if over or end < len(said) or rested >= STALLED_S:
            answer = "" if error_in(("wibwob",), text) else text
            return Overheard(said[number].text.strip(), answer, str(end))
        return None

    @property
    def limit(self) -> int:
        """Return the bytes of text that fit into `PARTS` commands in any encoding."""
        return PARTS * (1300 if self._dialect == "direct" else 550)

    def ready(self) -> str | None:
        """Return "busy" if the history ends in a text without an answer; see `Chat.ready`."""
        try:
            said = self._history()
        except (XwError, OSError) as error:
            return str(error)
        return "busy" if self._pending(said) else None

    def mark(self) -> str:
        """Return the dialect and the history's length."""
        said = self._history()
        return json.dumps({"dialect": self._dialect, "count": len(said), "at": round(self._clock(), 3)})

    def present(self, mark: str, text: str) -> None:
        """Send the text, in parts if it is long; see `Chat.present`."""
        noted = json.loads(mark)
        self._dialect = noted["dialect"]
        parts = self._parts(text)
        for number, part in enumerate(parts):
            try:
                self._send(part)
            except (NotPresented, ChatGone, Refused) as error:
                if number == 0:
                    raise
                raise Uncertain(f"{self._path}: only {number} parts of the text went in: {error}") from error
            if number + 1 < len(parts):
                self._wait_for_turn(part)

    def seen(self, mark: str, text: str) -> bool | None:
        """Return True if the history holds the whole text; None if it holds a part, or was cleared."""
        noted = json.loads(mark)
        self._dialect = noted["dialect"]
        try:
            said = self._history()
        except (XwError, OSError):
            return None
        parts = self._parts(text)
        if _after(said, parts[-1]) is not None:
            return True
        if len(said) < noted["count"] or any(_after(said, part) is not None for part in parts):
            return None
        # A queued text shows only once its turn begins.
        return None if self._dialect != "direct" and self._pending(said) else False

    def capture(self, mark: str, text: str) -> Reply | None:
        """Return the assistant's entries after the text once they rest; see `Chat.capture`."""
        noted = json.loads(mark)
        self._dialect = noted["dialect"]
        try:
            finished = self._reply(noted["count"], self._parts(text)[-1])
        except (NotPresented, Uncertain):
            finished = None  # a failed look tells nothing about the answer
        if finished is None and self._clock() - noted["at"] > self._timeout_s:
            raise NoAnswer(f"{self._path}: no answer within {self._timeout_s:g} s")
        return finished

    def close(self) -> None:
        """Do nothing: each command has its own connection."""

    def _reply(self, count: int, part: str) -> Reply | None:
        said = self._history()
        start = _after(said, part)
        if start is None and len(said) < count:
            raise ChatFailed(f"{self._path}: the chat's history was cleared before the answer came")
        return self._finished(said, start)

    def _finished(self, said: list[Said], start: int | None) -> Reply | None:
        if start is None:
            return None
        turn: list[Said] = []
        for entry in said[start:]:
            if entry.role == "user":
                break
            turn.append(entry)
        failure = [entry.text for entry in turn if entry.role == "error"]
        if failure:
            raise ChatFailed(f"{self._path}: {failure[-1]}")
        text = _answer(turn)
        rested = self._rested("answer", (start, text))
        next_began = start + len(turn) < len(said)
        # The log marks a finished answer; a history shows it growing.
        if text and (next_began or self._dialect == "log" or rested >= self._settle_s):
            error = error_in(("wibwob",), text)
            if error:
                raise ChatFailed(f"{self._path}: {error}", text)
            return Reply(text)
        return None

    def _rested(self, what: str, state: object) -> float:
        """Return the seconds since this object first saw the present state of `what`."""
        if what not in self._since or self._since[what][0] != state:
            self._since[what] = (state, self._clock())
        return self._clock() - self._since[what][1]

    def _pending(self, said: list[Said]) -> bool:
        spoken = [entry for entry in said if entry.role != "system"]
        waits = bool(spoken) and (
            spoken[-1].role == "user" or (spoken[-1].role == "assistant" and not spoken[-1].text)
        )
        return waits and self._rested("history", said) < STALLED_S

    def _wait_for_turn(self, part: str) -> None:
        deadline = time.monotonic() + PART_S
        while time.monotonic() < deadline:
            try:
                said = self._history()
                if self._finished(said, _after(said, part)) is not None:
                    return
            except XwError as error:
                raise Uncertain(f"{self._path}: a part of the text went in, then: {error}") from error
            self._sleep(0.2)
        raise Uncertain(f"{self._path}: the turn of a part of the text did not end within {PART_S:g} s")

    def _history(self) -> list[Said]:
        if not self._dialect:
            self._dialect = self._find_dialect()
        if self._dialect == "log":
            return [Said(role, text) for role, text in wiblog.read(self._log_file())]
        line = command("get_chat_history") if self._dialect == "direct" else _registry("get_chat_history")
        answer = self._wire.ask(line)
        if unknown(answer):
            self._dialect = ""  # now another build listens there
        return _entries(check(answer))

    def _find_dialect(self) -> str:
        if not unknown(self._wire.ask(command("get_chat_history"))):
            return "direct"
        return "log" if unknown(self._wire.ask(_registry("get_chat_history"))) else "registry"

    def _log_file(self) -> Path:
        return Path(self._log) if self._log else wiblog.find(self._path)

    def _send(self, part: str) -> None:
        if self._dialect == "direct":
            packed = base64.b64encode(part.encode()).decode()
            line = command("send_chat", [f"query=base64:{packed}"])
        else:
            line = _registry("wibwob_ask", f"text={encode(part)}")
        try:
            answer = check(self._wire.ask(line))
        except Uncertain:
            if self._arrived(part):
                return
            raise
        # The chat drops a text that comes while it works, yet acknowledges it.
        if answer != "ok queued" and not self._arrived(part):
            raise Uncertain(
                f"{self._path}: the chat answered {answer[:80]!r} and its history does not show the text"
            )

    def _arrived(self, part: str) -> bool:
        deadline = time.monotonic() + ARRIVES_S
        while time.monotonic() < deadline:
            try:
                if _after(self._history(), part) is not None:
                    return True
            except XwError:
                pass  # the same trouble as a moment ago: still undecided
            self._sleep(0.05)
        return False

    def _parts(self, text: str) -> list[str]:
        room = (LIMIT - 40) // 4 * 3 if self._dialect == "direct" else LIMIT - 50
        for at_lines in (True, False):
            parts = parts_of(text, lambda part: self._size(part) <= room, at_lines)
            if len(parts) <= PARTS:
                return parts
        raise Refused(f"{self._path}: {len(text.encode())} bytes are too long: the limit is {self.limit}")

    def _size(self, part: str) -> int:
        return len(part.encode()) if self._dialect == "direct" else len(encode(part))


def _answer(turn: list[Said]) -> str:
    """Return the assistant's words in a turn."""
    return "\n\n".join(
        entry.text.strip() for entry in turn if entry.role == "assistant" and entry.text.strip()
    )


def parts_of(text: str, fits: Callable[[str], bool], at_lines: bool = True) -> list[str]:
    """Return the text in parts that fit; each of several has its number in a first and a last line.

    A cut at the end of a line reads better, and may need more parts.
    """
    if fits(text):
        return [text]
    label = text[text.rfind("[end ") + 5 :].split("]", 1)[0] if "[end " in text else "text"
    slices, rest = [], text
    while rest:
        size = _largest(len(rest), lambda n: fits(_part(label, 98, 99, rest[:n])))  # noqa: B023
        newline = rest.rfind("\n", size // 2, size) + 1 if at_lines and size < len(rest) else 0
        size = newline or size
        slices.append(rest[:size])
        rest = rest[size:]
    return [_part(label, number, len(slices), piece) for number, piece in enumerate(slices, 1)]


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number up to `most` that fits; at least 1."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _part(label: str, number: int, count: int, piece: str) -> str:
    wait = "answer now" if number == count else "do not answer yet; reply only: OK"
    return f"[part {label} {number}/{count}]\n{piece}\n[part {label} {number}/{count}] {wait}"


def _registry(name: str, *words: str) -> bytes:
    return command("exec_command", [f"name={name}", *words])


def _after(said: list[Said], text: str) -> int | None:
    """Return the index after the user's newest entry with this text; None if there is none."""
    for number in range(len(said) - 1, -1, -1):
        if said[number].role == "user" and said[number].text.strip() == text.strip():
            return number + 1
    return None


def _entries(answer: str) -> list[Said]:
    try:
        messages = json.loads(answer, strict=False)["messages"]
        entries = [Said(str(entry["role"]).lower(), str(entry["content"])) for entry in messages]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ChatGone(f"cannot read the chat's history: {error}") from error
    wrong = ("Error:", "Error (")
    return [Said("error", e.text) if e.role == "system" and e.text.startswith(wrong) else e for e in entries]


def list_sockets(patterns: tuple[str, ...] = GLOBS) -> list[Found]:
    """Return WibWob's sockets on this machine, with their states."""
    secret = os.environ.get("WIBWOB_AUTH_SECRET", "")
    found = []
    for path in sorted(path for pattern in patterns for path in glob.glob(pattern)):
        try:
            state = SocketChat(path, secret=secret).ready() or "idle"
        except OSError as error:
            state = str(error)
        found.append(Found(path, "wibwob", "stale: nobody listens" if "no chat listens" in state else state))
    return found


def discover(options: Mapping[str, str]) -> list[Found]:  # noqa: ARG001 (sockets are found by their names)
    """Return WibWob's sockets on this machine, with their states."""
    return list_sockets()


OPTIONS = ("settle", "timeout", "log", "hear")


def open_chat(target: str, options: Mapping[str, str], state: Path) -> SocketChat:  # noqa: ARG001 (keeps no state)
    """Return a chat with the socket at `target`: a path, or the number of a WibWob instance."""
    check_options(options, OPTIONS)
    hear = options.get("hear", "own")
    if hear not in ("own", "no"):
        raise Usage(f"invalid value {hear!r} for option hear: use own or no")
    path = f"/tmp/wibwob_{target}.sock" if target.isdigit() else target
    return SocketChat(
        path,
        secret=os.environ.get("WIBWOB_AUTH_SECRET", ""),
        log=options.get("log", ""),
        settle_s=seconds(options, "settle", SETTLE_S),
        timeout_s=seconds(options, "timeout", 1800.0),
        hears=hear == "own",
    )
