"""The opencode chat against an imitation that keeps opencode's server and its traps."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.bridges.helpers import until
from tests.programs.natives import OpenCode, free_port
from xw import processes
from xw.bridges import opencode, opencode_http, opencode_servers, opencode_target
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer, NotPresented, Uncertain, Unusable
from xw.bridges.frame import Mail, framed
from xw.bridges.opencode import DIALOG, OpenCodeChat, open_chat
from xw.bridges.opencode_http import Server
from xw.bridges.opencode_turns import Answers, answers
from xw.errors import NotFound, Usage

Start = Callable[..., OpenCode]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts programs, each in a home of its own, and ends them."""
    started: list[OpenCode] = []

    def begin(*argv: str, name: str = "", **environ: str) -> OpenCode:
        started.append(OpenCode(tmp_path / (name or f"home{len(started)}"), *argv, environ=environ))
        one = started[-1]
        until(lambda: one.ask("/session") is not None)
        return one

    yield begin
    for one in started:
        one.end()


@pytest.fixture
def chat(tmp_path: Path) -> Callable[..., OpenCodeChat]:
    """Makes chats, as bridges after each other would."""

    def make(target: OpenCode | str = "auto", **options: Any) -> OpenCodeChat:
        place = target if isinstance(target, str) else target.url
        return OpenCodeChat(tmp_path / "state", place, **{"instance": "bob", **options})

    return make


Make = Callable[..., OpenCodeChat]


def text_of(body: str, short: str = "k7f3q2m9") -> str:
    return framed(Mail("alice", "question", short, 200, body, True))


def asked(one: OpenCodeChat, text: str) -> str:
    mark = one.mark()
    one.present(mark, text)
    return str(until(lambda: one.capture(mark, text)).text)


def test_answer_is_exact(start: Start, chat: Make) -> None:
    """A text goes in as it is, and the answer comes back as exactly, without the words before a tool."""
    program = start()
    one, text = chat(program), text_of("| a |  b |\n\t漢字 🙂  \n[[tool]] [[say:  | x |\\n  zwölf 🙂]]")
    assert asked(one, text) == "  | x |\n  zwölf 🙂"
    assert program.heard() == [text]


def test_last_turn(start: Start, chat: Make) -> None:
    """A turn that somebody typed shows, however short it was; without one nothing changes."""
    program = start()
    one = chat(program)
    seen = [one.last_turn(), one.last_turn()]
    for number in (1, 2):
        program.type("hello")
        until(lambda: len(program.heard()) == number and not one.ready())  # noqa: B023  # ends within
        seen += [one.last_turn(), one.last_turn()]
    assert seen[::2] == seen[1::2] and len(set(seen)) == 3


def test_first_text_makes_a_session(start: Start, chat: Make) -> None:
    """A program that shows none gets a session, which its window shows; later texts go there too."""
    program = start()
    one = chat(program)
    asked(one, text_of("x"))
    program.type("and you?")  # in the session that the window shows
    until(lambda: len(program.heard()) == 2 and one.ready() is None)
    asked(one, text_of("y"))
    assert [session["id"] for session in program.ask("/session")] == [one.memory]


def test_sessions_of_earlier_runs(start: Start, chat: Make) -> None:
    """A session of an earlier run is listed, and gets no mail unless somebody names or uses it."""
    program = start(name="same")
    old = chat(program)
    asked(old, text_of("x"))
    program.end()
    again = start(name="same")
    one = chat(again)
    until(lambda: one.ready() is None)
    asked(one, text_of("y", "aaaaaaa1"))
    assert one.memory != old.memory
    named = chat(f"{again.url}/session/{old.memory}")
    asked(named, text_of("z", "aaaaaaa2"))
    assert chat(again).ready() is None
    with pytest.raises(ChatGone, match="Session not found"):
        chat(f"{again.url}/session/ses_none").mark()


def test_busy_and_under_a_dialog(start: Start, chat: Make) -> None:
    """During a turn and under a permission dialog nothing goes in; one in mail's own turn is reported."""
    program = start()
    told: list[str] = []
    one, text = chat(program), text_of("[[dialog]]")
    one.tells(told.append)
    program.type("hello [[delay:60]]")
    until(lambda: one.ready() == "busy")
    program.type("/esc")
    until(lambda: one.ready() is None)
    mark = one.mark()
    one.present(mark, text)
    until(lambda: one.ready() == DIALOG)
    assert one.capture(mark, text) is None and one.capture(mark, text) is None
    assert told == [DIALOG]
    program.type("/yes")
    assert until(lambda: one.capture(mark, text)).text == f"You said {len(text)} characters."


@pytest.mark.parametrize(
    ("body", "key", "reason"),
    [("[[error]]", "", "APIError: high demand"), ("[[delay:60]]", "/esc", "somebody interrupted the turn")],
)
def test_failed_turns(start: Start, chat: Make, body: str, key: str, reason: str) -> None:
    """A turn that ends with an error, or that a person interrupts, is a failure with its reason."""
    program = start()
    one, text = chat(program), text_of(body)
    mark = one.mark()
    one.present(mark, text)
    if key:
        until(lambda: one.ready() == "busy" and len(program.ask(f"/session/{one.memory}/message")) == 2)
        program.type(key)
    with pytest.raises(ChatFailed, match=reason):
        until(lambda: one.capture(mark, text))


def test_a_person_prompts_meanwhile(start: Start, chat: Make) -> None:
    """A person's prompt during the turn has its own answer, and mail's answer is filed before that."""
    program = start()
    one, text = chat(program), text_of("[[delay:0.2]] [[say:mine]]")
    mark = one.mark()
    one.present(mark, text)
    program.type("[[delay:60]] yours")
    assert until(lambda: one.capture(mark, text)).text == "mine"


def test_no_answer(start: Start, chat: Make) -> None:
    """A turn over the limit fails as a timeout; a session that rests without an answer fails at last."""
    now = [1000.0]
    program = start()
    one, text = chat(program, clock=lambda: now[0], timeout_s=50.0), text_of("[[delay:60]]")
    mark = one.mark()
    one.present(mark, text)
    assert one.capture(mark, text) is None
    now[0] += 51
    with pytest.raises(NoAnswer, match="within 50 s"):
        one.capture(mark, text)
    program.type("/esc")
    until(lambda: one.ready() is None)
    silent = one.mark()
    assert one.capture(silent, "never presented") is None
    now[0] += opencode.SILENT_S
    with pytest.raises(ChatFailed, match="without an answer"):
        one.capture(silent, "never presented")


def test_killed_while_it_presents(start: Start, chat: Make) -> None:
    """A text that never left is told from one that did, from one on its way, and from one that is lost."""
    now = [1000.0]
    program = start(FAKE_OPENCODE_LAG="0.3")

    def later(seconds: float) -> None:
        now[0] += seconds

    one, text = chat(program), text_of("x")
    mark = one.mark()
    assert chat(program).seen(mark, text) is False
    noted = json.loads(mark)
    body = {"messageID": noted["message"], "parts": [{"type": "text", "text": text}]}
    note = lambda: one._own.write(f"{noted['message']}.sent")  # noqa: E731
    Server(program.url).deliver(f"/session/{noted['session']}/prompt_async", body, note)  # killed here
    again = chat(program)
    assert again.seen(mark, text) is True
    assert until(lambda: again.capture(mark, text)).text == f"You said {len(text)} characters."
    lost = one.mark()
    one._own.write(f"{json.loads(lost)['message']}.sent")  # killed before it left
    assert chat(program, clock=lambda: now[0], sleep=later).seen(lost, text) is None
    assert program.heard() == [text]


def test_server_gone(start: Start, chat: Make) -> None:
    """A program that has ended is reported as that at each step, and nothing counts as shown."""
    program = start()
    one, text = chat(program), text_of("x")
    mark = one.mark()
    program.end()
    later = chat(program)
    assert "no opencode at" in (later.ready() or "")
    for step in (lambda: later.present(mark, text), lambda: later.capture(mark, text), later.mark):
        with pytest.raises(ChatGone):
            step()
    assert later.seen(mark, text) is False


class Odd(BaseHTTPRequestHandler):
    """Answers everything with the status and body of the test."""

    status, kind, body, healthy = 200, "text/html", b"<html>", b""

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        body = self.healthy if self.healthy and self.path == "/global/health" else self.body
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  # the names of its base class


@pytest.fixture
def odd() -> Iterator[str]:
    """A server of another program; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>", "is not the server of opencode"),
        (200, b'{"hello": 1}', "is not the server of opencode"),
        (302, b"", "answered 302"),
        (401, b"", "wants its password"),
        (500, b"oh", "answered 500: oh"),
    ],
)
def test_another_program_at_that_port(
    odd: str, chat: Make, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, reason: str
) -> None:
    """Whatever answers there instead gets no mail, and no redirect is followed."""
    monkeypatch.setattr(Odd, "status", status)
    monkeypatch.setattr(Odd, "body", body)
    one = chat(odd)
    assert reason in (one.ready() or "") and reason in (one.unusable() or "")


def test_an_older_version(odd: str, chat: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version without what this way needs answers with its web page, and is never used."""
    monkeypatch.setattr(Odd, "healthy", b'{"healthy": true, "version": "0.1.0"}')
    one = chat(odd)
    for ask in (one.ready, one.unusable):
        with pytest.raises(
            Unusable, match=r"opencode 0.1.0 is not one that xw knows .* /[a-z]+ as .*kind tmux"
        ):
            ask()


@pytest.mark.parametrize("body", [b"<html>", b'{"ok": true}', b"[1]", b'[{"info": {}}]', b"null"])
def test_another_program_takes_the_port(
    odd: str, chat: Make, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """During a turn that means that opencode is gone, and not that the bridge or the message is at fault."""
    monkeypatch.setattr(Odd, "body", body)
    mark = json.dumps({"server": odd, "session": "ses_1", "message": "msg_1", "at": 1000.0})
    one = chat(odd)
    for step in (lambda: one.capture(mark, "text"), one.mark):
        with pytest.raises(ChatGone):
            step()
    assert one.seen(mark, "text") is False and "is not the server" in str(one.unusable())
    late = chat(odd)
    late._server, late._looked = Server(odd), late._clock()  # it was opencode a moment ago
    assert "is not the server" in str(late.unusable())


def test_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that never ends holds the bridge up for a limited time."""
    monkeypatch.setattr(opencode_http, "WHOLE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def trickle() -> None:
            with listening.accept()[0] as connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.01)

        threading.Thread(target=trickle).start()
        with pytest.raises(ChatGone, match="does not answer"):
            Server(f"http://127.0.0.1:{listening.getsockname()[1]}").get("/x", str)


@pytest.mark.parametrize(
    ("status", "error"), [(302, NotPresented), (404, NotPresented), (400, NotPresented), (500, Uncertain)]
)
def test_refused(odd: str, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]) -> None:
    """A request that the server refuses is certainly not in; one that broke in the server may be."""
    monkeypatch.setattr(Odd, "status", status)
    before: list[int] = []
    with pytest.raises(error):
        Server(odd).deliver("/x", {}, lambda: before.append(1))
    assert before == [1]


def test_broken_off(chat: Make) -> None:
    """A connection that ends before the answer leaves it uncertain; one that nobody takes does not."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def hang_up() -> None:
            listening.accept()[0].close()

        threading.Thread(target=hang_up).start()
        with pytest.raises(Uncertain, match="broke off"):
            Server(f"http://127.0.0.1:{port}").deliver("/x", {}, lambda: None)
    with pytest.raises(ChatGone, match="no opencode at"):
        Server(f"http://127.0.0.1:{free_port()}").deliver("/x", {}, lambda: None)


def test_password(start: Start, chat: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's password comes from a file or the environment, never from a command line."""
    program = start(OPENCODE_SERVER_PASSWORD="päss")
    assert "wants its password, and has none" in (chat(program).ready() or "")
    file = tmp_path / "password"
    file.write_text("päss\n")
    state = tmp_path / "bob/bridge/opencode"
    assert open_chat(program.url, {"password": str(file)}, state).ready() is None
    monkeypatch.setenv("OPENCODE_SERVER_PASSWORD", "wrong")
    assert "another one" in (open_chat(program.url, {}, state).ready() or "")
    with pytest.raises(NotFound, match="option password"):
        open_chat(program.url, {"password": "/nowhere"}, state)


def test_whose_program(start: Start, chat: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` takes only the instance's own program here, this run's first; a process id names one."""
    monkeypatch.delenv("XW_CONFIG", raising=False)
    other = start(XW_NAME="bob")
    assert "no opencode with a server of bob runs" in (chat().ready() or "")  # it works elsewhere
    monkeypatch.chdir(other.home)
    one = chat()
    assert one.ready() is None and json.loads(one.mark())["server"] == other.url
    launched = start(XW_NAME="bob", XW_RUN="/tmp/run1")
    assert json.loads(chat(run="/tmp/run1").mark())["server"] == launched.url
    assert json.loads(chat(str(other.process.pid)).mark())["server"] == other.url
    found = {one.target: one for one in opencode.discover({})}[launched.url]
    assert (found.program, found.state, found.agent) == ("opencode", "idle", "bob")


def test_a_port_that_another_program_has(start: Start, chat: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail goes only to the process that listens: not to another project's program at the same port."""
    other = start(XW_NAME="carol")
    monkeypatch.chdir(other.home)
    argv = ["opencode", "-c", "input()", "--port", str(other.port)]
    environ = {**os.environ, "XW_NAME": "bob"}
    with subprocess.Popen(argv, executable=sys.executable, env=environ, stdin=subprocess.PIPE) as second:
        until(lambda: processes.words(second.pid)[:1] == ["opencode"])
        assert "no opencode with a server of bob runs" in str(chat().ready())
        assert "no opencode" in str(chat(str(second.pid)).ready())
        second.kill()


def test_looks_at_all_processes_are_rare(start: Start, chat: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """While mail waits for days, they would cost CPU at each look; the end of the program shows at once."""
    program, now = start(XW_NAME="bob"), [1000.0]
    monkeypatch.chdir(program.home)
    looks = Mock(side_effect=opencode_servers.running)
    monkeypatch.setattr(opencode_servers, "running", looks)
    one = chat(clock=lambda: now[0])
    for _ in range(4):
        assert one.ready() is None and looks.call_count == 1
        now[0] += 3.0
    now[0] += opencode_target.SCAN_S
    assert one.ready() is None and looks.call_count == 2
    program.end()
    now[0] += 3.0
    assert "no opencode with a server of bob runs" in str(one.ready())


def test_a_port_that_another_program_got(start: Start, chat: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text does not go to whoever listens at the port of an opencode that has ended."""
    program = start(XW_NAME="bob")
    monkeypatch.chdir(program.home)
    one = chat()
    mark = one.mark()
    program.end()
    with socket.create_server(("127.0.0.1", program.port)) as listening:
        with pytest.raises(ChatGone, match="has ended"):
            one.present(mark, "secret")
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_clock_that_is_set(start: Start, chat: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set forward or back, the clock makes no session of this run an old one."""
    program = start()
    now = [1000.0]
    one = chat(program, clock=lambda: now[0])
    asked(one, text_of("x"))
    session, began = one.memory, processes.began
    for jump in (3600.0, -3600.0):
        monkeypatch.setattr(processes, "began", lambda ticks, jump=jump: began(ticks) + jump)
        now[0] += 10
        assert json.loads(one.mark())["session"] == session


def test_targets(tmp_path: Path) -> None:
    """Invalid targets are refused at the start."""
    for target in ("main", "ftp://127.0.0.1:1", "http://127.0.0.1", "http://127.0.0.1:1/session/x y"):
        with pytest.raises(Usage):
            open_chat(target, {}, tmp_path / "bob/bridge/opencode")
    open_chat("http://127.0.0.1:4096/session/ses_1", {}, tmp_path / "bob/bridge/opencode").close()


def test_id_is_the_latest() -> None:
    """A message's id comes after all before it, even if the clock was set back."""
    last = [{"info": {"id": "msg_ffffffff0000abc"}}]
    assert opencode._new_id(last) > "msg_ffffffff0000abc"
    assert opencode._new_id([]) < opencode._new_id([])[:-14] + "g"


def message(number: int, parent: int = 0, finish: str = "", words: str = "", **more: Any) -> dict[str, Any]:
    info = {
        "id": f"msg_{number}",
        "role": "assistant" if parent else "user",
        "time": {"completed": finish and 1},
    }
    about = {"parentID": f"msg_{parent}", "finish": finish, **more}
    return {"info": {**info, **about}, "parts": [{"type": "text", "text": words}]}


def test_turns() -> None:
    """Steps, a prompt that joined during a tool, a cut answer, and what belongs to others."""
    ask, step = message(2), message(3, 2, "tool-calls", "I look.")
    assert answers([message(1, 9, "stop", "old"), ask], "msg_2") == Answers()
    assert answers([ask, step], "msg_2") == Answers("I look.")
    assert answers([ask, step, message(4), message(5, 4, "stop", "both")], "msg_2") == Answers(
        "I look.", later="both"
    )
    assert answers([ask, message(4), message(5, 4, "stop", "yours")], "msg_2") == Answers()
    shortened, summary = message(4), message(5, 4, "stop", "summary", summary=True)
    shortened["parts"] = [{"type": "compaction", "auto": True}]
    assert answers([ask, shortened, summary], "msg_2") == Answers()
    assert answers([ask, shortened, summary, message(6), message(7, 6, "stop", "on")], "msg_2").later == "on"
    assert answers([ask, step, shortened, summary], "msg_2") == Answers("I look.")
    assert answers([message(1, 2, "stop", "by a clock set back"), ask], "msg_2").text == "by a clock set back"
    done = answers([ask, step, message(6, 2, "length", "42")], "msg_2")
    assert (done.text, done.cut, done.said) == ("42", True, "I look.\n\n42")
