"""The claude chat, with an imitation of Claude Code that keeps the real one's traps (`tests/programs`)."""

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.bridges.helpers import until
from tests.bridges.test_contract import text_of
from tests.programs.running import Claude, noting
from xw import processes
from xw.bridges import claude, claude_sessions, claude_target, claude_transcript, claude_turns
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer, NotPresented, Uncertain, Unusable, why_not_ready
from xw.bridges.claude import ClaudeChat, discover, open_chat
from xw.errors import Usage
from xw.files.local import LocalFiles
from xw.journal import Event, Journal
from xw.mailbox import Mailbox

SHORT = 0.2
"""Seconds in place of those that are for a busy machine, where waiting for them is the test."""


class Stage:
    """One home with sessions of the imitation, and chats for bob's mailbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mailbox = Mailbox(LocalFiles(str(folder)), "bob")
        self.started: list[Claude] = []

    def session(self, *argv: str, settings: str = "", **environ: str) -> Claude:
        """Start a session, and wait until it is idle."""
        settings = settings or noting(self.folder, "bob")
        self.started.append(Claude(self.folder, self.folder, "--settings", settings, *argv, environ=environ))
        until(lambda: self.started[-1].idle)
        return self.started[-1]

    def chat(self, target: str = "auto", **options: Any) -> ClaudeChat:
        """Return a chat, as each bridge makes one."""
        return ClaudeChat(self.mailbox, target, **options)

    def ask(self, body: str, short: str = "aaaaaaa1") -> tuple[ClaudeChat, str, str]:
        """Present a text to the idle session; return the chat, the mark and the text."""
        chat, text = self.chat(), text_of(body, short)
        until(lambda: chat.ready() is None)
        mark = chat.mark()
        chat.present(mark, text)
        return chat, mark, text


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A home, in which each started session is ended."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    made = Stage(tmp_path)
    yield made
    for one in made.started:
        one.end()
        one.scratch.cleanup()


def answer(chat: ClaudeChat, mark: str, text: str) -> str:
    """Wait for the answer."""
    return str(until(partial(chat.capture, mark, text)).text)


def waiting(session: Claude) -> None:
    """Wait until a session shows a dialog."""
    until(lambda: session.session.get("status") == "waiting")


def test_mail_waits_under_a_dialog(stage: Stage) -> None:
    """A dialog is a reason to wait; a text that meets one all the same is held and answered afterwards."""
    session = stage.session()
    chat, mark, text = stage.ask("[[dialog]] [[say:one]]")
    waiting(session)
    assert chat.ready() == "busy: a dialog is open (permission prompt)"
    late, raced = chat.mark(), text_of("[[say:two]]", "aaaaaaa2")
    chat.present(late, raced)
    assert chat.capture(late, raced) is None and chat.seen(late, raced) is True
    session.type("/yes")
    assert (answer(chat, mark, text), answer(chat, late, raced)) == ("one", "two")


def test_last_turn(stage: Stage) -> None:
    """A turn that somebody typed shows, however short it was; without one nothing changes."""
    session, chat = stage.session(), stage.chat()
    before = chat.last_turn()
    assert chat.last_turn() == before
    session.type("hello")
    until(lambda: len(session.entries("assistant")) == 1 and session.idle)
    assert chat.last_turn() != before


def test_what_a_person_types(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt typed during the bridge's turn has its own answer, which the bridge does not take."""
    monkeypatch.setattr(claude, "QUIET_S", SHORT)
    session = stage.session()
    chat, mark, text = stage.ask("[[dialog]] [[say:for alice]]")
    place = chat.here()
    waiting(session)
    session.type("mine [[say:for me]]")
    until(lambda: len(Journal(stage.mailbox, "claude", session.session["sessionId"]).events()) == 3)
    session.type("/yes")
    assert answer(chat, mark, text) == "for alice"
    heard = until(lambda: chat.overhear(place))
    assert heard[:2] == ("mine [[say:for me]]", "for me") and chat.overhear(heard.place) is None


def test_interrupted(stage: Stage) -> None:
    """Esc ends a turn without an answer, also when a text that waited then gets one of its own."""
    session = stage.session()
    chat, mark, text = stage.ask("[[dialog]]")
    waiting(session)
    late, raced = chat.mark(), text_of("[[say:two]]", "aaaaaaa2")
    chat.present(late, raced)
    session.type("/esc")
    assert answer(chat, late, raced) == "two"
    with pytest.raises(ChatFailed, match="interrupted in its own window"):
        answer(chat, mark, text)


def test_ends_without_an_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API error, Esc in an idle session, and a turn that takes too long: each is said, none is guessed."""
    monkeypatch.setattr(claude, "QUIET_S", SHORT)
    session = stage.session()
    chat, mark, text = stage.ask("[[error]]")
    with pytest.raises(ChatFailed, match="API Error: 400 the model is away"):
        answer(chat, mark, text)
    chat, mark, text = stage.ask("[[dialog]]", "aaaaaaa2")
    waiting(session)
    with pytest.raises(NoAnswer, match="no answer within 0 s; it is busy: a dialog is open"):
        stage.chat(timeout_s=0.0).capture(mark, text)
    session.type("/esc")
    with pytest.raises(ChatFailed, match="interrupted in its own window"):
        answer(chat, mark, text)


def test_a_stop_hook_goes_on(stage: Stage) -> None:
    """If a hook continues the turn, the last answer counts."""
    flag = stage.folder / "flag"
    settings = json.loads(noting(stage.folder, "bob"))
    block = f"""[ -e {flag} ] && rm {flag} && echo '{{"decision":"block","reason":"[[say:last]]"}}'"""
    settings["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": block}]})
    stage.session(settings=json.dumps(settings))
    flag.touch()
    assert answer(*stage.ask("[[say:first]]")) == "last" and not flag.exists()


def test_cleared(stage: Stage) -> None:
    """`/clear` begins another session in the process: its mail goes there, old answers stay available."""
    session = stage.session()
    asked = stage.ask("[[say:one]]")
    assert answer(*asked) == "one"
    before = session.session["sessionId"]
    place = asked[0].here()
    session.type("/clear")
    until(lambda: session.session["sessionId"] != before and session.idle)
    assert answer(*stage.ask("[[say:two]]", "aaaaaaa2")) == "two"
    assert answer(stage.chat(), *asked[1:]) == "one"
    moved = stage.chat().overhear(place)
    assert moved and moved.words == "" and stage.chat().overhear(moved.place) is None


def test_killed_and_resumed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer outlives the program; what a killed one held is not in; a turn cut off has no answer."""
    session = stage.session()
    asked = stage.ask("[[say:one]]")
    assert answer(*asked) == "one"
    chat, mark, text = stage.ask("[[dialog]]", "aaaaaaa2")
    waiting(session)
    late, raced = chat.mark(), text_of("two", "aaaaaaa3")
    chat.present(late, raced)
    session.kill()
    assert "no session of Claude Code of bob is running" in str(chat.ready())
    stage.session("--resume", session.session["sessionId"])
    again = stage.chat()
    assert answer(again, *asked[1:]) == "one"
    assert again.seen(mark, text) is True and again.seen(late, raced) is False
    monkeypatch.setattr(claude, "QUIET_S", SHORT)
    with pytest.raises(ChatGone, match="ended before it answered"):
        answer(again, mark, text)


def test_a_program_that_stands_still(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a stopped program has not read the text, nobody says that it is not in; once it goes on, it is."""
    monkeypatch.setattr(claude_sessions, "READ_S", SHORT)
    monkeypatch.setattr(claude, "STILL_S", SHORT)
    session = stage.session()
    chat, text = stage.chat(), text_of("[[say:one]]", "aaaaaaa1")
    mark = chat.mark()
    session.process.send_signal(signal.SIGSTOP)
    os.waitpid(session.process.pid, os.WUNTRACED)  # until each of its threads stands still
    with pytest.raises(Uncertain, match="did not read the text"):
        chat.present(mark, text)
    assert chat.seen(mark, text) is None
    session.process.send_signal(signal.SIGCONT)
    assert until(lambda: chat.seen(mark, text)) is True and answer(chat, mark, text) == "one"


def test_hooks_that_fail(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the hooks noted nothing, the transcript has the text and the answer."""
    monkeypatch.setattr(claude, "ARRIVES_S", SHORT)
    settings = json.loads(noting(stage.folder, "bob"))
    del settings["hooks"]["UserPromptSubmit"], settings["hooks"]["Stop"]
    stage.session(settings=json.dumps(settings))
    chat, mark, text = stage.ask("[[say:one]]")
    assert chat.seen(mark, text) is True
    assert answer(chat, mark, text) == "one"


def test_a_session_without_hooks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hooks no answer could be known: the bridge ends; a new session gets time."""
    session = stage.session(settings="{}", XW_NAME="bob")
    assert "has not started yet" in str(why_not_ready(stage.chat()))
    monkeypatch.setattr(claude_target, "STARTS_S", 0.0)
    for target in ("auto", str(session.process.pid)):
        with pytest.raises(Unusable, match="has no hooks of xw for bob, so"):
            why_not_ready(stage.chat(target))
    assert "no session of Claude Code 1 is running" in str(why_not_ready(stage.chat("1")))


def test_what_xw_does_not_know(stage: Stage) -> None:
    """Another protocol ends the bridge, with the way that works; so does an older version."""
    stage.session(FAKE_CLAUDE_PROTOCOL="2")
    with pytest.raises(Unusable, match="has protocol 2 for texts of others"):
        why_not_ready(stage.chat())
    found = claude_sessions.Session(1, "a", "1-1", version="2.1.299", protocol=1)
    assert "2.1.299" in str(claude_sessions.unfit(found))
    assert claude_sessions.unfit(found._replace(version="2.2.0")) is None


def test_a_socket_of_others(stage: Stage) -> None:
    """A socket that others may use gets nothing, and neither does a file in its place."""
    session = stage.session()
    path, chat = Path(session.session["messagingSocketPath"]), stage.chat()
    path.chmod(0o666)
    assert "not a socket of this user alone" in str(chat.ready())
    with pytest.raises(ChatGone, match="not a socket of this user alone"):
        chat.present(chat.mark(), "text")
    path.unlink()
    assert "its socket cannot be used" in str(chat.ready())
    path.write_text("")
    path.chmod(0o600)
    assert "not a socket of this user alone" in str(chat.ready())


def _odd_socket(session: Claude, says: bytes | None) -> socket.socket:
    """Put another program's socket in a session's place; it answers with these bytes, or never listens."""
    path = session.session["messagingSocketPath"]
    Path(path).unlink()
    inbox = socket.socket(socket.AF_UNIX)
    inbox.bind(path)
    Path(path).chmod(0o600)
    if says is not None:
        inbox.listen()
        threading.Thread(target=_answer_all, args=(inbox, says), daemon=True).start()
    return inbox


def _answer_all(inbox: socket.socket, says: bytes) -> None:
    """Answer each connection until the socket is closed."""
    with suppress(OSError):
        while True:
            connection = inbox.accept()[0]
            with connection, suppress(OSError):
                connection.sendall(says)
                while connection.recv(65536):
                    pass


def test_a_socket_to_which_nobody_listens(stage: Stage) -> None:
    """A reason to wait, or to use another way, and not a text that failed in three tries."""
    session = stage.session()
    with _odd_socket(session, None):
        assert "does not listen" in str(stage.chat().ready()) and "kind tmux" in str(stage.chat().unusable())


def test_a_socket_that_answers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer means an unknown protocol: the text is not in, and this way ends with its words."""
    monkeypatch.setattr(claude, "STILL_S", SHORT)
    session, chat = stage.session(), stage.chat()
    with _odd_socket(session, b'{"error":"auth required"}\n' * 20_000) as inbox:
        mark = chat.mark()
        with pytest.raises(NotPresented, match="auth required"):
            chat.present(mark, text_of("one", "aaaaaaa1"))
        for ask in (chat.ready, chat.unusable):
            with pytest.raises(Unusable, match=r"auth required.*kind tmux"):
                ask()
        inbox.shutdown(socket.SHUT_RDWR)
    assert session.entries("user") == []


def test_a_prompt_after_an_error(stage: Stage) -> None:
    """The answer to what a person types right after a failed turn is not that turn's."""
    session = stage.session()
    chat, mark, text = stage.ask("[[error]]")
    until(lambda: session.idle)
    session.type("mine [[say:for me]]")
    until(lambda: "for me" in session.entries("assistant") and session.idle)
    with pytest.raises(ChatFailed, match="API Error: 400 the model is away"):
        answer(chat, mark, text)


def _fields(**more: object) -> str:
    """Return a session file of this process."""
    about = processes.status(os.getpid())
    assert about
    return json.dumps({"pid": os.getpid(), "procStart": about.started, "sessionId": "s", **more})


def _other_owner(path: Path) -> None:
    path.write_text(_fields())
    os.chown(path, 12345, 12345)


ODD_FILES: dict[str, Callable[[Path], object]] = {
    "half written": lambda path: path.write_text(_fields()[:-9]),
    "deep": lambda path: path.write_text("[" * 200_000),
    "infinite": lambda path: path.write_text(_fields(statusUpdatedAt=1).replace(": 1}", ": 1e999}")),
    "huge": lambda path: path.write_text(_fields() + " " * 300_000),
    "a queue": os.mkfifo,
    "a link": lambda path: path.symlink_to("/dev/zero"),
    "of another process": lambda path: path.write_text(_fields(pid=1)),
    "of an earlier process": lambda path: path.write_text(_fields(procStart="1")),
    "another user's": _other_owner,
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_odd_session_files(tmp_path: Path, kind: str) -> None:
    """Whatever lies in place of a session file is no session, and holds nothing up."""
    if kind == "another user's" and os.geteuid():
        pytest.skip("only root can give a file away")
    path = tmp_path / f"{os.getpid()}.json"
    path.write_text(_fields(messagingSocketPath="/x\0y"))
    found = claude_sessions.read(path)
    assert found and "cannot be used" in str(claude_sessions.closed(found))
    path.unlink()
    ODD_FILES[kind](path)
    assert claude_sessions.read(path) is None


def test_a_transcript_that_is_a_queue(tmp_path: Path) -> None:
    """What is no file has no entries, and holds nothing up."""
    os.mkfifo(tmp_path / "x.jsonl")
    assert claude_transcript.taken(str(tmp_path / "x.jsonl"), "text") is None


def test_which_session(stage: Stage) -> None:
    """Of two sessions the bridge takes that of its own run, or the last; a number and an id name one."""
    first, second = stage.session(XW_RUN="/run/one"), stage.session(XW_NAME="bob")
    targets = {"auto": second, str(first.process.pid): first, first.session["sessionId"]: first}
    for target, session in targets.items():
        assert json.loads(stage.chat(target).mark())["session"] == session.session["sessionId"]
    mark = json.loads(stage.chat(run="/run/one").mark())
    assert mark["session"] == first.session["sessionId"]
    found = {one.target: one for one in discover({})}
    assert found[str(second.process.pid)].agent == "bob" and found[str(first.process.pid)].state == "idle"
    assert found[str(first.process.pid)].directory == str(stage.folder)
    (stage.folder / ".claude/sessions/77.json").write_text("{")
    assert len(discover({})) == 2


def test_options(tmp_path: Path) -> None:
    """The chat finds its mailbox by its directory, and refuses an option that it does not have."""
    chat = open_chat("auto", {"hear": "no", "timeout": "5"}, tmp_path / "bob/bridge/claude")
    assert not chat.hears and "of bob" in str(chat.ready())
    for options in ({"hear": "all"}, {"settle": "1"}):
        with pytest.raises(Usage):
            open_chat("auto", options, tmp_path / "bob/bridge/claude")


def _events(*notes: str) -> list[Event]:
    """Return events by notes such as `p1 text` (a prompt of turn 1), `a1 text`, `s compact` and `e`."""
    kinds = {"p": "prompt", "a": "answer", "s": "start", "e": "exit"}
    parts = [(note.partition(" "), number) for number, note in enumerate(notes, 1)]
    return [Event(number, kinds[head[0]], text, head[1:]) for (head, _, text), number in parts]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("notes", "said", "over"),
    [
        (["p1 mail"], None, False),
        (["p1 mail", "a1 yes"], "yes", False),
        (["p1 mail", "a1 no", "a1 yes"], "yes", False),
        (["p1 mail", "a1 yes", "p2 other"], "yes", True),
        (["p1 mail", "a1 yes", "e"], "yes", True),
        (["p1 mail", "a1 yes", "s resume"], "yes", True),
        (["p1 mail", "a1 no", "s compact"], "no", False),
        (["p1 mail", "a1 no", "s compact", "a1 yes"], "yes", False),
        (["p1 other", "p1 mail", "a1 yes"], "yes", False),
        (["p1 mail", "p2 other", "p3 other", "a3 yes"], "yes", False),
        (["p1 mail", "p1 other", "a1 yes", "a9 no"], "yes", True),
        (["p1 mail", "p2 other", "a2 no", "a1 late"], "no", True),
        (["p1 other", "a1 no", "p2 mail"], None, False),
        (["p1 mail", "a9 no"], None, False),
        (["p mail", "a yes"], "yes", False),
    ],
)
def test_which_answer(notes: list[str], said: str | None, over: bool) -> None:
    """A prompt's answer is that of the turn that took it, and only that."""
    events = _events(*notes)
    asked: Any = claude_turns.prompt(events, "mail")
    answered = claude_turns.answer(events, asked)
    assert (answered.text if answered else None) == said
    assert answered is None or claude_turns.is_over(events, answered) is over
