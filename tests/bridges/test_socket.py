"""The socket chat against a server that keeps WibWob's wire limits."""

import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridges.helpers import until
from tests.bridges.hostile import bodies
from tests.bridges.wibwob_server import WibWob
from xw.bridges import wiblog
from xw.bridges import wibwob as wire
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer, NotPresented, Uncertain
from xw.bridges.frame import Mail, framed
from xw.bridges.socket import PARTS, SocketChat, list_sockets, open_chat, parts_of
from xw.errors import Refused

Serve = Callable[..., WibWob]
BUILDS = ("direct", "registry", "log")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts chats, and ends them."""
    started: list[WibWob] = []

    def start(name: str = "wibwob_1.sock", **options: Any) -> WibWob:
        started.append(WibWob(tmp_path / name, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def chat_with(server: WibWob, **options: Any) -> SocketChat:
    log = str(server.log) if server.build == "log" else ""
    return SocketChat(str(server.path), **{"log": log, "settle_s": 0.05, **options})


def text_of(body: str, short: str = "k7f3q2m9") -> str:
    return framed(Mail("alice", "question", short, 200, body, True))


@pytest.mark.parametrize("build", BUILDS)
def test_question_and_answer(serve: Serve, build: str) -> None:
    """Each build is found out and asked in its own way; the answer is the assistant's, whole."""
    server = serve(build=build)
    chat = chat_with(server)
    assert chat.ready() is None
    text = text_of("hello\nthere")
    mark = chat.mark()
    chat.present(mark, text)
    assert (
        until(lambda: chat.capture(mark, text)).text
        == f"You said {len(text)} characters.\n[x] User: that is all"
    )
    assert [m["content"] for m in server.messages if m["role"] == "user"] == [text]


@pytest.mark.parametrize("build", BUILDS)
def test_hostile_bodies(serve: Serve, build: str) -> None:
    """No body runs as a command, and each arrives as it was sent, in one write that fits."""
    server = serve(build=build)
    chat = chat_with(server)
    for number, body in enumerate(bodies(60, "/tmp/never")):
        text = text_of(body, f"b{number:07d}")
        mark = chat.mark()
        chat.present(mark, text)
        got = [m["content"] for m in server.messages if m["role"] == "user"]
        assert got[-1] == text or got[-1].startswith(f"[part b{number:07d} ")
    assert server.commands == []
    assert all(len(request) <= wire.LIMIT and request.endswith(b"\n") for request in server.requests)


@pytest.mark.parametrize("build", BUILDS)
def test_long_text_goes_in_parts(serve: Serve, build: str) -> None:
    """A text over the wire's limit goes in several turns; put together again, not a character is missing."""
    server = serve(build=build)
    chat = chat_with(server)
    chat.ready()
    body = "".join(random.Random(1).choices("abc äöü漢\n", k=chat.limit // 4))
    text, mark = text_of(body), chat.mark()
    chat.present(mark, text)
    turns = [m["content"] for m in server.messages if m["role"] == "user"]
    assert 1 < len(turns) <= PARTS
    assert "".join("\n".join(turn.split("\n")[1:-1]) for turn in turns) == text
    assert all(turn.endswith("OK") for turn in turns[:-1]) and turns[-1].endswith("answer now")
    assert f"{len(turns[-1])} characters" in until(lambda: chat.capture(mark, text)).text
    assert chat.seen(mark, text) is True


@pytest.mark.parametrize("dialect", ["direct", "registry"])
@pytest.mark.parametrize("line", ["x" * 300, "word " * 200, "漢字 " * 60, "ä" * 900])
def test_lines_of_any_length_fit_into_the_parts(dialect: str, line: str) -> None:
    """A text within the limit goes in, even if cuts at line ends would need too many parts."""
    chat = SocketChat("/tmp/never")
    chat._dialect = dialect
    room = chat.limit - len(text_of("").encode())
    text = text_of("\n".join([line] * 60).encode()[:room].decode(errors="ignore"))
    assert chat.limit - 3 < len(text.encode()) <= chat.limit
    parts = chat._parts(text)
    assert len(parts) <= PARTS
    assert "".join("\n".join(part.split("\n")[1:-1]) for part in parts) == text


def test_text_of_any_size_is_refused_over_the_limit(serve: Serve) -> None:
    """A text that needs too many turns is refused before anything is sent."""
    server = serve()
    chat = chat_with(server)
    mark = chat.mark()
    chat.present(mark, "x" * chat.limit)
    with pytest.raises(Refused):
        chat.present(chat.mark(), "x" * (chat.limit * 2))


def test_parts_fit_and_are_complete() -> None:
    """Parts are cut at line ends where there are any, and leave nothing out."""
    text = "\n".join(["word " * 20] * 50)
    parts = parts_of(text, lambda part: len(part) <= 500)
    assert all(len(part) <= 500 for part in parts)
    assert "".join("\n".join(part.split("\n")[1:-1]) for part in parts) == text


@pytest.mark.parametrize("build", BUILDS)
def test_streamed_answer_is_waited_for(serve: Serve, build: str) -> None:
    """A growing answer is not taken before it rests, a busy chat not written to."""
    now = [100.0]
    server = serve(build=build)
    server.auto = False
    chat = chat_with(server, settle_s=2.0, clock=lambda: now[0])
    text, mark = text_of("x"), chat.mark()
    chat.present(mark, text)
    assert chat.ready() == "busy"
    assert chat.capture(mark, text) is None
    for piece in ("one ", "two"):
        server.say(piece)
        now[0] += 1.5
        assert chat.capture(mark, text) is None
    server.finish()
    now[0] += 2.5
    reply = chat.capture(mark, text)
    assert reply and reply.text == "one two"


@pytest.mark.parametrize("build", BUILDS)
def test_error_of_the_model(serve: Serve, build: str) -> None:
    """An error instead of an answer is a failure that says what the chat said."""
    server = serve(build=build)
    server.auto = False
    chat = chat_with(server)
    text, mark = text_of("x"), chat.mark()
    chat.present(mark, text)
    server.fail("no credit left")
    with pytest.raises(ChatFailed, match="no credit left"):
        chat.capture(mark, text)


def test_person_in_the_same_chat(serve: Serve) -> None:
    """A person's question before or after is not taken for the bridge's turn."""
    server = serve()
    chat = chat_with(server)
    server.input("a person's question")
    text, mark = text_of("x"), chat.mark()
    chat.present(mark, text)
    server.input("another")
    assert f"{len(text)} characters" in until(lambda: chat.capture(mark, text)).text


def test_new_bridge_goes_on_capturing(serve: Serve) -> None:
    """After a crash another object with the mark knows whether the text went in, and gets the answer."""
    server = serve()
    mark, text = chat_with(server).mark(), text_of("x")
    assert chat_with(server).seen(mark, text) is False
    chat_with(server).present(mark, text)
    after = chat_with(server)
    assert after.seen(mark, text) is True
    assert until(lambda: after.capture(mark, text))


def test_cleared_history(serve: Serve) -> None:
    """After a person clears the history, the text is uncertain and the answer is lost; both are reported."""
    server = serve()
    server.input("earlier")
    chat = chat_with(server)
    mark, text = chat.mark(), text_of("x")
    chat.present(mark, text)
    server.input("/clear")
    assert chat.seen(mark, text) is None
    with pytest.raises(ChatFailed, match="cleared"):
        chat.capture(mark, text)


@pytest.mark.parametrize("build", BUILDS)
def test_secret(serve: Serve, build: str) -> None:
    """The handshake succeeds with the secret; without it or with another, nothing goes in, with an error."""
    server = serve(build=build, secret="s3cret")
    chat = chat_with(server, secret="s3cret")
    mark = chat.mark()
    chat.present(mark, "[x]\nhi")
    assert server.messages
    assert "WIBWOB_AUTH_SECRET" in (chat_with(server).ready() or "")
    assert "refused" in (chat_with(server, secret="wrong").ready() or "")
    with pytest.raises(Refused):
        chat_with(server, secret="wrong").present(mark, "[x]\nhi")
    assert len([m for m in server.messages if m["role"] == "user"]) == 1


def test_lost_answer_is_looked_up(serve: Serve) -> None:
    """When the answer to a command is lost, the history tells whether it was carried out."""
    server = serve()
    chat = chat_with(server)
    mark, text = chat.mark(), text_of("x")
    ask = chat._wire.ask

    def lost(line: bytes) -> str:
        answer = ask(line)
        if b"send_chat" in line:
            raise Uncertain("lost")
        return answer

    chat._wire.ask = lost  # type: ignore[method-assign]
    chat.present(mark, text)
    assert len(server.messages) == 2


def test_no_answer_at_all_is_uncertain(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chat that closes without a word leaves it uncertain: not presented again."""
    monkeypatch.setattr("xw.bridges.socket.ARRIVES_S", 0.1)
    server = serve()
    chat = chat_with(server)
    mark = chat.mark()
    server.trouble = "mute"
    with pytest.raises(Uncertain):
        chat.present(mark, text_of("x"))


def test_dropped_text_is_not_called_presented(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """WibWob answers ok to a text that it drops because it works: the history decides."""
    monkeypatch.setattr("xw.bridges.socket.ARRIVES_S", 0.1)
    server = serve()
    chat = chat_with(server)
    mark = chat.mark()
    server.working = True
    with pytest.raises(Uncertain, match="does not show"):
        chat.present(mark, text_of("x"))


def test_dead_and_silent_sockets(serve: Serve, tmp_path: Path) -> None:
    """A stale socket, a missing one and one that never answers are reasons, each within the timeout."""
    server = serve()
    server.stop()
    chat = chat_with(server)
    assert "no chat listens" in (chat.ready() or "")
    with pytest.raises(ChatGone):
        chat.mark()
    assert "no chat listens" in (SocketChat(str(tmp_path / "none")).ready() or "")
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    silent.bind(str(tmp_path / "silent"))
    silent.listen(1)
    with pytest.raises(Uncertain, match="did not answer"):
        wire.Wire(str(tmp_path / "silent"), timeout_s=0.2).ask(b"cmd:x\n")
    with pytest.raises(NotPresented, match="handshake"):
        wire.Wire(str(tmp_path / "silent"), "secret", timeout_s=0.2).ask(b"cmd:x\n")
    silent.close()


def test_no_answer_in_time(serve: Serve) -> None:
    """A turn longer than the limit has timed out; a history that stalled for long is not busy."""
    now = [100.0]
    server = serve()
    server.auto = False
    chat = chat_with(server, clock=lambda: now[0], timeout_s=60)
    mark, text = chat.mark(), text_of("x")
    chat.present(mark, text)
    assert chat.ready() == "busy"
    now[0] += 61
    with pytest.raises(NoAnswer):
        chat.capture(mark, text)
    now[0] += 600
    assert chat.ready() is None


def test_a_pause_does_not_end_the_answer(serve: Serve) -> None:
    """By default an answer that pauses for some seconds, as before a tool call, is not finished."""
    now = [100.0]
    server = serve()
    server.auto = False
    chat = open_chat(str(server.path), {}, Path())
    chat._clock = lambda: now[0]
    mark, text = chat.mark(), text_of("x")
    chat.present(mark, text)
    server.say("Let me look.")
    for _ in range(3):
        assert chat.capture(mark, text) is None
        now[0] += 3
    server.say(" The answer is 42.")
    assert chat.capture(mark, text) is None
    now[0] += 11
    reply = chat.capture(mark, text)
    assert reply and reply.text == "Let me look. The answer is 42."


def test_one_write_per_command(tmp_path: Path) -> None:
    """A command arrives in one read, whatever its length: the program reads no second time."""
    listen = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listen.bind(str(tmp_path / "s"))
    listen.listen(1)
    got = []

    def serve_one() -> None:
        link, _ = listen.accept()
        got.append(link.recv(2047))
        link.sendall(b"ok\n")
        link.close()

    thread = threading.Thread(target=serve_one)
    thread.start()
    line = wire.command("x", ["a=" + "y" * (wire.LIMIT - 9)])
    assert wire.Wire(str(tmp_path / "s")).ask(line) == "ok"
    thread.join()
    listen.close()
    assert got == [line] and len(line) == wire.LIMIT
    with pytest.raises(Refused):
        wire.command("x", ["a=" + "y" * (wire.LIMIT - 8)])


def test_discovery(serve: Serve, tmp_path: Path) -> None:
    """Sockets are listed as idle, busy or stale."""
    serve("wibwob_1.sock")
    serve("wibwob_2.sock").stop()
    busy = serve("wibwob_3.sock")
    busy.auto = False
    busy.input("x")
    states = {Path(f.target).name: f.state for f in list_sockets((str(tmp_path / "wibwob_*.sock"),))}
    assert states["wibwob_1.sock"] == "idle" and states["wibwob_3.sock"] == "busy"
    assert states["wibwob_2.sock"].startswith("stale")


def test_chat_of_another_user(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that one may not write to is not called stale: it is not there to be removed."""
    server = serve()

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", denied)
    (found,) = list_sockets((str(server.path),))
    assert "of another user" in found.state


def test_log_is_found_by_the_sockets_owner(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an option the log is looked for below the working directory of the program that listens."""
    monkeypatch.chdir(tmp_path)
    server = serve(build="log")
    server.input("x")
    assert wiblog.find(str(server.path)).resolve() == server.log.resolve()


def test_log_of_an_answer_in_one_piece(tmp_path: Path) -> None:
    """Builds without streaming write the answer as one entry, which may have several lines."""
    log = tmp_path / "log"
    log.write_bytes(
        b"=== x ===\n[t] User: a\nb\n[t] Debug: n\n[t] Wib&Wob: one\n\n[t] two\n[t] System: x\n[t] User: cu"
    )
    assert wiblog.read(log) == [("user", "a\nb"), ("assistant", "one\n\n[t] two")]
