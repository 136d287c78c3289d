"""The codex chat against an imitation that keeps Codex's queue, its record and its traps."""

import glob
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.bridges.helpers import until
from tests.programs.natives import Codex
from xw import journal, processes
from xw.bridges import agent_process, codex, codex_threads
from xw.bridges.agent_process import AgentProcess
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer, NotPresented, Uncertain, Unusable
from xw.bridges.codex import NEW, PAUSED, CodexChat, open_chat
from xw.bridges.codex_record import Record, is_helper, state_of
from xw.bridges.frame import Mail, framed
from xw.errors import NotFound, Usage
from xw.files.local import LocalFiles
from xw.journal import AgentSession, Journal
from xw.mailbox import Mailbox

Start = Callable[..., Codex]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts sessions, each in a home of its own, and ends them."""
    started: list[Codex] = []

    def begin(*argv: str, name: str = "", **environ: str) -> Codex:
        home = tmp_path / (name or f"home{len(started)}")
        started.append(Codex(home, *argv, environ=environ))
        one = started[-1]
        until(lambda: one.thread and (one.turns or not argv))
        return one

    yield begin
    for one in started:
        one.end()


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    """bob's mailbox."""
    made = Mailbox(LocalFiles(str(tmp_path)), "bob")
    made.make()
    return made


@pytest.fixture
def chat(mailbox: Mailbox, tmp_path: Path) -> Callable[..., CodexChat]:
    """Makes chats, as bridges after each other would."""

    def make(target: Codex | str = "auto", **options: object) -> CodexChat:
        place = target if isinstance(target, str) else str(target.process.pid)
        return CodexChat(mailbox, tmp_path / "state", place, **options)  # type: ignore[arg-type]

    return make


Make = Callable[..., CodexChat]


def text_of(body: str, short: str = "k7f3q2m9") -> str:
    return framed(Mail("alice", "question", short, 200, body, True))


def test_answer_is_exact(start: Start, chat: Make) -> None:
    """A text with tables, blanks and other scripts goes in as it is, and the answer comes back as exactly."""
    program = start("hello")
    one, text = chat(program), text_of("| a |  b |\n\t漢字 🙂  \n[[say:  | x |\\n  zwölf 🙂]]")
    mark = one.mark()
    one.present(mark, text)
    assert until(lambda: one.capture(mark, text)).text == "  | x |\n  zwölf 🙂"
    assert program.heard() == ["hello", text]
    assert one.memory == program.thread


def test_last_turn(start: Start, chat: Make) -> None:
    """A turn that somebody typed shows, however short it was; without one nothing changes."""
    program = start()
    one = chat(program)
    assert one.last_turn() == ""
    seen = [""]
    for number in (1, 2):
        program.type("hello")
        until(lambda: program.turns == number)  # noqa: B023  # it ends within the loop
        seen += [one.last_turn(), one.last_turn()]
    assert seen[1] == seen[2] and seen[3] == seen[4] and len(set(seen)) == 3


def test_a_conversation_without_a_turn(start: Start, chat: Make) -> None:
    """Codex queues nothing before the first prompt: mail waits, and the reason says so."""
    program = start()
    one = chat(program)
    assert one.ready() == one.unusable() == NEW
    with pytest.raises(ChatGone, match="first prompt"):
        one.mark()
    program.type("hello")
    until(lambda: one.ready() is None)


def test_busy_and_under_a_dialog(start: Start, chat: Make) -> None:
    """During a turn, and while Codex asks its person, nothing goes in."""
    program = start("hello")
    one = chat(program)
    program.type("work [[dialog]]")
    until(lambda: one.ready() == "busy")
    program.type("/yes")
    until(lambda: one.ready() is None)


def test_interrupted_before(start: Start, chat: Make) -> None:
    """After Esc mail waits until the next prompt there, for Codex would keep it in a queue that is closed."""
    program = start("hello")
    one = chat(program)
    program.type("work [[delay:60]]")
    until(lambda: one.ready() == "busy")
    program.type("/esc")
    assert until(lambda: one.ready() not in (None, "busy") and one.ready()) == PAUSED
    program.type("go on")
    until(lambda: one.ready() is None)


def test_interrupted_while_the_text_is_queued(start: Start, chat: Make) -> None:
    """A text that is stuck in a closed queue is reported once, not sent again, and answered when it runs."""
    program = start("hello")
    told: list[str] = []
    now = [1000.0]
    one, text = chat(program, clock=lambda: now[0]), text_of("hello [[say:late]]")
    one.tells(told.append)
    mark = one.mark()
    program.type("work [[delay:60]]")
    until(lambda: one.ready() == "busy")
    one.present(mark, text)  # a person was faster
    program.type("/esc")
    until(lambda: one.ready() == PAUSED)
    for _ in range(4):
        assert one.capture(mark, text) is None
        now[0] += codex.QUIET_S + 1
    assert told == [PAUSED]
    program.type("go on")
    assert until(lambda: one.capture(mark, text)).text == "late"
    assert program.heard().count(text) == 1


def test_idle_but_silent(start: Start, chat: Make) -> None:
    """If Codex is idle and does not begin, somebody is told to look at it."""
    program = start("hello", FAKE_CODEX_POLL="0.05")
    now, told = [1000.0], list[str]()
    one = chat(program, clock=lambda: now[0])
    one.tells(told.append)
    mark = one.mark()
    for _ in range(3):
        assert one.capture(mark, "never presented") is None
        now[0] += codex.QUIET_S + 1
    assert len(told) == 1 and "has not begun the turn" in told[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [("[[error]]", "Codex: high demand"), ("[[none]]", "ended without an answer")],
)
def test_failed_turns(start: Start, chat: Make, body: str, reason: str) -> None:
    """A turn that ends with an error, or without words, is a failure with its reason."""
    one, text = chat(start("hello")), text_of(body)
    mark = one.mark()
    one.present(mark, text)
    with pytest.raises(ChatFailed, match=reason):
        until(lambda: one.capture(mark, text))


def test_interrupted_turn(start: Start, chat: Make) -> None:
    """Esc during the turn of a text ends it as failed."""
    program = start("hello")
    one, text = chat(program), text_of("[[delay:60]]")
    mark = one.mark()
    one.present(mark, text)
    until(lambda: text in program.heard())
    assert one.capture(mark, text) is None
    program.type("/esc")
    with pytest.raises(ChatFailed, match="somebody ended the turn"):
        until(lambda: one.capture(mark, text))


def test_a_person_types_during_the_turn(start: Start, chat: Make) -> None:
    """What a person adds to a running turn does not take the answer away."""
    program = start("hello")
    one, text = chat(program), text_of("[[dialog]] [[say:both]]")
    mark = one.mark()
    one.present(mark, text)
    until(lambda: text in program.heard())
    program.type("and this")
    until(lambda: "and this" in program.heard())
    program.type("/yes")
    assert until(lambda: one.capture(mark, text)).text == "both"


def test_refused(start: Start, chat: Make) -> None:
    """A thread that Codex does not know certainly has not got the text."""
    program = start("hello")
    one = chat(program)
    text, mark = text_of("x"), one.mark()
    for path in (program.home / ".codex/sessions").glob("*/*/*/*"):
        path.unlink()
    with pytest.raises(NotPresented, match=r"codex queue: .*no rollout found"):
        one.present(mark, text)
    assert one.seen(mark, text) is False


def test_broken_off(start: Start, chat: Make, tmp_path: Path) -> None:
    """Any other failure of `codex queue` leaves it uncertain, unless the record has the text."""
    script = tmp_path / "codex"
    script.write_text("#!/bin/sh\n[ $2 = --help ] && echo --thread --message && exit 0\nexit 7\n")
    script.chmod(0o755)
    program = start("hello")
    one = chat(program, program=str(script))
    assert one.ready() is None
    text, mark = text_of("x"), one.mark()
    with pytest.raises(Uncertain, match="may have queued"):
        one.present(mark, text)
    assert one.seen(mark, text) is None


def test_terminal_gone(start: Start, chat: Make) -> None:
    """`codex queue` succeeds for a session that has ended: the chat looks first, and later."""
    program = start("hello")
    one, text = chat(program), text_of("[[delay:60]]")
    mark = one.mark()
    assert one.ready() is None
    one.present(mark, text)
    until(lambda: text in program.heard())
    late = one.mark()
    program.end()
    assert "no session of Codex runs" in (one.ready() or "")
    with pytest.raises(ChatGone):
        one.mark()
    with pytest.raises(ChatGone, match="before the text was queued"):
        one.present(late, text_of("y", "aaaaaaa1"))
    with pytest.raises(ChatGone, match="before it answered"):
        one.capture(mark, text)
    with pytest.raises(ChatGone, match="queue still has the text"):
        one.capture(late, text_of("y", "aaaaaaa1"))


def test_resumed_after_a_crash(start: Start, chat: Make) -> None:
    """A turn that ended with its process is over: the resumed session is idle, and gives no answer to it."""
    program = start("hello", name="one")
    one, text = chat(program), text_of("[[delay:60]]")
    mark = one.mark()
    one.present(mark, text)
    until(lambda: text in program.heard())
    program.kill()
    died = int(time.time())
    until(lambda: time.time() > died + 1.1)  # the record has whole seconds
    again = Codex(program.home, "resume", program.thread)
    try:
        later = chat(again)
        until(lambda: later.ready() is None)
        with pytest.raises(ChatGone, match="before it answered"):
            one.capture(mark, text)
    finally:
        again.end()


def test_time_limit(start: Start, chat: Make) -> None:
    """The limit counts from the turn's start: a text may wait in the queue as long as its person likes."""
    program = start("hello")
    one, text = chat(program, timeout_s=0.0), text_of("[[dialog]]")
    mark = one.mark()
    one.present(mark, text)
    with pytest.raises(NoAnswer, match="no answer within 0 s"):
        until(lambda: one.capture(mark, text))


def test_a_clock_that_is_set(start: Start, chat: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set forward during a turn, the clock neither ends the program nor the time for an answer."""
    program, real = start("hello"), time.time
    one, text = chat(program), text_of("[[dialog]] [[say:yes]]")
    mark = one.mark()
    one.present(mark, text)
    until(lambda: text in program.heard())
    assert one.capture(mark, text) is None
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + 7200)
        one._found = one._asked = None  # looked for again
        assert one.capture(mark, text) is None
    program.type("/yes")
    assert until(lambda: one.capture(mark, text)).text == "yes"


def test_after_a_restart_of_the_bridge(start: Start, chat: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """All processes are looked at once and then seldom, and not at each look at a long turn."""
    program = start("hello")
    one, text = chat(program), text_of("[[dialog]]")
    mark = one.mark()
    one.present(mark, text)
    looks = Mock(side_effect=codex_threads.running)
    monkeypatch.setattr(codex_threads, "running", looks)
    now = [1000.0]
    later = chat(program, clock=lambda: now[0])
    assert [later.capture(mark, text) for _ in range(3)] == [None] * 3 and looks.call_count == 1
    for _ in range(4):
        now[0] += 3.0
        assert later.ready() == "busy" and looks.call_count == 2
    now[0] += codex.SCAN_S
    assert later.ready() == "busy" and looks.call_count == 3


def test_another_conversation_in_the_same_process(start: Start, chat: Make) -> None:
    """After `/new` the new conversation gets the mail, though the process holds both."""
    program = start("hello")
    one = chat(program)
    assert one.ready() is None
    time.sleep(0.01)
    program.type("/new")
    until(lambda: one.ready() == NEW)
    program.type("hello")
    until(lambda: one.ready() is None)
    assert one.memory == program.thread


def test_whose_session(start: Start, chat: Make, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` takes only the instance's own sessions: this run's first, by its hooks, by its environment."""
    monkeypatch.delenv("XW_CONFIG", raising=False)
    start("hello", XW_NAME="carol")
    other = start("hello", XW_NAME="bob")
    one = chat()
    assert "no session of Codex of bob runs" in (one.ready() or "")  # that bob works in another project
    monkeypatch.chdir(other.home)
    assert one.ready() is None and one.memory == other.thread
    launched = start("hello", XW_NAME="bob", XW_RUN="/tmp/run1")
    one = chat(run="/tmp/run1")
    assert one.ready() is None and one.memory == launched.thread
    noted = start("hello", name="noted")
    about = processes.status(noted.process.pid)
    assert about
    Journal(mailbox, "codex", noted.thread).note(
        AgentSession("codex", noted.thread, f"{noted.process.pid}-{about.started}", run="/tmp/run2")
    )
    assert [one.id for one in journal.sessions(mailbox, "codex")] == [noted.thread]
    one = chat(run="/tmp/run2")
    assert one.ready() is None and one.memory == noted.thread


def test_by_thread(start: Start, chat: Make) -> None:
    """A thread's id names one session; an id that no process has is reported."""
    program = start("hello")
    assert chat(program.thread).ready() is None
    assert "runs as 01a2" in (chat("01a22831-2ecb-7913-b379-949d51e9ec6e").ready() or "")


def test_versions_without_a_queue(start: Start, chat: Make, tmp_path: Path) -> None:
    """A Codex that lacks the command is never used this way, and the reason says what to do."""
    script = tmp_path / "codex"
    script.write_text("#!/bin/sh\necho unknown; exit 2\n")
    script.chmod(0o755)
    one = chat(start("hello"), program=str(script))
    with pytest.raises(Unusable, match="update Codex"):
        one.unusable()


def test_a_codex_that_is_being_updated(start: Start, chat: Make, tmp_path: Path) -> None:
    """A file that is away for a moment is a reason to wait, and not the end of this way."""
    script = tmp_path / "codex"
    one = chat(start("hello"), program=str(script))
    assert "cannot be run" in str(one.unusable())
    script.write_text("#!/bin/sh\necho --thread --message\n")
    script.chmod(0o755)
    assert one.ready() is None


def test_killed_while_it_presents(start: Start, chat: Make) -> None:
    """After a crash the next bridge knows whether the command ran, and forbids one that has not started."""
    program = start("hello")
    one, text = chat(program), text_of("x")
    mark = one.mark()
    assert chat(program).seen(mark, text) is False
    mark = one.mark()
    one._queue_of(mark).present(mark, text)  # killed here
    until(lambda: text in program.heard())
    again = chat(program)
    assert again.seen(mark, text) is True
    assert until(lambda: again.capture(mark, text)).text == f"You said {len(text)} characters."
    assert program.heard().count(text) == 1
    one.close()


def test_list(start: Start) -> None:
    """`--list` shows each conversation with its state, and whose it is."""
    program = start("hello", XW_NAME="bob")
    found = {one.target: one for one in codex.discover({})}[program.thread]
    assert (found.program, found.state, found.agent) == ("codex", "idle", "bob")


def test_targets_and_options(tmp_path: Path) -> None:
    """Invalid ones are refused at the start."""
    state = tmp_path / "bob/bridge/codex"
    for target in ("auto", "123", "01a22831-2ecb-7913-b379-949d51e9ec6e"):
        open_chat(target, {}, state).close()
    with pytest.raises(Usage, match="invalid target 'main'"):
        open_chat("main", {}, state)
    with pytest.raises(NotFound, match="absolute path"):
        open_chat("auto", {"program": "codex"}, state)


def test_shared_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of several programs is told by its command line, for its environment is another's."""
    process = AgentProcess(1, "1", os.getcwd(), "bob")
    thread = codex_threads.Thread("x", process, "/h", shared=True)
    one = CodexChat(Mailbox(LocalFiles("/"), "bob"), Path("/nowhere"))
    assert not one._is_ours(thread, {}) and one._is_ours(thread._replace(shared=False), {})
    assert one._is_ours(thread, {"x": ""})


def test_processes_of_other_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user could make a process look like anybody's Codex, and root would run its program."""
    assert agent_process.look(os.getpid())
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert agent_process.look(os.getpid()) is None


def line(kind: str, turn: str = "t1", **more: object) -> str:
    payload = {"type": kind, "turn_id": turn, **more}
    return json.dumps({"type": "event_msg", "payload": payload}) + "\n"


def test_record_that_is_being_written(tmp_path: Path) -> None:
    """A line counts once it is whole; a record that was rewritten is read again from its start."""
    path = tmp_path / "rollout.jsonl"
    said = {"type": "UserMessage", "content": [{"type": "text", "text": "hello"}]}
    heard = line("item_completed", item=said)
    path.write_text(line("task_started", started_at=5) + heard[:-9])
    record = Record(str(path))
    assert record.turn_with("hello") is None
    with path.open("a") as file:
        file.write(heard[-9:] + '{"torn\n["odd"]\n' + line("task_complete", last_agent_message="hi"))
    turn = record.turn_with("hello")
    assert turn and turn.over and turn.answer == "hi" and turn.began == 5
    path.write_text(line("task_complete", "t0" * 2000) + line("task_started") + heard)
    assert Record(str(path), start=path.stat().st_size - 20).turn_with("hello")
    path.write_text(line("task_started", "t2", started_at=6))
    later = Record(str(path), start=10_000)
    assert later.turn_with("hello") is None
    assert state_of(str(path)) == "busy" and state_of(str(path), since=7) == "idle"


def test_state_behind_long_lines(tmp_path: Path) -> None:
    """The state is found behind megabytes of other lines."""
    path = tmp_path / "rollout.jsonl"
    long = json.dumps({"type": "response_item", "payload": {"text": "x" * 700_000}}) + "\n"
    path.write_text(long)
    assert state_of(str(path)) == "new"
    path.write_text(line("turn_aborted", reason="interrupted") + long)
    assert state_of(str(path)) == "interrupted"


def test_subagents(tmp_path: Path) -> None:
    """A subagent's record names its source; nobody's mail goes there."""
    path = tmp_path / "rollout.jsonl"
    for source, helper in (({"subagent": "review"}, True), ("cli", False)):
        path.write_text(json.dumps({"type": "session_meta", "payload": {"source": source}}) + "\n")
        assert is_helper(str(path)) is helper


def test_where_a_record_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of all days are searched once for a thread, and again once the file is not there."""
    looks = Mock(side_effect=glob.glob)
    monkeypatch.setattr(glob, "glob", looks)
    assert codex_threads.record(str(tmp_path), "1a") == ""
    for number, day in ((2, "28"), (3, "29")):
        path = tmp_path / f"sessions/2026/11/{day}/rollout-x-1a.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("")
        found = [codex_threads.record(str(tmp_path), "1a") for _ in range(3)]
        assert found == [str(path)] * 3 and looks.call_count == number
        path.unlink()


def test_a_record_that_is_a_queue(tmp_path: Path) -> None:
    """What is no file is no record, and holds nothing up."""
    path = tmp_path / "rollout.jsonl"
    os.mkfifo(path)
    for read in (is_helper, state_of, Record(str(path)).turn_with):
        with pytest.raises(OSError, match=r"not a regular file"):
            read(str(path))


def test_program_behind_a_launcher(start: Start, chat: Make, tmp_path: Path) -> None:
    """A process id also means the session in its child, as npm's launcher starts Codex."""
    home = tmp_path / "launched"
    home.mkdir()
    script = Path(__file__).parent.parent / "programs/codex"
    command = f"{sys.executable} {script} --no-daemon hello; true"
    with subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=home, env={**os.environ, "HOME": str(home)}, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as launcher:  # fmt: skip
        one = chat(str(launcher.pid))
        until(lambda: one.ready() is None)
        assert launcher.stdin
        launcher.stdin.close()
